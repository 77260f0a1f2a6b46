"""Selecting elements, and its transpose: adding into selected places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.op import Op

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "getitem",
    "scatter",
]


def _scatter(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, g.dtype)
    if _is_basic(index):
        out[index] = g
    else:
        np.add.at(out, index, g)  # an element taken twice gets both gradients
    return out


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, int | np.integer | slice | type(None) | type(...)) for p in parts)


# getitem and scatter are transposes of one another, so each is the other's rule
_getitem = Op(
    "getitem",
    lambda x, index: x[index],
    lambda g, y, x, index: scatter(g, index, x.shape),
    hint="keep each index below the length of its axis, and use no more indices than axes",
)
_scatter_op = Op(
    "scatter",
    _scatter,
    lambda g, y, x, index, shape: getitem(g, index),
    hint="x must have the shape that indexing an array of the given shape returns",
)


def scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Tensor:
    """Return zeros of `shape` with `x` added at `index`: the transpose of `getitem`."""
    return _scatter_op(x, index=plain_index(index), shape=shape)


def getitem(x: Any, index: Any) -> Tensor:
    """Return `x[index]`: ints, slices, ellipsis, newaxis, integer and boolean arrays."""
    return _getitem(x, index=plain_index(index))


def plain_index(index: Any) -> Any:
    """Replace Tensors (and lists) in an index by ndarrays."""
    if isinstance(index, tuple):
        return tuple(plain_index(part) for part in index)
    if isinstance(index, list):
        return np.asarray(index) if index else np.empty(0, int)
    data = getattr(index, "data", None)
    return data if isinstance(data, np.ndarray) else index
