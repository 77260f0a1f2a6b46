"""NumPy's and DLPack's protocols: what other libraries do with a Tensor, and what they may not."""

import math
import operator

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.op import is_foreign

A = np.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])
B = np.array([1.5, 0.5, 2.0])


def leaf(data=A, dtype="float64"):
    return tg.tensor(data, dtype, requires_grad=True)


# NumPy's call, and the same with this library's function
SAME = {
    # -- ufuncs
    "exp": (np.exp, tg.exp),
    "add": (lambda x: np.add(x, B), lambda x: x + B),
    "add, second": (lambda x: np.add(B, x), lambda x: x + B),
    "subtract, second": (lambda x: np.subtract(B, x), lambda x: B - x),
    "maximum": (lambda x: np.maximum(x, 0), lambda x: tg.maximum(x, 0)),
    "maximum, second": (lambda x: np.maximum(0.0, x), lambda x: tg.maximum(0, x)),
    "power": (lambda x: np.power(abs(x), B), lambda x: abs(x) ** B),
    "true_divide": (lambda x: np.true_divide(1.0, x), lambda x: 1 / x),
    "mod": (lambda x: np.mod(x, 2.0), lambda x: x % 2),
    "float64 *": (lambda x: np.float64(2.0) * x, lambda x: x * 2),
    "* float64": (lambda x: x * np.float64(2.0), lambda x: x * 2),
    "float64 /": (lambda x: np.float64(2.0) / x, lambda x: 2 / x),
    "float32 **": (lambda x: np.float32(2.0) ** x, lambda x: 2.0**x),
    "int64 -": (lambda x: np.int64(2) - x, lambda x: 2 - x),
    "ndarray +": (lambda x: B + x, lambda x: x + B),
    "ndarray - ": (lambda x: B - x, lambda x: tg.tensor(B) - x),
    "ndarray @": (lambda x: A.T @ x, lambda x: tg.matmul(A.T, x)),
    "@ ndarray": (lambda x: x @ A.T, lambda x: tg.matmul(x, A.T)),
    "list @": (lambda x: A.T.tolist() @ x, lambda x: tg.matmul(A.T, x)),
    "@ list": (lambda x: x @ B.tolist(), lambda x: tg.matmul(x, B)),
    "vecdot": (lambda x: np.vecdot(x, B, axis=-1), lambda x: (x * B).sum(-1)),
    "divmod": (lambda x: np.divmod(x, B)[1], lambda x: x % B),
    # -- methods of ufuncs
    "reduce": (np.add.reduce, lambda x: x.sum(axis=0)),
    "reduce, axis": (lambda x: np.add.reduce(x, 1), lambda x: x.sum(axis=1)),
    "reduce, keepdims": (
        lambda x: np.maximum.reduce(x, axis=None, keepdims=True),
        lambda x: x.max(keepdims=True),
    ),
    "reduce, where": (
        lambda x: np.multiply.reduce(x, where=A > 0, initial=2.0),
        lambda x: tg.prod(x, axis=0, where=A > 0, initial=2.0),
    ),
    "accumulate": (np.multiply.accumulate, lambda x: x.cumprod(0)),
    "accumulate, axis": (lambda x: np.add.accumulate(x, axis=1), lambda x: x.cumsum(1)),
    "outer": (lambda x: np.multiply.outer(x, B), lambda x: x[..., None] * B),
    "outer, second": (lambda x: np.subtract.outer(B, x), lambda x: B[:, None, None] - x),
    # -- functions
    "sum": (lambda x: np.sum(x, axis=1), lambda x: x.sum(axis=1)),
    "sum, in NumPy's order": (lambda x: np.sum(x, 1, None, None, True), lambda x: x.sum(1, True)),
    "sum, by name": (lambda x: np.sum(a=x, keepdims=True), lambda x: x.sum(keepdims=True)),
    "sum, dtype": (lambda x: np.sum(x, 0, np.float32), lambda x: tg.sum(x, 0, dtype="float32")),
    "mean, where": (lambda x: np.mean(x, where=A > 0), lambda x: x.mean(where=A > 0)),
    "var": (lambda x: np.var(x, axis=0, ddof=1), lambda x: x.var(axis=0, ddof=1)),
    "std, in NumPy's order": (lambda x: np.std(x, 0, None, None, 1), lambda x: x.std(0, ddof=1)),
    "max": (lambda x: np.max(x, 0, initial=1.0), lambda x: tg.max(x, 0, initial=1.0)),
    "clip": (lambda x: np.clip(x, a_min=0, a_max=1), lambda x: x.clip(0, 1)),
    "clip, min": (lambda x: np.clip(x, min=0), lambda x: x.clip(0)),
    "concatenate": (lambda x: np.concatenate([x, A, x]), lambda x: tg.concatenate([x, A, x])),
    "concatenate, axis": (
        lambda x: np.concatenate((A, x), axis=1),
        lambda x: tg.concatenate([A, x], 1),
    ),
    "stack": (lambda x: np.stack([A, x], axis=-1), lambda x: tg.stack([A, x], -1)),
    "where": (lambda x: np.where(A > 0, x, 0.0), lambda x: tg.where(A > 0, x, 0.0)),
    "where, condition": (lambda x: np.where(x > 0, x, B), lambda x: tg.where(A > 0, x, B)),
    "reshape": (lambda x: np.reshape(x, (3, -1)), lambda x: x.reshape(3, -1)),
    "reshape, by name": (
        lambda x: np.reshape(x, shape=(3, -1), order="C"),
        lambda x: x.reshape(3, -1),
    ),
    "nan_to_num": (lambda x: np.nan_to_num(x, copy=True), tg.nan_to_num),
    "astype": (lambda x: np.astype(x, np.float32), lambda x: x.astype("float32")),
    "einsum": (lambda x: np.einsum("ij,kj->k", x, x), lambda x: tg.einsum("ij,kj->k", x, x)),
    "einsum, optimize": (
        lambda x: np.einsum("ij,kj->k", x, x, optimize=True),
        lambda x: tg.einsum("ij,kj->k", x, x),
    ),
    "meshgrid": (
        lambda x: np.meshgrid(x[0], B, indexing="ij")[0],
        lambda x: tg.meshgrid(x[0], B, indexing="ij")[0],
    ),
    "pad": (
        lambda x: np.pad(x, 1, constant_values=2.0),
        lambda x: tg.pad(x, 1, constant_values=2.0),
    ),
    "broadcast_to": (lambda x: np.broadcast_to(x, shape=(2, 2, 3)), lambda x: tg.stack([x, x])),
    "transpose": (lambda x: np.transpose(x, axes=(1, 0)), lambda x: x.T),
    # -- linear algebra, in a module of its own and with names that others have too
    "norm": (np.linalg.norm, tg.linalg.norm),
    "norm, ord": (lambda x: np.linalg.norm(x, 1, 0), lambda x: abs(x).sum(0)),
    "inv": (lambda x: np.linalg.inv(x @ x.T), lambda x: tg.linalg.inv(x @ x.T)),
    "solve": (lambda x: np.linalg.solve(x @ A.T, A), lambda x: tg.linalg.solve(x @ A.T, A)),
    "svd": (
        lambda x: np.linalg.svd(x, full_matrices=False, hermitian=False)[1],
        tg.linalg.svdvals,
    ),
}


