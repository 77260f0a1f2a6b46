"""One table of all ops: their values against NumPy, their gradients against differences."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import ops
from tinygrad_lite.op import Op

FACES = pytest.mark.parametrize("dtype", ["float32", "float64"])

# -- what to call the ops with: strategies of (shapes of the operands, parameters) ----------------


def one(min_side=0, **params):
    """One operand of any shape, 0-d and empty ones included."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=3)
    return st.tuples(shapes.map(lambda s: [s]), st.just(params))


def several(count=2, **params):
    """Operands that broadcast."""
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=2)
    return st.tuples(shapes.map(lambda s: list(s.input_shapes)), st.just(params))


@st.composite
def reduced(draw, min_side=1, several_axes=True, **params):
    """One operand, with `axis` and `keepdims`."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=3))
    choices = [st.none()]
    if shape:
        choices.append(st.integers(-len(shape), len(shape) - 1))
        if several_axes:
            choices.append(hnp.valid_tuple_axes(len(shape)))
    return [shape], {"axis": draw(st.one_of(choices)), "keepdims": draw(st.booleans())} | params


@st.composite
def along(draw, **params):
    """One operand with an axis."""
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    return [shape], {"axis": draw(st.integers(-len(shape), len(shape) - 1))} | params


@st.composite
def reshaped(draw):
    sides = draw(st.lists(st.integers(0, 3), max_size=3))
    shape = draw(st.permutations(sides))
    if 0 not in shape and shape:
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return [tuple(sides)], {"shape": tuple(shape)}


@st.composite
def permuted(draw):
    (shape,), _ = draw(one())
    axes = draw(st.none() | st.permutations([*range(len(shape))]))
    if axes:
        axes = [a - len(shape) * draw(st.booleans()) for a in axes]
    return [shape], {"axes": axes}


@st.composite
def swapped(draw):
    shape = draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=3))
    axis = st.integers(-len(shape), len(shape) - 1)
    return [shape], {"axis1": draw(axis), "axis2": draw(axis)}


@st.composite
def broadcast(draw):
    (shape,), _ = draw(one())
    lead = draw(st.lists(st.integers(0, 2), max_size=2))
    tail = [draw(st.integers(0, 3)) if n == 1 else n for n in shape]
    return [shape], {"shape": (*lead, *tail)}


@st.composite
def expanded(draw):
    (shape,), _ = draw(one())
    ndim = len(shape) + 2
    axis = st.integers(-ndim, ndim - 1)
    pairs = st.tuples(axis, axis).filter(lambda p: p[0] % ndim != p[1] % ndim)
    return [shape], {"axis": draw(st.integers(-len(shape) - 1, len(shape)) | pairs)}


@st.composite
def squeezed(draw):
    (shape,), _ = draw(one())
    ones = [i - len(shape) * draw(st.booleans()) for i, n in enumerate(shape) if n == 1]
    return [shape], {"axis": draw(st.sampled_from([None, tuple(ones), *ones]))}


@st.composite
def joined(draw, same=False):
    shape = list(draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=2)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shapes = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = shape[axis] if same else draw(st.integers(0, 2))
        shapes.append(tuple(shape))
    return shapes, {"axis": axis}


@st.composite
def cut(draw):
    shape = list(draw(hnp.array_shapes(max_dims=3, max_side=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = draw(st.integers(1, 3))
    indices = st.lists(st.integers(0, shape[axis]), max_size=2).map(sorted)
    if draw(st.booleans()):
        return [tuple(shape)], {"sections": draw(indices), "axis": axis}
    shape[axis] = parts * draw(st.integers(0, 2))
    return [tuple(shape)], {"sections": parts, "axis": axis}


@st.composite
def padded(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=2))
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    each = st.tuples(*[pair] * len(shape))
    value = draw(st.sampled_from([0, 1.5]))
    return [shape], {"pad_width": draw(width | pair | each), "constant_values": value}


@st.composite
def indexed(draw):
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    arrays = st.integers(1, len(shape)).flatmap(
        lambda n: hnp.integer_array_indices(shape[:n], result_shape=hnp.array_shapes(max_dims=2))
    )
    masks = hnp.arrays(bool, shape) | hnp.arrays(bool, shape[:1])
    mixed = st.tuples(st.just(slice(None)), hnp.arrays(int, 2, elements=st.integers(0, 0)))
    kinds = [basic, arrays, masks] + ([mixed] if len(shape) > 1 else [])
    return [shape], {"index": draw(st.one_of(kinds))}


@st.composite
def scattered(draw):
    (shape,), params = draw(indexed())
    return [np.empty(shape)[params["index"]].shape], params | {"shape": shape}


@st.composite
def multiplied(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_side=2))
    return list(shapes.input_shapes), {}


@st.composite
def affine(draw):
    lead = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    n, m = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return [(*lead, n), (m, n), (m,)][: 2 + draw(st.booleans())], {}


@st.composite
def chosen(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=2))
    condition, *operands = shapes.input_shapes
    return operands, {"condition": draw(hnp.arrays(bool, condition))}


@st.composite
def images(draw, filters=True):
    n, c, o = draw(st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(1, 2)))
    kernel = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    size = [k + draw(st.integers(0, 2)) for k in kernel]
    stride = draw(st.integers(1, 2) | st.tuples(st.integers(1, 2), st.integers(1, 2)))
    if not filters:
        return [(n, c, *size)], {"kernel_size": kernel, "stride": draw(st.none() | st.just(stride))}
    padding = draw(st.integers(0, 1) | st.tuples(st.integers(0, 1), st.integers(0, 2)))
    shapes = [(n, c, *size), (o, c, *kernel), (o,)][: 2 + draw(st.booleans())]
    return shapes, {"stride": stride, "padding": padding}


@st.composite
def sequences(draw, gates, states=1):
    n, t, i, h = draw(st.sampled_from([(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (1, 2, 1, 2)]))
    weights = [(gates * h, i), (gates * h, h), (gates * h,), (gates * h,)]
    return [(n, t, i), *[(n, h)] * states, *weights], {}


@st.composite
def labelled(draw):
    n, c = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    target = draw(hnp.arrays(int, n, elements=st.integers(0, c - 1)))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return [(n, c)], {"target": target, "reduction": reduction}


@st.composite
def pairs(draw):
    (shape,), _ = draw(one(min_side=1))
    return [shape, shape], {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}


# -- the table ------------------------------------------------------------------------------------


@dataclass
class Entry:
    """An op, how to call it, and what it should return.

    Attributes:
        oracle: the same function of ndarrays.
        calls: strategy of (shapes of the operands, parameters).
        domain: where the operands' numbers come from.
        call: the op, called with operands and parameters; by default the op itself.
        differentiable: False for an op without gradients.
    """

    oracle: Callable[..., Any]
    calls: Any
    domain: tuple[float, float] = (-2.9, 3.1)
    call: Callable[..., Any] | None = None
    differentiable: bool = True


POSITIVE = (0.3, 3.1)
UNIT = (0.05, 0.97)


def listed(op):
    return lambda *xs, **params: op(xs, **params)


def reduce_loss(losses, reduction):
    return losses if reduction == "none" else getattr(losses, reduction)()


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def cross_entropy(logits, target, reduction):
    rows = zip(logits, target, strict=True)
    return reduce_loss(np.array([naive.cross_entropy([r], [t]) for r, t in rows]), reduction)


def binary_cross_entropy(x, t, reduction):
    p = np.vectorize(naive.sigmoid, otypes=[float])(x)
    return reduce_loss(-(t * np.log(p) + (1 - t) * np.log(1 - p)), reduction)


def scatter(x, index, shape):
    out = np.zeros(shape)
    np.add.at(out, index, x)
    return out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


TABLE = {
    "add": Entry(np.add, several()),
    "subtract": Entry(np.subtract, several()),
    "multiply": Entry(np.multiply, several()),
    "divide": Entry(np.divide, several(), POSITIVE),
    "power": Entry(np.power, several(), POSITIVE),
    "negative": Entry(np.negative, one()),
    "absolute": Entry(np.absolute, one()),
    "sign": Entry(np.sign, one(), differentiable=False),
    "square": Entry(np.square, one()),
    "sqrt": Entry(np.sqrt, one(), POSITIVE),
    "maximum": Entry(np.maximum, several()),
    "minimum": Entry(np.minimum, several()),
    "exp": Entry(np.exp, one()),
    "expm1": Entry(np.expm1, one()),
    "log": Entry(np.log, one(), POSITIVE),
    "log1p": Entry(np.log1p, one(), POSITIVE),
    "sin": Entry(np.sin, one()),
    "cos": Entry(np.cos, one()),
    "tanh": Entry(np.tanh, one()),
    "astype": Entry(lambda x, dtype: x.astype(dtype), one(dtype="float64")),
    "equal": Entry(np.equal, several(), differentiable=False),
    "not_equal": Entry(np.not_equal, several(), differentiable=False),
    "less": Entry(np.less, several(), differentiable=False),
    "less_equal": Entry(np.less_equal, several(), differentiable=False),
    "greater": Entry(np.greater, several(), differentiable=False),
    "greater_equal": Entry(np.greater_equal, several(), differentiable=False),
    "where": Entry(
        lambda a, b, condition: np.where(condition, a, b),
        chosen(),
        call=lambda a, b, condition: ops.where(condition, a, b),
    ),
    "clip": Entry(np.clip, one(a_min=-1, a_max=1.5)),
    "relu": Entry(lambda x: np.where(x > 0, x, 0), one()),
    "sigmoid": Entry(sigmoid, one()),
    "softplus": Entry(lambda x: np.log(1 + np.exp(x)), one()),
    "leaky_relu": Entry(
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), one(negative_slope=0.2)
    ),
    "elu": Entry(lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)), one(alpha=0.7)),
    "silu": Entry(lambda x: x * sigmoid(x), one()),
    "softmax": Entry(softmax, along()),
    "log_softmax": Entry(lambda x, axis: np.log(softmax(x, axis)), along()),
    "sum": Entry(np.sum, reduced(min_side=0)),
    "mean": Entry(np.mean, reduced()),
    "var": Entry(np.var, reduced(ddof=0)),
    "std": Entry(np.std, along(ddof=1).filter(lambda call: call[0][0][call[1]["axis"]] > 1)),
    "max": Entry(np.max, reduced()),
    "min": Entry(np.min, reduced()),
    "argmax": Entry(np.argmax, reduced(several_axes=False), differentiable=False),
    "argmin": Entry(np.argmin, reduced(several_axes=False), differentiable=False),
    "logsumexp": Entry(logsumexp, reduced()),
    "reshape": Entry(np.reshape, reshaped()),
    "ravel": Entry(np.ravel, one()),
    "transpose": Entry(np.transpose, permuted()),
    "swapaxes": Entry(np.swapaxes, swapped()),
    "broadcast_to": Entry(np.broadcast_to, broadcast()),
    "expand_dims": Entry(np.expand_dims, expanded()),
    "squeeze": Entry(np.squeeze, squeezed()),
    "concatenate": Entry(listed(np.concatenate), joined(), call=listed(ops.concatenate)),
    "stack": Entry(listed(np.stack), joined(same=True), call=listed(ops.stack)),
    "split": Entry(
        lambda x, sections, axis: np.split(x, sections, axis),
        cut(),
        call=lambda x, sections, axis: tuple(ops.split(x, sections, axis)),
    ),
    "pad": Entry(np.pad, padded()),
    "getitem": Entry(lambda x, index: x[index], indexed()),
    "scatter": Entry(scatter, scattered()),
    "matmul": Entry(np.matmul, multiplied()),
    "linear": Entry(lambda x, w, b=0: x @ w.T + b, affine()),
    "conv2d": Entry(naive.conv2d, images()),
    "max_pool2d": Entry(
        lambda x, kernel_size, stride: naive.max_pool2d(x, kernel_size, stride),
        images(filters=False),
    ),
    "avg_pool2d": Entry(
        lambda x, kernel_size, stride: naive.avg_pool2d(x, kernel_size, stride),
        images(filters=False),
    ),
    "rnn": Entry(naive.rnn, sequences(1)),
    "lstm": Entry(naive.lstm, sequences(4, states=2)),
    "gru": Entry(naive.gru, sequences(3)),
    "cross_entropy": Entry(cross_entropy, labelled()),
    "mse_loss": Entry(lambda x, t, reduction: reduce_loss((x - t) ** 2, reduction), pairs()),
    "binary_cross_entropy_with_logits": Entry(binary_cross_entropy, pairs(), UNIT),
    "dropout": Entry(lambda x, p, training: x, one(p=0.5, training=False)),
    "bernoulli": Entry(np.ones_like, one(), domain=(1.0, 2.0), differentiable=False),
}

EVERY = pytest.mark.parametrize("name", TABLE)
SMOOTH = pytest.mark.parametrize("name", [n for n, e in TABLE.items() if e.differentiable])


def test_the_table_is_complete():
    functions = {n for n, f in vars(ops).items() if callable(f) and not isinstance(f, ModuleType)}
    assert {n for n in functions if not n.startswith("_")} == set(TABLE)


# -- drawing operands -----------------------------------------------------------------------------


@st.composite
def calls(draw, entry):
    """Operands in float64, all numbers different so that no maximum is a tie, and parameters."""
    shapes, params = draw(entry.calls)
    sizes = [int(np.prod(shape)) for shape in shapes]
    numbers = np.linspace(*entry.domain, max(2, sum(sizes)))[: sum(sizes)]
    numbers = np.random.default_rng(draw(st.integers(0, 99))).permutation(numbers)
    pieces = np.split(numbers, np.cumsum(sizes)[:-1])
    scattered_in_memory = draw(st.booleans())
    arrays = [p.reshape(s) for p, s in zip(pieces, shapes, strict=True)]
    if scattered_in_memory:
        arrays = [np.repeat(a[..., None], 2, axis=-1)[..., 0] for a in arrays]
    return arrays, params


def leaves(arrays, dtype="float64"):
    """Leaves that keep the arrays' strides."""
    return [tg.Tensor.make(a.astype(dtype, order="K")).requires_grad_() for a in arrays]


