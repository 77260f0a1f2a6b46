"""Normalisation: numbers of mean 0 and variance 1, each kind along axes of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Buffer, Module, Parameter
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Norm(Module):
    """What all of them but one share: they may scale and shift what they normalised."""

    weight: Parameter | None = None
    bias: Parameter | None = None

    def _scale_and_shift(self, shape: tuple[int, ...], affine: bool, bias: bool) -> None:
        if affine:
            self.weight = Parameter(np.ones(shape, np.float32))
            self.bias = Parameter(np.zeros(shape, np.float32)) if bias else None


# -- with statistics of the training data ---------------------------------------------------------


class _Tracking(_Norm):
    """What batch and instance norm share: running statistics."""

    running_mean: Buffer | None = None
    running_var: Buffer | None = None
    num_batches_tracked: Buffer | None = None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        """Set up the channels.

        Args:
            num_features: number of channels.
            eps: added to the variance, so that constant channels divide by no zero.
            momentum: the part of the running statistics that each batch replaces; None for the
                mean of all batches.
            affine: whether to scale by a learned weight and add a learned bias.
            track_running_stats: whether running statistics are kept; without them evaluation uses
                those of the batch, as training does.
            bias: False for an affine layer that only scales.

        Raises:
            ArgumentError: num_features is no whole number from 1 on; eps or momentum no number.
        """
        init.check_sizes(self, num_features=num_features)
        init.check_numbers(self, eps=eps)
        if momentum is not None:
            init.check_numbers(self, momentum=momentum)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._scale_and_shift((num_features,), affine, bias)
        if track_running_stats:
            self.running_mean = Buffer(np.zeros(num_features, np.float32))
            self.running_var = Buffer(np.ones(num_features, np.float32))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    @property
    def _learns(self) -> bool:
        """Whether the statistics are those of the input."""
        return self.training or self.running_mean is None


class _BatchNorm(_Tracking):
    def _normalize(self, x: Tensor) -> Tensor:
        momentum, seen = self.momentum or 0.0, self.num_batches_tracked
        if self.momentum is None and seen is not None:
            momentum = 1.0 / (seen.item() + 1)
        running = self.running_mean, self.running_var
        y = F.batch_norm(x, *running, self.weight, self.bias, self._learns, momentum, self.eps)
        if self.training and seen is not None:
            seen.data[...] += 1
        return y


@register_layer("batch_norm1d")
class BatchNorm1d(_BatchNorm):
    """Give each feature mean 0 and variance 1 over the batch (Ioffe & Szegedy, 2015).

    In evaluation mean and variance are the running ones. `F.batch_norm` has the formula.

    Shapes: x (N, C) or (N, C, L) to the same shape; weight, bias, running_mean and running_var
    (C,), num_batches_tracked ().
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is neither (N, num_features) nor (N, num_features, L).
            DTypeError: x is not of floats.
            DataError: in training, a feature has fewer than two values.
        """
        axes = "batch channels" if getattr(x, "ndim", 2) == 2 else "batch channels length"
        self.check_input(x, axes, channels=self.num_features)
        return self._normalize(x)


@register_layer("batch_norm2d")
class BatchNorm2d(_BatchNorm):
    """Give each channel mean 0 and variance 1 over the batch (Ioffe & Szegedy, 2015).

    In evaluation mean and variance are the running ones. `F.batch_norm` has the formula.

    Shapes: x (N, C, H, W) to the same shape; weight, bias, running_mean and running_var (C,),
    num_batches_tracked ().
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, num_features, H, W).
            DTypeError: x is not of floats.
            DataError: in training, a channel has fewer than two values.
        """
        self.check_input(x, "batch channels height width", channels=self.num_features)
        return self._normalize(x)


@register_layer("instance_norm2d")
class InstanceNorm2d(_Tracking):
    """Give each channel of each image mean 0 and variance 1 (Ulyanov et al., 2016).

    As in PyTorch, running statistics are kept only where asked for, and momentum=None keeps them as
    they are.

    Shapes: x (N, C, H, W) to the same shape; weight, bias, running_mean and running_var (C,).
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, num_features, H, W).
            DTypeError: x is not of floats.
            DataError: a channel has fewer than two places, and no running statistics are used.
        """
        self.check_input(x, "batch channels height width", channels=self.num_features)
        running, affine = (self.running_mean, self.running_var), (self.weight, self.bias)
        return F.instance_norm(x, *running, *affine, self._learns, self.momentum or 0.0, self.eps)


# -- with statistics of each sample ---------------------------------------------------------------


@register_layer("layer_norm")
class LayerNorm(_Norm):
    """Give the last axes of each sample mean 0 and variance 1 (Ba et al., 2016).

    Shapes: x (..., *normalized_shape) to the same shape; weight and bias `normalized_shape`.

    Args:
        normalized_shape: lengths of the last axes; one number for one axis.
        eps: added to the variance.
        elementwise_affine: whether to scale by a learned weight.
        bias: whether to add a learned bias, too.

    Raises:
        ArgumentError: a length is no whole number from 1 on; eps is no number.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        wanted = normalized_shape
        self.normalized_shape = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
        if not self.normalized_shape:
            init.refuse(self, "normalized_shape", wanted, "give at least one length")
        for length in self.normalized_shape:
            init.check_sizes(self, normalized_shape=length)
        init.check_numbers(self, eps=eps)
        self.eps = eps
        self._scale_and_shift(self.normalized_shape, elementwise_affine, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: the last axes of x are not of `normalized_shape`.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "...")
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


@register_layer("group_norm")
class GroupNorm(_Norm):
    """Give each group of channels of each sample mean 0 and variance 1 (Wu & He, 2018).

    Shapes: x (N, C, ...) to the same shape; weight and bias (C,).

    Args:
        num_groups: a divisor of num_channels.
        num_channels: number of channels, C.
        eps: added to the variance.
        affine: whether to scale by a learned weight and add a learned bias, a number a channel.
        bias: False for an affine layer that only scales.

    Raises:
        ArgumentError: num_groups does not divide num_channels; a size is no whole number from 1
            on; eps is no number.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        bias: bool = True,
    ) -> None:
        init.check_sizes(self, num_groups=num_groups, num_channels=num_channels)
        init.check_numbers(self, eps=eps)
        if num_channels % num_groups:
            fix = f"choose a divisor of num_channels={num_channels}"
            init.refuse(self, "num_groups", num_groups, fix)
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._scale_and_shift((num_channels,), affine, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, num_channels, ...).
            DTypeError: x is not of floats.
        """
        places = " place" * (getattr(x, "ndim", 2) - 2)
        self.check_input(x, "batch channels" + places, channels=self.num_channels)
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


@register_layer("local_response_norm")
class LocalResponseNorm(Module):
    """Divide by the strength of the neighbouring channels (Krizhevsky et al., 2012, section 3.3).

    Shapes: x (N, C, ...) to the same shape.

    Args:
        size: how many channels, around each, are taken into account.
        alpha: factor of the mean of their squares.
        beta: power of the divisor.
        k: what is added before.

    Raises:
        ArgumentError: size is no whole number from 1 on; another argument is no number.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        init.check_sizes(self, size=size)
        init.check_numbers(self, alpha=alpha, beta=beta, k=k)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has fewer than three axes.
            DTypeError: x is not of floats.
        """
        self.check_input(x, "...")
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)
