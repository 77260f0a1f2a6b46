"""Flatten: from an image to a vector."""

from __future__ import annotations

import math

from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("flatten")
class Flatten(Module):
    """Merge all axes but the batch's: (N, ...) to (N, product of the others)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
