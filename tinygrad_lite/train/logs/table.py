"""A table of the epochs."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

from tinygrad_lite.train.events import EpochEnded, Event, FitStarted
from tinygrad_lite.train.logs.log import Log, append, replace


class CSV(Log):
    """Writes a row of comma-separated values an epoch, below a header.

    The columns are the epoch, its metrics, and the other numbers of EpochEnded. A run that is
    resumed keeps the rows of the epochs that it has done; a new run replaces the table.

    Args:
        path: the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._epochs: list[EpochEnded] = []
        self._metrics: list[str] = []

    def _note(self, event: Event) -> None:
        if isinstance(event, FitStarted):
            self._epochs, self._metrics = [*event.history], []
            self.path.unlink(missing_ok=True)
            if self._epochs:
                self._rewrite()
        elif isinstance(event, EpochEnded):
            self._epochs.append(event)
            if self._metrics and set(event.metrics) <= set(self._metrics):
                append(self.path, self._rows([event]))
            else:
                self._rewrite()

    def _rewrite(self) -> None:
        self._metrics = list(dict.fromkeys(name for e in self._epochs for name in e.metrics))
        replace(self.path, self._rows(self._epochs, header=True))

    def _rows(self, epochs: Sequence[EpochEnded], header: bool = False) -> bytes:
        text = io.StringIO()
        names = ("epoch", *self._metrics, "lr", "seconds", "waiting", "total", "best")
        rows = csv.DictWriter(text, names, lineterminator="\n")
        if header:
            rows.writeheader()
        for e in epochs:
            numbers = (e.epoch, e.lr, e.seconds, e.waiting, e.total, int(e.best))
            others = ("epoch", "lr", "seconds", "waiting", "total", "best")
            rows.writerow(e.metrics | dict(zip(others, numbers, strict=True)))
        return text.getvalue().encode()
