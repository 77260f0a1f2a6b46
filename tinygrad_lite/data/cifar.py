"""CIFAR-10, in its binary version."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.download import how_to_get, place
from tinygrad_lite.data.files import content, from_bytes, listing, unreadable
from tinygrad_lite.errors import DataError, message
from tinygrad_lite.plugins import register_dataset

_TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]
_TEST = "test_batch.bin"
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # a label, then the pixels


@register_dataset("cifar10")
def cifar10(
    folder: str | os.PathLike[str] | None = None, download: bool = False
) -> tuple[Dataset, Dataset]:
    """Return (train, test) of CIFAR-10, 50,000 and 10,000 small colour photographs.

    Shapes: x (N, 3, 32, 32) float32 from 0 to 1, 614 MB of them to learn from; y (N,) int64:
    airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Args:
        folder: of the archive, or of the files in it; by default in the cache
            (`tg.data.cache_folder`). The path of the archive itself does as well.
        download: get what is missing from the network.

    Raises:
        DataError: a file is missing or broken.
        DownloadError: no mirror delivers it, or it cannot be written.
    """
    path = place("cifar10", folder, download)
    return read_cifar10(find_cifar10(path) or path, how_to_get("cifar10"))


def find_cifar10(path: Path) -> Path | None:
    """Return where CIFAR-10 lies at `path`, the folder of its files or its archive, or None."""
    if path.name.endswith((".tar.gz", ".tgz")) and path.is_file():
        return path
    there = listing(path)
    if any(name in there for name in (*_TRAIN, _TEST)):
        return path
    names = ("cifar-10-batches-bin", "cifar-10-binary.tar.gz")
    return next((there[name] for name in names if name in there), None)


def read_cifar10(path: Path, fix: str = "") -> tuple[Dataset, Dataset]:
    """Return (train, test) of the folder or archive at `path`; `fix` says how to get it.

    Raises:
        DataError: a file is missing or broken.
    """
    batches = _unpacked(path) if path.is_file() else _contents(path)
    missing = [name for name in (*_TRAIN, _TEST) if name not in batches]
    if missing:
        problem = f"lacks {', '.join(missing)}"
        raise DataError(message(str(path), problem, fix=fix or "put all six files there"))
    train = np.concatenate([_records(path, name, batches.pop(name)) for name in _TRAIN])
    return _dataset(train), _dataset(_records(path, _TEST, batches[_TEST]))


def _contents(folder: Path) -> dict[str, bytes]:
    there = listing(folder)
    return {name: content(there[name]) for name in (*_TRAIN, _TEST) if name in there}


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Return the contents of the files in the archive; nothing is written."""
    import tarfile

    try:
        with tarfile.open(fileobj=BytesIO(content(archive)), mode="r:") as members:
            files = {
                PurePosixPath(m.name).name: members.extractfile(m) for m in members if m.isfile()
            }
            return {name: file.read() for name, file in files.items() if file is not None}
    except tarfile.TarError as error:
        raise unreadable(archive, error) from error


def _records(path: Path, name: str, data: bytes) -> np.ndarray:
    if not data or len(data) % _RECORD:
        raise unreadable(path / name, f"{len(data):,} bytes are no whole number of images")
    records = np.frombuffer(data, np.uint8).reshape(-1, _RECORD)
    highest = records[:, 0].max()
    if highest > 9:
        raise unreadable(path / name, f"it has a label {highest}, but there are 10 classes")
    return records


def _dataset(records: np.ndarray) -> Dataset:
    return Dataset(from_bytes(records[:, 1:].reshape(-1, *_SHAPE)), records[:, 0].astype(np.int64))