def results_of(value):
    return list(value) if isinstance(value, tuple | list) else [value]


def apply(name, operands, params):
    return results_of((TABLE[name].call or getattr(ops, name))(*operands, **params))


# -- the laws -------------------------------------------------------------------------------------


@EVERY
@FACES
@given(data=st.data())
def test_values_and_dtypes(name, dtype, data):
    entry = TABLE[name]
    arrays, params = data.draw(calls(entry))
    if name == "astype":
        params = {"dtype": dtype}
    xs = leaves(arrays, dtype)
    with np.errstate(all="ignore"):
        expected = results_of(entry.oracle(*(x.data.astype("float64") for x in xs), **params))
    found = apply(name, xs, params)
    assert len(found) == len(expected)
    tolerance = 1e-11 if dtype == "float64" else 2e-5
    for y, want in zip(found, expected, strict=True):
        assert y.shape == np.shape(want)
        np.testing.assert_allclose(y.data, want, rtol=tolerance, atol=tolerance)
        if np.asarray(want).dtype.kind == "f":
            assert y.dtype == dtype
        assert y.requires_grad == entry.differentiable
    if entry.differentiable:
        for y in found:
            y.backward(np.ones(y.shape))
        for x in xs:
            assert x.grad is None or (x.grad.dtype, x.grad.shape) == (x.dtype, x.shape)


