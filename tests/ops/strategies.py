"""How ops are called in tests: entries of the tables, and the strategies that several share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

POSITIVE = (0.3, 3.1)
UNIT = (0.05, 0.97)


@dataclass
class Entry:
    """An op, how to call it, and what it should return.

    Attributes:
        oracle: the same function of ndarrays.
        calls: strategy of (shapes of the operands, parameters).
        domain: where the operands' numbers come from.
        call: the op, called with operands and parameters; by default the op itself.
        differentiable: False for an op without gradients.
        examples: calls (shapes, parameters) that random ones seldom meet.
        scalars: False for an op that cannot compute on object arrays of Scalars: LAPACK's.
    """

    oracle: Callable[..., Any]
    calls: Any
    domain: tuple[float, float] = (-2.9, 3.1)
    call: Callable[..., Any] | None = None
    differentiable: bool = True
    examples: Sequence[tuple[list[tuple[int, ...]], dict[str, Any]]] = ()
    scalars: bool = True


def one(min_side=0, **params):
    """One operand of any shape, 0-d and empty ones included."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=3)
    return st.tuples(shapes.map(lambda s: [s]), st.just(params))


def several(count=2, **params):
    """Operands that broadcast."""
    shapes = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=2)
    return st.tuples(shapes.map(lambda s: list(s.input_shapes)), st.just(params))


@st.composite
def reduced(draw, min_side=1, several_axes=True, **params):
    """One operand, with `axis` and `keepdims`."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=3))
    choices = [st.none()]
    if shape:
        choices.append(st.integers(-len(shape), len(shape) - 1))
        if several_axes:
            choices.append(hnp.valid_tuple_axes(len(shape)))
    return [shape], {"axis": draw(st.one_of(choices)), "keepdims": draw(st.booleans())} | params


@st.composite
def along(draw, **params):
    """One operand with an axis."""
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    return [shape], {"axis": draw(st.integers(-len(shape), len(shape) - 1))} | params


def listed(op):
    return lambda *xs, **params: op(xs, **params)
