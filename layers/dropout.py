"""Dropout: a different random sub-network at each step of training."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module
from tinygrad_lite.ops.random import check_probability
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("dropout")
class Dropout(Module):
    """In training zero each element with probability `p`, and scale the rest by 1 / (1 - p).

    The scale keeps the mean, so that in evaluation nothing has to be done (Srivastava et al.,
    "Dropout", 2014, in the "inverted" form).

    Shapes: x of any shape to the same shape.

    Args:
        p: probability from 0 to 1.

    Raises:
        ArgumentError: p is no number from 0 to 1.
    """

    def __init__(self, p: float = 0.5) -> None:
        init.check_numbers(self, p=p)
        check_probability("Dropout", p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            DTypeError: x is not of floats.
        """
        self.check_input(x, "...")
        return F.dropout(x, self.p, self.training)
