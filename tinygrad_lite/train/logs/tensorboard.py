"""Event files that TensorBoard shows."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.train.events import (
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
)
from tinygrad_lite.train.logs.log import SECONDS, Log, append, replace

_SECONDS = 0.1  # between two steps that are shown
_SUFFIX = ".tinygrad-lite"  # of our files among others


class TensorBoard(Log):
    """Writes scalars for TensorBoard: `tensorboard --logdir FOLDER` shows them.

    Of steps, at most ten a second: `step/loss`, `step/lr`, `step/samples_per_second`, the last as a
    mean since the step shown before. Of epochs, the metrics: `train/loss`, `val/loss` … Of layers,
    when they are measured: `gradient/PATH`, `weight/PATH`, `update/PATH`, `dead/PATH`. The
    horizontal axis is the steps since the training began.

    A run that is resumed adds a file, which hides what the earlier ones tell of later steps; a new
    run removes them.

    Args:
        folder: where the event files go; a folder for each run, beside each other, compares them.

    Raises:
        ArgumentError: TensorBoard is not installed (`pip install 'tinygrad-lite[logs]'`).
    """

    # The writer is the one of TensorBoard itself, without its thread: that one would keep what the
    # disk said to itself. tensorboardX's thread leaves the training waiting if the disk is full,
    # and importing it imports PyTorch wherever that is installed.

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        super().__init__(folder)
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise ArgumentError(
                message(
                    "TensorBoard",
                    f"this log needs TensorBoard, which cannot be imported ({error})",
                    fix="pip install 'tinygrad-lite[logs]'",
                )
            ) from error
        self._event, self._summary = event_pb2, summary_pb2
        self._writer = RecordWriter
        self._pending: list[tuple[float, int, dict[str, float]]] = []
        self._file = self.path
        self._written = self._shown = 0.0
        self._samples, self._seconds = 0, 0.0

    def _note(self, event: Event) -> None:
        now = time.time()
        if isinstance(event, StepEnded):
            self._samples += event.samples
            self._seconds += event.seconds + event.waiting
            if 0 <= now - self._shown < _SECONDS:  # not so if the clock was put back
                return
            self._pending.append((now, event.total, self._of_step(event)))
            self._shown, self._samples, self._seconds = now, 0, 0.0
        elif isinstance(event, EpochEnded):
            self._pending.append((now, event.total, _of_epoch(event)))
        elif isinstance(event, LayersMeasured):
            self._pending.append((now, event.total, _of_layers(event)))
        elif isinstance(event, FitStarted):
            self._start(now, event)
        if isinstance(event, FitEnded) or not 0 <= now - self._written < SECONDS:
            append(self._file, b"".join([self._scalars(*entry) for entry in self._pending]))
            self._pending, self._written = [], now

    def _start(self, now: float, event: FitStarted) -> None:
        if event.done == 0:
            for old in self.path.glob(f"events.out.tfevents.*{_SUFFIX}"):
                old.unlink()
        # TensorBoard reads the files of a folder in the order of their names
        name = f"events.out.tfevents.{now:017.6f}.{socket.gethostname()}{_SUFFIX}"
        self._file = self.path / name
        start = self._event.SessionLog(status=self._event.SessionLog.START)
        version = self._record(now, file_version="brain.Event:2")
        replace(self._file, version + self._record(now, step=event.done + 1, session_log=start))
        self._pending, self._written = [], now
        self._shown, self._samples, self._seconds = 0.0, 0, 0.0

    def _scalars(self, now: float, total: int, scalars: Mapping[str, float]) -> bytes:
        value = self._summary.Summary.Value
        values = [value(tag=tag, simple_value=number) for tag, number in scalars.items()]
        return self._record(now, step=total, summary=self._summary.Summary(value=values))

    def _record(self, now: float, **fields: Any) -> bytes:
        content = io.BytesIO()
        event = self._event.Event(wall_time=now, **fields)
        self._writer(content).write(event.SerializeToString())
        return content.getvalue()

    def _of_step(self, event: StepEnded) -> dict[str, float]:
        scalars = {"step/loss": event.loss, "step/lr": event.lr}
        if self._seconds > 0:
            scalars["step/samples_per_second"] = self._samples / self._seconds
        return scalars


def _of_epoch(event: EpochEnded) -> dict[str, float]:
    return {
        f"val/{name.removeprefix('val_')}" if name.startswith("val_") else f"train/{name}": value
        for name, value in event.metrics.items()
    }


def _of_layers(event: LayersMeasured) -> dict[str, float]:
    scalars = {}
    for layer in event.layers:
        path = layer.path or layer.kind
        scalars[f"gradient/{path}"] = layer.gradient
        scalars[f"weight/{path}"] = layer.weight
        scalars[f"update/{path}"] = layer.update
        if layer.dead is not None:
            scalars[f"dead/{path}"] = layer.dead
    return scalars
