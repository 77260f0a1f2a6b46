"""What all logs share: they write to the disk, and never stop the training."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from pathlib import Path

from tinygrad_lite.storage import write_file
from tinygrad_lite.train.events import Event, FitStarted

SECONDS = 1.0  # between two writes


class Log(ABC):
    """A listener that writes events to the disk.

    When the disk refuses, being full or read-only, the training goes on without this log: that is
    said once, as a warning of the logger `tinygrad_lite` (on standard error, unless the program
    has set up `logging`), and the log tries again when the next run begins.

    Args:
        path: where to write; folders on the way are made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self._refused = False

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if self._refused and not isinstance(event, FitStarted):
            return
        try:
            self._note(event)
            self._refused = False
        except OSError as error:
            self._refused = True
            logging.getLogger("tinygrad_lite").warning(
                "%s: %s cannot be written (%s); the training goes on without this log",
                type(self).__name__,
                self.path,
                error.strerror or error,
            )

    @abstractmethod
    def _note(self, event: Event) -> None:
        """Take note of an event; raise OSError if the disk refuses."""


def append(path: Path, content: bytes) -> None:
    """Add to a file; to one that was deleted meanwhile, raise FileNotFoundError."""
    with open(path, "r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(content)


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, content)
