"""The short way of the commonest ops: one or two operands, element by element, nothing unusual.

A tiny op spends more time on finding out what it was given than on computing. These functions see
at a glance whether a call is usual, and leave everything else to `Op.call` and `Op.pull_any`. They
are made once for each op; users and operators call them directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import memory, modes
from tinygrad_lite.broadcast import fit
from tinygrad_lite.graph import Node, kinds, record

if TYPE_CHECKING:
    from tinygrad_lite.op import Op
    from tinygrad_lite.tensor import ArrayLike, Tensor

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NO_PARAMS: dict[str, Any] = {}
_mode_of_this_thread = modes.current.get
_empty, _ndarray = object.__new__, np.ndarray

# -- forward --------------------------------------------------------------------------------------


def of_one(op: Op) -> Callable[[Any], Any]:
    """Return the function `x -> op(x)`."""
    forward, differentiable = op.forward, op.rule is not None

    def function(x: ArrayLike) -> Tensor:
        mode = _mode_of_this_thread()
        try:
            kind = kinds[x.__class__]
        except KeyError:  # not a vertex
            return op.call((x,), _NO_PARAMS)
        if mode.quick:
            raw = x.data
            if raw.__class__ is float or (dtype := raw.dtype) is _FLOAT32 or dtype is _FLOAT64:
                try:
                    y = forward(raw)
                except Exception:  # explained on the long way
                    return op.call((x,), _NO_PARAMS)
                if y.__class__ is not raw.__class__:
                    y = kind.to_raw(y)
                if differentiable and mode.grad and x.requires_grad:
                    return record(kind, op, y, (x,), _NO_PARAMS, (raw,))
                out = _empty(kind)  # as kind.make(y) does, without the cost of a call
                out.data = y
                out.requires_grad = False
                out.grad = out.hooks = out.op = None
                out.order = 0
                return out
        return op.call((x,), _NO_PARAMS)

    return _named(function, op)


def of_two(op: Op, swapped: bool = False) -> Callable[[Any, Any], Any]:
    """Return the function `a, b -> op(a, b)`, or `op(b, a)`.

    The way is short if `a` is a vertex, and `b` one of the same kind and dtype, or a number.
    """
    forward, differentiable = op.forward, op.rule is not None

    def function(a: ArrayLike, b: ArrayLike) -> Tensor:
        mode = _mode_of_this_thread()
        try:
            kind = kinds[a.__class__]
        except KeyError:  # not a vertex
            return long_way(a, b)
        if not mode.quick:
            return long_way(a, b)
        x = a.data
        own, cls = x.__class__, b.__class__
        if own is not float and (dtype := x.dtype) is not _FLOAT32 and dtype is not _FLOAT64:
            return long_way(a, b)
        if cls is kind or kinds.get(cls) is kind:
            z = b.data
            if own is not float and dtype is not z.dtype:
                return long_way(a, b)
            track = differentiable and mode.grad and (a.requires_grad or b.requires_grad)
        elif cls is float or cls is int:
            z = b
            track = differentiable and mode.grad and a.requires_grad
        else:
            return long_way(a, b)
        if swapped:
            a, b, x, z = b, a, z, x
        try:
            y = forward(x, z)
        except Exception:  # explained on the long way
            return op.call((a, b), _NO_PARAMS)
        if y.__class__ is not own:
            y = kind.to_raw(y)
        if track:
            return record(kind, op, y, (a, b), _NO_PARAMS, (x, z))
        out = _empty(kind)  # as kind.make(y) does, without the cost of a call
        out.data = y
        out.requires_grad = False
        out.grad = out.hooks = out.op = None
        out.order = 0
        return out

    def long_way(a: Any, b: Any) -> Any:
        return op.call((b, a) if swapped else (a, b), _NO_PARAMS)

    return _named(function, op)


def _named(function: Callable[..., Any], op: Op) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = op.name
    function.__module__ = "tinygrad_lite"  # where users find it, and pickle does
    function.__doc__ = op.__doc__
    function.op = op  # type: ignore[attr-defined]
    return function


# -- backward -------------------------------------------------------------------------------------


def pull_one(op: Op) -> Callable[..., list[tuple[Node, Any]]]:
    """Return `op.pull` for a rule of one operand."""
    rule: Any = op.rule

    def pull(node: Node, grad: Any, create_graph: bool) -> list[tuple[Node, Any]]:
        if create_graph or node.order < memory.latest:
            return op.pull_any(node, grad, create_graph)
        try:
            return [(node.args[0], rule(grad, node.data, node.saved[0]))]
        except Exception:  # explained on the long way
            return op.pull_any(node, grad, create_graph)

    return pull


def pull_two(op: Op) -> Callable[..., list[tuple[Node, Any]]]:
    """Return `op.pull` for a rule of two operands, with a function for each."""
    first, second = op.rule  # type: ignore[misc]
    classes: Any = kinds  # type checkers take `a.__class__ in kinds` to say that `a` is a class

    def pull(node: Node, grad: Any, create_graph: bool) -> list[tuple[Node, Any]]:
        if create_graph or node.order < memory.latest:
            return op.pull_any(node, grad, create_graph)
        a, b = node.args
        x, z = node.saved
        y = node.data
        pairs: list[tuple[Node, Any]] = []
        try:
            if a.__class__ in classes and a.requires_grad and first is not None:
                g = first(grad, y, x, z)
                if g.__class__ is _ndarray and g.shape != x.shape:
                    g = fit(g, x)
                pairs.append((a, g))
            if b.__class__ in classes and b.requires_grad and second is not None:
                g = second(grad, y, x, z)
                if g.__class__ is _ndarray and g.shape != z.shape:
                    g = fit(g, z)
                pairs.append((b, g))
        except Exception:  # explained on the long way
            return op.pull_any(node, grad, create_graph)
        return pairs

    return pull
