"""Broadcasting, and how a gradient undoes it."""

from __future__ import annotations

from typing import Any

BROADCASTING = "make the shapes equal, or 1 where they differ, counted from the last axis"


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, a Tensor or a number."""
    return getattr(value, "shape", ())


def fit(g: Any, like: Any) -> Any:
    """Sum `g` down to the shape of `like`: the gradient of broadcasting."""
    shape = shape_of(like)
    if shape_of(g) == shape:
        return g
    lead = g.ndim - len(shape)
    if lead:
        g = g.sum(axis=tuple(range(lead)))
    ones = tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i])
    return g.sum(axis=ones, keepdims=True) if ones else g
