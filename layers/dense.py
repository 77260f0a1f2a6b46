"""Dense: every output sees every input."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("dense")
class Dense(Module):
    """y = x weightᵀ + bias.

    Shapes: x (..., in_features) to (..., out_features); weight (out_features, in_features), bias
    (out_features,).

    Args:
        in_features: length of the last axis of x.
        out_features: length of the last axis of y.
        bias: whether to add a bias.

    Raises:
        ArgumentError: a size is no whole number from 1 on.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        init.check_sizes(self, in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(init.uniform((out_features, in_features), in_features))
        self.bias = Parameter(init.uniform((out_features,), in_features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: the last axis of x is not in_features long.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "... features", features=self.in_features)
        return F.linear(x, self.weight, self.bias)
