"""Tensor: construction, dtypes, NumPy's operators, methods and protocols."""

import operator

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.operators import Operators


def leaf(data, dtype="float64"):
    return tg.tensor(data, dtype, requires_grad=True)


DATA = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])

# -- construction and dtypes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, "float32"),
        ([1.5, 2], "float32"),
        ([[1, 2]], "int64"),
        ([True, False], "bool"),
        ([], "float32"),
        (np.float64(1), "float64"),
        (np.zeros(2), "float64"),
        (np.zeros(2, "float16"), "float16"),
        (np.zeros(2, ">f4"), "float32"),
        (np.zeros(2, "uint8"), "uint8"),
        ([np.float64(1)], "float32"),
        (tg.Tensor([1.5], "float64"), "float64"),
        (range(3), "int64"),
    ],
)
def test_dtype_of_new_tensors(data, dtype):
    assert tg.tensor(data).dtype == dtype
    assert tg.tensor(data, dtype="float64").dtype == "float64"


def test_tensor_copies_and_asarray_does_not():
    array = np.zeros(3)
    assert not np.shares_memory(tg.tensor(array).data, array)
    assert tg.asarray(array).data is array
    x = tg.tensor(array)
    assert tg.asarray(x) is x
    assert x.numpy() is x.data
    assert np.shares_memory(x.detach().data, x.data)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (tg.zeros(2, 3), np.zeros((2, 3))),
        (tg.zeros((2, 3)), np.zeros((2, 3))),
        (tg.zeros([2]), np.zeros(2)),
        (tg.zeros(), np.zeros(())),
        (tg.ones(2), np.ones(2)),
        (tg.full((2, 2), 7), np.full((2, 2), 7.0)),
        (tg.full(2, 7, dtype="int64"), np.full(2, 7)),
        (tg.eye(2), np.eye(2)),
        (tg.eye(2, 3), np.eye(2, 3)),
        (tg.arange(3), np.arange(3)),
        (tg.arange(1, 2, 0.25), np.arange(1, 2, 0.25)),
        (tg.arange(3, dtype="float64"), np.arange(3.0)),
        (tg.linspace(0, 1, 5), np.linspace(0, 1, 5)),
    ],
)
def test_makers(made, expected):
    np.testing.assert_array_equal(made.data, expected)
    assert made.shape == expected.shape
    assert made.dtype.kind == expected.dtype.kind
    assert not made.requires_grad


@pytest.mark.parametrize("make", [tg.zeros, tg.ones, tg.rand, tg.randn])
@pytest.mark.parametrize("dtype", ["float32", "float64", np.float64])
def test_makers_take_dtype_and_requires_grad(make, dtype):
    x = make(2, 3, dtype=dtype, requires_grad=True)
    assert x.shape == make((2, 3)).shape == (2, 3)
    assert x.dtype == np.dtype(dtype)
    assert x.requires_grad
    assert make(2).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "other",
    [2, 2.0, True, np.float64(2), np.float32(2), np.int64(2), [2.0, 2.0], (2, 2)]
    + [np.full(2, 2, d) for d in ("float32", "float64", "int8", "bool")]
    + [tg.tensor([2, 2]), tg.tensor([True, True])],
    ids=lambda v: f"{type(v).__name__}-{getattr(v, 'dtype', '')}",
)
@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.truediv, operator.pow])
def test_constants_never_change_a_dtype(op, other, dtype):
    x = leaf([1.0, 2.0], dtype)
    for y in (op(x, other), op(other, x)):
        assert isinstance(y, tg.Tensor)
        assert y.dtype == dtype
        for create_graph in (False, True):
            x.grad = None
            y.sum().backward(create_graph=create_graph)
            assert x.grad.dtype == dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x / 2,
        lambda x: x + 0.5,
        lambda x: 2.5**x,
        lambda x: x.mean(),
        tg.exp,
        tg.softmax,
        tg.sigmoid,
        tg.logsumexp,
        lambda x: x / x,
    ],
)
def test_integers_become_float32_where_numpy_would_make_float64(f):
    y = f(tg.tensor([1, 2]))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, f(tg.tensor([1.0, 2.0])).data, rtol=1e-6)


