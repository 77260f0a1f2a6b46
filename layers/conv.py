"""Convolution: the same small weights at every place of an image."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.conv import Pair, pair
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("conv2d")
class Conv2d(Module):
    """Slide out_channels filters over the image (LeCun et al., 1989); `F.conv2d` has the formula.

    Shapes: x (N, in_channels, H, W) to (N, out_channels, OH, OW), where
    OH = (H + 2 padding - KH) // stride + 1; weight (out_channels, in_channels, KH, KW), bias
    (out_channels,).

    Args:
        in_channels: channels of x.
        out_channels: number of filters.
        kernel_size: height and width of a filter; one number for a square.
        stride: step from one position to the next; one number, or (down, across).
        padding: rows and columns of zeros on each side of the image; one number, or a pair.
        bias: whether each filter adds a number of its own.

    Raises:
        ArgumentError: a size is no whole number from 1 on (padding: from 0 on).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        bias: bool = True,
    ) -> None:
        init.check_sizes(self, in_channels=in_channels, out_channels=out_channels)
        self.kernel_size = pair(kernel_size, "kernel_size", "Conv2d", 1)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride = pair(stride, "stride", "Conv2d", 1)
        self.padding = pair(padding, "padding", "Conv2d", 0)
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        shape = (out_channels, in_channels, *self.kernel_size)
        self.weight = Parameter(init.uniform(shape, fan_in))
        self.bias = Parameter(init.uniform((out_channels,), fan_in)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, in_channels, H, W), or smaller than a filter.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "batch channels height width", channels=self.in_channels)
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


Conv = Conv2d
