"""Losses that ask for a margin: of scores, and of distances; under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, ShapeError, message
from tinygrad_lite.ops.activation import relu, softplus
from tinygrad_lite.ops.classification import class_weights, labelled_rows
from tinygrad_lite.ops.distance import pairwise_distance
from tinygrad_lite.ops.elementwise import as_array, minimum, sqrt, square, subtract, where
from tinygrad_lite.ops.loss import (
    Reduction,
    check_positive,
    check_signs,
    plain,
    reduce_losses,
    same_shape,
)
from tinygrad_lite.ops.shape import expand_dims

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "hinge_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]

# -- scores ---------------------------------------------------------------------------------------


def hinge_loss(
    input: ArrayLike, target: ArrayLike, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Return max(0, margin - target input): that of the support vector machine.

    Cortes & Vapnik (1995). PyTorch has no function of this name.

    Args:
        input: scores, of any shape.
        target: -1 or 1 for each.
        margin: the score, on the right side, from which on nothing is lost.
        reduction: mean, sum or none.

    Raises:
        DataError: a target is neither -1 nor 1.
    """
    same_shape("hinge_loss", input, target)
    check_signs("hinge_loss", target)
    losses = relu(margin - as_array(target) * as_array(input))
    return reduce_losses(losses, reduction, "hinge_loss")


def soft_margin_loss(input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean") -> Tensor:
    """Return log(1 + exp(-target input)), where targets are -1 or 1."""
    same_shape("soft_margin_loss", input, target)
    check_signs("soft_margin_loss", target)
    losses = softplus(-as_array(target) * as_array(input))
    return reduce_losses(losses, reduction, "soft_margin_loss")


def margin_ranking_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return max(0, margin - target (input1 - input2)): target 1 ranks input1 higher, -1 input2.

    Shapes: all three the same.
    """
    same_shape("margin_ranking_loss", input1, input2, target, names=("input1", "input2", "target"))
    check_signs("margin_ranking_loss", target)
    losses = relu(margin - as_array(target) * subtract(input1, input2))
    return reduce_losses(losses, reduction, "margin_ranking_loss")


def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return Σ over the wrong classes i of max(0, margin - input[target] + input[i])^p / C.

    Crammer & Singer (2001) took the largest of these terms in place of their sum.

    Args:
        input: scores (N, C) or (C,).
        target: the right classes (N,) or ().
        p: 1 or 2.
        margin: by how much the right class shall lead.
        weight: (C,), of the right classes. The mean divides by the number of samples.
        reduction: mean, sum or none.

    Raises:
        ArgumentError: another p.
    """
    if p not in (1, 2):
        raise ArgumentError(
            message("multi_margin_loss", f"p={p} is not possible", fix="p is 1 or 2")
        )
    labels = plain(target)
    shape = labels.shape
    x, labels, _ = labelled_rows("multi_margin_loss", "scores", input, labels, ignore_index=None)
    right = np.arange(x.shape[1]) == labels[:, None]
    lacking = relu(margin - expand_dims(x[np.arange(len(labels)), labels], 1) + x)
    lacking = lacking if p == 1 else square(lacking)
    if weight is not None:
        weight = class_weights("multi_margin_loss", weight, x.shape[1])
        lacking = lacking * expand_dims(weight[labels], 1)
    losses = where(right, 0.0, lacking).sum(axis=1) / x.shape[1]
    return reduce_losses(losses.reshape(shape), reduction, "multi_margin_loss")


def multilabel_margin_loss(
    input: ArrayLike, target: ArrayLike, reduction: Reduction = "mean"
) -> Tensor:
    """Return Σ over right classes j and wrong ones i of max(0, 1 - input[j] + input[i]) / C.

    Args:
        input: scores (N, C) or (C,).
        target: of the same shape: the right classes of each sample, then -1; what follows a -1
            counts nothing.
        reduction: mean, sum or none.

    Raises:
        DataError: a class is out of range.
    """
    subject = "multilabel_margin_loss"
    same_shape(subject, input, target)
    labels = np.atleast_2d(plain(target))
    x = as_array(input)
    classes = x.shape[-1]
    listed = np.logical_and.accumulate(labels != -1, axis=1)
    if not ((labels[listed] >= 0) & (labels[listed] < classes)).all():
        raise DataError(
            message(
                subject,
                f"a label is not among the {classes} classes",
                {"input": input, "target": target},
                fix="list the right classes, from 0 on, and end the list with -1",
            )
        )
    right = np.zeros(labels.shape, bool)
    right[np.nonzero(listed)[0], labels[listed].astype(np.intp)] = True
    pairs = (right[:, :, None] & ~right[:, None, :]).reshape(*x.shape, classes)
    lacking = relu(1.0 - expand_dims(x, -1) + expand_dims(x, -2))
    losses = where(pairs, lacking, 0.0).sum(axis=(-2, -1)) / classes
    return reduce_losses(losses, reduction, subject)


# -- distances ------------------------------------------------------------------------------------


def hinge_embedding_loss(
    input: ArrayLike, target: ArrayLike, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Return the distance `input` where target is 1, and max(0, margin - input) where it is -1.

    Hadsell, Chopra & LeCun (2006), without their squares.
    """
    same_shape("hinge_embedding_loss", input, target)
    check_signs("hinge_embedding_loss", target)
    x = as_array(input)
    losses = where(plain(target) > 0, x, relu(margin - x))
    return reduce_losses(losses, reduction, "hinge_embedding_loss")


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return max(0, margin + d(anchor, positive) - d(anchor, negative)).

    Balntas et al. (2016), with the p-norm of a - b + eps along the last axis as the distance d.

    Args:
        anchor: (N, D) or (D,).
        positive: of the same shape; what the anchor shall be near to.
        negative: of the same shape; what the anchor shall be far from.
        margin: by how much the negative shall be farther away.
        p: of the norm, positive; infinity is possible.
        eps: keeps the distance of equal points differentiable.
        swap: take d(positive, negative) where it is the smaller distance to the negative.
        reduction: mean, sum or none.
    """
    subject = "triplet_margin_loss"
    same_shape(subject, anchor, positive, negative, names=("anchor", "positive", "negative"))
    check_positive(subject, "p", p)
    anchor, positive, negative = as_array(anchor), as_array(positive), as_array(negative)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = minimum(far, pairwise_distance(positive, negative, p, eps))
    losses = relu(margin + pairwise_distance(anchor, positive, p, eps) - far)
    return reduce_losses(losses, reduction, subject)


def cosine_embedding_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return 1 - cos where target is 1, and max(0, cos - margin) where it is -1.

    The cosine is that of the angle between the rows of the inputs.
    Shapes: inputs (N, D) and target (N,), or (D,) and ().
    """
    subject = "cosine_embedding_loss"
    same_shape(subject, input1, input2, names=("input1", "input2"))
    a, b = as_array(input1), as_array(input2)
    if not a.ndim or as_array(target).shape != a.shape[:-1]:
        raise ShapeError(
            message(
                subject,
                "the target is one number for each row",
                {"input1": input1, "input2": input2, "target": target},
                fix="inputs are (N, D) and target (N,)",
            )
        )
    check_signs(subject, target)
    # the squares' sums are kept from 0, as in PyTorch
    lengths = (square(a).sum(axis=-1) + 1e-12) * (square(b).sum(axis=-1) + 1e-12)
    cosine = (a * b).sum(axis=-1) / sqrt(lengths)
    losses = where(plain(target) > 0, 1.0 - cosine, relu(cosine - margin))
    return reduce_losses(losses, reduction, subject)
