"""Flatten: from an image to a vector."""

from __future__ import annotations

import math

from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("flatten")
class Flatten(Module):
    """Merge all axes but the batch's. It only moves numbers, so it takes any dtype.

    Shapes: x (N, ...) to (N, product of the others).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is a single number, or no array.
        """
        if getattr(x, "ndim", 0) == 0:
            raise ShapeError(
                message(
                    self._headline(),
                    "needs input of shape (batch, ...)",
                    {"x": x},
                    fix="give x an axis for the batch: x.reshape(1, 1)",
                )
            )
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))
