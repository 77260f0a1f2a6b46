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
    """Slide out_channels filters over the image; see `functional.conv2d` for the formula.

    Shapes: x (N, in_channels, H, W) to (N, out_channels, OH, OW), OH = (H + 2 padding - KH) // stride
    + 1; weight (out_channels, in_channels, KH, KW).

    Args:
        in_channels: channels of x.
        out_channels: number of filters.
        kernel_size: height and width of a filter.
        stride: step from one position to the next.
        padding: rows and columns of zeros around the image.
        bias: whether each filter adds a number of its own.
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
        kernel = pair(kernel_size, "kernel_size", "Conv2d", 1)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride = pair(stride, "stride", "Conv2d", 1)
        self.padding = pair(padding, "padding", "Conv2d", 0)
        fan_in = in_channels * kernel[0] * kernel[1]
        self.weight = Parameter(init.uniform((out_channels, in_channels, *kernel), fan_in))
        self.bias = Parameter(init.uniform((out_channels,), fan_in)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        self.check_input(x, "batch channels height width", channels=self.in_channels)
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)


Conv = Conv2d
