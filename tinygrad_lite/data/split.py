"""Splitting data into a part to learn from and a part to be tested on."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.errors import ArgumentError, DataError, message
from tinygrad_lite.ops.random import check_seed


def stratified_split(dataset: Dataset, test: float = 0.2, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Return (train, test), with the same share of every class in the test part.

    The test part has round(test · N) samples, and of each class test · n rounded up or down. Which
    ones is drawn by a generator of its own. Both parts keep the order of `dataset`.

    Args:
        dataset: samples with integer labels, y (N,).
        test: share of the test part, between 0 and 1.
        seed: another seed draws other samples.

    Raises:
        ArgumentError: `test` is not between 0 and 1.
        DataError: there are no integer labels, or too few samples for two parts.
    """
    if not 0.0 < test < 1.0:
        raise ArgumentError(
            message(
                "stratified_split",
                f"test={test!r} is no share",
                fix="choose test between 0 and 1, e.g. 0.2",
            )
        )
    labels = dataset.y
    if labels is None or labels.ndim != 1 or labels.dtype.kind not in "biu":
        raise DataError(
            message(
                "stratified_split",
                "needs one integer label for each sample",
                dict(zip(("x", "y"), dataset.arrays, strict=False)),
                fix="Dataset(x, y) with y of shape (N,), its classes numbered from 0",
            )
        )
    size = round(test * len(labels))
    if not 0 < size < len(labels):
        raise DataError(
            message(
                "stratified_split",
                f"{len(labels)} samples with test={test!r} leave one part empty",
                {"x": dataset.x, "y": labels},
                fix="give more samples, or another share",
            )
        )
    check_seed("stratified_split", seed)
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    classes, counts = np.unique(labels, return_counts=True)
    for label, share in zip(classes, _shares(test * counts, size), strict=True):
        chosen[generator.permutation(np.flatnonzero(labels == label))[:share]] = True
    return dataset[~chosen], dataset[chosen]


def _shares(exact: np.ndarray, total: int) -> np.ndarray:
    """Round `exact` up or down to integers that sum to `total` (method of largest remainders)."""
    shares: np.ndarray = np.floor(exact).astype(np.int64)
    largest = np.argsort(shares - exact, kind="stable")
    shares[largest[: total - shares.sum()]] += 1
    return shares
