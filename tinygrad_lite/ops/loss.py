"""Losses, under PyTorch's names and with its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.activation import log_softmax, softmax, softplus
from tinygrad_lite.ops.elementwise import square

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "mse_loss",
]

Reduction = Literal["mean", "sum", "none"]


def _reduce(losses: Any, reduction: Reduction, subject: str) -> Any:
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            message(subject, f"unknown reduction {reduction!r}", fix="use mean, sum or none")
        )
    if reduction == "sum":
        return losses.sum()
    if losses.size == 0:
        raise DataError(
            message(
                subject, "no samples have no mean", {"losses": losses}, fix="skip empty batches"
            )
        )
    return losses.mean()


def _one_hot(target: np.ndarray, like: Any) -> Any:
    return (np.arange(like.shape[-1]) == target[..., None]).astype(like.dtype)


def _cross_entropy_rule(g: Any, y: Any, logits: Any, target: np.ndarray) -> Any:
    return g[..., None] * (softmax(logits) - _one_hot(target, logits))


def _cross_entropy(logits: Any, target: np.ndarray) -> Any:
    rows = np.arange(len(target))
    return -log_softmax(logits)[rows, target]


# one loss a row
_cross_entropy_op = Op(
    "cross_entropy", _cross_entropy, _cross_entropy_rule, reference=_cross_entropy
)


def cross_entropy(logits: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Tensor:
    """Return -log softmax(logits)[target].

    Shapes: logits (N, C), target (N,) of integers from 0 to C - 1.

    Raises:
        DataError: a label is out of range.
        DTypeError: `target` is not of integers.
        ShapeError: there is not one label for each row of logits.
    """
    target = np.asarray(getattr(target, "data", target))
    operands = {"logits": logits, "target": target}
    if target.dtype.kind not in "iu":
        raise DTypeError(
            message(
                "cross_entropy", "labels must be integers", operands, fix="target.astype('int64')"
            )
        )
    shape = np.shape(logits)
    if len(shape) != 2 or target.shape != shape[:1]:
        raise ShapeError(
            message(
                "cross_entropy",
                "logits must be (N, C) and labels (N,)",
                operands,
                fix="flatten both to one row, and one label, for each sample",
            )
        )
    if target.size and not (target.min() >= 0 and target.max() < shape[1]):
        wrong = int(np.flatnonzero((target < 0) | (target >= shape[1]))[0])
        raise DataError(
            message(
                "cross_entropy",
                f"label {target[wrong]} (sample {wrong} of the batch) is not among the "
                f"{shape[1]} classes",
                operands,
                fix=f"number the classes from 0, or give the last layer more than {shape[1]} "
                "outputs",
            )
        )
    return _reduce(_cross_entropy_op(logits, target=target), reduction, "cross_entropy")


def _same_shape(subject: str, x: Any, target: Any) -> None:
    if np.shape(x) != np.shape(target):
        raise ShapeError(
            message(
                subject,
                "prediction and target must have the same shape",
                {"prediction": x, "target": target},
                fix="reshape one of them; broadcasting here is nearly always a mistake",
            )
        )


def mse_loss(x: Tensor, target: ArrayLike, reduction: Reduction = "mean") -> Tensor:
    """Return (x - target)²; both of the same shape."""
    _same_shape("mse_loss", x, target)
    return _reduce(square(x - target), reduction, "mse_loss")


def binary_cross_entropy_with_logits(
    x: Tensor, target: ArrayLike, reduction: Reduction = "mean"
) -> Tensor:
    """Return -(t log σ(x) + (1 - t) log(1 - σ(x))), as softplus(x) - t x; t from 0 to 1."""
    _same_shape("binary_cross_entropy_with_logits", x, target)
    values = np.asarray(getattr(target, "data", target))
    if values.size and values.dtype != object and not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            message(
                "binary_cross_entropy_with_logits",
                f"targets are from 0 to 1, these from {values.min():g} to {values.max():g}",
                {"prediction": x, "target": target},
                fix="scale them; for several classes use cross_entropy",
            )
        )
    losses = softplus(x) - x * target
    return _reduce(losses, reduction, "binary_cross_entropy_with_logits")
