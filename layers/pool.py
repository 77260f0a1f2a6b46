"""Pooling: one number for each window of an image."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite import functional as F
from tinygrad_lite.module import Module
from tinygrad_lite.ops.conv import Pair, pair
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Pool2d(Module):
    _function: Callable[[Tensor, Pair, Pair], Tensor]

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        """Set the window and its step.

        Args:
            kernel_size: height and width of the window; one number for a square.
            stride: step from one window to the next; the window's size by default, so that windows
                neither overlap nor leave gaps.

        Raises:
            ArgumentError: a size is no whole number from 1 on.
        """
        name = type(self).__name__
        self.kernel_size = pair(kernel_size, "kernel_size", name, 1)
        self.stride = self.kernel_size if stride is None else pair(stride, "stride", name, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, C, H, W), or smaller than a window.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "batch channels height width")
        return self._function(x, self.kernel_size, self.stride)


@register_layer("max_pool2d")
class MaxPool2d(_Pool2d):
    """The maximum of each window; its gradient goes to the place of the (first) maximum.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - KH) // stride + 1.
    """

    _function = staticmethod(F.max_pool2d)


@register_layer("avg_pool2d")
class AvgPool2d(_Pool2d):
    """The mean of each window.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - KH) // stride + 1.
    """

    _function = staticmethod(F.avg_pool2d)