@SMOOTH
@settings(max_examples=8)
@given(data=st.data())
def test_gradients_of_first_and_second_order(name, data):
    arrays, params = data.draw(calls(TABLE[name]))
    xs = leaves(arrays)
    tg.gradcheck(lambda *xs: apply(name, xs, params), xs, order=2)


@SMOOTH
@settings(max_examples=8)
@given(data=st.data())
def test_differentiable_and_raw_gradients_agree(name, data):
    """The rule gives the same on Tensors (create_graph) as on ndarrays."""
    arrays, params = data.draw(calls(TABLE[name]))
    gradients = []
    for create_graph in (False, True):
        xs = leaves(arrays)
        for y in apply(name, xs, params):
            y.backward(np.cos(np.arange(y.size)).reshape(y.shape), create_graph)
        gradients.append([None if x.grad is None else x.grad.data for x in xs])
    for raw, differentiable in zip(*gradients, strict=True):
        np.testing.assert_allclose(raw, differentiable, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "name", [n for n in TABLE if isinstance(f := getattr(ops, n), Op) and f.elementwise]
)
@given(data=st.data())
def test_scalars_agree_with_tensors(name, data):
    arrays, params = data.draw(calls(TABLE[name]))
    numbers = [float(a.flat[0]) if a.size else 0.7 for a in arrays]
    scalars = [tg.Scalar(v) for v in numbers]
    tensors = [tg.tensor(v, "float64", requires_grad=True) for v in numbers]
    y, (of_tensor,) = getattr(ops, name)(*scalars, **params), apply(name, tensors, params)
    assert float(y) == pytest.approx(float(of_tensor), rel=1e-14)
    if not TABLE[name].differentiable:
        return
    y.backward(create_graph=True)
    of_tensor.backward(create_graph=True)
    for s, t in zip(scalars, tensors, strict=True):
        assert s.grad.item() == pytest.approx(t.grad.item(), rel=1e-14)


