"""What all losses share: how they are reduced, and what they ask of their operands.

The losses themselves are in regression.py, probability.py, classification.py, margin.py and ctc.py.
They bear PyTorch's names and take its arguments in its order, without the two that PyTorch itself
replaced by `reduction` (size_average and reduce). Targets and weights are Tensors, ndarrays or
lists.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, ShapeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.ops.elementwise import as_array

__all__: list[str] = []

Reduction = Literal["mean", "sum", "none"]


def reduce_losses(losses: Any, reduction: str, subject: str, total: Any = None) -> Any:
    """Return the losses' mean or sum, or themselves; "mean" divides by `total`, their number.

    Raises:
        ArgumentError: another `reduction`.
        DataError: a mean of nothing.
    """
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ArgumentError(
            message(subject, f"unknown reduction {reduction!r}", fix="use mean, sum or none")
        )
    if reduction == "sum":
        return losses.sum()
    total = losses.size if total is None else total
    if total == 0:
        raise DataError(
            message(
                subject,
                "no samples have no mean",
                {"losses": losses},
                fix="skip batches that are empty, or whose samples are all ignored or weigh 0",
            )
        )
    if isinstance(total, np.generic):
        total = total.item()  # a Python number leaves float32 as it is
    return losses.sum() / total


def share(g: Any, reduction: str, like: Any) -> Any:
    """Return what each of the losses in `like` gets of `g`, the gradient of their reduction."""
    return g / like.size if reduction == "mean" else g


def weighted(losses: Any, weight: Any, reduction: str, subject: str) -> Any:
    """Reduce losses, each with a weight of its own (or none); their mean is the weighted one."""
    if weight is None:
        return reduce_losses(losses, reduction, subject)
    same_shape(subject, losses, weight, names=("losses", "weight"))
    weight = as_array(weight)
    return reduce_losses(losses * weight, reduction, subject, weight.sum())


def scaled(losses: Any, weight: Any) -> Any:
    """Multiply losses by weights, which broadcast, if there are any."""
    return losses if weight is None else losses * as_array(weight)


def plain(x: Any) -> Any:
    """Return the numbers in `x` as an ndarray: to look at, not to compute with."""
    values = np.asarray(raw(x))
    return values.astype(float) if values.dtype == object else values


def same_shape(
    subject: str, *operands: Any, names: tuple[str, ...] = ("prediction", "target")
) -> None:
    """Raise ShapeError unless all operands have one shape."""
    shapes = [as_array(x).shape for x in operands]
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            message(
                subject,
                f"{', '.join(names[:-1])} and {names[-1]} must have the same shape",
                dict(zip(names, operands, strict=True)),
                fix="reshape one of them; broadcasting here is nearly always a mistake",
            )
        )


def check_probabilities(subject: str, x: Any, name: str, fix: str) -> None:
    """Raise DataError unless all of `x` is from 0 to 1."""
    values = plain(x)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise DataError(
            message(
                subject,
                f"{name} are from 0 to 1, these from {values.min():g} to {values.max():g}",
                {name: x},
                fix=fix,
            )
        )


def check_signs(subject: str, target: Any) -> None:
    """Raise DataError unless every target is -1 or 1."""
    values = plain(target)
    if not (abs(values) == 1).all():
        wrong = values[abs(values) != 1].flat[0]
        raise DataError(
            message(
                subject,
                f"targets are -1 or 1; {wrong:g} is among these",
                {"target": target},
                fix="of labels 0 and 1 make 2 * target - 1",
            )
        )


def check_positive(subject: str, name: str, value: float, zero: bool = False) -> None:
    """Raise ArgumentError unless `value` is positive, or `zero` where that is allowed."""
    if not (value > 0 or (zero and value == 0)):
        raise ArgumentError(
            message(subject, f"{name}={value:g} is not possible", fix=f"choose a positive {name}")
        )
