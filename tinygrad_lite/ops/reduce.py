"""Reductions and running totals along axes, under NumPy's names and with NumPy's arguments.

`where` names the elements that take part, `initial` is one more element, before the first. Equal
maxima (and minima) share their gradient evenly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.graph import Node, raw
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import (
    as_array,
    astype,
    elementwise,
    grounded,
    multiply,
    not_equal,
    or_one,
    square,
    subtract,
)
from tinygrad_lite.ops.elementwise import where as select
from tinygrad_lite.ops.indexing import axes_of
from tinygrad_lite.ops.logic import isnan, logical_not
from tinygrad_lite.ops.shape import concatenate, expand_dims, ravel, reshape, transpose

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "diff",
    "logsumexp",
    "max",
    "mean",
    "min",
    "nanmean",
    "nansum",
    "prod",
    "ptp",
    "std",
    "sum",
    "var",
]

Axis = int | tuple[int, ...] | None
Mask = Any  # True, or booleans that broadcast to the operand

_HINT = "give axes that the operand has: from -ndim to ndim - 1"
_MASK = "`where` must broadcast to the shape of the operand"


def spread(g: Any, like: Any, axis: Axis, keepdims: bool) -> Any:
    """Repeat `g` along the reduced axes, back to the shape of `like`."""
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    if isinstance(g, Node):
        return np.broadcast_to(g, like.shape)  # type: ignore[call-overload]
    out = np.empty(like.shape, g.dtype)  # quicker to make, and to compute with, than a view
    out[...] = g
    return out


def count(x: Any, axis: Axis) -> int:
    """Return how many elements a reduction of `x` along `axis` takes together."""
    if axis is None:
        return math.prod(x.shape)
    return math.prod(x.shape[a] for a in np.atleast_1d(axis))


def in_one_line(subject: str, x: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """Bring the axes of a reduction together as the last one; return also which they were."""
    axes = axes_of(subject, x, range(x.ndim) if axis is None else axis)
    if axes == (x.ndim - 1,):
        return x, axes
    kept = [a for a in range(x.ndim) if a not in axes]
    line = reshape(transpose(x, (*kept, *axes)), (*(x.shape[a] for a in kept), count(x, axes)))
    return line, axes


def cut(x: Any, axis: int, start: int | None, stop: int | None, step: int = 1) -> Any:
    """Return the slice start:stop:step of `x` along `axis`."""
    return x[(slice(None),) * (axis % x.ndim) + (slice(start, stop, step),)]


# -- sums and means -------------------------------------------------------------------------------

_sum = Op(
    "sum",
    lambda x, axis, keepdims: x.sum(axis=axis, keepdims=keepdims),
    lambda g, y, x, axis, keepdims: spread(g, x, axis, keepdims),
    hint=_HINT,
)


_only = Op(
    "where",
    lambda x, mask, neutral: np.where(np.broadcast_to(mask, x.shape), x, neutral),
    lambda g, y, x, mask, neutral: select(mask, g, 0.0),
    hint=_MASK,
)


def _prepared(x: ArrayLike, where: Mask, neutral: int, dtype: DTypeLike | None) -> Any:
    """Convert `x` to `dtype`, and put `neutral` where elements are left out."""
    x = x if dtype is None else astype(x, dtype)
    return x if where is True else _only(x, mask=raw(where), neutral=neutral)


def sum(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dtype: DTypeLike | None = None,
    initial: ArrayLike | None = None,
    where: Mask = True,
) -> Tensor:
    """Sum along `axis` (all axes by default)."""
    total = _sum(_prepared(x, where, 0, dtype), axis=axis, keepdims=keepdims)
    return total if initial is None else total + initial


def mean(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dtype: DTypeLike | None = None,
    where: Mask = True,
) -> Tensor:
    """Mean along `axis` (all axes by default)."""
    x = as_array(x)
    return sum(x, axis, keepdims, dtype=dtype, where=where) / _number(x, axis, keepdims, where)


def _number(x: Any, axis: Axis, keepdims: bool, where: Mask) -> Any:
    """Return how many elements go into each result."""
    if where is True:
        return count(x, axis)
    return np.sum(np.broadcast_to(raw(where), x.shape), axis=axis, keepdims=keepdims)


def var(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    ddof: float = 0,
    *,
    correction: float | None = None,
    where: Mask = True,
) -> Tensor:
    """Variance along `axis`; the divisor is the number of elements minus `ddof`.

    `correction` is NumPy 2's other name of `ddof`.

    Raises:
        ArgumentError: both are given.
    """
    if correction is not None and ddof:
        raise ArgumentError(
            message("var", "ddof and correction are the same", {"x": x}, fix="give one of them")
        )
    x = as_array(x)
    deviation = square(subtract(x, mean(x, axis, keepdims=True, where=where)))
    number = _number(x, axis, keepdims, where) - (correction or ddof)
    return sum(deviation, axis, keepdims, where=where) / number


# the square root, whose derivative is taken as 0 at 0
_root = elementwise("sqrt", np.sqrt, lambda g, y, x: g * (y != 0) / (2.0 * or_one(y)))


def std(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    ddof: float = 0,
    *,
    correction: float | None = None,
    where: Mask = True,
) -> Tensor:
    """Standard deviation along `axis`: the square root of `var`.

    Where all elements are equal the gradient is 0, the mean of those from all sides.
    """
    return _root(var(x, axis, keepdims, ddof, correction=correction, where=where))


def nansum(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Sum along `axis` of what is not nan."""
    return sum(x, axis, keepdims, where=logical_not(isnan(x)))


