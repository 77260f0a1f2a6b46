"""Dataset: samples, and their labels."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from tinygrad_lite.errors import DataError, describe, message
from tinygrad_lite.tensor import ArrayLike, asarray


class Dataset:
    """Samples in memory, along the first axis of `x`, with a label each, or without labels.

    An integer index gives one sample, as the tuple (x, y) or (x,); a slice, a mask or an array of
    indices gives a Dataset.

    Shapes: x (N, ...), y (N, ...); arrays are taken as they are and not copied.

    Args:
        x: the samples.
        y: their labels or targets.

    Raises:
        DataError: x and y are of different lengths, or have no axis of samples.
        DTypeError: something is no number.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike | None = None) -> None:
        self.x: np.ndarray = asarray(x).data
        self.y: np.ndarray | None = None if y is None else asarray(y).data
        if any(array.ndim == 0 for array in self.arrays):
            raise DataError(
                message(
                    "Dataset",
                    "the first axis must be that of the samples",
                    self._named(),
                    fix="add it: x[None] makes a set of one sample",
                )
            )
        if self.y is not None and len(self.y) != len(self.x):
            raise DataError(
                message(
                    "Dataset",
                    f"{len(self.x)} samples, but {len(self.y)} labels",
                    self._named(),
                    fix="give one label for each sample; check which axis of x is that of samples",
                )
            )

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """(x, y), or (x,) without labels."""
        return (self.x,) if self.y is None else (self.x, self.y)

    def __len__(self) -> int:
        return len(self.x)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> tuple[Any, ...]: ...

    @overload
    def __getitem__(self, index: slice | np.ndarray | list[int]) -> Dataset: ...

    def __getitem__(
        self, index: int | np.integer[Any] | slice | np.ndarray | list[int]
    ) -> tuple[Any, ...] | Dataset:
        parts = tuple(array[index] for array in self.arrays)
        return parts if isinstance(index, int | np.integer) else Dataset(*parts)

    def __repr__(self) -> str:
        return f"Dataset({', '.join(f'{n} {describe(a)}' for n, a in self._named().items())})"

    def check_finite(self) -> None:
        """Raise DataError if a number is NaN or infinite; it names the first such sample."""
        for name, array in self._named().items():
            if array.dtype.kind != "f":
                continue
            good = np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
            if not good.all():
                first = int(np.argmin(good))
                others = int((~good).sum()) - 1
                more = f", nor {'is' if others == 1 else 'are'} {others} more of {len(good)}"
                raise DataError(
                    message(
                        "Dataset",
                        f"sample {first} of {name} is not finite{more if others else ''}",
                        {name: array},
                        fix="leave these samples out, or fill the gaps, e.g. np.nan_to_num(x)",
                    )
                )

    def _named(self) -> dict[str, np.ndarray]:
        return dict(zip(("x", "y"), self.arrays, strict=False))
