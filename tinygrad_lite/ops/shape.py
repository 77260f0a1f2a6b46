"""Ops that move elements without changing them, under NumPy's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.broadcast import BROADCASTING
from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.indexing import axes_of, getitem, plain_index, scatter, take

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "array_split",
    "broadcast_arrays",
    "broadcast_to",
    "concat",
    "concatenate",
    "diag",
    "diagonal",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "hstack",
    "matrix_transpose",
    "meshgrid",
    "moveaxis",
    "pad",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "trace",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "vstack",
]

_reshape = Op(
    "reshape",
    lambda x, shape: x.reshape(shape),
    lambda g, y, x, shape: g.reshape(x.shape),
    hint="the new shape must hold as many elements as the old one",
)
_transpose = Op(
    "transpose",
    lambda x, axes: x.transpose(axes),
    lambda g, y, x, axes: g.transpose(tuple(np.argsort(axes))),
    hint="name every axis once",
)
_swapaxes = Op(
    "swapaxes",
    lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
    lambda g, y, x, axis1, axis2: g.swapaxes(axis1, axis2),
    hint="name two axes that x has",
)
_moveaxis = Op(
    "moveaxis",
    lambda x, source, destination: np.moveaxis(x, source, destination),
    lambda g, y, x, source, destination: np.moveaxis(g, destination, source),
    hint="name as many axes to move as places to move them to, each once",
)
_flip = Op(
    "flip",
    lambda x, axis: np.flip(x, axis),
    lambda g, y, x, axis: np.flip(g, axis),
    hint="name axes that x has",
)
_roll = Op(
    "roll",
    lambda x, shift, axis: np.roll(x, shift, axis),
    lambda g, y, x, shift, axis: np.roll(g, np.negative(shift), axis),
    hint="give a shift for each axis, and axes that x has",
)
_rot90 = Op(
    "rot90",
    lambda x, k, axes: np.rot90(x, k, axes),
    lambda g, y, x, k, axes: np.rot90(g, -k, axes),
    hint="name the two axes of the plane to rotate in",
)
_tril = Op(
    "tril",
    lambda x, k: np.tril(x, k),
    lambda g, y, x, k: np.tril(g, k),
    broadcasts=True,
    hint="x must be a matrix, or a stack of them",
)
_triu = Op(
    "triu",
    lambda x, k: np.triu(x, k),
    lambda g, y, x, k: np.triu(g, k),
    broadcasts=True,
    hint="x must be a matrix, or a stack of them",
)
_expand_dims = Op(
    "expand_dims",
    lambda x, axis: np.expand_dims(x, axis),
    lambda g, y, x, axis: g.reshape(x.shape),
    hint="name each new axis once, by its position in the result",
)
_squeeze = Op(
    "squeeze",
    lambda x, axis: np.squeeze(x, axis),
    lambda g, y, x, axis: g.reshape(x.shape),
    hint="only axes of length 1 can be removed",
)
_broadcast_to = Op(
    "broadcast_to",
    lambda x, shape: np.broadcast_to(x, shape),
    lambda g, y, x, shape: g,
    broadcasts=True,
    hint="only axes of length 1, or new ones in front, can be repeated",
)
_concatenate = Op(
    "concatenate",
    lambda *xs, axis: np.concatenate(xs, axis),
    lambda g, y, *xs, axis: _pieces(g, [x.shape[axis] for x in xs], axis),
    hint="all shapes must agree except along the axis that is joined",
)


def _pieces(x: Any, lengths: Sequence[int], axis: int) -> tuple[Any, ...]:
    """Cut `x` along `axis` into pieces of the given lengths."""
    axis %= x.ndim
    ends = np.cumsum(lengths).tolist()
    lead = (slice(None),) * axis
    return tuple(x[(*lead, slice(end - n, end))] for n, end in zip(lengths, ends, strict=True))


def _pad_rule(g: Any, y: Any, x: Any, pad_width: Any, value: float) -> Any:
    """x̄ = ȳ without its margins."""
    before = np.broadcast_to(pad_width, (x.ndim, 2))[:, 0].tolist()
    return g[tuple(slice(lo, lo + n) for lo, n in zip(before, x.shape, strict=True))]


_pad = Op(
    "pad",
    lambda x, pad_width, value: np.pad(x, pad_width, constant_values=value),
    _pad_rule,
    hint="give one (before, after) pair for each axis, none of them negative",
)


def reshape(x: ArrayLike, shape: int | Sequence[int], order: str = "C") -> Tensor:
    """Give `x` a new shape; one length may be -1 and is then found.

    Args:
        x: of any shape.
        shape: the new lengths.
        order: whether the last index runs fastest, "C", or the first, "F".

    Raises:
        ArgumentError: another order.
        ShapeError: the new shape does not hold the elements of x.
    """
    if order == "C":
        return _reshape(x, shape=shape)
    if order == "F":
        return transpose(_reshape(transpose(x), shape=np.atleast_1d(shape).tolist()[::-1]))
    raise ArgumentError(message("reshape", f"unknown order {order!r}", {"x": x}, fix="use C or F"))


def ravel(x: ArrayLike, order: str = "C") -> Tensor:
    """Lay all elements of `x` in one axis, with the last index running fastest, or the first ("F").

    Raises:
        ArgumentError: another order.
    """
    return reshape(x, (-1,), order)


def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Tensor:
    """Permute the axes of `x`; reverse them by default."""
    ndim = np.ndim(x)  # type: ignore[arg-type]
    axes = range(ndim)[::-1] if axes is None else axes
    return _transpose(x, axes=tuple(axis % ndim if -ndim <= axis < ndim else axis for axis in axes))


def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Tensor:
    """Exchange two axes of `x`."""
    return _swapaxes(x, axis1=axis1, axis2=axis2)


def broadcast_to(x: ArrayLike, shape: Sequence[int]) -> Tensor:
    """Repeat `x` along axes of length 1 and new leading axes, to `shape`."""
    return _broadcast_to(x, shape=tuple(shape))


def broadcast_arrays(*xs: ArrayLike) -> tuple[Tensor, ...]:
    """Repeat all operands along axes of length 1, to the shape that they have in common.

    Raises:
        ShapeError: there is no such shape.
    """
    try:
        shape = np.broadcast_shapes(*(np.shape(x) for x in xs))
    except ValueError as error:
        raise ShapeError(
            message(
                "broadcast_arrays",
                "the shapes have no shape in common",
                {f"operand {i + 1}": x for i, x in enumerate(xs)},
                fix=BROADCASTING,
            )
        ) from error
    return tuple(broadcast_to(x, shape) for x in xs)


def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Move axes to other places; the others keep their order."""
    return _moveaxis(x, source=source, destination=destination)