def test_integers_stay_integers_where_they_can():
    x = tg.tensor([1, 2])
    for y in (x + 1, x * x, x**2, -x, abs(x), x.sum(), x.max(), x[0], x.reshape(2, 1)):
        assert y.dtype == np.int64


def test_astype_converts_and_the_gradient_comes_back():
    x = leaf([1.0, 2.0], "float32")
    y = x.astype("float64")
    (y * y).sum().backward()
    assert (y.dtype, x.grad.dtype) == ("float64", "float32")
    assert tg.tensor([1, 2]).astype(np.float64).dtype == np.float64
    assert np.astype(x.detach(), np.float64).dtype == np.float64
    whole = x.astype("int64")
    assert not whole.requires_grad


# -- operators ------------------------------------------------------------------------------------

OPERATORS = ["add", "sub", "mul", "truediv", "pow", "matmul", "eq", "ne", "lt", "le", "gt", "ge"]
OPERATORS += ["floordiv", "mod"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("left", [tg.tensor, np.array])
@pytest.mark.parametrize("right", [tg.tensor, np.array])
def test_operators_with_tensors_and_arrays_on_either_side(name, left, right):
    f = getattr(operator, name)
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 2.0], [0.5, 3.0]])
    y = f(left(a), right(b))
    if left is right is np.array:
        return
    assert isinstance(y, tg.Tensor)
    np.testing.assert_array_equal(y.data, f(a, b))


@pytest.mark.parametrize("name", [n for n in OPERATORS if n != "matmul"])
@pytest.mark.parametrize("number", [2, 2.5, np.float32(2)])
def test_operators_with_numbers_on_either_side(name, number):
    f = getattr(operator, name)
    a = np.array([1.0, 2.0])
    np.testing.assert_array_equal(f(tg.tensor(a), number).data, f(a, number))
    np.testing.assert_array_equal(f(number, tg.tensor(a)).data, f(number, a))


def test_unary_operators():
    x = tg.tensor(DATA)
    np.testing.assert_array_equal((-x).data, -DATA)
    np.testing.assert_array_equal((+x).data, DATA)
    np.testing.assert_array_equal(abs(x).data, abs(DATA))
    np.testing.assert_array_equal(round(x).data, np.round(DATA))
    np.testing.assert_array_equal(round(x, 1).data, np.round(DATA, 1))
    np.testing.assert_array_equal((~(x > 0)).data, DATA <= 0)


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
@pytest.mark.parametrize("other", [True, np.array([True, False]), np.array([6, 3])])
def test_operators_on_booleans_and_integers(name, other):
    f = getattr(operator, name)
    a = np.array([5, 9]) if np.asarray(other).dtype == int else np.array([False, True])
    for left, right in ((a, other), (other, a)):
        x = tg.tensor(a)
        y = f(x if left is a else left, x if right is a else right)
        assert isinstance(y, tg.Tensor)
        np.testing.assert_array_equal(y.data, f(left, right))
        assert y.dtype == f(left, right).dtype


@pytest.mark.parametrize("turned", [False, True])
def test_divmod(turned):
    a, b = np.array([5.0, -5.0, 7.5]), 2.0
    quotient, rest = divmod(b, tg.tensor(a)) if turned else divmod(tg.tensor(a), b)
    expected = divmod(b, a) if turned else divmod(a, b)
    np.testing.assert_array_equal(quotient.data, expected[0])
    np.testing.assert_array_equal(rest.data, expected[1])


def test_augmented_assignment_makes_a_new_tensor():
    x = y = leaf([1.0])
    y += 1
    y *= 3
    y.sum().backward()
    assert x.tolist() == [1]
    assert x.grad.tolist() == [3]


# -- repr, len, truth, conversion -----------------------------------------------------------------


