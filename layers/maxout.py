"""Maxout: a unit that learns its own activation function, the largest of a few linear pieces."""

from __future__ import annotations

from tinygrad_lite.layers import init
from tinygrad_lite.layers.conv import Conv2d
from tinygrad_lite.layers.dense import Dense
from tinygrad_lite.module import Module
from tinygrad_lite.ops.conv import Padding, Sizes
from tinygrad_lite.ops.reduce import max
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("maxout")
class Maxout(Module):
    """y_i = max_j (x weight_ijᵀ + bias_ij) over `pieces` linear functions for each output.

    With two pieces a unit can be a ReLU or |x|, with many any convex function (Goodfellow et al.,
    "Maxout networks", 2013, section 3). It is linear almost everywhere, which suits dropout.

    Shapes: x (..., in_features) to (..., out_features); affine.weight
    (pieces out_features, in_features), of which the first out_features rows are the first pieces.

    Args:
        in_features: length of the last axis of x.
        out_features: length of the last axis of y.
        pieces: number of linear functions of a unit.
        bias: whether each has a bias.

    Raises:
        ArgumentError: a size is no whole number from 1 on.
    """

    def __init__(
        self, in_features: int, out_features: int, pieces: int = 2, bias: bool = True
    ) -> None:
        init.check_sizes(self, in_features=in_features, out_features=out_features, pieces=pieces)
        self.out_features, self.pieces = out_features, pieces
        self.affine = Dense(in_features, pieces * out_features, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: the last axis of x is not in_features long.
            DTypeError: x is not of floats.
        """
        y = self.affine(x)
        return max(y.reshape(*y.shape[:-1], self.pieces, self.out_features), axis=-2)


@register_layer("maxout2d")
class Maxout2d(Module):
    """At each place and for each channel the largest of what `pieces` filters see there.

    Shapes: x (N, in_channels, H, W) to (N, out_channels, OH, OW), where OH and OW are those of
    Conv2d; affine.weight (pieces out_channels, in_channels, KH, KW).

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: lengths of a filter; one number, or one for each axis.
        pieces: number of filters for each channel of y.
        stride: step from one position to the next.
        padding: as that of Conv2d.
        bias: whether each filter adds a number of its own.

    Raises:
        ArgumentError: a size is no whole number from 1 on (padding: from 0 on).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        pieces: int = 2,
        stride: int | Sizes = 1,
        padding: Padding = 0,
        bias: bool = True,
    ) -> None:
        init.check_sizes(self, in_channels=in_channels, out_channels=out_channels, pieces=pieces)
        self.out_channels, self.pieces = out_channels, pieces
        channels = pieces * out_channels
        self.affine = Conv2d(in_channels, channels, kernel_size, stride, padding, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes or channels, or is smaller than a filter.
            DTypeError: x is not of floats.
        """
        y = self.affine(x)
        return max(y.reshape(len(y), self.pieces, self.out_channels, *y.shape[2:]), axis=1)
