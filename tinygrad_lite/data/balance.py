"""Classes of different sizes: weights that make them count the same."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, message
from tinygrad_lite.tensor import ArrayLike, asarray


def class_weights(labels: ArrayLike, classes: int | None = None) -> np.ndarray:
    """Return n / (classes · count) for each class, so that all classes weigh the same in a loss.

    `F.cross_entropy(outputs, labels, weight=class_weights(labels))` over all samples is the mean,
    over the classes, of each class's mean loss. Samples weigh 1 on average.

    Source: King & Zeng, "Logistic regression in rare events data", 2001; scikit-learn's
    `class_weight="balanced"`.

    Shapes: labels (n,) of integers from 0 on; the result is (classes,) of float32.

    Args:
        labels: of the samples to train on.
        classes: how many there are; by default the largest label + 1.

    Raises:
        DataError: labels are not whole numbers (n,) from 0 to classes - 1, or a class has none.
        ArgumentError: classes is no whole number from 1 on.
    """
    values = asarray(labels).data
    if classes is not None and (not isinstance(classes, int | np.integer) or classes < 1):
        raise ArgumentError(
            message(
                "class_weights",
                f"classes={classes!r} is not possible",
                fix="give a whole number from 1 on",
            )
        )
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "biu" or values.min() < 0:
        raise DataError(
            message(
                "class_weights",
                "needs one integer label from 0 on for each sample",
                {"labels": values},
                fix="number the classes: labels = np.unique(names, return_inverse=True)[1]",
            )
        )
    counts = np.bincount(values.astype(np.int64), minlength=classes or 0)
    if classes is not None and len(counts) > classes:
        raise DataError(
            message(
                "class_weights",
                f"label {values.max()} is not below classes={classes}",
                {"labels": values},
                fix=f"classes={len(counts)}, or correct the labels",
            )
        )
    if not counts.all():
        raise DataError(
            message(
                "class_weights",
                f"no sample is of class {', '.join(map(str, np.flatnonzero(counts == 0)))}",
                {"labels": values},
                fix="number the classes without gaps, or give a weight to each by hand",
            )
        )
    return (len(values) / (len(counts) * counts)).astype(np.float32)
