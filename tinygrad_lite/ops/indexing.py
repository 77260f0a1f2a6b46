"""Selecting elements; its transpose, adding into selected places; and changing what is selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Function, Op
from tinygrad_lite.ops.elementwise import maximum, minimum, multiply

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "getitem",
    "scatter",
    "take",
    "take_along_axis",
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


def axes_of(subject: str, x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes of `x` that `axis` names, counted from 0.

    Raises:
        ShapeError: `x` has no such axis, or one is named twice.
    """
    try:
        return normalize_axis_tuple(axis, np.ndim(x))
    except (ValueError, TypeError) as error:
        raise ShapeError(
            message(
                subject,
                str(error),
                {"x": x, "axis": axis},
                fix="name axes that the operand has, from -ndim to ndim - 1, each once",
            )
        ) from error


_MODES: dict[str, Callable[[Any, int], Any]] = {
    "raise": lambda indices, n: indices,
    "wrap": lambda indices, n: indices % n,
    "clip": lambda indices, n: indices.clip(0, n - 1),
}


def take(x: ArrayLike, indices: ArrayLike, axis: int | None = None, mode: str = "raise") -> Tensor:
    """Select by integers along `axis`, from the flattened array by default.

    Args:
        x: the array.
        indices: integers of any shape, which takes the place of the axis.
        axis: where to select.
        mode: what becomes of an index beyond the axis: "raise", "wrap" around, or "clip" to it.

    Raises:
        ArgumentError: another mode.
        ShapeError: an index beyond the axis, or no such axis.
    """
    if mode not in _MODES:
        raise ArgumentError(
            message("take", f"mode={mode!r} is not possible", fix="use raise, wrap or clip")
        )
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    (axis,) = axes_of("take", x, axis)
    indices = np.asarray(plain_index(indices))
    return getitem(x, (slice(None),) * axis + (_MODES[mode](indices, np.shape(x)[axis]),))


def take_along_axis(x: ArrayLike, indices: ArrayLike, axis: int | None = -1) -> Tensor:
    """Select along `axis`, each time by the indices that stand at the same place.

    This is what puts an array into the order that `argsort` found. Shapes: `indices` has as many
    axes as `x` and broadcasts with it except along `axis`; so does the result.

    Raises:
        ShapeError: the shapes do not go together, or an index is beyond the axis.
    """
    if axis is None:
        x, axis = np.reshape(x, -1), 0
    (axis,) = axes_of("take_along_axis", x, axis)
    indices = np.asarray(plain_index(indices))
    if indices.ndim != np.ndim(x):
        raise ShapeError(
            message(
                "take_along_axis",
                f"indices need {np.ndim(x)} axes, as x has",
                {"x": x, "indices": indices},
                fix="add axes of length 1 to the indices, or use take",
            )
        )
    places = list(np.ogrid[tuple(slice(n) for n in np.shape(x))])
    places[axis] = indices
    return getitem(x, tuple(places))


# -- functional assignment ------------------------------------------------------------------------


def _assign(x: Any, v: Any, index: Any) -> Any:
    out = np.array(x, np.result_type(x, v))
    out[index] = np.broadcast_to(v, out[index].shape)
    return out


def _stays(index: Any, shape: tuple[int, ...]) -> Any:
    """Tell of each element assigned at `index` whether it is still there in the end."""
    if _is_basic(index):
        return True
    owner = np.empty(shape, int)
    turn = np.arange(owner[index].size).reshape(owner[index].shape)
    owner[index] = turn
    return owner[index] == turn


_set: Op = Op(
    "set",
    _assign,
    (
        lambda g, y, x, v, index: _set(g, 0.0, index=index),
        lambda g, y, x, v, index: getitem(g, index) * _stays(index, x.shape),
    ),
    broadcasts=True,
    hint="the value must broadcast to the shape of x[index], and the index fit x",
)


def _turns(places: np.ndarray) -> np.ndarray:
    """Number the meetings with each place: 0 for the first, 1 for the second, ..."""
    order = np.argsort(places, kind="stable")
    count = np.arange(places.size)
    again = np.diff(places[order], prepend=-1) == 0
    turns = np.empty_like(count)
    turns[order] = count - np.maximum.accumulate(np.where(again, 0, count))
    return turns


class Places:
    """The elements of `x` at an index, to be changed: what `x.at[index]` returns.

    Every method returns a new Tensor and leaves `x` as it was; gradients flow to both `x` and the
    value `v`, which broadcasts to the shape of `x[index]`.
    """

    def __init__(self, x: Tensor, index: Any) -> None:
        self.x, self.index = x, plain_index(index)

    def get(self) -> Tensor:
        """Return `x[index]`."""
        return _getitem(self.x, index=self.index)

    def set(self, v: ArrayLike) -> Tensor:
        """Replace by `v`; at an index met twice the last one stays, and has the gradient."""
        return _set(self.x, v, index=self.index)

    def add(self, v: ArrayLike) -> Tensor:
        """Add `v`; at an index met twice, both."""
        v = np.broadcast_to(v, getitem(self.x.data, self.index).shape)
        return self.x + scatter(v, self.index, self.x.shape)

    def multiply(self, v: ArrayLike) -> Tensor:
        """Multiply by `v`; at an index met twice, by both."""
        return self._one_by_one(multiply, v)

    def max(self, v: ArrayLike) -> Tensor:
        """Replace by `v` where that is larger; equal ones share the gradient."""
        return self._one_by_one(maximum, v)

    def min(self, v: ArrayLike) -> Tensor:
        """Replace by `v` where that is smaller; equal ones share the gradient."""
        return self._one_by_one(minimum, v)

    def _one_by_one(self, op: Function, v: ArrayLike) -> Tensor:
        """Apply `op` in rounds, none of which meets an element twice."""
        shape = self.x.shape
        places: Any = getitem(np.arange(self.x.size).reshape(shape), self.index)
        v = np.broadcast_to(v, places.shape).reshape(-1)
        places = places.reshape(-1)
        turns = _turns(places)
        out: Any = self.x.reshape(-1)
        for turn in range(turns.max(initial=-1) + 1):
            now = turns == turn
            where = places[now]
            out = _set(out, op(getitem(out, where), v[now]), index=where)
        return out.reshape(shape)  # type: ignore[no-any-return]


class At:
    """Waits for the index: `x.at[index]`."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __getitem__(self, index: Any) -> Places:
        return Places(self.x, index)