def test_repr():
    x = leaf([1.0, 2.5], "float32")
    assert repr(x) == "tensor([1. , 2.5], requires_grad=True)"
    assert repr(x.sum()) == "tensor(3.5, op=sum)"
    assert repr(tg.tensor([1])) == "tensor([1], dtype=int64)"
    assert repr(tg.tensor(np.pi, "float64")) == "tensor(3.1416, dtype=float64)"


def test_conversion_to_numbers():
    x = tg.tensor([[2]])
    assert (int(x), float(x), bool(x), x.item(), x.tolist()) == (2, 2.0, True, 2, [[2]])
    assert type(tg.tensor(1.5).item()) is float
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert len(tg.zeros(4, 2)) == 4
    assert (tg.zeros(4, 2).ndim, tg.zeros(4, 2).size) == (2, 8)


def test_tensors_are_hashable_by_identity():
    x, y = tg.tensor(1.0), tg.tensor(1.0)
    assert {x: 1, y: 2}[x] == 1


# -- NumPy's protocols ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sin", "exp", "tanh", "square", "negative", "abs", "log1p"])
def test_ufuncs_stay_on_the_graph(name):
    x = leaf([0.5, 1.5])
    y = getattr(np, name)(x)
    assert isinstance(y, tg.Tensor)
    y.sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize(
    "f",
    [
        np.sum,
        np.mean,
        np.transpose,
        np.ravel,
        np.squeeze,
        np.argmax,
        np.std,
        np.prod,
        np.median,
        np.sort,
        np.argsort,
        np.cumsum,
        np.diff,
        np.ptp,
        np.any,
        np.count_nonzero,
        np.nan_to_num,
        np.isfinite,
        np.signbit,
        np.degrees,
        np.amax,
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: np.sum(x, where=DATA > 0, initial=2.0, dtype=np.float64),
        lambda x: np.mean(x, axis=1, where=[True, False, True]),
        lambda x: np.max(x, initial=9.0),
        lambda x: np.var(x, correction=1),
        lambda x: np.cumprod(x, axis=1),
        lambda x: np.round(x, 1),
        lambda x: np.around(x),
        lambda x: np.floor_divide(x, 0.7),
        lambda x: np.hypot(x, 2.0),
        lambda x: np.isclose(x, DATA + 1e-9),
        lambda x: np.logical_and(x, 0.0),
        lambda x: np.bitwise_or(x > 1, x < 0),
        lambda x: np.divmod(x, 2.0)[1],
        lambda x: np.clip(x, min=0.0),
        lambda x: np.max(x, axis=1),
        lambda x: np.var(x, axis=(0, 1), ddof=1),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.swapaxes(x, 0, 1),
        lambda x: np.expand_dims(x, (0, 2)),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.stack([x, x], axis=-1),
        lambda x: np.where(DATA > 0, x, 0.0),
        lambda x: np.clip(x, -1, 1),
        lambda x: np.pad(x, 1),
        lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=3.0),
        lambda x: np.pad(x, (1, 2), "constant"),
        lambda x: np.broadcast_to(x, (2, 2, 3)),
        lambda x: np.matmul(x, DATA.T),
        lambda x: np.moveaxis(x, 0, 1),
        lambda x: np.tile(x, (2, 1)),
        lambda x: np.repeat(x, 2),
        lambda x: np.flip(x, axis=1),
        lambda x: np.roll(x, (1, 2), axis=(0, 1)),
        lambda x: np.rot90(x),
        lambda x: np.pad(x, 1, mode="reflect"),
        lambda x: np.hstack([x, x]),
        lambda x: np.vstack([x, x]),
        lambda x: np.unstack(x)[1],
        lambda x: np.array_split(x, 2, axis=1)[1],
        lambda x: np.broadcast_arrays(x, DATA[0])[0],
        lambda x: np.meshgrid(x, x)[1],
        lambda x: np.tril(x),
        lambda x: np.triu(x, 1),
        lambda x: np.diag(x),
        lambda x: np.diagonal(x, offset=1),
        lambda x: np.trace(x),
        lambda x: np.take(x, [0, 2], axis=1),
        lambda x: np.take_along_axis(x, np.argsort(DATA), axis=1),
        lambda x: np.dot(DATA.T, x),
        lambda x: np.inner(x, x),
        lambda x: np.outer(x, DATA),
        lambda x: np.vdot(x, DATA),
        lambda x: np.vecdot(x, DATA),
        lambda x: np.tensordot(x, DATA, axes=(1, 1)),
        lambda x: np.einsum("ij,kj->ik", x, DATA),
        lambda x: np.kron(x, DATA),
        lambda x: np.cross(x, DATA),
        lambda x: np.maximum(x, 0.0),
        lambda x: np.logaddexp(0, x) if isinstance(x, np.ndarray) else tg.softplus(x),
    ],
)
def test_functions_of_numpy_give_what_they_give_of_arrays(f):
    y = f(leaf(DATA))
    assert isinstance(y, tg.Tensor)
    np.testing.assert_allclose(y.data, f(DATA), atol=1e-15)


