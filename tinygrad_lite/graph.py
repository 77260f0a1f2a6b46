"""The graph: its vertices, and the walk that carries gradients from results back to leaves.

Nothing here knows NumPy or any op. A vertex points only to its parents, so a graph has no cycles
and is freed the moment nobody holds its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from heapq import heappop, heappush, heappushpop
from itertools import count
from sys import _getframe
from typing import TYPE_CHECKING, Any

from tinygrad_lite.errors import USERS, show_origin, user_origin, whose

if TYPE_CHECKING:
    from tinygrad_lite.formula import Formula
    from tinygrad_lite.op import Op

# A vertex is younger than its parents, so creation order is a topological order.
next_order = count(1).__next__
_empty = object.__new__

# The kind of every class of vertices that users hold, such as Tensor of Parameter.
kinds: dict[type, Any] = {}


class Node:
    """A vertex: a value, and how it was made.

    Attributes:
        data: the value: an ndarray, a float, or a tuple of ndarrays for an op with several results.
        requires_grad: whether the walk visits this vertex.
        grad: the gradient that `backward` left here, of the vertex's own kind, or None.
        hooks: functions applied to the gradient when the walk reaches this vertex.
        op: the `Op` that made it; None for a leaf, which has none of the following.
        order: position in creation order; 0 for a leaf.
        args: what the op was called with; vertices among them are the parents.
        params: the op's keyword parameters.
        saved: the raw values of `args`, handed to the gradient rule.
        origin: (code, instruction) of the user's line that made it; see `errors.Origin`.
    """

    __slots__ = (
        "__weakref__",
        "args",
        "data",
        "grad",
        "hooks",
        "op",
        "order",
        "origin",
        "params",
        "requires_grad",
        "saved",
    )

    data: Any
    requires_grad: bool
    grad: Any
    op: Op | None
    args: tuple[Any, ...]
    params: dict[str, Any]
    saved: Sequence[Any]
    order: int
    origin: tuple[Any, ...] | None
    hooks: list[Callable[[Any], Any]] | None

    @property
    def parents(self) -> tuple[Node, ...]:
        """The vertices this one was computed from."""
        return tuple(arg for arg in self.args if isinstance(arg, Node)) if self.op else ()

    @property
    def formula(self) -> Formula | None:
        """The gradient rule of the op that made this one, in Unicode and LaTeX; None for a leaf."""
        return self.op.formula if self.op else None

    @property
    def line(self) -> str | None:
        """The user's line that made this one, as `file.py:12: the line`; None for a leaf."""
        return show_origin(self.origin) if self.op and self.origin else None

    def receive(self, grad: Any, shared: set[int]) -> None:
        """Take delivery of a finished gradient as a leaf; copy it if its buffer is in `shared`."""
        raise NotImplementedError

    def register_hook(self, hook: Callable[[Any], Any]) -> HookHandle:
        """Call `hook` with the gradient of this vertex in every walk; it may return another one."""
        self.hooks = self.hooks or []
        self.hooks.append(hook)
        return HookHandle(self.hooks, hook)

    def apply_hooks(self, grad: Any) -> Any:
        """Pass a finished gradient through the hooks, which see and return vertices.

        What they see is theirs to keep: it shares no buffer with the walk.
        """
        if not self.hooks:
            return grad
        seen = grad if isinstance(grad, Node) else self.kind.make(copy(grad))  # type: ignore[attr-defined]
        for hook in self.hooks:
            changed = hook(seen)
            if changed is not None:
                seen = self.expect(changed)
        return seen if isinstance(grad, Node) else copy(seen.data)

    def expect(self, grad: Any) -> Any:
        """Return what a hook returned as a vertex of this one's kind, or refuse it."""
        raise NotImplementedError


def record(
    kind: Any,
    op: Op,
    y: Any,
    args: tuple[Any, ...],
    params: dict[str, Any],
    saved: Sequence[Any],
    depth: int = 2,
) -> Any:
    """Return a vertex of `kind` that remembers how its raw value `y` was computed.

    `depth` tells how many frames up the user's line is, at least: 1 is the caller, 2 its caller.
    """
    out = _empty(kind)
    out.data = y
    out.requires_grad = True
    out.grad = out.hooks = None
    out.op = op
    out.args = args
    out.params = params
    out.saved = saved
    out.order = next_order()
    frame = _getframe(depth)
    code = frame.f_code
    if code.co_filename in whose and whose[code.co_filename] is USERS:
        out.origin = code, frame.f_lasti
    else:
        out.origin = user_origin(depth + 1)
    return out


def raw(x: Any) -> Any:
    """Return the value of a vertex, anything else as it is."""
    return x.data if isinstance(x, Node) else x


class HookHandle:
    """Removes a hook again."""

    def __init__(self, hooks: list[Any], hook: Any) -> None:
        self._hooks, self._hook = hooks, hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


def walk(
    seeds: Iterable[tuple[Node, Any]],
    inputs: Sequence[Node] | None = None,
    create_graph: bool = False,
) -> dict[int, tuple[Node, Any]]:
    """Carry gradients from `seeds` back through the graph.

    Vertices are taken youngest first, each once, when its gradient is complete. The walk keeps
    gradients in a table of its own and adds in place only into buffers that it made itself: the
    two parents of an addition share one array.

    Args:
        seeds: pairs of a result and the gradient that enters there.
        inputs: the vertices whose gradients are wanted; None means every leaf.
        create_graph: hand the rules vertices instead of raw values, so that the gradients are
            themselves differentiable.

    Returns:
        A mapping from `id(vertex)` to the vertex and its gradient.
    """
    wanted = None if inputs is None else {id(node) for node in inputs}
    # Nothing older than the oldest input can depend on an input.
    oldest = 0 if not inputs else min(node.order for node in inputs)
    found: dict[int, tuple[Node, Any]] = {}
    # [vertex, gradient so far, whether its buffer is the walk's own], under minus the order of a
    # result or the id of a leaf
    table: dict[int, list[Any]] = {}
    queue: list[int] = []
    held = 0  # a key that the queue is spared, as in a chain each would be put in and out at once
    arriving = seeds
    while True:
        for node, grad in arriving:
            order = node.order
            key = -order or id(node)
            if key not in table:
                table[key] = [node, grad, False]
                if order and order >= oldest:
                    if held:
                        heappush(queue, key)
                    else:
                        held = key
                continue
            entry = table[key]
            if entry[2]:
                entry[1] += grad  # in place, into a buffer that the walk made
            else:
                entry[1], entry[2] = entry[1] + grad, True
        if queue:
            key = heappushpop(queue, held) if held else heappop(queue)
        elif held:
            key = held
        else:
            break
        held = 0
        node, grad, _ = table.pop(key)
        if node.hooks:
            grad = node.apply_hooks(grad)
        if wanted is None:
            arriving = node.op.pull(node, grad, create_graph)
            continue
        if id(node) in wanted:
            found[id(node)] = (node, grad)
        arriving = node.op.pull(node, grad, create_graph) if node.order > oldest else ()
    for key, (leaf, grad, _) in table.items():
        if leaf.op is None and (wanted is None or key in wanted):
            found[key] = (leaf, leaf.apply_hooks(grad))
    return found


def deliver(found: dict[int, tuple[Node, Any]], seeds: Iterable[tuple[Node, Any]]) -> None:
    """Hand each leaf its gradient; no two leaves, and no seed, end up sharing a buffer."""
    shared = {id(seed) for _, seed in seeds}
    for node, grad in found.values():
        node.receive(grad, shared)
        shared.add(id(grad))
