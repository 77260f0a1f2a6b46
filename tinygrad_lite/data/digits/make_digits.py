"""Make digits.npz from the original text of the data set.

    python -m tinygrad_lite.data.digits.make_digits optdigits.tes

The text has a line for each image: 64 pixels from 0 to 16, then the label. scikit-learn's
`datasets/data/digits.csv.gz` is a compressed copy of it and does as well.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinygrad_lite.errors import DataError, message


def make_digits(source: Path, target: Path) -> None:
    """Read the text `source`, plain or gzipped, and write `target`.

    The file holds images uint8 (1797, 8, 8) and labels uint8 (1797,); the same text gives the same
    bytes.

    Raises:
        DataError: `source` is not that text.
    """
    table = np.loadtxt(source, delimiter=",", ndmin=2)
    if table.shape != (1797, 65) or table.min() < 0 or table.max() > 16 or (table % 1).any():
        raise DataError(
            message(
                "make_digits",
                f"{source} is not the test part of the UCI handwritten digits",
                {"text": table},
                fix="download optdigits.tes from https://doi.org/10.24432/C50P49",
            )
        )
    table = table.astype(np.uint8)
    with target.open("wb") as file:
        np.savez_compressed(file, images=table[:, :64].reshape(-1, 8, 8), labels=table[:, 64])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make digits.npz from the original text.")
    parser.add_argument("source", type=Path, help="optdigits.tes, or scikit-learn's digits.csv.gz")
    default = Path(__file__).with_name("digits.npz")
    parser.add_argument("target", type=Path, nargs="?", default=default, help="file to write")
    arguments = parser.parse_args()
    make_digits(arguments.source, arguments.target)
