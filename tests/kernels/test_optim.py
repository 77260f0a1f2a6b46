"""Kernels of optimisers against the rules in NumPy that they stand for, bit by bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import kernels, optim

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
ROOT = Path(__file__).parent.parent.parent

RULES = {
    "plain": (optim.SGD, {"weight_decay": 0.1}),
    "momentum": (optim.SGD, {"momentum": 0.9, "dampening": 0.3}),
    "nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "adam": (optim.Adam, {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    "adamw": (optim.AdamW, {"weight_decay": 0.1}),
    "rmsprop": (optim.RMSprop, {"weight_decay": 0.1}),
    "rmsprop with momentum": (optim.RMSprop, {"momentum": 0.9}),
    "rmsprop, centred": (optim.RMSprop, {"centered": True}),
    "rmsprop with all": (optim.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
}
SHAPES = [(3, 5), (), (0, 2), (1,), (1023,), (7, 300), (1025,), (2, 3, 4, 5)]
every_rule = pytest.mark.parametrize("name", RULES)


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """Let a kernel be used however little there is to do."""
    monkeypatch.setattr(kernels, "pays", lambda elements: elements > 0)


@pytest.fixture
def steps(monkeypatch):
    """List how many parameters each call of a kernel updates."""
    counts, step = [], kernels.optim.step
    monkeypatch.setattr(
        kernels.optim, "step", lambda *args: counts.append(len(args[1][0])) or step(*args)
    )
    return counts


def make(shapes, dtype, scale=1.0):
    rng = np.random.default_rng(0)
    return [tg.Parameter(scale * rng.standard_normal(shape), dtype) for shape in shapes]


def run(optimizer, parameters, steps=range(5)):
    for step in steps:
        rng = np.random.default_rng(step)
        for parameter in parameters:
            parameter.grad = tg.tensor(rng.standard_normal(parameter.shape), parameter.dtype)
        optimizer.step()


def in_numpy(optimizer):
    """Return the same optimiser without its kernel."""
    optimizer.fused = lambda group, step: None
    return optimizer


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@every_rule
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_kernel_and_rule_are_the_same_bit_by_bit(name, dtype, threads, steps, monkeypatch):
    monkeypatch.setattr(kernels.optim, "get_num_threads", lambda: threads)
    kind, options = RULES[name]
    ours, theirs = make(SHAPES, dtype), make(SHAPES, dtype)
    fused, plain = kind(ours, lr=0.1, **options), in_numpy(kind(theirs, lr=0.1, **options))
    run(fused, ours)
    assert steps == [len(SHAPES)] * (5 if name == "plain" else 4)  # the first makes the state
    run(plain, theirs)
    assert len(steps) <= 5
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert a.dtype == dtype
    assert_same(fused.state_dict(), plain.state_dict())


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.sampled_from(list(RULES)))
def test_any_sizes_between_guards(sizes, name):
    kind, options = RULES[name]
    memory = np.full(sum(sizes) + 16 * (len(sizes) + 1), 7.0, np.float32)
    inside, parameters, start = np.zeros(len(memory), bool), [], 16
    for size in sizes:
        parameter = tg.Parameter(np.ones(size, np.float32))
        parameter.data = memory[start : start + size]
        parameter.data[:] = np.linspace(-1, 1, size)
        inside[start : start + size] = True
        parameters.append(parameter)
        start += size + 16
    copies = [tg.Parameter(p.data) for p in parameters]
    run(kind(parameters, lr=0.1, **options), parameters, range(3))
    run(in_numpy(kind(copies, lr=0.1, **options)), copies, range(3))
    assert (memory[~inside] == 7.0).all()
    np.testing.assert_array_equal(memory[inside], np.concatenate([c.data for c in copies]))


@every_rule
def test_what_is_no_number_is_the_same_too(name):
    kind, options = RULES[name]
    found = []
    for change in (lambda optimizer: optimizer, in_numpy):
        parameters = make([(40,)], "float32")
        optimizer = change(kind(parameters, lr=0.1, **options))
        run(optimizer, parameters, [0])
        for bad in (np.nan, np.inf, -np.inf, 1e30, 0.0):
            parameters[0].grad.data[[3, 20]] = bad
            parameters[0].grad.data[5] = 0.0
            with np.errstate(all="ignore"):
                optimizer.step()
        found.append(parameters[0].data)
    np.testing.assert_array_equal(*found)


@every_rule
def test_resume_is_bit_exact(name):
    kind, options = RULES[name]
    straight, first = make(SHAPES, "float32"), make(SHAPES, "float32")
    run(kind(straight, lr=0.1, **options), straight, range(9))
    optimizer = kind(first, lr=0.1, **options)
    run(optimizer, first, range(4))
    copies = [tg.Parameter(p.data) for p in first]
    resumed = kind(copies, lr=9.0)
    resumed.load_state_dict(optimizer.state_dict())
    run(resumed, copies, range(4, 9))
    for a, b in zip(straight, copies, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_those_that_differ_are_updated_apart(steps):
    """Groups, dtypes, numbers of steps, odd layouts: each parameter as it would be alone."""
    shapes = [(30, 20), (5,), (4, 6), (7,), (3, 3)]

    def train(change):
        parameters = make(shapes, "float32")
        parameters[1] = tg.Parameter(parameters[1].data, "float64")
        parameters[2].data = np.asfortranarray(parameters[2].data)
        a, b, c, d, e = parameters
        optimizer = change(optim.Adam([{"params": [a, b, c, d]}, {"params": e, "lr": 0.3}], lr=0.1))
        run(optimizer, parameters)
        d.grad = None  # one is left out
        optimizer.step()
        run(optimizer, parameters)
        return [p.data for p in parameters]

    for ours, theirs in zip(train(lambda o: o), train(in_numpy), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # a, b and e eleven times, d ten times, less the first of each; never c, which is not contiguous
    assert sum(steps) == 3 * 10 + 9
    assert steps.count(2) == 4  # a with d, as long as they took as many steps


@pytest.mark.parametrize("odd", ["transposed", "every second", "read-only", "broadcast"])
def test_gradients_of_odd_layouts(odd):
    values = np.random.default_rng(1).standard_normal((40, 40)).astype("float32")
    grad = {
        "transposed": values.T,
        "every second": np.repeat(values, 2, axis=1)[:, ::2],
        "read-only": values.copy(),
        "broadcast": np.broadcast_to(values[:1], (40, 40)),
    }[odd]
    grad.flags.writeable = False
    found = []
    for change in (lambda o: o, in_numpy):
        parameter = tg.Parameter(values)
        optimizer = change(optim.Adam([parameter], lr=0.1))
        for _ in range(3):
            parameter.grad = tg.Tensor.make(grad)
            optimizer.step()
        found.append(parameter.data)
    np.testing.assert_array_equal(*found)


def test_read_only_parameters_are_not_written_to():
    parameter = tg.Parameter(tg.ones(10))
    parameter.data.flags.writeable = False
    parameter.grad = tg.ones(10)
    with pytest.raises(ValueError, match="read-only"):
        optim.SGD([parameter], lr=1.0).step()
    assert (parameter.data == 1).all()


def test_a_rule_of_one_s_own_goes_before_the_kernel():
    class Stubborn(optim.SGD):
        def update(self, parameter, grad, state, group):
            pass

    parameter = tg.Parameter(tg.ones(10))
    parameter.grad = tg.ones(10)
    Stubborn([parameter], lr=1.0).step()
    assert (parameter.data == 1).all()


def test_a_change_by_a_kernel_is_noticed():
    weight = tg.Parameter(tg.randn(300))
    optimizer = optim.SGD([weight], lr=0.1)
    loss = (weight * weight).sum()
    weight.grad = tg.ones(300)
    optimizer.step()
    with pytest.raises(tg.errors.GraphError, match="changed in place"):
        loss.backward()


def test_takes():
    a = np.ones((4, 3), np.float32)
    assert kernels.optim.takes([[a], [a.copy()]])
    for other in (a.T, a[:, ::2], a.astype(float), a.astype(">f4"), a[:2]):
        assert not kernels.optim.takes([[a], [other]])
    for odd in (int, ">f4", "float16"):
        assert not kernels.optim.takes([[a.astype(odd)], [a.astype(odd)]])
    frozen = a.copy()
    frozen.flags.writeable = False
    assert not kernels.optim.takes([[frozen]])


def test_where_an_array_keeps_its_address():
    import ctypes

    for array in (np.ones(3), np.ones((4, 5), "f")[1:, 2:], np.ones(())):
        place = id(array) + kernels.optim._ADDRESS
        assert ctypes.c_void_p.from_address(place).value == array.ctypes.data


def digest():
    import hashlib

    tg.seed(0)
    found = hashlib.sha256()
    for kind, options in RULES.values():
        weight = tg.Parameter(tg.randn(300, 300))
        optimizer = kind([weight], lr=0.1, **options)
        for _ in range(3):
            optimizer.zero_grad()
            (weight * weight).sum().backward()
            optimizer.step()
        found.update(weight.data.tobytes())
    return found.hexdigest()


def test_training_is_the_same_bit_by_bit_without_kernels():
    code = "from tests.kernels.test_optim import digest; print(digest())"
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for off in ("0", "1")
    ]
    assert digests[0] == digests[1] != ""


def test_small_models_load_no_kernel(monkeypatch, steps):
    monkeypatch.undo()
    parameters = make([(100, 100)], "float32")
    run(optim.SGD(parameters), parameters)
    assert not kernels.pays(10_000)
