"""Random numbers: one generator for all of the library, and the ops that draw from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.op import Op

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "bernoulli",
    "dropout",
]

_generator = np.random.default_rng()


def seed(value: int) -> None:
    """Make everything random from here on repeatable.

    Raises:
        ArgumentError: `value` is no whole number from 0 on.
    """
    global _generator
    check_seed("seed", value)
    _generator = np.random.default_rng(value)


def check_seed(subject: str, value: Any) -> None:
    """Raise ArgumentError unless `value` can seed a generator."""
    if not isinstance(value, int | np.integer) or value < 0:
        raise ArgumentError(
            message(subject, f"seed={value!r} is not possible", fix="give a whole number from 0 on")
        )


def generator() -> np.random.Generator:
    """Return the generator that layers, initialisers and loaders draw from."""
    return _generator


@contextmanager
def using(other: np.random.Generator) -> Iterator[None]:
    """Let everything random inside of the context draw from `other`."""
    global _generator
    before, _generator = _generator, other
    try:
        yield
    finally:
        _generator = before


# 1 with probability p, for each element of p; not differentiable
bernoulli = Op("bernoulli", lambda p: (_generator.random(p.shape, np.float32) < p).astype(p.dtype))


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each element with probability `p` and scale the rest by 1 / (1 - p).

    Source: Srivastava et al., 2014, in the "inverted" form.
    """
    check_probability("dropout", p)
    if not training or p == 0.0:
        return x
    keep = _generator.random(x.shape, np.float32) >= p
    return x * (keep / np.float32(1.0 - p) if p < 1.0 else keep)


def check_probability(subject: str, p: float) -> None:
    """Raise ArgumentError unless `p` is a probability."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            message(subject, f"p={p!r} is no probability", fix="choose p from 0 to 1")
        )
