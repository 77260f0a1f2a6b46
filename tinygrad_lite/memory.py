"""In-place changes: which arrays were written to after an op saved them, and on which lines.

The order in which vertices are made is the clock: a vertex that is older than the last change of an
array that its rule reads would be differentiated with the wrong numbers. A change of any part of an
array counts for all of it, and for all views of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any
from weakref import ref

import numpy as np

from tinygrad_lite.errors import GraphError, Origin, message, show_origin, user_origin
from tinygrad_lite.graph import Node, next_order, raw


@dataclass(slots=True)
class Change:
    """The last change of an array: when, where, and a watch that ends with the array."""

    order: int
    origin: Origin | None
    watch: ref[np.ndarray]


_changes: dict[int, Change] = {}  # by the id of the array that owns the memory
_one_at_a_time = RLock()  # so that no thread sets `latest` back; a finaliser may come in between
_last_change = 0
_watchers = 0
latest = 0  # vertices younger than this need no look
_INTS = {int}  # what most tuples consist of, such as axes and strides


def owner_of(array: np.ndarray) -> np.ndarray:
    """Return the array whose memory this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def mark_changed(*arrays: np.ndarray) -> None:
    """Remember that the user's current line writes into `arrays`."""
    global _last_change
    origin = user_origin()
    with _one_at_a_time:
        _last_change = order = next_order()
        watch(0)
        for array in arrays:
            owner = array if array.base is None else owner_of(array)
            key = id(owner)
            last = _changes.get(key)
            known = last is not None and last.watch() is owner
            watch_of = last.watch if known else ref(owner, partial(_forget, key))  # type: ignore[union-attr]
            _changes[key] = Change(order, origin, watch_of)


def changed_since(order: int, arrays: Iterable[np.ndarray]) -> bool:
    """Tell whether one of `arrays` was written into after the vertex with this number was made."""
    changes = (_changes.get(id(owner_of(array))) for array in arrays)
    return any(change is not None and change.order > order for change in changes)


def watch(more: int) -> None:
    """Count the contexts in which every vertex needs a look, as that of `detect_anomaly`."""
    global latest, _watchers
    with _one_at_a_time:
        _watchers += more
        latest = sys.maxsize if _watchers else _last_change


def _forget(key: int, _: Any) -> None:
    """Let the id of an array that is gone be another one's."""
    _changes.pop(key, None)


def saved_arrays(node: Node) -> list[tuple[int | None, np.ndarray]]:
    """Return every array that the rule at `node` may read, with the place where it is held.

    The place is the position of an operand, -1 for the result, None for a parameter.
    """
    found: list[tuple[int | None, np.ndarray]] = []
    held = [*enumerate(node.saved), (-1, node.data)]
    for place, value in [*held, *((None, value) for value in node.params.values())]:
        if isinstance(value, np.ndarray):
            found.append((place, value))
        elif (type(value) is tuple or type(value) is list) and set(map(type, value)) != _INTS:
            found += [(place, array) for array in _arrays_in(value)]
    return found


def _arrays_in(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _arrays_in(part)


def check_unchanged(node: Node, grad: Any, create_graph: bool) -> None:
    """Raise GraphError if an array that the rule at `node` reads was changed after its op."""
    for place, value in saved_arrays(node):
        change = _changes.get(id(owner_of(value)))
        if change is None or change.order < node.order:
            continue
        if reads(node, grad, create_graph, place):
            raise changed(node, place, value, f"by {show_origin(change.origin)}")


def check_replaced(node: Node) -> None:
    """Raise GraphError if a parent is given new values: a rule on vertices would read those."""
    for place, (arg, value) in enumerate(zip(node.args, node.saved, strict=False)):
        if isinstance(arg, Node) and arg.requires_grad and arg.data is not value:
            raise changed(node, place, value, "by assigning other values to its .data")


class _Outline:
    """What is known of an array without its numbers; whatever reads those fails."""

    __array_ufunc__ = None

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self.ndim, self.size = array.ndim, array.size

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("an outline holds no numbers")

    __array__ = __bool__ = __eq__ = __ne__ = _refuse
    __hash__ = object.__hash__


def _outline(value: Any) -> Any:
    return tuple(map(_outline, value)) if type(value) is tuple else _Outline(value)


def reads(node: Node, grad: Any, create_graph: bool, place: int | None) -> bool:
    """Tell whether the rule at `node` needs the numbers in a place, and not only their shape.

    A sum may be changed after it was made: its gradient is the same whatever the numbers are.
    """
    op: Any = node.op
    if place is None or (place < 0 and type(node.data) is tuple):
        return True
    if create_graph and op.reference is not None:  # which computes all of it again
        return True
    y, values = node.data, list(node.saved)
    if place < 0:
        y = _outline(y)
    else:
        values[place] = _outline(values[place])
    y, values = op.held(y, values, len(node.args))
    parts = op.rule if isinstance(op.rule, tuple) else (op.rule,)
    wanted = [isinstance(arg, Node) and arg.requires_grad for arg in node.args]
    grad = tuple(map(raw, grad)) if isinstance(grad, tuple) else raw(grad)
    try:
        with np.errstate(all="ignore"):
            for part, asked in zip(parts, wanted if len(parts) > 1 else [True], strict=False):
                if part is not None and asked:
                    part(grad, y, *values, **node.params)
    except Exception:
        return True
    return False


def changed(node: Node, place: int | None, value: Any, how: str) -> GraphError:
    """Return the error about an array that was changed before its vertex was differentiated."""
    name = "parameter" if place is None else "result" if place < 0 else f"operand {place + 1}"
    return GraphError(
        message(
            str(node.op and node.op.name),
            f"an array that it saved for its gradient was changed in place,\n        {how}",
            {name: value},
            fix="call backward() before the change, or change a copy: x = x.at[...].set(...)",
            origin=node.origin,
        )
    )


def fingerprints(node: Node) -> tuple[int, ...]:
    """Return a hash for each array that the rule at `node` may read."""
    return tuple(
        0 if array.dtype == object else hash(array.tobytes()) for _, array in saved_arrays(node)
    )
