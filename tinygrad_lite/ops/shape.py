"""Ops that move elements without changing them, under NumPy's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import fit

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "pad",
    "ravel",
    "reshape",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "transpose",
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
    lambda g, y, x, shape: fit(g, x),
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
    before = np.broadcast_to(pad_width, (x.ndim, 2))[:, 0].tolist()
    return g[tuple(slice(lo, lo + n) for lo, n in zip(before, x.shape, strict=True))]


_pad = Op(
    "pad",
    lambda x, pad_width, value: np.pad(x, pad_width, constant_values=value),
    _pad_rule,
    hint="give one (before, after) pair for each axis, none of them negative",
)


def reshape(x: ArrayLike, shape: int | Sequence[int]) -> Tensor:
    """Give `x` a new shape; one length may be -1 and is then found."""
    return _reshape(x, shape=shape)


def ravel(x: ArrayLike) -> Tensor:
    """Lay all elements of `x` in one axis."""
    return _reshape(x, shape=(-1,))


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


def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Tensor:
    """Insert axes of length 1 at the positions `axis` of the result."""
    return _expand_dims(x, axis=axis)


def squeeze(x: ArrayLike, axis: int | Sequence[int] | None = None) -> Tensor:
    """Remove axes of length 1: those named, or all."""
    return _squeeze(x, axis=axis)


def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along an existing axis."""
    return _concatenate(*xs, axis=axis)


def stack(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Join along a new axis."""
    return _concatenate(*(expand_dims(x, axis) for x in xs), axis=axis)


def split(x: Tensor, sections: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Cut into equal `sections`, or before the indices that `sections` lists."""
    try:
        sizes = [len(part) for part in np.split(np.arange(x.shape[axis]), sections)]
    except (ValueError, IndexError) as error:
        raise ShapeError(
            message(
                "split",
                str(error),
                {"x": x},
                fix=f"axis={axis} must exist, and its length be a multiple of the sections",
            )
        ) from error
    return list(_pieces(x, sizes, axis))


def pad(x: ArrayLike, pad_width: Any, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """Surround `x` with `constant_values`.

    Args:
        x: the array.
        pad_width: a pair (before, after) for each axis, one pair for all of them, or one number.
        mode: only NumPy's "constant".
        constant_values: what stands around `x`.

    Raises:
        ArgumentError: another mode.
    """
    if mode != "constant":
        raise ArgumentError(
            message("pad", f"mode={mode!r} is not implemented", {"x": x}, fix='use "constant"')
        )
    return _pad(x, pad_width=pad_width, value=constant_values)
