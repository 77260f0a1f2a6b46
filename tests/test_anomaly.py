"""detect_anomaly: the first op that made NaN or infinity, with what it was given."""

import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.modes import current

SOURCE = Path(__file__).read_text().splitlines()
INF, NAN = float("inf"), float("nan")


def leaf(*numbers, dtype="float64"):
    return tg.tensor(numbers, dtype, requires_grad=True)


def anomaly(call):
    with pytest.raises(tg.AnomalyError) as caught, tg.detect_anomaly():
        call()
    return str(caught.value)


def line(text):
    (number,) = [i for i, source in enumerate(SOURCE, 1) if source.endswith(f"# {text}")]
    return f"{__file__}:{number}: {SOURCE[number - 1].strip()}"


FORWARD = {
    "log of a negative number": (lambda: tg.log(leaf(-1, 2)), "log: made 1 NaN in its result"),
    "log of 0": (lambda: tg.log(leaf(0, -1, 0)), "log: made 1 NaN and 2 infinity in its result"),
    "0/0": (lambda: leaf(0, 1) / leaf(0, 1), "divide: made 1 NaN"),
    "1/0": (lambda: 1 / leaf(0, 1), "divide: made 1 infinity"),
    "inf-inf": (lambda: leaf(INF) - leaf(INF), "subtract: made 1 NaN"),
    "exp": (lambda: tg.exp(leaf(1000, -INF)), "exp: made 1 infinity"),
    "exp beside an infinity": (lambda: tg.exp(leaf(INF, 1000)), "exp: made 1 infinity"),
    "overflow of float32": (lambda: leaf(3e38, dtype="float32") * 10, "multiply: made 1 infinity"),
    "sum": (lambda: leaf(1e308, 1e308).sum(), "sum: made 1 infinity"),
    "without a gradient": (lambda: tg.log(tg.tensor([-1.0])), "log: made 1 NaN"),
    "a row of -inf": (lambda: F.softmax(leaf(-INF, -INF)), "softmax: made 2 NaN"),
    "data": (lambda: leaf(NAN, 1) * 2, "multiply: an operand came in with NaN"),
    "Scalar": (lambda: tg.Scalar(1000.0).exp(), "exp: made 1 infinity"),
    "array of Scalars": (
        lambda: tg.log(tg.Tensor(np.array([tg.Scalar(1.0), tg.Scalar(-1.0)]))),
        "log: made 1 NaN",
    ),
    "conv2d": (
        lambda: tg.conv2d(tg.full((1, 1, 3, 3), 3e38), tg.ones(1, 1, 2, 2)),
        "conv2d: made 4 infinity",
    ),
    "lstm": (
        lambda: layers.LSTM(2, 2)(tg.full((1, 3, 2), NAN)),
        "LSTM(2, 2): an operand came in with NaN, first at time step 0",
    ),
    "cross_entropy": (
        lambda: tg.cross_entropy(tg.tensor([[1e38, -3.4e38]]), [1]),
        "cross_entropy: made 1 infinity",
    ),
    "reference": (
        lambda: tg.reference()(lambda: tg.cross_entropy(tg.tensor([[1e38, -3.4e38]]), [1]))(),
        "log_softmax: made 1 infinity",
    ),
    "several results": (lambda: tg.divmod(tg.ones(2), tg.zeros(2)), "floor_divide: made 2 "),
    "vjp": (lambda: tg.grad(lambda x: tg.log(x).sum())(leaf(-1.0)), "log: made 1 NaN"),
    "decorator": (lambda: tg.detect_anomaly()(tg.log)(leaf(-1)), "log: made 1 NaN"),
}


@pytest.mark.parametrize(("call", "head"), FORWARD.values(), ids=FORWARD)
def test_the_op_whose_forward_made_it(call, head):
    """No warning of NumPy's, which is an error here, comes first."""
    assert anomaly(call).startswith(head)


def root_of_zero(create_graph=False):
    y = tg.sqrt(leaf(0, 4))  # root
    (y * 2).sum().backward(create_graph=create_graph)


def trap():
    """The branch that is not taken has an infinite derivative, and 0 * inf is no number."""
    x = leaf(-1, 0, 1)
    tg.where(x > 0, tg.sqrt(tg.maximum(x, 0)), 0.0).sum().backward()