def nanmean(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Mean along `axis` of what is not nan."""
    return mean(x, axis, keepdims, where=logical_not(isnan(x)))


def highest(x: Any, axis: Axis) -> Any:
    """Return the maximum of `x` along `axis`, which is kept; of nothing it is 0."""
    return x.max(axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)


def _logsumexp(x: Any, axis: Axis, keepdims: bool) -> Any:
    top = highest(x, axis)
    top = np.where(abs(top) == np.inf, 0.0, top)  # inf - inf would be nan
    with np.errstate(divide="ignore"):  # the logarithm of nothing is -inf
        # functions, not methods: an expression of 0-d arrays of Scalars is a Scalar
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


_logsumexp_op = Op(
    "logsumexp",
    _logsumexp,
    lambda g, y, x, axis, keepdims: (
        spread(g, x, axis, keepdims) * np.exp(x - spread(grounded(y), x, axis, keepdims))
    ),
    hint=_HINT,
)


def logsumexp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Logarithm of the sum of exponentials along `axis`, without their overflow."""
    return _logsumexp_op(x, axis=axis, keepdims=keepdims)


# -- extremes -------------------------------------------------------------------------------------


def _share(
    g: Any, y: Any, x: Any, axis: Axis, keepdims: bool, initial: Any = None, where: Mask = True
) -> Any:
    """Split ȳ evenly among the elements that attain the extreme."""
    attains = ((x == spread(y, x, axis, keepdims)) * where).astype(x.dtype)
    number = or_one(attains.sum(axis=axis, keepdims=True))  # none of them where `initial` does
    return spread(g, x, axis, keepdims) * attains / number


_max = Op("max", lambda x, **options: x.max(**options), _share, hint=f"{_HINT}; {_MASK}")
_min = Op("min", lambda x, **options: x.min(**options), _share, hint=f"{_HINT}; {_MASK}")
_argmax = Op("argmax", lambda x, axis, keepdims: x.argmax(axis=axis, keepdims=keepdims), hint=_HINT)
_argmin = Op("argmin", lambda x, axis, keepdims: x.argmin(axis=axis, keepdims=keepdims), hint=_HINT)


def _limits(initial: Any, where: Mask) -> dict[str, Any]:
    given = {} if initial is None else {"initial": raw(initial)}
    return given if where is True else given | {"where": np.asarray(raw(where))}


def max(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    initial: float | None = None,
    where: Mask = True,
) -> Tensor:
    """Maximum along `axis`; equal maxima share the gradient."""
    return _max(x, axis=axis, keepdims=keepdims, **_limits(initial, where))


def min(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    initial: float | None = None,
    where: Mask = True,
) -> Tensor:
    """Minimum along `axis`; equal minima share the gradient."""
    return _min(x, axis=axis, keepdims=keepdims, **_limits(initial, where))


def ptp(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Distance from the minimum to the maximum along `axis`."""
    return subtract(max(x, axis, keepdims), min(x, axis, keepdims))


def argmax(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the maximum along `axis`, of the flattened array by default."""
    return _argmax(x, axis=axis, keepdims=keepdims)


def argmin(x: ArrayLike, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Index of the minimum along `axis`, of the flattened array by default."""
    return _argmin(x, axis=axis, keepdims=keepdims)


# -- running totals, and the product --------------------------------------------------------------


def _flip(x: Any, axis: int) -> Any:
    return cut(x, axis, None, None, -1)


_cumsum: Op = Op(
    "cumsum",
    lambda x, axis: x.cumsum(axis),
    lambda g, y, x, axis: _flip(_cumsum(_flip(g, axis), axis=axis), axis),
)
_cumprod_of_integers = Op("cumprod", lambda x, axis: x.cumprod(axis))
_prod = Op("prod", lambda x: x.prod(axis=-1), lambda g, y, x: g[..., None] * _product_of_others(x))


def _product_of_others(x: Any) -> Any:
    """Return, for each element along the last axis, the product of all others.

    It is that of those before times that of those after. (Dividing the whole product by the element
    would fail at 0.)
    """
    return _product_before(x) * _flip(_product_before(_flip(x, -1)), -1)


def _product_before(x: Any) -> Any:
    ones = np.ones(x[..., :1].shape, x.dtype)
    return concatenate([ones, cumprod(x[..., :-1], axis=-1)], axis=-1)


def _line(name: str, x: ArrayLike, axis: int | None) -> tuple[Any, int]:
    """Return `x` and its axis, the flattened `x` and 0 for no axis."""
    if axis is None:
        return ravel(x), 0
    x = as_array(x)
    return x, axes_of(name, x, axis)[0]


def cumsum(x: ArrayLike, axis: int | None = None) -> Tensor:
    """Sum of each element and all before it along `axis`, of the flattened array by default."""
    x, axis = _line("cumsum", x, axis)
    return _cumsum(x, axis=axis)


def cumprod(x: ArrayLike, axis: int | None = None) -> Tensor:
    """Product of each element and all before it along `axis`, of the flattened array by default.

    Composed of products of `x` with itself, shifted by 1, 2, 4 ... places, so that gradients of all
    orders are right where elements are 0 (Hillis & Steele, 1986).
    """
    x, axis = _line("cumprod", x, axis)
    if x.dtype.kind in "biu":
        return _cumprod_of_integers(x, axis=axis)
    shift = 1
    while shift < x.shape[axis]:
        multiplied = multiply(cut(x, axis, shift, None), cut(x, axis, None, -shift))
        x = concatenate([cut(x, axis, None, shift), multiplied], axis)
        shift *= 2
    return x


def prod(
    x: ArrayLike,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    dtype: DTypeLike | None = None,
    initial: ArrayLike | None = None,
    where: Mask = True,
) -> Tensor:
    """Product along `axis` (all axes by default)."""
    line, axes = in_one_line("prod", as_array(_prepared(x, where, 1, dtype)), axis)
    product = _prod(line)
    product = expand_dims(product, axes) if keepdims else product
    return product if initial is None else product * initial


def diff(x: ArrayLike, n: int = 1, axis: int = -1) -> Tensor:
    """Difference of each element to the one before it along `axis`, `n` times over.

    Raises:
        ArgumentError: `n` is negative.
    """
    if n < 0:
        raise ArgumentError(message("diff", f"n={n} is not possible", {"x": x}, fix="n >= 0"))
    x, axis = _line("diff", x, axis)
    change = not_equal if x.dtype == bool else subtract
    for _ in range(n):
        x = change(cut(x, axis, 1, None), cut(x, axis, None, -1))
    return x


# -- questions ------------------------------------------------------------------------------------

_any = Op("any", lambda x, **options: x.any(**options), hint=f"{_HINT}; {_MASK}")
_all = Op("all", lambda x, **options: x.all(**options), hint=f"{_HINT}; {_MASK}")
_count_nonzero = Op("count_nonzero", np.count_nonzero, hint=_HINT)


def any(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, where: Mask = True) -> Tensor:
    """Tell whether one element at least along `axis` is true, that is not 0."""
    return _any(x, axis=axis, keepdims=keepdims, **_limits(None, where))


def all(x: ArrayLike, axis: Axis = None, keepdims: bool = False, *, where: Mask = True) -> Tensor:
    """Tell whether all elements along `axis` are true, that is not 0."""
    return _all(x, axis=axis, keepdims=keepdims, **_limits(None, where))


def count_nonzero(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Count what is true, that is not 0, along `axis`."""
    return _count_nonzero(x, axis=axis, keepdims=keepdims)


# -- NumPy's other names for the same -------------------------------------------------------------

amax, amin = max, min
