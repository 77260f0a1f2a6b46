"""What layers do before their first call: check their sizes, and draw their initial weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.module import Module
from tinygrad_lite.ops.random import generator


def uniform(shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Return float32 weights from U(-1/√fan_in, 1/√fan_in), as PyTorch's layers start."""
    bound = 1.0 / math.sqrt(fan_in)
    return generator().uniform(-bound, bound, shape).astype(np.float32)


def check_sizes(layer: Module, least: int = 1, **sizes: Any) -> None:
    """Raise ArgumentError unless every size is a whole number from `least` on."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < least:
            _refuse(layer, name, size, f"give a whole number from {least} on")


def check_numbers(layer: Module, **numbers: Any) -> None:
    """Raise ArgumentError unless every value is a number."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float | np.number):
            _refuse(layer, name, number, "give a number")


def _refuse(layer: Module, name: str, value: Any, fix: str) -> None:
    subject = type(layer).__name__
    raise ArgumentError(message(subject, f"{name}={value!r} is not possible", fix=fix))
