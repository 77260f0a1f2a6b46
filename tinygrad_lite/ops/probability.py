"""Losses of probabilities, under PyTorch's names and with its arguments.

Prediction and target are of one shape; gradients flow into both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tinygrad_lite.ops.activation import softplus
from tinygrad_lite.ops.elementwise import as_array, elementwise, exp, log, maximum, where
from tinygrad_lite.ops.loss import (
    Reduction,
    check_probabilities,
    plain,
    reduce_losses,
    same_shape,
    scaled,
)

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
    "multilabel_soft_margin_loss",
]

_SCALE = "scale them; for several classes use cross_entropy"


def kl_div(
    input: ArrayLike,
    target: ArrayLike,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return target (log target - input), where `input` is the logarithm of probabilities.

    Kullback & Leibler (1951). Only "batchmean", the sum divided by the length of the first axis, is
    the divergence of a batch; "mean" divides by the number of all elements.

    Args:
        input: log-probabilities, of any shape.
        target: probabilities, or their logarithms, of the same shape.
        reduction: mean, batchmean, sum or none.
        log_target: whether `target` is logarithms.
    """
    same_shape("kl_div", input, target)
    input, target = as_array(input), as_array(target)
    if log_target:
        losses = exp(target) * (target - input)
    else:
        check_probabilities(
            "kl_div", target, "targets", fix="of log-probabilities say log_target=True"
        )
        # 0 log 0 is 0
        losses = target * (log(where(plain(target) > 0, target, 1.0)) - input)
    if reduction == "batchmean":
        return reduce_losses(losses, "mean", "kl_div", input.shape[0] if input.shape else 1)
    return reduce_losses(losses, reduction, "kl_div")


def _bounded_log(x: Any) -> Any:
    """Return log x, but -100 where it is less."""
    return maximum(log(where(plain(x) > 0, x, 1e-44)), -100.0)


_binary_cross_entropy = elementwise(
    "binary_cross_entropy",
    lambda x, t: -(t * _bounded_log(x) + (1.0 - t) * _bounded_log(1.0 - x)),
    (
        lambda g, y, x, t: g * (x - t) / maximum(x * (1.0 - x), 1e-12),
        lambda g, y, x, t: g * (_bounded_log(1.0 - x) - _bounded_log(x)),
    ),
)


def binary_cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return -(t log x + (1 - t) log(1 - x)), no logarithm below -100.

    `binary_cross_entropy_with_logits` is exact for any logit, and to be preferred.

    Args:
        input: probabilities x, of any shape.
        target: probabilities t, of the same shape.
        weight: factors of the losses; they broadcast. The mean divides by the number of losses.
        reduction: mean, sum or none.

    Raises:
        DataError: a number is not from 0 to 1.
    """
    subject = "binary_cross_entropy"
    same_shape(subject, input, target)
    check_probabilities(
        subject, input, "predictions", fix="of logits use " + subject + "_with_logits"
    )
    check_probabilities(subject, target, "targets", fix=_SCALE)
    losses = scaled(_binary_cross_entropy(input, target), weight)
    return reduce_losses(losses, reduction, subject)


def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """Return -(p t log σ(x) + (1 - t) log(1 - σ(x))), as (1 - t) x + (1 + (p - 1) t) softplus(-x).

    Args:
        input: logits x, of any shape.
        target: probabilities t, of the same shape.
        weight: factors of the losses; they broadcast. The mean divides by the number of losses.
        reduction: mean, sum or none.
        pos_weight: factors p of the positive part; they broadcast, e.g. (C,) for logits (N, C).

    Raises:
        DataError: a target is not from 0 to 1.
    """
    subject = "binary_cross_entropy_with_logits"
    same_shape(subject, input, target)
    check_probabilities(subject, target, "targets", fix=_SCALE)
    x, t = as_array(input), as_array(target)
    if pos_weight is None:
        losses = softplus(x) - x * t
    else:
        losses = (1.0 - t) * x + (1.0 + (as_array(pos_weight) - 1.0) * t) * softplus(-x)
    losses = scaled(losses, weight)
    return reduce_losses(losses, reduction, subject)


def multilabel_soft_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return the mean over the last axis of `binary_cross_entropy_with_logits`.

    Shapes: input and target (..., C), weight (C,).
    """
    losses = binary_cross_entropy_with_logits(input, target, weight, "none")
    return reduce_losses(losses.mean(axis=-1), reduction, "multilabel_soft_margin_loss")
