"""Residual blocks: a layer learns what to add to its input, not what to make of it."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.conv import Conv2d
from tinygrad_lite.layers.norm import BatchNorm2d
from tinygrad_lite.layers.sequential import Sequential
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor

SHORTCUTS = ("A", "B")


def _conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> Conv2d:
    """Return a convolution without bias, as a batch norm follows, which has one."""
    conv = Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
    )
    conv.weight.data = init.kaiming_normal(conv.weight.shape, mode="fan_out")
    return conv


class _Residual(Module):
    """y = relu(F(x) + shortcut(x)); a kind of block says what F is (He et al., 2016, eq. 1)."""

    expansion: int  # channels of the result for each of `channels`

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: str = "B",
        zero_init: bool = False,
    ) -> None:
        """Set up the convolutions, drawn as by He et al. (2015), for the way back (fan_out).

        Args:
            in_channels: channels of x.
            channels: channels of the 3×3 convolutions.
            stride: how many pixels of x, along each axis, make one of the result.
            shortcut: what x passes where the result is of another shape: "A", nothing that is
                learned (each stride-th pixel, and new channels of zeros), or "B", a 1×1
                convolution and batch norm.
            zero_init: begin with the last batch norm's weight at 0: the block then is its shortcut.

        Raises:
            ArgumentError: a size is no whole number from 1 on; another shortcut, or "A" with
                fewer channels of the result than of x.
        """
        init.check_sizes(self, in_channels=in_channels, channels=channels, stride=stride)
        init.check_choices(self, SHORTCUTS, shortcut=shortcut)
        self.in_channels, self.channels, self.stride = in_channels, channels, stride
        self.out_channels = self.expansion * channels
        last = self._build()
        if zero_init:
            assert last.weight is not None
            last.weight.data[...] = 0
        self.downsample: Sequential | None = None
        if shortcut == "B" and (stride, in_channels) != (1, self.out_channels):
            self.downsample = Sequential(
                _conv(in_channels, self.out_channels, 1, stride), BatchNorm2d(self.out_channels)
            )
        elif self.out_channels < in_channels:
            fix = f'choose "B", as "A" drops no channels: here {in_channels} to {self.out_channels}'
            init.refuse(self, "shortcut", shortcut, fix)

    def _build(self) -> BatchNorm2d:
        """Set up F's layers; return the last batch norm."""
        raise NotImplementedError

    def _residual(self, x: Tensor) -> Tensor:
        """Compute F(x)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Raises:
            ShapeError: x is not (N, in_channels, H, W).
            DTypeError: x is not of floats.
            DataError: in training, a channel has fewer than two values.
        """
        self.check_input(x, "batch channels height width", channels=self.in_channels)
        return F.relu(self._residual(x) + self._shortcut(x))

    def _shortcut(self, x: Tensor) -> Tensor:
        if self.downsample is not None:
            return self.downsample(x)
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        missing = self.out_channels - self.in_channels
        return F.pad(x, (0, 0, 0, 0, 0, missing)) if missing else x


@register_layer("basic_block")
class BasicBlock(_Residual):
    """Two 3×3 convolutions around which x takes a shortcut (He et al., 2016, figure 5, left).

    y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)); conv1 has the stride.

    Shapes: x (N, in_channels, H, W) to (N, channels, OH, OW), OH = (H - 1) // stride + 1. State is
    named as in torchvision: conv1, bn1, conv2, bn2, downsample.0, downsample.1.
    """

    expansion = 1

    def _build(self) -> BatchNorm2d:
        self.conv1 = _conv(self.in_channels, self.channels, 3, self.stride)
        self.bn1 = BatchNorm2d(self.channels)
        self.conv2 = _conv(self.channels, self.channels, 3)
        self.bn2 = BatchNorm2d(self.channels)
        return self.bn2

    def _residual(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


@register_layer("bottleneck")
class Bottleneck(_Residual):
    """A 3×3 convolution between two 1×1 that narrow and widen (He et al., 2016, figure 5, right).

    y = relu(bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x)))))))) + shortcut(x)).

    conv2, the 3×3, has the stride, as in torchvision ("v1.5"), so that weights trained there do
    here what they did; published was conv1, which skips three pixels of four. Sizes and numbers of
    parameters are the same.

    Shapes: x (N, in_channels, H, W) to (N, 4 channels, OH, OW), OH = (H - 1) // stride + 1. State
    is named as in torchvision: conv1, bn1, ... bn3, downsample.0, downsample.1.
    """

    expansion = 4

    def _build(self) -> BatchNorm2d:
        self.conv1 = _conv(self.in_channels, self.channels, 1)
        self.bn1 = BatchNorm2d(self.channels)
        self.conv2 = _conv(self.channels, self.channels, 3, self.stride)
        self.bn2 = BatchNorm2d(self.channels)
        self.conv3 = _conv(self.channels, self.out_channels, 1)
        self.bn3 = BatchNorm2d(self.out_channels)
        return self.bn3

    def _residual(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))
