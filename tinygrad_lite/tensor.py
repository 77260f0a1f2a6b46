"""Tensor: an ndarray on the graph, with NumPy's operators, methods and protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import ops
from tinygrad_lite.errors import DTypeError, GraphError, ShapeError, message
from tinygrad_lite.graph import Node, deliver, walk
from tinygrad_lite.op import FLOATS, OBJECT, Op, enable_grad
from tinygrad_lite.operators import Operators
from tinygrad_lite.ops import random
from tinygrad_lite.ops.indexing import At
from tinygrad_lite.ops.reduce import Axis
from tinygrad_lite.scalar import Scalar

ArrayLike = Any  # Tensor, ndarray, number, or nested lists of numbers

float32, float64 = np.float32, np.float64


class Tensor(Operators["Tensor"]):
    """An array that remembers how it was computed.

    Args:
        data: a number, nested lists, an ndarray, or another Tensor; always copied.
        dtype: the dtype to store; by default Python floats become float32, everything else keeps
            the dtype that NumPy gives it.
        requires_grad: whether `backward` shall leave a gradient here.

    Raises:
        DTypeError: `data` holds no numbers, or is of integers and `requires_grad` is set.
        ShapeError: nested lists are ragged.
    """

    __slots__ = ()
    rank = 1

    data: np.ndarray
    grad: Tensor | None

    def __init__(
        self, data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False
    ) -> None:
        self.data = _to_array(data, dtype).copy()
        self.requires_grad = False
        self.grad = self.op = self.hooks = self.origin = None
        self.args = ()
        self.order = 0
        if requires_grad:
            self.requires_grad_()

    @staticmethod
    def make(data: Any) -> Tensor:
        """Wrap a raw array without copying it."""
        out = Tensor.__new__(Tensor)
        out.data = data if data.__class__ is np.ndarray else np.asarray(data)
        out.requires_grad = False
        out.grad = out.op = out.hooks = out.origin = None
        out.args = ()
        out.order = 0
        return out

    @property
    def kind(self) -> type[Tensor]:
        """The class of results computed from this one."""
        return Tensor

    # -- what it is -----------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self.data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy dtype of the elements."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        body = np.array2string(self.data, separator=", ", prefix="tensor(", precision=4)
        dtype = "" if self.dtype == float32 else f", dtype={self.dtype}"
        history = f", op={self.op.name}" if self.op else ", requires_grad=True"
        return f"tensor({body}{dtype}{history if self.requires_grad else ''})"

    def numpy(self) -> np.ndarray:
        """Return the ndarray itself, not a copy; it is no longer on the graph."""
        return self.data

    def item(self) -> Any:
        """Return the only element as a Python number.

        Raises:
            ShapeError: there is not exactly one element.
        """
        if self.size != 1:
            raise ShapeError(
                message(
                    "item",
                    f"a Tensor of {self.size} elements is not one number",
                    {"x": self},
                    fix="reduce it first, e.g. with .sum() or .mean(), or index one element",
                )
            )
        return self.data.item()

    def tolist(self) -> Any:
        """Return nested lists of Python numbers."""
        return self.data.tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        return self.data.__index__()

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise GraphError(
                message(
                    "numpy.asarray",
                    "turning a Tensor into an ndarray would silently drop its gradient",
                    {"x": self},
                    fix="use x.detach().numpy(), or a function that stays on the graph",
                )
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    # -- gradients ------------------------------------------------------------------------------

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set, in place, whether gradients are wanted; return self."""
        if requires_grad and self.dtype not in FLOATS:
            raise DTypeError(
                message(
                    "requires_grad",
                    "only float32 and float64 can require a gradient",
                    {"x": self},
                    fix="convert it first: x.astype('float32')",
                )
            )
        self.requires_grad = requires_grad
        return self

    def backward(self, gradient: ArrayLike | None = None, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to the `grad` of every leaf that requires a gradient.

        Args:
            gradient: d(result)/d(self), of this shape; may be left out for one element.
            create_graph: make the gradients themselves differentiable.

        Raises:
            GraphError: there is no history, or more than one element and no `gradient`.
            ShapeError: `gradient` is of another shape.
        """
        if self.dtype is OBJECT and self.size == 1:
            self.item().backward(1.0 if gradient is None else gradient, create_graph)
            return
        if not self.requires_grad:
            raise GraphError(
                message(
                    "backward",
                    "this Tensor has no history that requires a gradient",
                    {"y": self},
                    fix="set requires_grad=True on a leaf, and compute outside of no_grad()",
                )
            )
        if gradient is None and self.size != 1:
            raise GraphError(
                message(
                    "backward",
                    "only a single number has an obvious gradient to start from",
                    {"y": self},
                    fix="reduce it, y.sum().backward(), or give one: y.backward(gradient)",
                    origin=self.origin,
                )
            )
        seed = Tensor(1.0 if gradient is None else gradient, self.dtype)
        if gradient is None:
            seed = Tensor.make(seed.data.reshape(self.shape))
        elif seed.shape != self.shape:
            raise ShapeError(
                message(
                    "backward",
                    "the gradient must have the shape of the Tensor it is the gradient of",
                    {"y": self, "gradient": seed},
                    fix="reshape or broadcast the gradient",
                    origin=self.origin,
                )
            )
        seeds = [(self, seed if create_graph else seed.data)]
        with enable_grad():
            deliver(walk(seeds, create_graph=create_graph), seeds)

    def add_gradients(self, old: Any, new: Any, owned: bool) -> Any:
        """Return the sum; in place where the walk owns `old`."""
        if owned and isinstance(old, np.ndarray):
            old += new
            return old
        return old + new

    def receive(self, grad: Any, shared: set[int]) -> None:
        """Add a finished gradient to `grad`."""
        if isinstance(grad, Tensor):
            if grad.data.base is not None or id(grad) in shared:
                grad = _copy(grad)
        elif not isinstance(grad, np.ndarray) or grad.base is not None or id(grad) in shared:
            grad = Tensor.make(np.array(grad))
        else:
            grad = Tensor.make(grad)
        self.grad = grad if self.grad is None else self.grad + grad

    def expect(self, grad: Any) -> Tensor:
        """Return what a hook returned as a Tensor, which must be of this shape and dtype."""
        grad = grad if isinstance(grad, Tensor) else Tensor(grad, self.dtype)
        if grad.shape != self.shape or grad.dtype != self.dtype:
            raise ShapeError(
                message(
                    "hook",
                    "a hook must return a gradient of its Tensor's shape and dtype",
                    {"x": self, "returned": grad},
                    fix="return nothing to keep the gradient as it is",
                    origin=self.origin,
                )
            )
        return grad

    def detach(self) -> Tensor:
        """Return the same values (shared) without their history."""
        return Tensor.make(self.data)

    def scalars(self) -> np.ndarray:
        """Return an object array of Scalars with the same values.

        They hang on this Tensor in the graph: a walk from a result computed with them ends in the
        gradient of this Tensor.
        """
        if self.dtype is OBJECT:
            return self.data
        out = np.empty(self.shape, object)
        for index in np.ndindex(self.shape):
            value = self.data[index].item()
            out[index] = scalar = Scalar(value, requires_grad=False)
            if self.requires_grad:
                _element._record(scalar, value, (self,), {"index": index}, (self.data,))
        return out

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # -- NumPy protocols ------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        function = getattr(ops, ufunc.__name__, None)
        if function is None or method != "__call__" or kwargs:
            return NotImplemented
        return function(*inputs)

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if func in (np.shape, np.ndim, np.size):
            return func(self.data, *args[1:], **kwargs)
        # numpy.linalg has functions of names that NumPy has too, with other arguments
        place: Any = ops.linalg if func.__module__ == "numpy.linalg" else ops
        function = getattr(place, func.__name__, None)
        return NotImplemented if function is None else function(*args, **kwargs)

    # -- operators of arrays ----------------------------------------------------------------------

    def __matmul__(self, other: ArrayLike) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: ArrayLike) -> Tensor:
        return ops.matmul(other, self)

    def __invert__(self) -> Tensor:
        return Tensor.make(~self.data)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return ops.equal(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return ops.not_equal(self, other)

    def __lt__(self, other: ArrayLike) -> Tensor:
        return ops.less(self, other)

    def __le__(self, other: ArrayLike) -> Tensor:
        return ops.less_equal(self, other)

    def __gt__(self, other: ArrayLike) -> Tensor:
        return ops.greater(self, other)

    def __ge__(self, other: ArrayLike) -> Tensor:
        return ops.greater_equal(self, other)

    __hash__ = Node.__hash__

    def __getitem__(self, index: Any) -> Tensor:
        return ops.getitem(self, index)

    # -- methods, as NumPy has them -------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """The Tensor with its axes reversed."""
        return ops.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The Tensor with its last two axes exchanged."""
        return ops.matrix_transpose(self)

    @property
    def at(self) -> At:
        """Functional assignment: `x.at[index].set(v)` returns a changed Tensor, `x` stays.

        Also `add`, `multiply`, `max`, `min`, and `get`, which is `x[index]`.
        """
        return At(self)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """Convert to another dtype; the gradient comes back in this one."""
        return ops.astype(self, dtype=np.dtype(dtype))

    def reshape(self, *shape: Any) -> Tensor:
        """Give another shape: `reshape(2, -1)` or `reshape((2, -1))`."""
        return ops.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes; reverse them by default."""
        if len(axes) == 1 and isinstance(axes[0], Sequence):
            axes = tuple(axes[0])
        return ops.transpose(self, axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Exchange two axes."""
        return ops.swapaxes(self, axis1, axis2)

    def ravel(self) -> Tensor:
        """Lay all elements in one axis."""
        return ops.ravel(self)

    def flatten(self) -> Tensor:
        """Lay all elements in one axis."""
        return ops.ravel(self)

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """Remove axes of length 1."""
        return ops.squeeze(self, axis)

    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        """Repeat each element along `axis`."""
        return ops.repeat(self, repeats, axis)

    def take(self, indices: ArrayLike, axis: int | None = None, mode: str = "raise") -> Tensor:
        """Select by integers along `axis`."""
        return ops.take(self, indices, axis, mode)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Return the diagonals of the matrices along two axes."""
        return ops.diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """Sum of the elements on a diagonal."""
        return ops.trace(self, offset, axis1, axis2)

    def dot(self, other: ArrayLike) -> Tensor:
        """Sum products over the last axis and the second last of `other` (a vector's only one)."""
        return ops.dot(self, other)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Sum along `axis`."""
        return ops.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Mean along `axis`."""
        return ops.mean(self, axis, keepdims)

    def var(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        """Variance along `axis`."""
        return ops.var(self, axis, keepdims, ddof)

    def std(self, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        """Standard deviation along `axis`."""
        return ops.std(self, axis, keepdims, ddof)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Maximum along `axis`."""
        return ops.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """Minimum along `axis`."""
        return ops.min(self, axis, keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Index of the maximum along `axis`."""
        return ops.argmax(self, axis, keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Index of the minimum along `axis`."""
        return ops.argmin(self, axis, keepdims)

    def clip(self, a_min: ArrayLike, a_max: ArrayLike) -> Tensor:
        """Limit to the interval from `a_min` to `a_max`."""
        return ops.clip(self, a_min, a_max)


def _to_array(data: ArrayLike, dtype: DTypeLike | None) -> np.ndarray:
    if isinstance(data, Tensor):
        data = data.data
    try:
        array = np.asarray(data)
        if dtype is None and array.dtype == float64 and not hasattr(data, "dtype"):
            dtype = float32
        if array.dtype.kind not in "USV":
            dtype = array.dtype.newbyteorder("=") if dtype is None else dtype
            array = array.astype(dtype, copy=False)
    except (ValueError, TypeError) as error:
        raise ShapeError(
            message(
                "tensor",
                f"not an array of numbers: {str(error).splitlines()[0]}",
                {"data": data},
                fix="nested lists need rows of equal length; join Tensors with tg.stack",
            )
        ) from error
    if array.dtype.kind not in "biufO" or (array.dtype == OBJECT and not _all_scalars(array)):
        raise DTypeError(
            message(
                "tensor",
                f"{array.dtype} is no type of number that can be computed with",
                {"data": data},
                fix="pass numbers; encode text or categories as integers first",
            )
        )
    return array


def _all_scalars(array: np.ndarray) -> bool:
    return all(isinstance(x, Scalar | int | float) for x in array.flat)


def tensor(data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Make a Tensor from a copy of `data`; see `Tensor`."""
    return Tensor(data, dtype, requires_grad)


def asarray(data: ArrayLike) -> Tensor:
    """Return `data` as a Tensor, without a copy where it is an ndarray, itself where a Tensor."""
    return data if isinstance(data, Tensor) else Tensor.make(_to_array(data, None))


# -- the bridge between the two kinds of leaves ---------------------------------------------------

# One element of a Tensor, as a Scalar: the point where the two kinds of vertices meet.
_element = Op(
    "element", lambda x, index: x[index], lambda g, y, x, index: _place(g, x, index=index)
)


def _placed(g: Any, x: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    out = np.zeros_like(x)
    out[index] = g
    return out


# Its transpose: a Scalar into the place of that element, in an array like x that is otherwise zero.
_place: Op = Op("place", _placed, (lambda g, y, s, x, index: g[index], None))

# The same values in a buffer of their own.
_copy = Op("copy", lambda x: x.copy(), lambda g, y, x: g)


def to_scalars(x: ArrayLike) -> np.ndarray:
    """Blow an array up into an object array of Scalars; see `Tensor.scalars`."""
    return asarray(x).scalars()


# -- making Tensors -------------------------------------------------------------------------------


def zeros(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return Tensor.make(np.zeros(_shape(shape), dtype)).requires_grad_(requires_grad)


def ones(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    return Tensor.make(np.ones(_shape(shape), dtype)).requires_grad_(requires_grad)


def full(
    shape: int | Sequence[int],
    fill_value: float,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return a Tensor of `fill_value`."""
    return Tensor.make(np.full(shape, fill_value, dtype)).requires_grad_(requires_grad)


def eye(n: int, m: int | None = None, dtype: DTypeLike = float32) -> Tensor:
    """Return an (n, m) Tensor with ones on the diagonal."""
    return Tensor.make(np.eye(n, m, dtype=dtype))


def arange(*bounds: float, dtype: DTypeLike | None = None) -> Tensor:
    """Return start, start + step, ... below stop: `arange(stop)` or `arange(start, stop, step)`."""
    return tensor(np.arange(*bounds).tolist(), dtype)


def linspace(start: float, stop: float, num: int = 50, dtype: DTypeLike = float32) -> Tensor:
    """Return `num` evenly spaced numbers from `start` to `stop`, both included."""
    return Tensor.make(np.linspace(start, stop, num, dtype=dtype))


def rand(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return random numbers, uniform from 0 to 1: `rand(2, 3)` or `rand((2, 3))`."""
    values = random.generator().random(_shape(shape), dtype)  # type: ignore[arg-type]
    return Tensor.make(values).requires_grad_(requires_grad)


def randn(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return random numbers, normal with mean 0 and variance 1: `randn(2, 3)`."""
    values = random.generator().standard_normal(_shape(shape), dtype)  # type: ignore[arg-type]
    return Tensor.make(values).requires_grad_(requires_grad)


def randint(low: int, high: int, shape: int | Sequence[int]) -> Tensor:
    """Return random integers from `low` to `high` - 1."""
    return Tensor.make(random.generator().integers(low, high, shape))


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
