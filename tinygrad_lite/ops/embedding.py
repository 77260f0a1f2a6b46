"""Vectors of labels: looked up in a table, or one-hot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import DataError, DTypeError, ShapeError, message
from tinygrad_lite.graph import Node, raw
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import where

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "embedding",
    "one_hot",
]


def embedding(x: ArrayLike, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Return the rows of `weight` at the indices `x`.

    Shapes: x (...) of integers, weight (V, D) to (..., D).

    Args:
        x: from 0 to V - 1.
        weight: a row for each label.
        padding_idx: a row that gets no gradient; counted from the end if negative.

    Raises:
        DTypeError: x is not of integers.
        DataError: x has an index that is out of range.
        ShapeError: weight is no matrix, or has no row `padding_idx`.
    """
    if weight.ndim != 2:
        raise ShapeError(
            message("embedding", "weight must be (V, D)", {"weight": weight}, fix="reshape weight")
        )
    rows = len(weight)
    labels = _labels("embedding", x, rows, f"give indices below {rows}, or weight more rows")
    vectors = weight[labels]
    if padding_idx is None:
        return vectors
    if not -rows <= padding_idx < rows:
        raise ShapeError(
            message(
                "embedding",
                f"there is no row padding_idx={padding_idx}",
                {"weight": weight},
                fix=f"choose one from {-rows} to {rows - 1}",
            )
        )
    values = vectors.data.astype(float) if isinstance(vectors, Node) else vectors
    return where((labels == padding_idx % rows)[..., None], values, vectors)


_one_hot = Op(
    "one_hot",
    lambda x, num_classes: (x[..., None] == np.arange(num_classes)).astype(np.int64),
)


def one_hot(x: ArrayLike, num_classes: int = -1) -> Tensor:
    """Return a vector of zeros with a one at `x` for each label `x`; of int64.

    Shapes: x (...) of integers to (..., num_classes).

    Args:
        x: from 0 to num_classes - 1.
        num_classes: by default one more than the largest label.

    Raises:
        DTypeError: x is not of integers.
        DataError: a label is out of range, or there is none to count the classes by.
    """
    labels = np.asarray(raw(x))
    if num_classes == -1:
        if not labels.size:
            raise DataError(
                message("one_hot", "no labels to count classes by", {"x": x}, fix="num_classes=...")
            )
        num_classes = int(labels.max()) + 1
    _labels("one_hot", labels, num_classes, "number the classes from 0, or raise num_classes")
    return _one_hot(x if isinstance(x, Node) else labels, num_classes=num_classes)


def _labels(subject: str, x: Any, count: int, fix: str) -> np.ndarray:
    """Return `x` as an array of integers from 0 to `count` - 1, after checking it."""
    labels = np.asarray(raw(x))
    if labels.dtype.kind not in "iu":
        raise DTypeError(
            message(subject, "labels must be integers", {"x": x}, fix="x.astype('int64')")
        )
    wrong = (labels < 0) | (labels >= count)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            message(
                subject,
                f"label {labels[place]} at position {place} is not from 0 to {count - 1}",
                {"x": x},
                fix=fix,
            )
        )
    return labels
