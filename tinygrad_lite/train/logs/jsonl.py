"""A log of all events, a line of JSON each."""

from __future__ import annotations

import json
import os
import time
from dataclasses import fields, is_dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from tinygrad_lite.train.events import BatchValidated, EpochEnded, Event, FitStarted, StepEnded
from tinygrad_lite.train.logs.log import SECONDS, Log, append, replace

APART = 0.02  # seconds between two steps that are told, at least
# Seconds since the last write, before which an event waits for others; all kinds else do not.
_PATIENCE = {StepEnded: SECONDS, BatchValidated: SECONDS, EpochEnded: SECONDS / 10}


class JSONL(Log):
    """Writes every event of a run as a line of JSON; `read` reads them back.

    A line has the class of the event under `event`, the seconds since 1970 under `time`, and the
    event's fields. A number that is not finite is the text `NaN`, `Infinity` or `-Infinity`, which
    JSON has no numbers for. Of a step, loss and learning rate have nine digits, durations go down
    to the microsecond. Of steps that come faster, fifty a second are told, as small networks take
    thousands; the batches of a validation are left out.

    Steps are written about once a second, everything else at once (ends of epochs at most ten times
    a second): a process that is killed loses at most what its last second told. A run that is
    resumed goes on where its checkpoint was: what the log tells of later steps, which will be done
    again, is removed. A new run replaces the log.

    Args:
        path: the file; `log.jsonl` in a folder of its own is what `tinygrad-lite runs` looks for.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._pending: list[tuple[float, Event]] = []
        self._written = self._step = 0.0

    def _note(self, event: Event) -> None:
        now = time.time()
        kind = type(event)
        if kind is StepEnded:
            if 0 <= now - self._step < APART:
                return
            self._step = now
        if kind is not BatchValidated:
            self._pending.append((now, event))
        if kind in _PATIENCE and 0 <= now - self._written < _PATIENCE[kind]:
            return  # nor does it wait when the clock was put back
        if isinstance(event, FitStarted):
            replace(self.path, _until(event.done, self.path) + line(now, event).encode())
        elif self._pending:
            append(self.path, "".join([line(*entry) for entry in self._pending]).encode())
        else:
            os.utime(self.path)  # a long validation: the run is alive
        self._pending, self._written = [], now


def line(now: float, event: Event) -> str:
    """Return the line of an event that happened `now` seconds after 1970 began."""
    if isinstance(event, StepEnded) and isfinite(event.loss + event.lr):
        # a tenth of the time that the general way takes; nine digits tell a float32
        return (
            f'{{"event": "StepEnded", "time": {now:.3f}, "epoch": {event.epoch}, '
            f'"step": {event.step}, "loss": {event.loss:.9g}, "lr": {event.lr:.9g}, '
            f'"samples": {event.samples}, "total": {event.total}, '
            f'"seconds": {event.seconds:.6f}, "waiting": {event.waiting:.6f}}}\n'
        )
    head = {"event": type(event).__name__, "time": round(now, 3)}
    return json.dumps(head | _plain(event), allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """Return a value made of nothing but what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return json.dumps(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)


def _until(done: int, path: Path) -> bytes:
    """Return the lines of a log up to the last one that belongs to the first `done` steps."""
    if done == 0 or not path.exists():
        return b""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [i for i, text in enumerate(lines, 1) if 0 <= _total(text) <= done]
    return b"".join(lines[: max(kept, default=0)])


def _total(text: bytes) -> int:
    """Return the steps that were done at a line; -1 if it does not tell, or is torn."""
    try:
        total = json.loads(text).get("total", -1)
    except (ValueError, AttributeError):
        return -1
    return total if isinstance(total, int) else -1
