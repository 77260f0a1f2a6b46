"""Inception: filters of several sizes look at the same image side by side."""

from __future__ import annotations

from tinygrad_lite.layers import init
from tinygrad_lite.layers.activation import ReLU
from tinygrad_lite.layers.conv import Conv2d
from tinygrad_lite.layers.pool import MaxPool2d
from tinygrad_lite.layers.sequential import Sequential
from tinygrad_lite.module import Module
from tinygrad_lite.ops.shape import concatenate
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


def _conv(in_channels: int, out_channels: int, kernel_size: int) -> tuple[Conv2d, ReLU]:
    conv = Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
    return init.for_relu(conv), ReLU()


@register_layer("inception")
class Inception(Module):
    """Convolutions of 1×1, 3×3 and 5×5 and a pooling, their channels one after the other.

    Which size of filter suits a place is not chosen, but learned by what reads the result. 1×1
    convolutions before the large filters, and after the pooling, keep all of it affordable; a ReLU
    follows each convolution (Szegedy et al., "Going deeper with convolutions", 2015, figure 2b).

    Shapes: x (N, in_channels, H, W) to (N, n1x1 + n3x3 + n5x5 + pool_proj, H, W).

    Args:
        in_channels: channels of x.
        n1x1: filters of 1×1; this and the others are the columns of the paper's table 1.
        n3x3_reduce: filters of 1×1 before those of 3×3.
        n3x3: filters of 3×3.
        n5x5_reduce: filters of 1×1 before those of 5×5.
        n5x5: filters of 5×5.
        pool_proj: filters of 1×1 after the 3×3 maxima.

    Raises:
        ArgumentError: a number is not whole, or below 1.
    """

    def __init__(
        self,
        in_channels: int,
        n1x1: int,
        n3x3_reduce: int,
        n3x3: int,
        n5x5_reduce: int,
        n5x5: int,
        pool_proj: int,
    ) -> None:
        init.check_sizes(
            self,
            in_channels=in_channels,
            n1x1=n1x1,
            n3x3_reduce=n3x3_reduce,
            n3x3=n3x3,
            n5x5_reduce=n5x5_reduce,
            n5x5=n5x5,
            pool_proj=pool_proj,
        )
        self.in_channels = in_channels
        self.branch1 = Sequential(*_conv(in_channels, n1x1, 1))
        self.branch2 = Sequential(*_conv(in_channels, n3x3_reduce, 1), *_conv(n3x3_reduce, n3x3, 3))
        self.branch3 = Sequential(*_conv(in_channels, n5x5_reduce, 1), *_conv(n5x5_reduce, n5x5, 5))
        self.branch4 = Sequential(
            MaxPool2d(3, stride=1, padding=1), *_conv(in_channels, pool_proj, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, in_channels, H, W), or has no places.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "batch channels height width", channels=self.in_channels)
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return concatenate([branch(x) for branch in branches], axis=1)
