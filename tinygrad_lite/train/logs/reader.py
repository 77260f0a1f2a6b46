"""Reads what JSONL wrote."""

from __future__ import annotations

import json
import os
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.errors import DataError, message
from tinygrad_lite.summary import Row, Summary
from tinygrad_lite.train.events import EpochEnded, FitEnded, FitStarted, StepEnded, best_of

NAME = "log.jsonl"  # in the folder of a run
_ALIVE = 60.0  # seconds for which a run may be silent
_COLUMNS = ("time", *(field.name for field in fields(StepEnded)))


@dataclass(frozen=True)
class Run:
    """What a log tells of a run, over all times that it was resumed.

    Attributes:
        path: the log.
        started: how the run began, or was resumed last.
        epochs: those that are done.
        steps: by name, a float64 array of each field of StepEnded, and `time`, in seconds since
            1970; without values if they were not asked for.
        ended: how it ended; None if it goes on, or was killed.
        begun: when it began, in seconds since 1970.
        seconds: how long it has run, without the pauses before it was resumed.
        state: `finished`; `interrupted`, by Ctrl-C or SIGTERM; `failed`, by an error; `stopped`
            before its last epoch, as `ended.reason` tells; `running`, if it has no end and wrote
            something in the last minute; else `killed`.
    """

    path: Path
    started: FitStarted
    epochs: list[EpochEnded]
    steps: dict[str, np.ndarray]
    ended: FitEnded | None
    begun: float
    seconds: float
    state: str

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch, by the metric that was monitored; None if that is not known."""
        return best_of(self.epochs)


def read(path: str | os.PathLike[str], steps: bool = True) -> Run:
    """Read the log that JSONL wrote to `path`, also while it is being written.

    A last line that is torn, as a process that was killed may leave it, is left out.

    Args:
        path: the file, or the folder with a `log.jsonl` in it.
        steps: whether to read the steps, which are most of a log.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: the file is no such log, or is damaged.
    """
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    starts: list[FitStarted] = []
    times: list[list[float]] = []  # of the first and the last line after each start
    epochs: dict[int, EpochEnded] = {}
    numbers = array("d")
    ended: FitEnded | None = None
    for place, text in _lines(path.read_bytes(), steps):
        try:
            data = json.loads(text)
            kind, now = data["event"], float(data["time"])
            if kind == "FitStarted":
                starts.append(_make(FitStarted, data))
                times.append([now, now])
                epochs |= {epoch.epoch: epoch for epoch in starts[-1].history}
                ended = None
            elif kind == "EpochEnded":
                epochs[data["epoch"]] = _make(EpochEnded, data)
            elif kind == "FitEnded":
                ended = _make(FitEnded, data)
            elif kind == "StepEnded" and steps:
                numbers.extend([float(data[name]) for name in _COLUMNS])
            times[-1][1] = now
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise _broken(path, f"see its line {place}") from error
    if not starts:
        raise _broken(path, "it is empty")
    table = np.array(numbers).reshape(-1, len(_COLUMNS))
    return Run(
        path=path,
        started=starts[-1],
        epochs=[epochs[number] for number in sorted(epochs)],
        steps=dict(zip(_COLUMNS, table.T, strict=True)),
        ended=ended,
        begun=times[0][0],
        seconds=sum(last - first for first, last in times),
        state=_state(ended, path),
    )


def _lines(content: bytes, steps: bool) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines and their numbers; of steps in a row the last, if `steps` is False."""
    lines = content.split(b"\n")
    is_step = [not steps and line.startswith(b'{"event": "StepEnded"') for line in lines]
    for i, line in enumerate(lines[:-1]):
        if not (is_step[i] and is_step[i + 1]):
            yield i + 1, line


def _state(ended: FitEnded | None, path: Path) -> str:
    if ended is None:
        return "running" if time.time() - path.stat().st_mtime < _ALIVE else "killed"
    if ended.interrupted:
        return "interrupted"
    return "failed" if ended.failed else "stopped" if ended.reason else "finished"


def _make(event: Any, data: dict[str, Any]) -> Any:
    """Make an event, or a part of one, of what a line tells; unknown fields are left out."""
    known = {f.name: f.type for f in fields(event) if f.name in data}
    return event(**{name: _READ.get(kind, _same)(data[name]) for name, kind in known.items()})


def _same(value: Any) -> Any:
    return value


# By the type of a field. JSON has no tuples, and numbers that are not finite are texts in it.
_READ: dict[Any, Callable[[Any], Any]] = {
    "float": float,
    "dict[str, float]": lambda value: {name: float(number) for name, number in value.items()},
    "dict[str, list[list[float]]]": lambda value: {
        name: [[float(number) for number in row] for row in rows] for name, rows in value.items()
    },
    "tuple[str, ...]": tuple,
    "tuple[int, ...] | None": lambda value: None if value is None else tuple(value),
    "EpochEnded | None": lambda value: None if value is None else _make(EpochEnded, value),
    "tuple[EpochEnded, ...]": lambda value: tuple(_make(EpochEnded, epoch) for epoch in value),
    "Summary | None": lambda value: None if value is None else _make(Summary, value),
    "tuple[Shape, ...] | None": lambda value: (
        None if value is None else tuple(tuple(shape) for shape in value)
    ),
    "list[Row]": lambda value: [_make(Row, row) for row in value],
}


def _broken(path: Path, problem: str) -> DataError:
    return DataError(
        message(
            "read",
            f"{path} is no log of a run, or is damaged: {problem}",
            fix="read a file that train.logs.JSONL wrote",
        )
    )