BACKWARD = {
    "sqrt": (root_of_zero, "sqrt: its rule made 1 infinity in a gradient"),
    "where": (trap, "sqrt: its rule made 2 NaN in a gradient"),
    "power": (lambda: (leaf(0, 1) ** 0.5).sum().backward(), "power: its rule made 1 infinity"),
    "overflow": (lambda: (leaf(1, 2) * 1e300 * 1e300 * 0).sum().backward(), "multiply: made 2"),
    "seed": (lambda: (leaf(1, 2) * 2).backward([NAN, 1]), "multiply: NaN came in with"),
    "differentiable": (
        lambda: root_of_zero(create_graph=True),
        "sqrt: in its rule, divide: made 1 infinity in its result",
    ),
    "hessian": (
        lambda: tg.hessian(lambda x: (x**1.5).sum())(leaf(0, 1)),
        "power: ",
    ),
    "Scalar": (lambda: tg.Scalar(1e-320).log().backward(), "log: its rule made 1 infinity"),
    "fused": (
        lambda: tg.conv2d(
            tg.full((1, 1, 2, 2), 1e-30, requires_grad=True), tg.full((1, 1, 1, 1), 1e30)
        ).backward(tg.full((1, 1, 2, 2), 1e30)),
        "conv2d: its rule made 4 infinity in a gradient",
    ),
}


@pytest.mark.parametrize(("call", "head"), BACKWARD.values(), ids=BACKWARD)
def test_the_op_whose_rule_made_it(call, head):
    assert anomaly(call).startswith(head)


def memory(w_ih, w_hh, **options):
    """A plain RNN of one unit in float32."""
    layer = layers.RNN(len(w_ih[0]), 1, bias=False, **options)
    layer.weight_ih_l0.data = np.array(w_ih, np.float32)
    layer.weight_hh_l0.data = np.array([[w_hh]], np.float32)
    return layer


def overflow_in_a_kernel():
    memory([[1.0]], 1e20, nonlinearity="relu")(tg.ones(1, 5, 1))


def backward_overflow():
    """At 0 tanh is linear, so each step back multiplies the gradient by the weight."""
    x = tg.zeros(1, 5, 1, requires_grad=True)
    memory([[1.0]], 1e20)(x)[0][:, -1].sum().backward()


def forward_overflow(lengths=None):
    memory([[1.0]], 1e20, nonlinearity="linear")(tg.ones(1, 5, 1), None, lengths)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (overflow_in_a_kernel, "in its result, first at time step 2"),
        (backward_overflow, "first at time step 2"),
        (forward_overflow, "in:  time step 2"),
        (partial(forward_overflow, [4]), "in:  time step 2"),
    ],
)
def test_the_time_step_of_a_recurrence(call, said):
    with pytest.raises(tg.AnomalyError) as caught, tg.detect_anomaly():
        call()
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert said in text


def test_everything_that_is_known_of_a_forward_call():
    x = leaf(-1, 2, 3, -INF)

    def inner():
        return tg.log(x[:3] * 1)  # inner

    def outer():
        return inner()  # outer

    text = anomaly(outer).splitlines()
    assert text[:3] == [
        "log: made 1 NaN in its result",
        f"  at:  {line('inner')}",
        "  x: float64 (3,), from -1 to 3, mean 1.333",
    ]
    assert text[3] == "  the call, innermost last:"
    calls = text[4:-1]
    assert calls[-2:] == [
        f'  File "{__file__}", line {at("inner")}, in inner',
        f"    {code('inner')}",
    ]
    assert calls[-4:-2] == [
        f'  File "{__file__}", line {at("outer")}, in outer',
        f"    {code('outer')}",
    ]
    package = str(Path(tg.__file__).parent)
    assert not any(package in c or "site-packages" in c or "importlib" in c for c in calls)
    assert text[-1].startswith("  fix: ")


def at(text):
    return line(text).removeprefix(f"{__file__}:").partition(":")[0]


def code(text):
    return line(text).partition(": ")[2]


def test_everything_that_is_known_of_a_rule():
    """The line and the calls are those of the forward call."""
    text = anomaly(root_of_zero)
    assert f"\n  at:  {line('root')}\n" in text
    assert "\n  gradient: float64 (2,), from 2 to 2, mean 2\n" in text
    assert "\n  result: float64 (2,), from 0 to 2, mean 1\n" in text
    assert "\n  x: float64 (2,), from 0 to 4, mean 2\n" in text
    assert f", line {at('root')}, in root_of_zero\n" in text


def test_statistics():
    text = anomaly(lambda: tg.divide(leaf(NAN, INF, -INF, 1, 3), 2.0))
    assert "\n  a: float64 (5,), 1 NaN, 2 infinity, from 1 to 3, mean 2\n" in text
    assert "\n  b: float64 (), from 2 to 2, mean 2\n" in text
    text = anomaly(lambda: tg.tensor([3e38, 3e38]) * tg.tensor([10.0, 1.0]))
    assert "\n  a: float32 (2,), from 3e+38 to 3e+38, mean 3e+38\n" in text
    assert "\n  a: float32 (1,), 1 NaN\n" in anomaly(lambda: tg.tensor([NAN]) + 1)
    text = anomaly(lambda: tg.take(leaf(NAN, 1), [0]))
    assert "came in with NaN" in text


def test_a_parameter_explains_an_infinity():
    with tg.detect_anomaly():
        y = tg.pad(leaf(1.0), 1, constant_values=-INF)
    assert y.tolist() == [-INF, 1, -INF]