@pytest.mark.parametrize(("numpys", "ours"), SAME.values(), ids=SAME)
def test_a_call_of_numpys_is_on_the_graph(numpys, ours):
    x, same = leaf(), leaf()
    y, expected = numpys(x), ours(same)
    assert isinstance(y, tg.Tensor)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y.data, expected.data)
    np.testing.assert_allclose(y.data, numpys(A), rtol=1e-6)
    if y.requires_grad:
        weights = np.arange(1.0, y.size + 1).reshape(y.shape)
        y.backward(weights)
        expected.backward(weights)
        np.testing.assert_allclose(x.grad.data, same.grad.data)
    assert y.requires_grad == expected.requires_grad


def test_float32_stays_float32():
    x = tg.ones(2, requires_grad=True)
    for y in (np.float64(2) * x, x * np.float64(2), np.ones(2) + x, np.exp(x), np.add(x, 1.5)):
        assert y.dtype == "float32"


CONSTANTS = {
    "zeros_like": (lambda x: np.zeros_like(x), np.zeros_like(A)),
    "ones_like": (lambda x: np.ones_like(x, dtype=np.int64), np.ones_like(A, np.int64)),
    "full_like": (lambda x: np.full_like(x, 2.5), np.full_like(A, 2.5)),
    "empty_like": (lambda x: np.empty_like(x), np.zeros_like(A)),
    "argmax": (lambda x: np.argmax(x, axis=1), A.argmax(axis=1)),
    "greater": (lambda x: np.greater(x, B), A > B),
    "isnan": (np.isnan, np.isnan(A)),
    "isclose": (lambda x: np.isclose(x, A), np.ones((2, 3), bool)),
    "logical_and.reduce": (lambda x: np.logical_and.reduce(x > 0), (A > 0).all(axis=0)),
}


