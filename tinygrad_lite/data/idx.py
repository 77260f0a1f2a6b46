"""The IDX format, and the two data sets that are published in it: MNIST and Fashion-MNIST."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.download import how_to_get, place
from tinygrad_lite.data.files import content, from_bytes, listing, unreadable
from tinygrad_lite.errors import DataError, message
from tinygrad_lite.plugins import register_dataset

_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_PARTS = [(f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte") for part in ("train", "t10k")]


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """Return the array that an IDX file holds, be it compressed by gzip or not.

    The format is that of http://yann.lecun.com/exdb/mnist: two zeros, a byte for the type of the
    numbers, one for the number of axes, the length of each as 4 bytes, then the numbers; all of
    them big-endian.

    Raises:
        DataError: the file cannot be read, is no IDX file, or has another length than it says.
    """
    path = Path(path)
    data = content(path)
    start = 4 + 4 * data[3] if len(data) > 3 else 4
    if len(data) < start or data[:2] != b"\0\0" or data[2] not in _DTYPES:
        raise unreadable(path, f"it begins with {data[:4]!r}, as no IDX file does")
    dtype = np.dtype(_DTYPES[data[2]])
    shape = tuple(np.frombuffer(data[4:start], ">u4").tolist())
    size = start + dtype.itemsize * prod(shape)
    if len(data) != size:
        problem = f"an array {shape} takes {size:,} bytes, the file has {len(data):,}"
        raise unreadable(path, problem)
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def find_idx(folder: Path) -> dict[str, Path]:
    """Return those of the four published files that lie in a folder, by their published names.

    They may be compressed by gzip, and have a dot where the published name has its second hyphen.
    """
    there = listing(folder)
    found: dict[str, Path] = {}
    for name in (name for pair in _PARTS for name in pair):
        for stem in (name, name.replace("-idx", ".idx")):
            for spelling in (stem + ".gz", stem):
                found |= {name: there[spelling]} if spelling in there else {}
    return found


def read_idx_folder(folder: Path, fix: str = "") -> tuple[Dataset, Dataset]:
    """Return (train, test) of a folder of four IDX files; `fix` says how to get what is missing.

    Raises:
        DataError: a file is missing or broken, or they do not belong together.
    """
    found = find_idx(folder)
    missing = [name for pair in _PARTS for name in pair if name not in found]
    if missing:
        raise DataError(
            message(
                str(folder),
                f"lacks {', '.join(missing)} (or the same compressed, with .gz at the end)",
                fix=fix or "put all four files there",
            )
        )
    train, test = (_read_pair(found[images], found[labels]) for images, labels in _PARTS)
    return train, test


def _read_pair(images: Path, labels: Path) -> Dataset:
    x, y = read_idx(images), read_idx(labels)
    bytes_only = x.dtype == y.dtype == np.uint8
    if not (bytes_only and x.ndim == 3 and y.ndim == 1 and len(x) == len(y)):
        raise DataError(
            message(
                str(images),
                f"images of bytes (N, H, W) are needed, and N labels in {labels.name}",
                {"images": x, "labels": y},
                fix="take both files from the same source",
            )
        )
    return Dataset(from_bytes(x[:, None]), y.astype(np.int64))


@register_dataset("mnist")
def mnist(
    folder: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[Dataset, Dataset]:
    """Return (train, test) of MNIST, 60,000 and 10,000 handwritten digits.

    Shapes: x (N, 1, 28, 28) float32 from 0 (paper) to 1 (ink); y (N,) int64 from 0 to 9.

    Source: LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document
    recognition", 1998.

    Args:
        folder: where the four files are; by default in the cache (`tg.data.cache_folder`).
        download: get what is missing from the network.

    Raises:
        DataError: a file is missing or broken.
        DownloadError: no mirror delivers it, or it cannot be written.
    """
    return read_idx_folder(place("mnist", folder, download), how_to_get("mnist"))


@register_dataset("fashion_mnist")
def fashion_mnist(
    folder: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[Dataset, Dataset]:
    """Return (train, test) of Fashion-MNIST, 60,000 and 10,000 pictures of clothes.

    Shapes: x (N, 1, 28, 28) float32 from 0 to 1; y (N,) int64: T-shirt, trouser, pullover, dress,
    coat, sandal, shirt, sneaker, bag, ankle boot.

    Source: Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017, MIT licence.

    Args:
        folder: where the four files are; by default in the cache (`tg.data.cache_folder`).
        download: get what is missing from the network.

    Raises:
        DataError: a file is missing or broken.
        DownloadError: no mirror delivers it, or it cannot be written.
    """
    return read_idx_folder(place("fashion_mnist", folder, download), how_to_get("fashion_mnist"))
