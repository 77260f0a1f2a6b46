"""Activations as layers, for use in Sequential.

Shapes: x of any shape to the same shape.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Activation(Module):
    _function: Callable[[Tensor], Tensor]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function to x, of any shape.

        Raises:
            DTypeError: x is not of floats.
        """
        self.check_input(x, "...")
        return self._function(x)


@register_layer("relu")
class ReLU(_Activation):
    """max(x, 0) (Nair & Hinton, 2010)."""

    _function = staticmethod(F.relu)


@register_layer("sigmoid")
class Sigmoid(_Activation):
    """1 / (1 + exp(-x)): from 0 to 1."""

    _function = staticmethod(F.sigmoid)


@register_layer("tanh")
class Tanh(_Activation):
    """The hyperbolic tangent: from -1 to 1."""

    _function = staticmethod(F.tanh)


@register_layer("softplus")
class Softplus(_Activation):
    """log(1 + exp x): a smooth ReLU (Dugas et al., 2001)."""

    _function = staticmethod(F.softplus)


@register_layer("silu")
class SiLU(_Activation):
    """x sigmoid(x), also called swish (Elfwing et al., 2017)."""

    _function = staticmethod(F.silu)


@register_layer("leaky_relu")
class LeakyReLU(_Activation):
    """x where positive, else negative_slope x (Maas et al., 2013).

    Args:
        negative_slope: the slope below zero.

    Raises:
        ArgumentError: negative_slope is no number.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        init.check_numbers(self, negative_slope=negative_slope)
        self.negative_slope = negative_slope

    def _function(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)


@register_layer("elu")
class ELU(_Activation):
    """x where positive, else alpha (exp x - 1) (Clevert et al., 2015).

    Args:
        alpha: minus the limit far below zero.

    Raises:
        ArgumentError: alpha is no number.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        init.check_numbers(self, alpha=alpha)
        self.alpha = alpha

    def _function(self, x: Tensor) -> Tensor:
        return F.elu(x, self.alpha)


@register_layer("softmax")
class Softmax(_Activation):
    """exp(x) divided by its sum along `axis`: positive, with sum 1.

    To train a classifier give its outputs to `F.cross_entropy` as they are, without this layer.

    Args:
        axis: the axis of the classes.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def _function(self, x: Tensor) -> Tensor:
        return F.softmax(x, self.axis)
