"""Reductions along axes, under NumPy's names and with NumPy's arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import sqrt, square

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "argmax",
    "argmin",
    "logsumexp",
    "max",
    "mean",
    "min",
    "std",
    "sum",
    "var",
]

Axis = int | tuple[int, ...] | None


def spread(g: Any, like: Any, axis: Axis, keepdims: bool) -> Any:
    """Repeat `g` along the reduced axes, back to the shape of `like`."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    if isinstance(g, Node):
        return np.broadcast_to(g, like.shape)  # type: ignore[call-overload]
    out = np.empty(like.shape, g.dtype)  # quicker to make, and to compute with, than a view
    out[...] = g
    return out


def _share(g: Any, y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Split `g` evenly among the elements that attain the extreme."""
    attains = (x == spread(y, x, axis, keepdims)).astype(x.dtype)
    count = attains.sum(axis=axis, keepdims=True)
    return spread(g, x, axis, keepdims) * attains / count


_HINT = "give axes that the operand has: from -ndim to ndim - 1"

_sum = Op(
    "sum",
    lambda x, axis, keepdims: x.sum(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
    hint=_HINT,
)
_max = Op("max", lambda x, axis, keepdims: x.max(axis=axis, keepdims=keepdims), _share, hint=_HINT)
_min = Op("min", lambda x, axis, keepdims: x.min(axis=axis, keepdims=keepdims), _share, hint=_HINT)
_argmax = Op("argmax", lambda x, axis, keepdims: x.argmax(axis=axis, keepdims=keepdims), hint=_HINT)
_argmin = Op("argmin", lambda x, axis, keepdims: x.argmin(axis=axis, keepdims=keepdims), hint=_HINT)


def _logsumexp(x: Any, axis: Axis, keepdims: bool) -> Any:
    top = x.max(axis=axis, keepdims=True)
    # functions, not methods: an expression of 0-d arrays of Scalars is a Scalar
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


_logsumexp_op = Op(
    "logsumexp",
    _logsumexp,
    lambda g, y, x, axis, keepdims: (
        spread(g, x, axis, keepdims) * np.exp(x - spread(y, x, axis, keepdims))
    ),
    hint=_HINT,
)


def sum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum along `axis` (all axes by default)."""
    return _sum(x, axis=axis, keepdims=keepdims)


def count(x: Any, axis: Axis) -> int:
    """Return how many elements a reduction of `x` along `axis` takes together."""
    if axis is None:
        return math.prod(x.shape)
    return math.prod(x.shape[a] for a in np.atleast_1d(axis))


def mean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean along `axis` (all axes by default)."""
    total = _sum(x, axis=axis, keepdims=keepdims)
    return total / count(x, axis)


def var(x: Tensor, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """Variance along `axis`; the divisor is the number of elements minus `ddof`."""
    deviation = square(x - mean(x, axis, keepdims=True))
    return _sum(deviation, axis=axis, keepdims=keepdims) / (count(x, axis) - ddof)


def std(x: Tensor, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """Standard deviation along `axis`: the square root of `var`."""
    return sqrt(var(x, axis, keepdims, ddof))


def max(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Maximum along `axis`; equal maxima share the gradient."""
    return _max(x, axis=axis, keepdims=keepdims)


def min(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Minimum along `axis`; equal minima share the gradient."""
    return _min(x, axis=axis, keepdims=keepdims)


def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the maximum along `axis`, of the flattened array by default."""
    return _argmax(x, axis=axis, keepdims=keepdims)


def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the minimum along `axis`, of the flattened array by default."""
    return _argmin(x, axis=axis, keepdims=keepdims)


def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Logarithm of the sum of exponentials along `axis`, without their overflow."""
    return _logsumexp_op(x, axis=axis, keepdims=keepdims)
