"""In-place changes: which arrays were written to after an op saved them, and on which lines.

The order in which vertices are made is the clock: a vertex that is older than the last change of an
array that it saved would differentiate with the wrong numbers.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from tinygrad_lite.errors import GraphError, Origin, message, show_origin, user_origin
from tinygrad_lite.graph import Node, next_order


class Change(NamedTuple):
    """The last change of an array: when, where, and a watch that ends with the array."""

    order: int
    origin: Origin | None
    watch: ref[np.ndarray]


_changes: dict[int, Change] = {}  # by the id of the array that owns the memory
latest = 0  # vertices younger than this need no look


def _owner(array: np.ndarray) -> np.ndarray:
    """Return the array whose memory this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def mark_changed(*arrays: np.ndarray) -> None:
    """Remember that the user's current line writes into `arrays`."""
    global latest
    origin, latest = user_origin(), next_order()
    for array in arrays:
        owner = _owner(array)
        key = id(owner)
        change = _changes.get(key)
        watch = change.watch if change else ref(owner, partial(_forget, key))
        _changes[key] = Change(latest, origin, watch)


def _forget(key: int, _: Any) -> None:
    _changes.pop(key, None)


def check_unchanged(node: Node) -> None:
    """Raise GraphError if an array that the op of `node` saved was changed after it."""
    for value in (*node.saved, *(node.data if type(node.data) is tuple else (node.data,))):
        if not isinstance(value, np.ndarray):
            continue
        change = _changes.get(id(_owner(value)))
        if change is not None and change.order > node.order:
            raise GraphError(changed(node, value, f"by {show_origin(change.origin)}"))


def changed(node: Node, value: np.ndarray, how: str) -> str:
    """Compose the message about an array that was changed before its vertex was differentiated."""
    return message(
        str(node.op and node.op.name),
        f"an array that it saved for its gradient was changed in place,\n        {how}",
        {"changed": value},
        fix="call backward() before the change, or change a copy: x = x.at[...].set(...)",
        origin=node.origin,
    )


def fingerprint(values: Any) -> tuple[int, ...]:
    """Return a hash for each array among `values`."""
    arrays = (value for value in values if isinstance(value, np.ndarray))
    return tuple(hash(array.tobytes()) for array in arrays if array.dtype != object)
