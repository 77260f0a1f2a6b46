"""The UCI handwritten digits; README.md beside this file tells where they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.split import stratified_split
from tinygrad_lite.plugins import register_dataset

# Of the splits 0 to 9 the one on which two methods that are none of ours, a support vector machine
# and the nearest neighbour, come closest to their mean over 60 splits (README.md beside this file).
TYPICAL_SPLIT = 4


@register_dataset("digits")
def digits(seed: int = TYPICAL_SPLIT, test: float = 0.2) -> tuple[Dataset, Dataset]:
    """Return (train, test) of 1,797 handwritten digits, each class in the same proportion.

    Shapes: x (N, 1, 8, 8) float32 from 0 (paper) to 1 (ink); y (N,) int64 from 0 to 9.

    Source: Alpaydin & Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning
    Repository, 1998, DOI 10.24432/C50P49, CC BY 4.0.

    Args:
        seed: of the split; by default one that is neither easy nor hard.
        test: share of the test part.

    Raises:
        ArgumentError: `test` is not between 0 and 1.
    """
    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        x = file["images"][:, None].astype(np.float32) / 16
        y = file["labels"].astype(np.int64)
    return stratified_split(Dataset(x, y), test, seed)
