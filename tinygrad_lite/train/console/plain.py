"""A display for pipes, files and logs of CI: whole lines, flushed, each of which says all."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.color import ColorSystem
from rich.style import Style

from tinygrad_lite.train.console.report import headline
from tinygrad_lite.train.console.run import Run
from tinygrad_lite.train.console.words import (
    COMPILING,
    encodable,
    ending,
    printable,
    warning_of,
    write_metric,
    write_rate,
    write_seconds,
)
from tinygrad_lite.train.events import (
    BatchValidated,
    CheckpointFailed,
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
    StepSkipped,
    Warned,
)

INTERVAL = 10.0  # seconds between two lines within an epoch


class Plain:
    """A listener that prints a line an epoch, and one every ten seconds within it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.run = Run(clock)
        self._told = False  # that kernels are compiled
        self._last = clock()
        self._printers: dict[type, Callable[[Any], None]] = {
            FitStarted: self._start,
            Compiling: self._compile,
            StepEnded: self._step,
            BatchValidated: self._validate,
            LayersMeasured: self._layers,
            EpochEnded: self._epoch,
            StepSkipped: lambda e: self._warn(warning_of(e)),
            CheckpointFailed: lambda e: self._warn(warning_of(e)),
            Warned: lambda e: self._warn(warning_of(e)),
            FitEnded: self._end,
        }

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self.run(event)
        printer = self._printers.get(type(event))
        if printer is not None:
            printer(event)

    def _start(self, event: FitStarted) -> None:
        self._print(headline(event))

    def _compile(self, event: Compiling) -> None:
        if not self._told:
            self._told = True
            self._print(COMPILING)

    def _step(self, event: StepEnded) -> None:
        if self.run.clock() - self._last >= INTERVAL:
            pace = self.run.pace()
            loss = "nan" if self.run.loss is None else write_metric("loss", self.run.loss)
            speed = "" if pace.samples is None else f"  {write_rate(pace.samples)} samples/s"
            eta = "" if pace.run is None else f"  eta {write_seconds(pace.run)}"
            self._print(f"{self._where(event)}  loss {loss}  lr {event.lr:.2e}{speed}{eta}")

    def _validate(self, event: BatchValidated) -> None:
        if self.run.clock() - self._last >= INTERVAL:
            epochs = self.run.started.epochs
            self._print(
                f"epoch {event.epoch}/{epochs}  validating, batch {event.step}/{event.steps}"
            )

    def _layers(self, event: LayersMeasured) -> None:
        for complaint in self.run.health.new:
            self._warn(f"{self._where(event)}  {complaint}")

    def _epoch(self, event: EpochEnded) -> None:
        self._print(
            f"epoch {event.epoch}/{self.run.started.epochs}  {_metrics(event)}  lr {event.lr:.2e}  "
            f"{event.seconds:.2f}s{'  best' if event.best else ''}",
            "green" if event.best else "",
        )

    def _end(self, event: FitEnded) -> None:
        best = self.run.best
        if best is not None:
            self._print(f"best epoch {best.epoch}/{self.run.started.epochs}  {_metrics(best)}")
        if event.weights is not None:
            self._print(f"weights of the best epoch: {event.weights}")
        if event.checkpoint is not None:
            self._print(f"checkpoint: {event.checkpoint}")
        if event.resume is not None:
            self._print(f"to go on: {event.resume}")
        why = f": {event.reason}" if event.reason else ""
        self._print(f"{ending(event)}{why}", "bold")

    def _where(self, event: Any) -> str:
        started = self.run.started
        return f"epoch {event.epoch}/{started.epochs}  step {event.step}/{started.steps}"

    def _warn(self, text: str) -> None:
        self._print(f"warning: {text}", "yellow")

    def _print(self, line: str, style: str = "") -> None:
        self._last = self.run.clock()
        line = encodable(printable(line), getattr(sys.stdout, "encoding", None) or "utf-8")
        if style and os.environ.get("FORCE_COLOR") and not os.environ.get("NO_COLOR"):
            line = Style.parse(style).render(line, color_system=ColorSystem.STANDARD)
        print(line, flush=True)  # noqa: T201


def _metrics(event: EpochEnded) -> str:
    return "  ".join(f"{name} {write_metric(name, v)}" for name, v in event.metrics.items())