@pytest.mark.parametrize(("call", "expected"), CONSTANTS.values(), ids=CONSTANTS)
def test_results_without_a_gradient(call, expected):
    y = call(leaf())
    assert isinstance(y, tg.Tensor)
    assert not y.requires_grad
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y.data, expected)


def test_what_only_looks():
    x = leaf()
    assert np.shape(x) == np.shape(a=x) == (2, 3)
    assert (np.ndim(x), np.size(x), np.size(x, 1)) == (2, 6, 3)
    assert np.array_equal(x, A)
    assert np.array_equal(A, x)
    assert np.array_equiv(x, A)
    assert np.allclose(x, A)
    assert np.result_type(x, np.float32) == np.float64
    assert np.shares_memory(x, x.T.data)
    assert np.may_share_memory(x, x)
    assert np.isrealobj(x)
    assert not np.iscomplexobj(x)
    assert not np.isscalar(x)
    assert np.array_repr(x) == repr(A)
    assert np.array2string(x, precision=1) == np.array2string(A, precision=1)
    assert np.array_str(x) == str(A)
    np.testing.assert_allclose(x.detach(), A)
    np.testing.assert_array_equal(tg.tensor(A), A)


def test_python_itself():
    x = leaf(B)
    total = sum(x)
    total.backward()
    assert total.item() == B.sum()
    assert x.grad.tolist() == [1, 1, 1]
    assert [y.item() for y in sorted(x)] == [0.5, 1.5, 2]
    assert sorted(x)[0].requires_grad
    assert max(x).item() == 2
    assert math.sqrt(x[2]) == math.sqrt(2)
    assert math.floor(x[0]).item() == 1
    assert round(x[0]).item() == 2
    assert abs(-x).tolist() == B.tolist()
    assert [10, 20, 30][tg.tensor(1)] == 20
    assert B[tg.tensor(1)] == 0.5


REFUSED = {
    "fft": (np.fft.fft, "numpy.fft.fft"),
    "emath": (np.emath.sqrt, "numpy.lib.scimath.sqrt"),
    "eig": (np.linalg.eig, "numpy.linalg.eig"),
    "gcd": (lambda x: np.gcd(x, 2), "numpy.gcd"),
    "at": (lambda x: np.add.at(x, 0, 1.0), "numpy.add.at"),
    "reduceat": (lambda x: np.add.reduceat(x, [0, 1]), "numpy.add.reduceat"),
    "subtract.reduce": (np.subtract.reduce, "numpy.subtract.reduce"),
    "maximum.accumulate": (np.maximum.accumulate, "numpy.maximum.accumulate"),
    "gcd.outer": (lambda x: np.gcd.outer(x, x), "numpy.gcd.outer"),
    "apply_along_axis": (lambda x: np.apply_along_axis(sum, 0, x), "apply_along_axis"),
    "copyto": (lambda x: np.copyto(np.zeros((2, 3)), x), "numpy.copyto"),
    "save": (lambda x: np.save("never", x), "numpy.save"),
}


