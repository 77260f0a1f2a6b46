"""Data that is already on the disk, whatever its format."""

from __future__ import annotations

import os
from pathlib import Path

from tinygrad_lite.data.cifar import find_cifar10, read_cifar10
from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.folder import find_images, image_folder
from tinygrad_lite.data.idx import find_idx, read_idx_folder
from tinygrad_lite.errors import DataError, message


def read(path: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    """Return (train, test) of the images at `path`, which tells by itself what it holds.

    It may be a folder with the four IDX files of MNIST and its kin, one with CIFAR-10's binary
    files or their archive, the archive itself, or a folder with PNG files in a folder for each
    class (see `image_folder`).

    Shapes: x (N, C, H, W) float32 from 0 to 1; y (N,) int64.

    Raises:
        DataError: nothing of that kind is there, or a file is missing or broken.
        ArgumentError: there are PNG files, but Pillow is not installed.
    """
    path = Path(path)
    if find_idx(path):
        return read_idx_folder(path)
    cifar = find_cifar10(path)
    if cifar is not None:
        return read_cifar10(cifar)
    if find_images(path):
        return image_folder(path)
    raise DataError(
        message(
            str(path),
            "holds no data of a known format",
            fix="give a folder with IDX files (train-images-idx3-ubyte …), with CIFAR-10's "
            "data_batch_*.bin, or with a folder of PNG files for each class",
        )
    )
