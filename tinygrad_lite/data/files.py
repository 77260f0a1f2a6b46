"""Reading folders and files; whatever goes wrong, the error names the file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from tinygrad_lite.errors import DataError, message


def unreadable(path: Path, problem: object) -> DataError:
    """Return the error for a file that is there, but no good."""
    if isinstance(problem, OSError):
        problem = problem.strerror or problem
    return DataError(
        message(
            str(path),
            f"cannot be read: {problem}",
            fix="check its permissions; if it is damaged, delete it and get it again",
        )
    )


def listing(folder: Path) -> dict[str, Path]:
    """Return what lies in a folder, by name and in order, without what is hidden.

    Raises:
        DataError: it may not be read. A folder that does not exist is an empty one.
    """
    try:
        return {p.name: p for p in sorted(folder.iterdir()) if not p.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise unreadable(folder, error) from error


def content(path: Path) -> bytes:
    """Return what a file holds, unpacked where it is compressed by gzip.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    try:
        with path.open("rb") as file:
            packed = file.read()
        return gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error


def from_bytes(images: np.ndarray) -> np.ndarray:
    """Return pixels from 0 to 255 as float32 from 0 to 1."""
    return np.divide(images, 255, dtype=np.float32, order="C")
