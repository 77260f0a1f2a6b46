"""Losses of numbers, under PyTorch's names and with its arguments.

Prediction and target are of one shape; gradients flow into both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import DataError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import absolute, as_array, exp, log, square, subtract, where
from tinygrad_lite.ops.loss import (
    Reduction,
    check_positive,
    plain,
    reduce_losses,
    same_shape,
    scaled,
    share,
    weighted,
)
from tinygrad_lite.ops.shape import expand_dims

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


# reduction and all in one op: this loss is in every other inner loop
_mse = Op(
    "mse_loss",
    # an array again, where the difference of 0-d arrays of Scalars was a Scalar
    lambda x, t, reduction: reduce_losses(np.asarray((x - t) ** 2), reduction, "mse_loss"),
    (
        lambda g, y, x, t, reduction: share(2.0 * g, reduction, x) * (x - t),
        lambda g, y, x, t, reduction: share(2.0 * g, reduction, x) * (t - x),
    ),
)


def mse_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: Reduction = "mean",
    weight: ArrayLike | None = None,
) -> Tensor:
    """Return (input - target)²; with a `weight` for each, the mean is the weighted one."""
    same_shape("mse_loss", input, target)
    if weight is None:
        return _mse(input, target, reduction=reduction)
    return weighted(_mse(input, target, reduction="none"), weight, reduction, "mse_loss")


def l1_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: Reduction = "mean",
    weight: ArrayLike | None = None,
) -> Tensor:
    """Return |input - target|; with a `weight` for each, the mean is the weighted one."""
    same_shape("l1_loss", input, target)
    return weighted(absolute(subtract(input, target)), weight, reduction, "l1_loss")


def _huber(x: Any, target: Any, delta: float) -> Any:
    distance = absolute(subtract(x, target))
    return where(plain(distance) < delta, 0.5 * square(distance), delta * (distance - 0.5 * delta))


def huber_loss(
    input: ArrayLike,
    target: ArrayLike,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: ArrayLike | None = None,
) -> Tensor:
    """Return d²/2 where d = |input - target| is below `delta`, else delta (d - delta/2).

    Huber (1964). Losses are multiplied by `weight`; unlike that of `mse_loss`, and as in PyTorch,
    the mean still divides by their number.
    """
    same_shape("huber_loss", input, target)
    check_positive("huber_loss", "delta", delta)
    return reduce_losses(scaled(_huber(input, target, delta), weight), reduction, "huber_loss")


def smooth_l1_loss(
    input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean", beta: float = 1.0
) -> Tensor:
    """Return d²/(2 beta) where d = |input - target| is below `beta`, else d - beta/2.

    Girshick (2015), eq. 3, with a parameter: `huber_loss` / beta, and `l1_loss` where beta = 0.
    """
    same_shape("smooth_l1_loss", input, target)
    check_positive("smooth_l1_loss", "beta", beta, zero=True)
    losses = _huber(input, target, beta) / beta if beta else absolute(subtract(input, target))
    return reduce_losses(losses, reduction, "smooth_l1_loss")


def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return rate - target log rate: -log of the Poisson probability of a count.

    Args:
        input: the logarithm of the rate, or the rate itself.
        target: the counts.
        log_input: whether `input` is the logarithm.
        full: add the term log target!, by Stirling's formula, where the target is above 1.
        eps: added to the rate inside of the logarithm, where `log_input` is False.
        reduction: mean, sum or none.
    """
    same_shape("poisson_nll_loss", input, target)
    input, target = as_array(input), as_array(target)
    losses = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        large = plain(target) > 1
        t = where(large, target, 1.0)
        losses = losses + where(large, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0.0)
    return reduce_losses(losses, reduction, "poisson_nll_loss")


def gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return (log var + (input - target)² / var) / 2: -log of a normal density, less a constant.

    Nix & Weigend (1994), eq. 1.

    Args:
        input: the expected values.
        target: the values met.
        var: the variances: of the same shape, without the last axis, with length 1 for some axis,
            or one number.
        full: add the constant, log(2π) / 2.
        eps: smaller variances count as this; the gradient passes as if they did not.
        reduction: mean, sum or none.

    Raises:
        ShapeError: the shapes do not go together.
        DataError: a variance is negative.
    """
    subject = "gaussian_nll_loss"
    same_shape(subject, input, target)
    check_positive(subject, "eps", eps)
    shape, values, var = as_array(input).shape, plain(var), as_array(var)
    if values.ndim and values.shape == shape[:-1]:
        var, values = expand_dims(var, -1), values[..., None]
    fits = values.ndim in (0, len(shape)) and all(
        n in (1, m) for n, m in zip(values.shape, shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            message(
                subject,
                "var does not go with the prediction",
                {"prediction": input, "target": target, "var": var},
                fix="give a variance for each element, for each row, or one number",
            )
        )
    if values.size and values.min() < 0:
        raise DataError(
            message(
                subject,
                f"variances are positive; {values.min():g} is among these",
                {"var": var},
                fix="predict their logarithm, and take F.softplus or exp of it",
            )
        )
    var = var + np.maximum(eps - values, 0.0)
    losses = 0.5 * (log(var) + square(subtract(input, target)) / var)
    losses = losses + 0.5 * math.log(2 * math.pi) if full else losses
    return reduce_losses(losses, reduction, subject)
