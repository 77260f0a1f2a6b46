"""Highway layers: a gate decides, number by number, what is changed and what is carried on."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.conv import Conv2d
from tinygrad_lite.layers.dense import Dense
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor

_NONLINEARITIES: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": F.tanh}


class _Highway(Module):
    """y = t h + (1 - t) x; a kind says by which layers h and t are made."""

    def _set_up(
        self, make: Callable[[], Dense | Conv2d], gate_bias: float, nonlinearity: str
    ) -> None:
        init.check_numbers(self, gate_bias=gate_bias)
        init.check_choices(self, _NONLINEARITIES, nonlinearity=nonlinearity)
        self._nonlinearity = _NONLINEARITIES[nonlinearity]
        self.transform, self.gate = make(), make()
        assert self.gate.bias is not None
        self.gate.bias.data[...] = gate_bias

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has not the axes or the length that the layer needs.
            DTypeError: x is not of floats.
        """
        self._check(x)
        h, t = self._nonlinearity(self.transform(x)), F.sigmoid(self.gate(x))
        return x + t * (h - x)

    def _check(self, x: Tensor) -> None:
        raise NotImplementedError


@register_layer("highway")
class Highway(_Highway):
    """y = t h + (1 - t) x, h = relu(transform(x)), t = sigmoid(gate(x)) (Srivastava et al., 2015).

    Where t is 0 the layer hands on what it got, and the gradient with it: that is how all begin, as
    the gate's bias is negative. So a hundred of them can be trained, where of plain layers twenty
    cannot. (Figure 1 and eq. 3 of "Training very deep networks".)

    Shapes: x (..., features) to the same shape; transform.weight and gate.weight (features,
    features), transform.bias and gate.bias (features,).

    Args:
        features: length of the last axis of x.
        gate_bias: what the gate's bias begins with; the deeper the network the lower: published
            were -1 to -10.
        nonlinearity: "relu" or "tanh".

    Raises:
        ArgumentError: features is no whole number from 1 on; gate_bias is no number; another
            nonlinearity.
    """

    def __init__(self, features: int, gate_bias: float = -2.0, nonlinearity: str = "relu") -> None:
        init.check_sizes(self, features=features)
        self.features = features
        self._set_up(lambda: Dense(features, features), gate_bias, nonlinearity)

    def _check(self, x: Tensor) -> None:
        self.check_input(x, "... features", features=self.features)


@register_layer("highway_conv2d")
class HighwayConv2d(_Highway):
    """`Highway` for images: transform and gate are convolutions that keep the image's size.

    Shapes: x (N, channels, H, W) to the same shape; transform.weight and gate.weight (channels,
    channels, KH, KW), transform.bias and gate.bias (channels,).

    Args:
        channels: of x.
        kernel_size: lengths of a filter; one number, or (height, width).
        gate_bias: what the gate's bias begins with.
        nonlinearity: "relu" or "tanh".

    Raises:
        ArgumentError: a size is no whole number from 1 on; gate_bias is no number; another
            nonlinearity.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | tuple[int, int] = 3,
        gate_bias: float = -2.0,
        nonlinearity: str = "relu",
    ) -> None:
        init.check_sizes(self, channels=channels)
        self.channels = channels
        self._set_up(
            lambda: Conv2d(channels, channels, kernel_size, padding="same"), gate_bias, nonlinearity
        )

    def _check(self, x: Tensor) -> None:
        self.check_input(x, "batch channels height width", channels=self.channels)
