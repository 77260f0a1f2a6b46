"""Tensor: an ndarray on the graph, with NumPy's operators, methods and protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import ops
from tinygrad_lite.errors import ArgumentError, DTypeError, GraphError, ShapeError, message
from tinygrad_lite.graph import Node, deliver, kinds, record, walk
from tinygrad_lite.memory import mark_changed
from tinygrad_lite.modes import is_grad_enabled, recording
from tinygrad_lite.op import FLOATS, OBJECT, Op
from tinygrad_lite.operators import Operators
from tinygrad_lite.ops.indexing import At, plain_index
from tinygrad_lite.protocols import Protocols
from tinygrad_lite.scalar import Scalar
from tinygrad_lite.short import of_two

ArrayLike = Any  # Tensor, ndarray, number, or nested lists of numbers

float32, float64 = np.float32, np.float64
_empty, _ndarray = object.__new__, np.ndarray


def _in_place(op: Callable[[Any, Any], Any]) -> Callable[[Tensor, ArrayLike], Tensor]:
    """Return what an augmented assignment such as `x += y` leaves in `x`.

    With ops being recorded and a gradient wanted it is `x = x + y`, a new result; otherwise the
    values change in place, as NumPy's do: `with tg.no_grad(): w -= 0.1 * w.grad`.
    """

    def assign(self: Tensor, other: ArrayLike) -> Tensor:
        result: Tensor = op(self, other)
        wanted = self.requires_grad or getattr(other, "requires_grad", False)
        if (wanted and is_grad_enabled()) or (result.dtype is OBJECT is not self.dtype):
            return result
        self[...] = result
        return self

    return assign


class Tensor(Protocols, Operators["Tensor"]):
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
    raw = np.ndarray
    to_raw = staticmethod(np.asarray)

    data: np.ndarray
    grad: Tensor | None
    kind: ClassVar[type[Tensor]]  # the class of results computed from this one

    def __init__(
        self, data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = False
    ) -> None:
        self.data = _to_array(data, dtype).copy()
        self.requires_grad = False
        self.grad = self.op = self.hooks = None
        self.order = 0
        if requires_grad:
            self.requires_grad_()

    @staticmethod
    def make(data: Any) -> Tensor:
        """Wrap a raw array without copying it."""
        out = _empty(Tensor)
        out.data = data if data.__class__ is _ndarray else np.asarray(data)
        out.requires_grad = False
        out.grad = out.op = out.hooks = None
        out.order = 0
        return out

    def __init_subclass__(cls) -> None:
        kinds[cls] = Tensor

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
        return self._only("item", "reduce it first, with .sum() or .mean(), or index one element")

    def _only(self, subject: str, fix: str) -> Any:
        if self.size != 1:
            problem = f"a Tensor of {self.size} elements is not one number"
            raise ShapeError(message(subject, problem, {"x": self}, fix=fix))
        return self.data.item()

    def tolist(self) -> Any:
        """Return nested lists of Python numbers."""
        return self.data.tolist()

    def __float__(self) -> float:
        return float(self._only("float", "reduce it first, with .sum() or .mean()"))

    def __int__(self) -> int:
        return int(self._only("int", "reduce it first, with .sum() or .max()"))

    def __bool__(self) -> bool:
        return bool(self._only("bool", "say which truth is meant: .any() or .all()"))

    def __index__(self) -> int:
        return self.data.__index__()

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

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
                    origin=self.origin if self.op else None,
                )
            )
        if gradient is None:
            seed = Tensor.make(np.empty_like(self.data))
            seed.data[...] = 1.0
        elif (
            isinstance(gradient, Tensor)
            and not create_graph
            and (gradient.shape, gradient.dtype) == (self.shape, self.dtype)
        ):
            seed = gradient  # no copy: rules never write into it, and leaves keep one of their own
        else:
            seed = self._checked(gradient)
        seeds = [(self, seed if create_graph else seed.data)]
        with recording():
            deliver(walk(seeds, create_graph=create_graph), seeds)

    def _checked(self, gradient: ArrayLike) -> Tensor:
        """Return a copy of the gradient that a walk is to start from."""
        seed = Tensor(gradient, None if isinstance(gradient, Tensor) else self.dtype)
        for problem, differs, error in (
            ("shape", seed.shape != self.shape, ShapeError),
            ("dtype", seed.dtype != self.dtype, DTypeError),
        ):
            if differs:
                raise error(
                    message(
                        "backward",
                        f"the gradient must have the {problem} of the Tensor it is the gradient of",
                        {"y": self, "gradient": seed},
                        fix="reshape or convert it: gradient.reshape(y.shape).astype(y.dtype)",
                        origin=self.origin if self.op else None,
                    )
                )
        return seed

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
                    origin=self.origin if self.op else None,
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
            out[index] = (
                record(Scalar, _element, value, (self,), {"index": index}, (self.data,))
                if self.requires_grad
                else Scalar(value, requires_grad=False)
            )
        return out

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    # -- changes in place -----------------------------------------------------------------------

    def __setitem__(self, index: Any, value: ArrayLike) -> None:
        """Write `value` into `x[index]`, in place: for data, and for parameters under `no_grad`.

        What is on the graph keeps its values; there, `x = x.at[index].set(value)` is the way. An
        op that saved the old values will notice: `backward` then raises.

        Raises:
            GraphError: this Tensor, or the value, requires a gradient and ops are being recorded.
            DTypeError: the value's kind of number, or the precision of a Tensor, would be lost.
            ArgumentError: the memory may not be written to, or an integer is too large for it.
            ShapeError: `value` does not fit, or the index does not.
        """
        operands = {"x": self, "value": value}
        history = self.requires_grad or getattr(value, "requires_grad", False)
        boxed = self.dtype is OBJECT and isinstance(value, Scalar)  # which keeps its history there
        if history and not boxed and is_grad_enabled():
            raise GraphError(
                message(
                    "setitem",
                    "a change in place has no gradient",
                    operands,
                    fix="x = x.at[index].set(value); or, to set a parameter, with tg.no_grad():",
                )
            )
        if not self.data.flags.writeable:
            raise ArgumentError(
                message(
                    "setitem",
                    "this memory is read-only: broadcast, or lent by another library",
                    operands,
                    fix="write into a copy: tg.tensor(x)",
                )
            )
        try:
            if not fits(value, self.dtype):
                raise DTypeError(
                    message(
                        "setitem",
                        "the values would change their kind of number silently",
                        operands,
                        fix="convert one of them first, with .astype(...)",
                    )
                )
            self.data[plain_index(index)] = value.data if isinstance(value, Tensor) else value
        except OverflowError as error:
            raise ArgumentError(
                message("setitem", str(error), operands, fix="use a dtype of more bits")
            ) from error
        except (ValueError, IndexError) as error:
            raise ShapeError(
                message("setitem", str(error), operands, fix="give x[index] and value one shape")
            ) from error
        mark_changed(self.data)

    __iadd__ = _in_place(ops.add)
    __isub__ = _in_place(ops.subtract)
    __imul__ = _in_place(ops.multiply)
    __itruediv__ = _in_place(ops.divide)
    __ifloordiv__ = _in_place(ops.floor_divide)
    __imod__ = _in_place(ops.remainder)
    __ipow__ = _in_place(ops.power)
    __imatmul__ = _in_place(ops.matmul)
    __iand__ = _in_place(ops.bitwise_and)
    __ior__ = _in_place(ops.bitwise_or)
    __ixor__ = _in_place(ops.bitwise_xor)

    # -- operators of arrays ----------------------------------------------------------------------

    __matmul__, __rmatmul__ = ops.matmul, of_two(ops.matmul.op, swapped=True)

    def __invert__(self) -> Tensor:
        return ops.invert(self)

    def __and__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_and(self, other)

    def __rand__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_and(other, self)

    def __or__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_or(self, other)

    def __ror__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_or(other, self)

    def __xor__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_xor(self, other)

    def __rxor__(self, other: ArrayLike) -> Tensor:
        return ops.bitwise_xor(other, self)

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

    # functions of NumPy that its arrays have as methods; sort returns a copy, where NumPy's method
    # sorts in place
    sum = ops.sum
    mean = ops.mean
    var = ops.var
    std = ops.std
    prod = ops.prod
    max = ops.max
    min = ops.min
    any = ops.any
    all = ops.all
    argmax = ops.argmax
    argmin = ops.argmin
    cumsum = ops.cumsum
    cumprod = ops.cumprod
    sort = ops.sort
    argsort = ops.argsort
    round = ops.round
    clip = ops.clip
    repeat = ops.repeat
    take = ops.take
    diagonal = ops.diagonal
    trace = ops.trace
    dot = ops.dot


Tensor.kind = kinds[Tensor] = Tensor


def _to_array(data: ArrayLike, dtype: DTypeLike | None) -> np.ndarray:
    if isinstance(data, Tensor):
        data = data.data
    try:
        array = np.asarray(data)
        if dtype is None and array.dtype == float64 and not hasattr(data, "dtype"):
            dtype = float32
        if array.dtype.kind not in "USV" and (array.dtype != OBJECT or _all_scalars(array)):
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


def fits(value: ArrayLike, dtype: np.dtype[Any]) -> bool:
    """Tell whether an array of `dtype` can take `value` and keep its kind of number.

    Python's numbers and raw arrays take the array's precision; a Tensor must be of it.
    """
    own = getattr(value, "dtype", None)
    if isinstance(value, Tensor) and own in FLOATS and dtype in FLOATS:
        return own == dtype
    if own is None:
        number: Any = {"b": False, "i": 0, "f": 0.0, "O": OBJECT}.get(np.asarray(value).dtype.kind)
        return number is not None and np.can_cast(np.result_type(dtype, number), dtype, "same_kind")
    return np.can_cast(own, dtype, "same_kind")


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
