"""Losses of one class for each sample, under PyTorch's names and with its arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.activation import log_softmax
from tinygrad_lite.ops.elementwise import as_array, where
from tinygrad_lite.ops.loss import (
    Reduction,
    plain,
    reduce_losses,
    share,
)
from tinygrad_lite.ops.shape import expand_dims, reshape, transpose

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "cross_entropy",
    "nll_loss",
]


def _largest_of_rows(x: np.ndarray) -> np.ndarray:
    """Return the maximum of each row, as a column."""
    if x.shape[1] <= 64 and len(x) >= 32:  # short rows NumPy takes one by one, columns by vectors
        x = np.ascontiguousarray(x.T).T
    return np.maximum.reduce(x, axis=1, keepdims=True)


_MANY = 32  # classes; of rows with fewer NumPy makes better use of vectors


def _cross_entropy_of_rows(logits: Any, labels: np.ndarray, reduction: str) -> tuple[Any, Any]:
    """Return the loss, and the derivative of each row's: softmax - one-hot."""
    if kernels.pays(logits.size) and logits.shape[1] >= _MANY and logits.dtype.char == "f":
        losses, slopes = kernels.loss.cross_entropy(logits, labels)
        return reduce_losses(losses, reduction, "cross_entropy"), slopes
    at_labels = np.arange(len(labels)), labels
    p = logits - _largest_of_rows(logits)
    scores = p[at_labels]
    np.exp(p, out=p)
    total = p.dot(np.ones(p.shape[1], p.dtype))  # four times sooner than a sum along rows
    p /= total[:, None]
    p[at_labels] -= 1.0
    return reduce_losses(np.log(total) - scores, reduction, "cross_entropy"), p


def _cross_entropy_in_plain_ops(logits: Any, labels: np.ndarray, reduction: str) -> Any:
    losses = -log_softmax(logits)[np.arange(len(labels)), labels]
    return reduce_losses(losses, reduction, "cross_entropy")


# softmax and logarithm, selection and reduction in one op
_cross_entropy = Op(
    "cross_entropy",
    _cross_entropy_of_rows,
    lambda g, y, logits, labels, reduction: share(g, reduction, labels)[..., None] * y[1],
    reference=_cross_entropy_in_plain_ops,
    keeps=True,
)


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return -log softmax(input)[target], or its expectation where targets are probabilities.

    Args:
        input: logits (N, C), (N, C, d1, ...) or (C,).
        target: the classes, integers from 0 to C - 1, of the shape of `input` without C; or
            probabilities of all classes, floating, of the shape of `input`.
        weight: (C,), of each class. The mean over labels is then the weighted one; the mean over
            probabilities is not.
        ignore_index: samples with this label count nothing.
        reduction: mean, sum or none.
        label_smoothing: the part of each target that is spread evenly over all classes
            (Szegedy et al., 2016, section 7).

    Raises:
        DataError: a label is out of range, or a mean has no samples.
        DTypeError: labels are not of integers.
        ShapeError: there is not one label for each sample, or one weight for each class.
        ArgumentError: an impossible `label_smoothing`, or an `ignore_index` for probabilities.
    """
    labels = plain(target)
    if label_smoothing and not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            message(
                "cross_entropy",
                f"label_smoothing={label_smoothing:g} is not possible",
                fix="choose a number from 0 to 1",
            )
        )
    if labels.dtype.kind not in "iu" and labels.shape == as_array(input).shape:
        return _soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    shape = labels.shape
    logits, labels, kept = labelled_rows("cross_entropy", "logits", input, labels, ignore_index)
    if weight is None and kept is None and not label_smoothing:
        loss = _cross_entropy(logits, labels=labels, reduction=reduction)
        return loss if reduction != "none" else _as_target(loss, shape)
    weight = class_weights("cross_entropy", weight, logits.shape[1])
    losses = _cross_entropy(logits, labels=labels, reduction="none") * weight[labels]
    if label_smoothing:
        everywhere = (log_softmax(logits) * weight).sum(axis=1) / logits.shape[1]
        losses = (1 - label_smoothing) * losses - label_smoothing * everywhere
    return _reduce_kept(losses, labels, kept, weight, reduction, shape, "cross_entropy")


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Tensor:
    """Return -input[target], of log-probabilities such as those of `log_softmax`.

    Shapes, arguments and errors are those of `cross_entropy` with labels.
    """
    labels = plain(target)
    shape = labels.shape
    x, labels, kept = labelled_rows("nll_loss", "log-probabilities", input, labels, ignore_index)
    weight = class_weights("nll_loss", weight, x.shape[1])
    losses = -x[np.arange(len(labels)), labels] * weight[labels]
    return _reduce_kept(losses, labels, kept, weight, reduction, shape, "nll_loss")


def labelled_rows(
    subject: str, name: str, x: Any, labels: np.ndarray, ignore_index: int | None
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Return scores (M, C), labels (M,), and which labels are kept, None where all are.

    Labels to be ignored become 0, so that every label can be looked up.
    """
    x = as_array(x)
    shape = x.shape
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            message(
                subject,
                "labels must be integers",
                {name: x, "target": labels},
                fix="target.astype('int64')",
            )
        )
    if not shape or labels.shape != (shape[:1] + shape[2:] if len(shape) > 1 else ()):
        raise ShapeError(
            message(
                subject,
                f"{name} must be (N, C) and labels (N,)",
                {name: x, "target": labels},
                fix="give one label for each sample, (N, d1, ...) for (N, C, d1, ...); "
                "probabilities need a floating dtype",
            )
        )
    if len(shape) == 1:
        x = expand_dims(x, 0)
    elif len(shape) > 2:
        x = reshape(transpose(x, (0, *range(2, len(shape)), 1)), (labels.size, shape[1]))
    classes = x.shape[1]
    flat = labels.reshape(-1).astype(np.intp, copy=False)
    # one pass finds both ends of the range: seen as unsigned, a negative label is huge
    in_range = not flat.size or flat.view(np.uintp).max() < classes
    if in_range and (ignore_index is None or not 0 <= ignore_index < classes):
        return x, flat, None
    kept = flat != ignore_index  # all, where it is None
    wrong = kept & ((flat < 0) | (flat >= classes))
    if wrong.any():
        place = np.flatnonzero(wrong)[0]
        sample = place // (flat.size // len(labels)) if labels.ndim else 0
        raise DataError(
            message(
                subject,
                f"label {labels.flat[place]} (sample {sample} of the batch) is not among the "
                f"{classes} classes",
                {name: x, "target": labels},
                fix=f"number the classes from 0, or give the last layer more than {classes} "
                "outputs",
            )
        )
    return x, np.where(kept, flat, 0), kept