@SMOOTH
@settings(max_examples=5)
@given(data=st.data())
def test_arrays_of_scalars_agree_with_tensors(name, data):
    """An op blown up into its scalar graph gives the same values and gradients."""
    arrays, params = data.draw(calls(TABLE[name]))
    if name in ("astype", "scatter") or not all(a.size for a in arrays):
        return
    tensors, blown_up = leaves(arrays), leaves(arrays)
    whole = apply(name, tensors, params)
    parts = apply(name, [tg.tensor(x.scalars()) for x in blown_up], params)
    for y, z in zip(whole, parts, strict=True):
        assert y.shape == z.shape
        for of_tensor, scalar in zip(y.ravel(), z.data.flat, strict=True):
            assert float(scalar) == pytest.approx(of_tensor.item(), rel=1e-12, abs=1e-13)
            weight = 0.3 + of_tensor.item()
            of_tensor.backward(weight)
            if isinstance(scalar, tg.Scalar) and scalar.requires_grad:
                scalar.backward(weight)
    for x, z in zip(tensors, blown_up, strict=True):
        zero = np.zeros(x.shape)
        of_tensor = zero if x.grad is None else x.grad.data
        of_scalars = zero if z.grad is None else z.grad.data
        np.testing.assert_allclose(of_scalars, of_tensor, rtol=1e-10, atol=1e-12)