def test_a_backward_from_a_forward_that_nobody_watched():
    y = tg.sqrt(leaf(0, 1)).sum()
    text = anomaly(y.backward)
    assert text.startswith("sqrt: its rule made 1 infinity")
    assert "the call" not in text


def test_the_note_of_a_module():
    model = layers.Sequential(layers.Dense(2, 2))
    model[0].weight.data[:] = 3e38
    with pytest.raises(tg.AnomalyError) as caught, tg.detect_anomaly():
        model(tg.full((1, 2), 10.0))
    assert "Dense(2, 2)" in caught.value.__notes__[0]


# -- what is no anomaly ---------------------------------------------------------------------------

FINE = {
    "mask": lambda x: F.softmax(x + np.array([0.0, -INF, 0.0])),
    "where": lambda x: F.softmax(tg.where(np.array([True, False, True]), x, -INF)),
    "attention": lambda x: F.scaled_dot_product_attention(
        x[None], x[None], x[None], is_causal=True
    ),
    "causal": lambda x: F.scaled_dot_product_attention(*[tg.stack([x, x * 2])] * 3, is_causal=True),
    "passed on": lambda x: tg.maximum(x + np.array([INF, 0, 0]), 0)[1:] * 2,
    "max": lambda x: tg.maximum(x, -INF),
    "clip": lambda x: tg.clip(x, 0, INF),
    "nan_to_num": lambda x: tg.nan_to_num(x * 1, nan=0.0),
    "ctc_loss": lambda x: F.ctc_loss(F.log_softmax(tg.stack([x] * 4)), [1, 2], 4, 2),
    "pool": lambda x: tg.max_pool2d(x.reshape(1, 1, 1, 3), 1),
    "exp of -inf": lambda x: tg.exp(x + np.array([0, 0, -INF])),
}


@pytest.mark.parametrize("f", FINE.values(), ids=FINE)
def test_no_false_alarms(f):
    x = leaf(1, 2, 3)
    with tg.detect_anomaly():
        y = f(x)
        y.backward(np.ones(y.shape))
    assert np.isfinite(x.grad.data).all()


def test_an_op_that_removes_nan_is_no_anomaly():
    x = tg.tensor([NAN, 1.0, INF])
    with tg.detect_anomaly():
        assert tg.nan_to_num(x, posinf=9.0).tolist() == [0, 1, 9]
        assert tg.isnan(x).tolist() == [True, False, False]
        assert tg.where(tg.isfinite(x), x, 2.0).tolist() == [2, 1, 2]
        assert x[1].item() == 1


def test_a_training_step_is_quiet():
    model = layers.Sequential(layers.LSTM(3, 4), layers.Dense(4, 2))
    with tg.detect_anomaly():
        y, _ = model[0](tg.randn(2, 5, 3))
        tg.cross_entropy(model[1](y[:, -1]), [0, 1]).backward()
    assert all(np.isfinite(p.grad.data).all() for p in model.parameters())


# -- the mode -------------------------------------------------------------------------------------


def test_nothing_is_kept_without_it():
    assert len((leaf(1) * 2).origin) == 2
    with tg.detect_anomaly():
        assert len((leaf(1) * 2).origin) == 4
        assert tg.linalg.slogdet(tg.eye(2))[0].line is None  # with several results, no graph
        _, logarithm = tg.linalg.slogdet(leaf([2.0, 0.0], [0.0, 1.0]))
        assert len(logarithm.args[0].origin) == 4


def test_warnings_of_numpy_are_silenced_only_inside_of_ops():
    with tg.detect_anomaly(), pytest.warns(RuntimeWarning):
        np.log(np.array([-1.0]))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        tg.log(tg.tensor([-1.0]))
    assert len(seen) == 1


def test_nested_contexts():
    watch = tg.detect_anomaly()
    with watch:
        with watch, tg.no_grad(), watch:
            assert current.get().anomaly
            assert not tg.is_grad_enabled()
        assert current.get().anomaly
        assert tg.is_grad_enabled()
    assert not current.get().anomaly
    with pytest.raises(tg.AnomalyError), watch, watch:
        tg.log(leaf(-1))
    assert not current.get().anomaly


def test_one_context_in_several_threads():
    """Each thread comes back to its own modes; a new one starts without."""
    watch, inside, leave = tg.detect_anomaly(), threading.Barrier(3), threading.Barrier(3)
    found = []

    def work():
        found.append(current.get().anomaly)
        with watch:
            inside.wait(20)
            found.append(current.get().anomaly)
            leave.wait(20)
        found.append(current.get().anomaly)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    with watch:
        inside.wait(20)
        leave.wait(20)
        for thread in threads:
            thread.join(20)
        assert current.get().anomaly
    assert sorted(found) == [False] * 4 + [True] * 2


def test_a_decorated_function_may_call_itself():
    @tg.detect_anomaly()
    def down(n):
        assert current.get().anomaly
        return down(n - 1) if n else 0

    assert down(3) == 0
    assert not current.get().anomaly