def class_weights(subject: str, weight: Any, classes: int) -> Any:
    """Return `weight`, one for each class; ones where there is none."""
    if weight is None:
        return np.ones(classes, np.int8)
    weight = as_array(weight)
    if weight.shape != (classes,):
        raise ShapeError(
            message(
                subject,
                f"weight must be ({classes},), a number for each class",
                {"weight": weight},
                fix="to weigh samples, take reduction='none' and multiply the losses",
            )
        )
    return weight


def _reduce_kept(
    losses: Any,
    labels: np.ndarray,
    kept: np.ndarray | None,
    weight: Any,
    reduction: str,
    shape: tuple[int, ...],
    subject: str,
) -> Any:
    """Reduce the losses of labels that count; the mean divides by their classes' weights."""
    if kept is None:
        total = weight[labels].sum()
    else:
        losses = where(kept, losses, 0.0)
        total = weight[labels[kept]].sum()
    if reduction == "none":
        return _as_target(losses, shape)
    return reduce_losses(losses, reduction, subject, total)


def _as_target(losses: Any, shape: tuple[int, ...]) -> Any:
    return losses if len(shape) == 1 else reshape(losses, shape)


def _soft_cross_entropy(
    x: Any, target: Any, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    """Return -Σ target log softmax(x), where targets are probabilities."""
    if ignore_index >= 0:
        raise ArgumentError(
            message(
                "cross_entropy",
                f"ignore_index={ignore_index} means nothing where targets are probabilities",
                {"logits": x, "target": target},
                fix="leave ignore_index out, or give labels",
            )
        )
    x, target = as_array(x), as_array(target)
    axis = 0 if x.ndim == 1 else 1
    classes = x.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    terms = log_softmax(x, axis) * target
    if weight is not None:
        weight = class_weights("cross_entropy", weight, classes)
        terms = terms * reshape(weight, (classes, *(1,) * (x.ndim - axis - 1)))
    return reduce_losses(-terms.sum(axis=axis), reduction, "cross_entropy")