def test_np_split_and_shape():
    x = leaf(DATA)
    assert [part.shape for part in np.split(x, [1], axis=1)] == [(2, 1), (2, 2)]
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)


def test_asarray_refuses_to_drop_a_gradient():
    x = leaf([1.0, 2.0])
    for convert in (np.asarray, np.array, lambda x: np.zeros(2).__setitem__(slice(None), x)):
        with pytest.raises(tg.GraphError, match="drop its gradient"):
            convert(x)
    np.testing.assert_array_equal(np.asarray(x.detach()), [1, 2])
    assert np.asarray(x.detach(), dtype="float32").dtype == np.float32
    assert not np.shares_memory(np.array(x.detach()), x.data)


# -- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.T,
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((3, -1)),
        lambda x: x.reshape(-1),
        lambda x: x.reshape([6]),
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)),
        lambda x: x.transpose([-1, 0]),
        lambda x: x.swapaxes(0, -1),
        lambda x: x.ravel(),
        lambda x: x.flatten(),
        lambda x: x.mT,
        lambda x: x.repeat(2, axis=1),
        lambda x: x.take([0, 2], axis=1),
        lambda x: x.diagonal(1),
        lambda x: x.trace(),
        lambda x: x.dot(DATA.T),
        lambda x: x[:, :1].squeeze(),
        lambda x: x[:, :1].squeeze(1),
        lambda x: x.sum(),
        lambda x: x.sum(axis=(0, 1)),
        lambda x: x.mean(axis=-1, keepdims=True),
        lambda x: x.var(ddof=1),
        lambda x: x.std(axis=0),
        lambda x: x.max(axis=0),
        lambda x: x.min(1),
        lambda x: x.argmax(),
        lambda x: x.argmin(axis=1, keepdims=True),
        lambda x: x.clip(-1, 1),
        lambda x: x.clip(max=0.5),
        lambda x: x.prod(axis=1, keepdims=True),
        lambda x: x.cumsum(),
        lambda x: x.cumprod(1),
        lambda x: x.any(axis=0),
        lambda x: x.all(where=DATA > 3),
        lambda x: x.argsort(axis=0),
        lambda x: x.round(1),
        lambda x: x.sum(where=DATA > 0),
        lambda x: x.astype("float32"),
    ],
)
def test_methods_do_what_numpys_do(f):
    np.testing.assert_allclose(f(tg.tensor(DATA)).data, f(DATA), rtol=1e-14)
    assert f(tg.tensor(DATA)).shape == f(DATA).shape


def test_sort_returns_a_copy():
    x = tg.tensor(DATA)
    np.testing.assert_array_equal(x.sort(axis=0).data, np.sort(DATA, axis=0))
    np.testing.assert_array_equal(x.data, DATA)


METHODS = [n for n, f in vars(Operators).items() if n[0] != "_" and callable(f)]


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_functions(name):
    x = tg.tensor(abs(DATA) / 4 + (name == "arccosh"))
    assert getattr(tg.Tensor, name).__doc__
    np.testing.assert_array_equal(getattr(x, name)().data, getattr(tg, name)(x).data)


