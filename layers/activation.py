"""Activations as layers, for use in Sequential."""

from __future__ import annotations

from tinygrad_lite import functional as F
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Activation(Module):
    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to each element."""
        self.check_input(x, "...")
        return self.function(x)

    def function(self, x: Tensor) -> Tensor:
        raise NotImplementedError


@register_layer("relu")
class ReLU(_Activation):
    """max(x, 0)."""

    function = staticmethod(F.relu)


@register_layer("sigmoid")
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    function = staticmethod(F.sigmoid)


@register_layer("tanh")
class Tanh(_Activation):
    """The hyperbolic tangent."""

    function = staticmethod(F.tanh)


@register_layer("softplus")
class Softplus(_Activation):
    """log(1 + exp x)."""

    function = staticmethod(F.softplus)


@register_layer("silu")
class SiLU(_Activation):
    """x sigmoid(x) (Elfwing et al., 2017)."""

    function = staticmethod(F.silu)


@register_layer("leaky_relu")
class LeakyReLU(_Activation):
    """x where positive, else negative_slope x (Maas et al., 2013)."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def function(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)


@register_layer("elu")
class ELU(_Activation):
    """x where positive, else alpha (exp x - 1) (Clevert et al., 2015)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def function(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha)


@register_layer("softmax")
class Softmax(_Activation):
    """exp(x) divided by its sum along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def function(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.axis)
