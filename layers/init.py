"""Initial weights."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.module import Module
from tinygrad_lite.ops.random import generator


def uniform(shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Return float32 weights from U(-1/√fan_in, 1/√fan_in), as PyTorch's layers start."""
    bound = 1.0 / math.sqrt(fan_in)
    return generator().uniform(-bound, bound, shape).astype(np.float32)


def check_sizes(layer: Module, **sizes: int) -> None:
    """Raise ArgumentError unless every size is a whole number from 1 on."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ArgumentError(
                message(
                    type(layer).__name__,
                    f"{name}={size!r} is not possible",
                    fix="give a whole number from 1 on",
                )
            )
