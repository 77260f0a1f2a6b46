"""Sorting and what follows from it, under NumPy's names; topk has PyTorch's.

Equal elements keep their order (all sorting is stable), so the gradient of each finds its own
element. Nan counts as larger than every number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import as_array, where
from tinygrad_lite.ops.logic import isnan
from tinygrad_lite.ops.reduce import Axis, cut, in_one_line, mean
from tinygrad_lite.ops.shape import expand_dims, ravel

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "argsort",
    "median",
    "sort",
    "topk",
]


def _order(x: Any, axis: int, descending: bool = False) -> Any:
    if not descending:
        return np.argsort(x, axis, kind="stable")
    # Of the reversed array, read backwards: thus equal elements keep their order here as well.
    return x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


_argsort = Op("argsort", _order, hint="choose an axis that x has: from -ndim to ndim - 1")
_permute: Op = Op(
    "sort",
    lambda x, order, axis: np.take_along_axis(x, order, axis),
    lambda g, y, x, order, axis: _permute(g, order=np.argsort(order, axis), axis=axis),
)


def argsort(
    x: ArrayLike, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None
) -> Tensor:
    """Indices that sort `x` along `axis`; None flattens it first.

    Whatever `kind` and `stable` ask for: equal elements keep their order.
    """
    return _argsort(ravel(x), axis=0) if axis is None else _argsort(x, axis=axis)


def sort(
    x: ArrayLike, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None
) -> Tensor:
    """Return a copy of `x` in ascending order along `axis`; None flattens it first.

    Whatever `kind` and `stable` ask for: equal elements keep their order.
    """
    x, axis = (ravel(x), 0) if axis is None else (as_array(x), axis)
    return _permute(x, order=raw(argsort(x, axis)), axis=axis)


def topk(x: ArrayLike, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """Return the `k` largest (or smallest) elements along `axis`, the first one first.

    Returns:
        The elements, and their indices along `axis`.

    Raises:
        ArgumentError: there are no `k` elements.
    """
    x = as_array(x)
    order = _argsort(x, axis=axis, descending=largest)
    if not 0 <= k <= x.shape[axis]:
        raise ArgumentError(
            message(
                "topk",
                f"k={k} of {x.shape[axis]} elements along axis {axis}",
                {"x": x},
                fix=f"choose k from 0 to {x.shape[axis]}",
            )
        )
    values = _permute(x, order=raw(order), axis=axis)
    return cut(values, axis, None, k), cut(order, axis, None, k)


def median(x: ArrayLike, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Median along `axis` (all axes by default), nan where there is a nan.

    The gradient goes to the element in the middle, of an even number to the two by halves.
    """
    line, axes = in_one_line("median", as_array(x), axis)
    ordered = sort(line)
    n = ordered.shape[-1]
    middle = mean(ordered[..., (n - 1) // 2 : n // 2 + 1], axis=-1)
    middle = where(isnan(ordered[..., -1]), np.nan, middle)
    return expand_dims(middle, axes) if keepdims else middle