# -- indexing -------------------------------------------------------------------------------------

INDICES = [
    0,
    -1,
    slice(1, None),
    slice(None, None, -1),
    ...,
    None,
    (0, 1),
    (slice(None), 1),
    (..., 0),
    (None, 0, slice(0, 2)),
    [1, 0, 1],
    [],
    np.array([1, 1]),
    np.array([[0, 1], [1, 0]]),
    ([0, 1, 1], [2, 2, 2]),
    (slice(None), [0, 0, 2]),
    (np.array([True, False]), slice(0, 2)),
    DATA > 0,
    np.int64(1),
    True,
    (np.array([0, 1]), None, np.array([1, 1])),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indexing_of_all_kinds(index):
    x = leaf(DATA)
    y = x[index]
    np.testing.assert_array_equal(y.data, DATA[index])
    weights = np.arange(1.0, y.size + 1).reshape(y.shape)
    y.backward(weights)
    expected = np.zeros_like(DATA)
    np.add.at(expected, index, weights)
    np.testing.assert_array_equal(x.grad.data, expected)


def test_tensors_as_indices():
    x = leaf(DATA)
    np.testing.assert_array_equal(x[tg.tensor([1, 0])].data, DATA[[1, 0]])
    np.testing.assert_array_equal(x[x > 0].data, DATA[DATA > 0])
    np.testing.assert_array_equal(x[tg.tensor(1), tg.tensor([2, 0])].data, DATA[1, [2, 0]])
    np.testing.assert_array_equal(x[tg.tensor(0) : tg.tensor(1)].data, DATA[:1])


def test_iteration_and_unpacking():
    x = leaf(DATA)
    first, second = x
    assert [row.shape for row in x] == [(3,), (3,)]
    (first * 2 + second).sum().backward()
    assert x.grad.tolist() == [[2, 2, 2], [1, 1, 1]]
    with pytest.raises(TypeError):
        iter(tg.tensor(1.0))


def test_assignment_on_the_graph_is_refused():
    x, constant = leaf(DATA), tg.tensor(DATA)
    for target, value in ((x, 1), (x, constant), (constant, x)):
        with pytest.raises(tg.GraphError, match=r"setitem: .*no gradient(.|\n)*x.at\[index\].set"):
            target[0] = value
    np.testing.assert_array_equal(constant.data, DATA)
    with tg.no_grad():
        x[0] = constant[1]
    np.testing.assert_array_equal(x.data[0], DATA[1])


AUGMENTED = {
    "+": operator.iadd,
    "-": operator.isub,
    "*": operator.imul,
    "/": operator.itruediv,
    "//": operator.ifloordiv,
    "%": operator.imod,
    "**": operator.ipow,
}


@pytest.mark.parametrize("name", AUGMENTED)
def test_augmented_assignment(name):
    """On the graph `y += 2` is `y = y + 2`; without a gradient wanted, values change in place."""
    assign, expected = AUGMENTED[name], eval(f"DATA {name} 2.0")
    x = leaf(DATA)
    y = assign(x, 2.0)
    assert y is not x
    np.testing.assert_array_equal(x.data, DATA)
    assert y.requires_grad == (name != "//")
    np.testing.assert_allclose(y.data, expected)
    constant, other = tg.tensor(DATA), leaf(DATA)
    assert constant is assign(constant, 2.0)
    np.testing.assert_allclose(constant.data, expected)
    assert assign(constant, other) is not constant
    with tg.no_grad():
        w = tg.Parameter(DATA)
        assert assign(w, tg.full(3, 2.0, "float64")) is w
    assert w.requires_grad
    np.testing.assert_allclose(w.data, expected)


def test_a_list_on_the_left_of_a_matrix_product():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = [[1.0, 1.0]] @ x
    y.sum().backward()
    np.testing.assert_array_equal(y.data, [[4.0, 6.0]])
    np.testing.assert_array_equal(x.grad.data, [[1.0, 1.0], [1.0, 1.0]])
