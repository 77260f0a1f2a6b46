"""The short way of the commonest calls: one or two operands, no parameters, nothing unusual.

A tiny op spends more time on finding out what it was given than on computing. These functions see
at a glance whether a call is usual, and leave everything else to `Op.call`. They are made once for
each op, so that a class can take them for its operators: `__add__ = of_two(add)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import modes
from tinygrad_lite.graph import kinds, record

if TYPE_CHECKING:
    from tinygrad_lite.op import Op

_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NO_PARAMS: dict[str, Any] = {}
_empty = object.__new__


def of_one(op: Op) -> Callable[..., Any]:
    """Return the function `a -> op(a)`, where `a` is a vertex."""
    forward, differentiable, mode_of_this_thread = (
        op.forward,
        op.rule is not None,
        modes.current.get,
    )

    def operate(a: Any, depth: int = 2) -> Any:
        mode = mode_of_this_thread()
        if mode.quick:
            x = a.data
            if x.__class__ is float or (dtype := x.dtype) is _FLOAT32 or dtype is _FLOAT64:
                try:
                    y = forward(x)
                except Exception:  # explained on the long way
                    return op.call((a,), _NO_PARAMS)
                kind = a.kind
                track = a.requires_grad and differentiable and mode.grad
                if y.__class__ is not kind.raw:
                    if y.__class__ is tuple:
                        return op.several(kind, y, (a,), _NO_PARAMS, (x,), track)
                    y = kind.to_raw(y)
                if track:
                    return record(kind, op, y, (a,), _NO_PARAMS, (x,), depth)
                out = _empty(kind)  # as kind.make(y) does, without the cost of a call
                out.data = y
                out.requires_grad = False
                out.grad = out.hooks = out.op = out.origin = None
                out.args = ()
                out.order = 0
                return out
        return op.call((a,), _NO_PARAMS)

    return _named(operate, op)


def of_two(op: Op, swapped: bool = False) -> Callable[..., Any]:
    """Return the function `a, b -> op(a, b)`, or `op(b, a)`, where `a` is a vertex.

    The way is short if `b` is a vertex of the same kind and dtype, or a Python number.
    """
    forward, differentiable, mode_of_this_thread = (
        op.forward,
        op.rule is not None,
        modes.current.get,
    )

    def operate(a: Any, b: Any, depth: int = 2) -> Any:
        mode = mode_of_this_thread()
        if mode.quick:
            x = a.data
            kind = a.kind
            cls = b.__class__
            if cls is kind or kinds.get(cls) is kind:
                z = b.data
                track = a.requires_grad or b.requires_grad
                usual = x.__class__ is float or (
                    (dtype := x.dtype) is z.dtype and (dtype is _FLOAT32 or dtype is _FLOAT64)
                )
            elif cls is float or cls is int:
                z = b
                track = a.requires_grad
                usual = x.__class__ is float or (dtype := x.dtype) is _FLOAT32 or dtype is _FLOAT64
            else:
                usual = False
            if usual:
                if swapped:
                    a, b, x, z = b, a, z, x
                try:
                    y = forward(x, z)
                except Exception:  # explained on the long way
                    return op.call((a, b), _NO_PARAMS)
                track = track and differentiable and mode.grad
                if y.__class__ is not kind.raw:
                    if y.__class__ is tuple:
                        return op.several(kind, y, (a, b), _NO_PARAMS, (x, z), track)
                    y = kind.to_raw(y)
                if track:
                    return record(kind, op, y, (a, b), _NO_PARAMS, (x, z), depth)
                out = _empty(kind)  # as kind.make(y) does, without the cost of a call
                out.data = y
                out.requires_grad = False
                out.grad = out.hooks = out.op = out.origin = None
                out.args = ()
                out.order = 0
                return out
        return op.call((b, a) if swapped else (a, b), _NO_PARAMS)

    return _named(operate, op)


def _named(function: Callable[..., Any], op: Op) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = op.__doc__
    return function
