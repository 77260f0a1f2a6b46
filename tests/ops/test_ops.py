"""The laws that every op keeps: value, gradients, dtypes, Scalars; over the tables of all ops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.ops.tables import FAMILIES, TABLE
from tinygrad_lite import functional, ops
from tinygrad_lite.op import Op

FACES = pytest.mark.parametrize("dtype", ["float32", "float64"])
EVERY = pytest.mark.parametrize("name", TABLE)
SMOOTH = pytest.mark.parametrize("name", [n for n, e in TABLE.items() if e.differentiable])

# NumPy's second names for functions of the table
ALIASES = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "amax": "max",
    "amin": "min",
    "around": "round",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitwise_invert": "invert",
    "bitwise_not": "invert",
    "degrees": "rad2deg",
    "mod": "remainder",
    "pow": "power",
    "radians": "deg2rad",
    "true_divide": "divide",
}


def function_of(name):
    """The function that users call by this name: `exp`, `F.layer_norm`, `linalg.inv`."""
    place, _, short = name.rpartition(".")
    return getattr({"": ops, "F": functional, "linalg": ops.linalg}[place], short)


def test_the_table_is_complete():
    named = {*ops.__all__} - {*ALIASES}
    named |= {
        f"F.{n}" for n in functional.__all__ if getattr(functional, n) is not vars(ops).get(n)
    }
    named |= {f"linalg.{n}" for n in ops.linalg.__all__}
    assert named == set(TABLE)
    assert sum(len(family.TABLE) for family in FAMILIES) == len(TABLE)


@pytest.mark.parametrize("name", ALIASES)
def test_second_names_are_of_the_same_function(name):
    assert getattr(tg, name) is getattr(tg, ALIASES[name])
    of_numpy, same = getattr(np, name), getattr(np, ALIASES[name])
    assert of_numpy is same or of_numpy(0.3) == same(0.3)


# -- drawing operands -----------------------------------------------------------------------------


def operands(entry, shapes, seed=0):
    sizes = [int(np.prod(shape)) for shape in shapes]
    numbers = np.linspace(*entry.domain, max(2, sum(sizes)))[: sum(sizes)]
    numbers = np.random.default_rng(seed).permutation(numbers)
    pieces = np.split(numbers, np.cumsum(sizes)[:-1])
    return [p.reshape(s) for p, s in zip(pieces, shapes, strict=True)]


@st.composite
def calls(draw, entry):
    """Operands in float64, all numbers different so that no maximum is a tie, and parameters."""
    shapes, params = draw(entry.calls)
    arrays = operands(entry, shapes, seed=draw(st.integers(0, 99)))
    scattered_in_memory = draw(st.booleans())
    if scattered_in_memory:
        arrays = [np.repeat(a[..., None], 2, axis=-1)[..., 0] for a in arrays]
    return arrays, params


def leaves(arrays, dtype="float64"):
    """Leaves that keep the arrays' strides."""
    return [tg.Tensor.make(a.astype(dtype, order="K")).requires_grad_() for a in arrays]


def results_of(value):
    return list(value) if isinstance(value, tuple | list) else [value]


def apply(name, operands, params):
    return results_of((TABLE[name].call or function_of(name))(*operands, **params))


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


@pytest.mark.parametrize(("name", "call"), [(n, c) for n, e in TABLE.items() for c in e.examples])
def test_values_and_gradients_of_examples(name, call):
    shapes, params = call
    arrays = operands(TABLE[name], shapes)
    for y, want in zip(
        apply(name, leaves(arrays), params),
        results_of(TABLE[name].oracle(*arrays, **params)),
        strict=True,
    ):
        np.testing.assert_allclose(y.data, want, rtol=1e-11, atol=1e-11)
    tg.gradcheck(lambda *xs: apply(name, xs, params), leaves(arrays), order=2)
    if TABLE[name].scalars:
        compare_with_scalars(name, arrays, params)


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
        assert (raw is None) == (differentiable is None)
        if raw is not None:
            np.testing.assert_allclose(raw, differentiable, rtol=1e-10, atol=1e-12)


def is_elementwise(function):
    op = getattr(function, "op", function)
    return isinstance(op, Op) and op.elementwise


@pytest.mark.parametrize("name", [n for n in TABLE if is_elementwise(function_of(n))])
@given(data=st.data())
def test_scalars_agree_with_tensors(name, data):
    arrays, params = data.draw(calls(TABLE[name]))
    numbers = [float(a.flat[0] if a.size else np.mean(TABLE[name].domain)) for a in arrays]
    scalars = [tg.Scalar(v) for v in numbers]
    tensors = [tg.tensor(v, "float64", requires_grad=True) for v in numbers]
    (y,), (of_tensor,) = (apply(name, xs, params) for xs in (scalars, tensors))
    assert float(y) == pytest.approx(float(of_tensor), rel=1e-14)
    if not TABLE[name].differentiable:
        return
    y.backward(create_graph=True)
    of_tensor.backward(create_graph=True)
    for s, t in zip(scalars, tensors, strict=True):
        if t.grad is None:
            assert s.grad is None
        else:
            assert s.grad.item() == pytest.approx(t.grad.item(), rel=1e-14)


@pytest.mark.parametrize("name", [n for n, e in TABLE.items() if e.differentiable and e.scalars])
@settings(max_examples=5)
@given(data=st.data())
def test_arrays_of_scalars_agree_with_tensors(name, data):
    """An op blown up into its scalar graph gives the same values and gradients."""
    arrays, params = data.draw(calls(TABLE[name]))
    if name not in ("astype", "scatter") and all(a.size for a in arrays):
        compare_with_scalars(name, arrays, params)


def compare_with_scalars(name, arrays, params):
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