def matrix_transpose(x: ArrayLike) -> Tensor:
    """Exchange the last two axes of `x`."""
    return _swapaxes(x, axis1=-1, axis2=-2)


permute_dims = transpose


def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Tensor:
    """Insert axes of length 1 at the positions `axis` of the result."""
    return _expand_dims(x, axis=axis)


def squeeze(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Remove axes of length 1: those named, or all."""
    return _squeeze(x, axis=axis)


def atleast_1d(*xs: ArrayLike) -> Any:
    """Give numbers an axis; return a tuple if there are several operands."""
    found = tuple(np.reshape(x, -1) if np.ndim(x) == 0 else x for x in xs)
    return found if len(found) != 1 else found[0]


def atleast_2d(*xs: ArrayLike) -> Any:
    """Make numbers and vectors matrices of one row; a tuple if there are several operands."""
    found = tuple(np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x for x in xs)
    return found if len(found) != 1 else found[0]


# -- joining and cutting --------------------------------------------------------------------------


def concatenate(xs: Sequence[ArrayLike], axis: int | None = 0) -> Tensor:
    """Join along an existing axis; None: flatten and join."""
    if axis is None:
        return _concatenate(*(np.reshape(x, -1) for x in xs), axis=0)
    return _concatenate(*xs, axis=axis)


concat = concatenate


def stack(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along a new axis."""
    return _concatenate(*(expand_dims(x, axis) for x in xs), axis=axis)


def hstack(xs: Sequence[ArrayLike]) -> Tensor:
    """Join side by side: along the second axis, vectors along their only one."""
    columns = [atleast_1d(x) for x in xs]
    return _concatenate(*columns, axis=0 if columns and np.ndim(columns[0]) == 1 else 1)


def vstack(xs: Sequence[ArrayLike]) -> Tensor:
    """Join one below the other: along the first axis, vectors as rows."""
    return _concatenate(*(atleast_2d(x) for x in xs), axis=0)


def array_split(
    x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0
) -> list[Tensor]:
    """Cut like `split`, but into sections that differ by one where they cannot be equal."""
    return _split("array_split", np.array_split, x, indices_or_sections, axis)


def split(x: ArrayLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut into so many equal sections, or before the indices that are listed.

    Raises:
        ShapeError: the length is no multiple of the number of sections, or there is no such axis.
    """
    return _split("split", np.split, x, indices_or_sections, axis)


def _split(subject: str, cut: Any, x: Any, sections: Any, axis: int) -> list[Tensor]:
    try:
        sizes = [len(part) for part in cut(np.arange(np.shape(x)[axis]), sections)]
    except (ValueError, IndexError) as error:
        raise ShapeError(
            message(
                subject,
                str(error),
                {"x": x},
                fix=f"axis={axis} must exist, and its length be a multiple of the sections",
            )
        ) from error
    return list(_pieces(x if hasattr(x, "shape") else np.asarray(x), sizes, axis))


def unstack(x: ArrayLike, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices along `axis`, which they no longer have: the inverse of `stack`."""
    (axis,) = axes_of("unstack", x, axis)
    lead = (slice(None),) * axis
    return tuple(getitem(x, (*lead, i)) for i in range(np.shape(x)[axis]))


# -- repeating ------------------------------------------------------------------------------------


def tile(x: ArrayLike, reps: int | Sequence[int]) -> Tensor:
    """Lay `reps` copies of `x` side by side along each axis; missing axes come first."""
    reps = tuple(np.atleast_1d(reps).tolist())
    ndim = max(len(reps), np.ndim(x))
    shape = (1,) * (ndim - np.ndim(x)) + np.shape(x)
    reps = (1,) * (ndim - len(reps)) + reps
    once = [n for length in shape for n in (1, length)]
    often = [n for pair in zip(reps, shape, strict=True) for n in pair]
    y = broadcast_to(np.reshape(x, once), often)
    return reshape(y, tuple(r * n for r, n in zip(reps, shape, strict=True)))


def repeat(x: ArrayLike, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
    """Repeat each element along `axis`, of the flattened array by default.

    Args:
        x: the array.
        repeats: how often, for all or for each place along the axis.
        axis: where to repeat.

    Raises:
        ShapeError: `repeats` does not fit the axis or is negative, or there is no such axis.
    """
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    (axis,) = axes_of("repeat", x, axis)
    try:
        indices = np.repeat(np.arange(np.shape(x)[axis]), plain_index(repeats))
    except ValueError as error:
        raise ShapeError(
            message(
                "repeat",
                str(error),
                {"x": x, "repeats": repeats},
                fix="give one count from 0 on, or one for each place along the axis",
            )
        ) from error
    return take(x, indices, axis)


def meshgrid(*xs: ArrayLike, indexing: str = "xy", sparse: bool = False) -> tuple[Tensor, ...]:
    """Spread vectors over the axes of a grid.

    Args:
        xs: vectors or numbers, one for each axis of the grid.
        indexing: "ij": the k-th vector runs along the k-th axis; "xy": the first two swapped.
        sparse: leave the other axes at length 1.

    Raises:
        ArgumentError: another indexing.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError(
            message("meshgrid", f"indexing={indexing!r} is not possible", fix="use xy or ij")
        )
    places = [*range(len(xs))]
    if indexing == "xy":
        places[:2] = places[:2][::-1]
    open_grid: Any = tuple(
        np.reshape(x, [-1 if axis == place else 1 for axis in range(len(xs))])
        for x, place in zip(xs, places, strict=True)
    )
    return open_grid if sparse else broadcast_arrays(*open_grid)


# -- reversing and rotating -----------------------------------------------------------------------


def flip(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Reverse the order along `axis` (all axes by default)."""
    return _flip(x, axis=axis)


def fliplr(x: ArrayLike) -> Tensor:
    """Reverse the order along the second axis: left becomes right."""
    return _flip(x, axis=1)


def flipud(x: ArrayLike) -> Tensor:
    """Reverse the order along the first axis: up becomes down."""
    return _flip(x, axis=0)


def roll(
    x: ArrayLike, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Tensor:
    """Shift along `axis`; what leaves at the end comes in at the front. None: as if flattened."""
    return _roll(x, shift=shift, axis=axis)


def rot90(x: ArrayLike, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    """Rotate by k quarter turns, from the first of the two axes towards the second."""
    return _rot90(x, k=k, axes=tuple(axes))


# -- diagonals and triangles ----------------------------------------------------------------------


def tril(x: ArrayLike, k: int = 0) -> Tensor:
    """Keep what is on and below the k-th diagonal of the last two axes; zeros elsewhere."""
    return _tril(x, k=k)


def triu(x: ArrayLike, k: int = 0) -> Tensor:
    """Keep what is on and above the k-th diagonal of the last two axes; zeros elsewhere."""
    return _triu(x, k=k)


def _diagonal_index(n: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of `n` elements of a diagonal."""
    return np.arange(n) + max(-offset, 0), np.arange(n) + max(offset, 0)


def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Return the diagonals of the matrices along two axes, in a new last axis."""
    y = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = y.shape[-2:]
    n = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    return getitem(y, (..., *_diagonal_index(n, offset)))


def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """Sum of the elements on a diagonal of the matrices along two axes."""
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)


def diag(x: ArrayLike, k: int = 0) -> Tensor:
    """Return the k-th diagonal of a matrix, or the matrix that has a vector there."""
    if np.ndim(x) != 1:
        return diagonal(x, k)
    (n,) = np.shape(x)
    return scatter(x, _diagonal_index(n, k), (n + abs(k), n + abs(k)))


# -- padding --------------------------------------------------------------------------------------


def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Tensor:
    """Surround `x`.

    Args:
        x: the array.
        pad_width: a pair (before, after) for each axis, one pair for all of them, or one number.
        mode: what stands around `x`: "constant" values; the "edge" repeated; `x` mirrored at its
            last element ("reflect") or beyond it ("symmetric"); or `x` again ("wrap").
        constant_values: for the mode "constant"; given like `pad_width`.

    Raises:
        ArgumentError: another mode.
        ShapeError: `pad_width` does not fit.
    """
    if mode == "constant":
        return _pad(x, pad_width=pad_width, value=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ArgumentError(
            message(
                "pad",
                f"mode={mode!r} is not implemented",
                {"x": x},
                fix="use constant, edge, reflect, symmetric or wrap",
            )
        )
    # where each element of the result comes from is what the mode makes of the index itself
    try:
        widths = np.broadcast_to(pad_width, (np.ndim(x), 2)).tolist()
        places = [
            np.pad(np.arange(n), width, mode)  # type: ignore[call-overload]
            for n, width in zip(np.shape(x), widths, strict=True)
        ]
    except ValueError as error:
        raise ShapeError(message("pad", str(error), {"x": x}, fix=_pad.hint)) from error
    return getitem(x, np.ix_(*places))