@pytest.mark.parametrize(("call", "name"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_counterpart_is_refused(call, name):
    with pytest.raises(tg.GraphError) as caught:
        call(leaf())
    first, *_, fix = str(caught.value).splitlines()
    assert name in first
    assert first.endswith("has no counterpart on the graph")
    assert "x.detach().numpy()" in fix


def in_place(array, x):
    array += x


OPTIONS = {
    "out": (lambda x: np.exp(x, out=np.zeros((2, 3))), "out"),
    "out, a Tensor": (lambda x: np.exp(A, out=x), "out"),
    "where": (lambda x: np.exp(x, where=A > 0), "where"),
    "dtype": (lambda x: np.add(x, x, dtype=np.float32), "dtype"),
    "+=": (lambda x: in_place(A.copy(), x), "out"),
    "function": (lambda x: np.sum(x, out=np.zeros(())), "out"),
    "function, in NumPy's order": (lambda x: np.sum(x, 0, None, np.zeros(3)), "out"),
    "reduce": (lambda x: np.add.reduce(x, out=np.zeros(3)), "out"),
    "order": (lambda x: np.einsum("ij->i", x, order="F"), "order"),
    "casting": (lambda x: np.concatenate([x, x], dtype=np.float32), "dtype"),
    "cross": (lambda x: np.cross(x, x, 0, 0), "axisa"),
    "einsum": (lambda x: np.einsum("ij->i", x, dtype=np.float32), "dtype"),
    "shape": (lambda x: np.zeros_like(x, shape=(2,)), "shape"),
    "copy": (lambda x: np.nan_to_num(x, copy=False), "copy"),
}


@pytest.mark.parametrize(("call", "option"), OPTIONS.values(), ids=OPTIONS)
def test_options_without_a_counterpart_are_refused(call, option):
    with pytest.raises(tg.ArgumentError, match=f"numpy.*: has no `{option}` on the graph"):
        call(leaf())


def test_a_matrix_product_of_an_array_in_place_is_refused():
    array = np.eye(3)
    with pytest.raises(tg.ArgumentError, match="x \\+= y is x = x \\+ y"):
        array @= leaf(np.eye(3))
    np.testing.assert_array_equal(array, np.eye(3))


# -- other libraries' classes ---------------------------------------------------------------------


class Duck:
    """A class that decides itself what ufuncs and functions do with it."""

    shape = (2, 3)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "ufunc", ufunc.__name__, tuple(type(i).__name__ for i in inputs)

    def __array_function__(self, func, types, args, kwargs):
        return "function", func.__name__


class Loner:
    """A class that takes no part in ufuncs."""

    __array_ufunc__ = None


@pytest.mark.parametrize(
    "call",
    [
        np.add,
        operator.add,
        operator.mul,
        operator.matmul,
        np.matmul,
        lambda x, duck: np.add(duck, x),
        tg.add,
    ],
)
def test_a_duck_decides(call):
    kind, name, types = call(leaf(), Duck())
    assert kind == "ufunc"
    assert name in ("add", "multiply", "matmul")
    assert sorted(types) == ["Duck", "Tensor"]


def test_a_duck_decides_on_functions_too():
    assert np.concatenate([leaf(), Duck()]) == ("function", "concatenate")
    assert leaf().__array_function__(np.sum, (tg.Tensor, Duck), (), {}) is NotImplemented
    assert np.sum(leaf(), where=np.ones(3, bool)).item() == A.sum()


def test_what_is_foreign():
    assert is_foreign(Duck())
    assert is_foreign(Loner())
    for own in (leaf(), tg.Parameter(A), tg.Scalar(1.0), A, np.float64(1), 1, "a", None, [A]):
        assert not is_foreign(own)


@pytest.mark.parametrize("call", [operator.add, tg.maximum, operator.matmul, tg.linear])
def test_a_class_that_takes_no_part_is_refused(call):
    with pytest.raises(TypeError):
        call(leaf(), Loner())


def test_a_subclass_of_ndarray_is_an_array():
    class Named(np.ndarray):
        pass

    y = leaf() + A.view(Named)
    assert isinstance(y, tg.Tensor)
    assert type(y.data) is np.ndarray
    np.testing.assert_array_equal(y.data, A + A)


# -- __array__ ------------------------------------------------------------------------------------


def test_a_constant_is_an_array():
    x = tg.tensor(A)
    assert np.asarray(x) is x.data
    assert not np.shares_memory(np.array(x), x.data)
    assert np.asarray(x, dtype="float32").dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.asarray(x, dtype="float32", copy=False)
    np.testing.assert_array_equal(np.array([x, x]), [A, A])


def test_an_array_with_a_gradient_would_lose_it():
    for call in (
        np.asarray,
        np.array,
        lambda x: np.array([x, x]),
        lambda x: operator.setitem(A, 0, x),
    ):
        with pytest.raises(tg.GraphError, match="silently drop its gradient"):
            call(leaf())


# -- DLPack ---------------------------------------------------------------------------------------

SHARED = {
    "float32": np.ones((2, 3), np.float32),
    "float64": A,
    "integers": np.arange(3),
    "bytes": np.arange(3, dtype=np.uint8),
    "booleans": np.array([True, False]),
    "no axis": np.array(2.5),
    "empty": np.zeros((0, 3)),
    "transposed": A.T,
    "every other": np.arange(6.0)[::2],
    "backwards": np.arange(6.0)[::-1],
}


@pytest.mark.parametrize("array", SHARED.values(), ids=SHARED)
def test_dlpack_shares_memory_both_ways(array):
    array = array.copy(order="K") if array.flags.forc else array
    x = tg.from_dlpack(array)
    assert isinstance(x, tg.Tensor)
    assert (x.shape, x.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(x.data, array)
    back = np.from_dlpack(x)
    np.testing.assert_array_equal(back, array)
    if array.size:
        assert np.shares_memory(x.data, array)
        assert np.shares_memory(back, array)
        copy = tg.from_dlpack(array, copy=True)
        assert not np.shares_memory(copy.data, array)
        assert np.shares_memory(tg.from_dlpack(array, copy=False).data, array)
    assert x.__dlpack_device__() == (1, 0)


def test_dlpack_of_a_tensor():
    x = tg.tensor(A)
    y = tg.from_dlpack(x)
    y[0, 0] = 9.0
    assert x[0, 0].item() == 9
    with pytest.raises(tg.GraphError, match=r"dlpack: .*drop its gradient"):
        np.from_dlpack(leaf())
    with pytest.raises(tg.GraphError, match=r"dlpack: .*drop its gradient"):
        tg.from_dlpack(leaf())


@pytest.mark.parametrize("x", [[1.0], None, np.array([1j]), np.array([None])], ids=str)
def test_what_dlpack_cannot_give(x):
    with pytest.raises(tg.DTypeError):
        tg.from_dlpack(x)


def test_dlpack_with_torch():
    torch = pytest.importorskip("torch")
    x = tg.tensor(A)
    other = torch.from_dlpack(x)
    other[0, 0] = 7.0
    assert x[0, 0].item() == 7
    x[0, 1] = 8.0
    assert other[0, 1] == 8
    for theirs in (other.T, other[:, ::2], torch.tensor(1.5), torch.arange(3), torch.ones(2) > 0):
        mine = tg.from_dlpack(theirs)
        assert mine.tolist() == theirs.tolist()
        assert torch.from_dlpack(mine).data_ptr() == theirs.data_ptr()
    assert tg.from_dlpack(other, copy=True).data.ctypes.data != other.data_ptr()
    with pytest.raises(tg.DTypeError, match="from_dlpack"):
        tg.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(tg.DTypeError, match="from_dlpack"):
        tg.from_dlpack(torch.ones(2, dtype=torch.bfloat16))


# -- Tensors like others --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_like(name):
    x = leaf()
    y = getattr(tg, name)(x)
    assert (y.shape, y.dtype, y.requires_grad) == (x.shape, x.dtype, False)
    assert getattr(tg, name)([1, 2], dtype="float32").dtype == "float32"
    assert (y.data == (name == "ones_like")).all()


def test_full_like():
    assert tg.full_like(tg.arange(2), 3).tolist() == [3, 3]
    assert tg.full_like(tg.arange(2), 0.5, dtype="float32").tolist() == [0.5, 0.5]
    assert tg.full_like(leaf(), 0.1).data[0, 0] == 0.1
    with pytest.raises(tg.DTypeError, match="full_like: "):
        tg.full_like(tg.arange(2), 0.5)