# -- corners that random numbers do not meet ------------------------------------------------------


def gradient(f, *numbers):
    xs = [tg.tensor(x, "float64", requires_grad=True) for x in numbers]
    f(*xs).sum().backward()
    return np.array([x.grad.tolist() for x in xs])


@pytest.mark.parametrize(
    ("f", "numbers", "expected"),
    [
        (tg.maximum, (1.0, 1.0), [0.5, 0.5]),
        (tg.minimum, (1.0, 1.0), [0.5, 0.5]),
        (tg.absolute, (0.0,), [0.0]),
        (tg.relu, (0.0,), [0.0]),
        (lambda x: x**0, (0.0,), [0.0]),
        (lambda x: x**1, (0.0,), [1.0]),
        (lambda x: x**2, (-3.0,), [-6.0]),
        (lambda x: x**-1, (2.0,), [-0.25]),
        (lambda x: 2.0**x, (3.0,), [8 * np.log(2)]),
        (tg.power, (0.0, 2.0), [0.0, 0.0]),
        (tg.max, ([2.0, 1.0, 2.0],), [[0.5, 0.0, 0.5]]),
        (tg.min, ([2.0, 1.0, 1.0],), [[0.0, 0.5, 0.5]]),
        (lambda x: x[[0, 0, 1]], ([3.0, 4.0],), [[2.0, 1.0]]),
        (lambda x: x[[]], ([3.0, 4.0],), [[0.0, 0.0]]),
        (tg.elu, (800.0,), [1.0]),
        (tg.softplus, (800.0,), [1.0]),
        (tg.sigmoid, (-800.0,), [0.0]),
    ],
)
def test_corners(f, numbers, expected):
    np.testing.assert_allclose(gradient(f, *numbers), expected)


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax, tg.logsumexp])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_numbers_do_not_overflow(f, dtype):
    x = tg.tensor([[1e4, -1e4, 1e4]], dtype, requires_grad=True)
    y = f(x)
    y.sum().backward()
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()


def test_var_of_shifted_data_is_exact():
    x = tg.tensor(np.array([1e8, 1e8 + 1, 1e8 + 2]))
    assert x.var().item() == pytest.approx(2 / 3)
