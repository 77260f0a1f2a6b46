"""Pooling: one number for each window of an image."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.module import Module
from tinygrad_lite.ops.conv import Pair, pair
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Pool2d(Module):
    """What the poolings share: a window and its step.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - KH) // stride + 1.

    Args:
        kernel_size: height and width of the window.
        stride: step from one window to the next; the window's size by default.
    """

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        self.kernel_size = pair(kernel_size, "kernel_size", type(self).__name__, 1)
        self.stride = (
            self.kernel_size if stride is None else pair(stride, "stride", type(self).__name__, 1)
        )


@register_layer("max_pool2d")
class MaxPool2d(_Pool2d):
    __doc__ = f"The maximum of each window.\n{_Pool2d.__doc__}"

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        self.check_input(x, "batch channels height width")
        return F.max_pool2d(x, self.kernel_size, self.stride)


@register_layer("avg_pool2d")
class AvgPool2d(_Pool2d):
    __doc__ = f"The mean of each window.\n{_Pool2d.__doc__}"

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        self.check_input(x, "batch channels height width")
        return F.avg_pool2d(x, self.kernel_size, self.stride)
