"""Checkpoints of a run: which there are, when one is due, and which go."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygrad_lite import storage
from tinygrad_lite.errors import CheckpointError
from tinygrad_lite.train.events import CheckpointFailed, CheckpointSaved

BEST = "best.safetensors"
_FOLDER = "checkpoints"
_FIRST = 1.0  # seconds until the first, which also shows early whether the disk takes it
_SHARE = 0.02  # of the time that may go into writing checkpoints while steps go on


class Checkpoints:
    """The checkpoints of one run, in its folder; only the last ones are kept.

    Args:
        folder: the run's.
        keep: how many are kept.
        every: least seconds between two while steps go on, and more if writing one takes long; 0
            is after every step.
    """

    def __init__(self, folder: Path, keep: int, every: float) -> None:
        self.folder, self.keep, self.every = folder / _FOLDER, keep, every
        self._due = time.monotonic() + min(every, _FIRST)
        for place in (folder, self.folder):
            storage.sweep(place)

    def due(self) -> bool:
        """Tell whether it is time for the next one."""
        return time.monotonic() >= self._due

    def save(
        self, total: int, epoch: int, best: bool, make: Callable[[], dict[str, Any]]
    ) -> CheckpointSaved | CheckpointFailed:
        """Write a checkpoint, and delete those that are too many.

        Args:
            total: steps since the training began.
            epoch: the epoch that has just ended; 0 within an epoch.
            best: whether it is the state after the best epoch so far.
            make: makes the state, and writes what else belongs to it.
        """
        begin = time.monotonic()
        name = f"step-{total:08d}" + (f"-epoch-{epoch:04d}" if epoch else "")
        path = self.folder / name
        try:
            storage.write_state(path := _free(path), make())
        except OSError as error:
            return CheckpointFailed(str(path), error.strerror or str(error).partition("\n")[0])
        finally:
            seconds = time.monotonic() - begin
            self._due = begin + (max(self.every, seconds / _SHARE) if self.every else 0.0)
        for old in all_of(self.folder.parent)[: -self.keep]:
            with contextlib.suppress(OSError):  # it is one more then
                storage.delete(old)
        return CheckpointSaved(str(path), total, seconds, best)

    def set_aside_after(self, path: Path) -> None:
        """Rename the checkpoints that are later than the one that a run goes on from."""
        for later in all_of(self.folder.parent):
            if _place(later) > _place(path):
                later.rename(_free(later.with_name(f"aside-{later.name}")))


def all_of(run: Path) -> list[Path]:
    """Return the checkpoints of a run, the oldest first."""
    found = (path for path in (run / _FOLDER).glob("step-*") if storage.is_state(path))
    return sorted(found, key=_place)


def _place(path: Path) -> list[int]:
    """Return the steps and epochs in the name of a checkpoint, by which they are in order."""
    return [int(number) for number in re.findall(r"\d+", path.name)]


def find(path: Path) -> Path | None:
    """Return the last checkpoint of a run, or `path` if it is a checkpoint itself.

    None means that there is a folder, or none, without any.
    """
    if storage.is_state(path):
        return path
    return next(reversed(all_of(path)), None)


def read(path: Path) -> dict[str, Any]:
    """Return the state in a checkpoint.

    Raises:
        CheckpointError: it is damaged; the error names those beside it that are whole.
    """
    try:
        return storage.read_state(path)
    except CheckpointError as error:
        others = [other for other in all_of(path.parent.parent) if other != path]
        if others:
            error.add_note(f"  there is also {others[-1]}")
        raise


def _free(path: Path) -> Path:
    """Return `path`, or what comes after it in order, that does not exist yet."""
    count = 1
    while path.exists():
        count += 1
        path = path.with_name(f"{path.name.partition('.')[0]}.{count}")
    return path
