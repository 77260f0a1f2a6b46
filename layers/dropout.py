"""Dropout: a different random sub-network at each step of training."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Dropout(Module):
    _function: Callable[[Tensor, float, bool], Tensor]

    def __init__(self, p: float = 0.5) -> None:
        """Set the probability.

        Args:
            p: probability from 0 to 1.

        Raises:
            ArgumentError: p is no number from 0 to 1.
        """
        init.check_probabilities(self, p=p)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            DTypeError: x is not of floats.
            ShapeError: x has not the axes that the layer needs.
        """
        self.check_input(x, "...")
        return self._function(x, self.p, self.training)


@register_layer("dropout")
class Dropout(_Dropout):
    """In training zero each element with probability `p`, and scale the rest by 1 / (1 - p).

    The scale keeps the mean, so that in evaluation nothing has to be done (Srivastava et al.,
    "Dropout", 2014, in the "inverted" form).

    Shapes: x of any shape to the same shape.
    """

    _function = staticmethod(F.dropout)


@register_layer("dropout2d")
class Dropout2d(_Dropout):
    """In training zero whole channels with probability `p`, and scale the rest by 1 / (1 - p).

    Neighbouring pixels are alike, so that one tells what another, dropped alone, would have told
    (Tompson et al., 2015).

    Shapes: x (N, C, H, W), or (C, H, W) without a batch, to the same shape.
    """

    _function = staticmethod(F.dropout2d)
