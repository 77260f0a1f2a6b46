"""Squeeze and excitation: an image says itself which of its channels matter."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.dense import Dense
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


@register_layer("squeeze_excitation")
class SqueezeExcitation(Module):
    """y = s x, with s = sigmoid(fc2(relu(fc1(mean of x)))): a number from 0 to 1 for each channel.

    The mean over all pixels squeezes each channel into a number; two dense layers, narrow between
    them, weigh the channels against each other (Hu et al., 2018, eqs. 2 to 4).

    Shapes: x (N, channels, H, W) to the same shape; fc1.weight (channels // reduction, channels),
    fc2.weight the other way round.

    Args:
        channels: of x.
        reduction: how many channels share a unit in between; at least one unit is left.

    Raises:
        ArgumentError: an argument is no whole number from 1 on.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        init.check_sizes(self, channels=channels, reduction=reduction)
        self.channels = channels
        narrow = max(1, channels // reduction)
        self.fc1, self.fc2 = Dense(channels, narrow), Dense(narrow, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, channels, H, W), or there is no pixel.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "batch channels height width", channels=self.channels)
        squeezed = F.adaptive_avg_pool2d(x, 1).reshape(-1, self.channels)
        s = F.sigmoid(self.fc2(F.relu(self.fc1(squeezed))))
        return x * s.reshape(-1, self.channels, 1, 1)
