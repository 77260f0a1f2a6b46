"""Published data sets from the network: mirrors in turn, resumed, verified, whole or not at all.

A file is written as `name.part` and gets its own name when its checksum is right. Nothing here
happens unless it is asked for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tinygrad_lite.errors import (
    ArgumentError,
    DataError,
    DownloadError,
    TinygradLiteError,
    message,
    nearest,
)

TIMEOUT = 30.0  # seconds without a sign of life
_CHUNK = 1 << 18

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class File:
    """A file as it was published: its name, how many bytes it has, and their SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """Files, and the addresses that each of their names may be appended to, the first one first."""

    mirrors: tuple[str, ...]
    files: tuple[File, ...]


# Sizes and SHA-256 are those that TensorFlow Datasets publishes (url_checksums/).
SOURCES = {
    "mnist": Source(
        (
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        (
            File(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            File(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            File(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            File(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    "fashion_mnist": Source(
        (
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        (
            File(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            File(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            File(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            File(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
    "cifar10": Source(
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
        ),
        (
            File(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
}


def cache_folder() -> Path:
    """Return where downloaded data sets are kept, a folder each.

    This is $TINYGRAD_LITE_DATA; or else `tinygrad_lite/data` in $XDG_CACHE_HOME or ~/.cache.
    """
    chosen = os.environ.get("TINYGRAD_LITE_DATA")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(chosen) if chosen else Path(cache, "tinygrad_lite", "data")


def place(name: str, folder: str | os.PathLike[str] | None = None, download: bool = False) -> Path:
    """Return the folder of a data set, by default in the cache, after getting it if so wished."""
    return fetch(name, folder) if download else Path(folder or cache_folder() / name)


def how_to_get(name: str) -> str:
    """Return what to do where files of a data set are missing."""
    return f"run `tinygrad-lite fetch {name}`, or call {name}(download=True)"


def show_progress(name: str, done: int, size: int) -> None:
    """Write to stderr how much of a file is there; without a terminal, when all of it is."""
    if done == size or sys.stderr.isatty():
        end = "\n" if done == size else "\r"
        sys.stderr.write(f"{name}  {done / 1e6:.1f} of {size / 1e6:.1f} MB{end}")
        sys.stderr.flush()


def fetch(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress = show_progress,
) -> Path:
    """Download what is missing of a published data set, and return its folder.

    What an interrupted call left is continued. Mirrors are tried one after the other.

    Args:
        name: mnist, fashion_mnist or cifar10.
        folder: to put the files into; by default one of that name in the cache (`cache_folder`).
        progress: told a file's name, the bytes of it that are there, and its size.

    Raises:
        ArgumentError: no published data set has that name.
        DataError: a file of that name is there, but not the published one.
        DownloadError: no mirror delivers a file, or it cannot be written.
    """
    if name not in SOURCES:
        raise ArgumentError(
            message(
                "fetch",
                f"there is no published data set {name!r}",
                fix=f"take one of these: {nearest(name, SOURCES)}",
            )
        )
    target = place(name, folder)
    for file in SOURCES[name].files:
        path = target / file.name
        try:
            target.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _download(SOURCES[name].mirrors, file, path, progress)
            elif _sha256(path) != file.sha256:
                raise DataError(
                    message(
                        str(path),
                        f"is not the file of {name} that was published, by its SHA-256",
                        fix="move it away, and fetch again; or fetch to another folder",
                    )
                )
        except TinygradLiteError:
            raise
        except OSError as error:
            raise _unwritable(path, error) from error
    return target


def _unwritable(path: Path, error: OSError) -> DownloadError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    problem = "the disk is full" if full else str(error.strerror or error)
    elsewhere = "choose another folder by TINYGRAD_LITE_DATA in the environment"
    return DownloadError(
        message(
            str(path),
            f"cannot be written: {problem}",
            fix=f"make room, or {elsewhere}" if full else elsewhere,
        )
    )


def _download(mirrors: tuple[str, ...], file: File, path: Path, progress: Progress) -> None:
    """Bring a file to `path` from the first mirror that delivers it as it was published."""
    part = path.with_name(f"{path.name}.part")
    reasons = []
    for url in (mirror + file.name for mirror in mirrors):
        resumed = part.exists()
        reason = _attempt(url, file, part, progress)
        if reason and resumed and not part.exists():  # what was there before may have been wrong
            reason = _attempt(url, file, part, progress)
        if not reason:
            os.replace(part, path)
            return
        reasons.append(f"\n    {url}: {reason}")
    raise DownloadError(
        message(
            file.name,
            f"no mirror delivers it{''.join(reasons)}",
            fix=f"try again later, or get it by other means and put it into {path.parent}",
        )
    )


def _attempt(url: str, file: File, part: Path, progress: Progress) -> str:
    """Load the rest of a file into `part`; return why it is not all there, or nothing if it is."""
    start = part.stat().st_size if part.exists() else 0
    try:
        if start < file.size:
            with closing(_chunks(url, start, file.size)) as chunks:
                for position, chunk in chunks:
                    with part.open("ab" if position else "wb") as out:
                        out.write(chunk)
                    progress(file.name, position + len(chunk), file.size)
    except _MirrorError as error:
        return str(error)
    except OSError:
        part.unlink(missing_ok=True)  # a full disk is not to stay full
        raise
    size = part.stat().st_size if part.exists() else 0
    if size < file.size:
        return f"it ends after {size:,} of {file.size:,} bytes"
    found = _sha256(part)
    if found != file.sha256:
        part.unlink()
        return f"wrong checksum: SHA-256 {found}, not {file.sha256}"
    return ""


class _MirrorError(Exception):
    """Why a mirror is of no use."""


def _chunks(url: str, start: int, size: int) -> Generator[tuple[int, bytes], None, None]:
    """Yield a file's bytes from `start` on, or from 0 if the mirror knows no better: (where, what).

    Raises:
        _MirrorError: it does not answer, or not with this file.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    headers = {"User-Agent": "tinygrad-lite"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with urlopen(Request(url, headers=headers), timeout=TIMEOUT) as response:
            if response.status != 206:
                start = 0
            rest = response.length  # None where it says nothing
            offered = size if rest is None else start + rest
            if offered != size:
                raise _MirrorError(f"it offers {offered:,} bytes, not {size:,}")
            while chunk := response.read(min(_CHUNK, size - start)):
                yield start, chunk
                start += len(chunk)
    except HTTPError as error:
        error.close()
        raise _MirrorError(f"HTTP {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        problem = getattr(error, "reason", error)  # the reason of a URLError is an error, too
        raise _MirrorError(getattr(problem, "strerror", None) or str(problem)) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
