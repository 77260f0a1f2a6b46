"""The face of a training run in the terminal: one listener that draws, one that prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from tinygrad_lite import kernels
from tinygrad_lite.train.events import (
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    StepEnded,
)

# How each metric is written; everything else is a plain number.
_PERCENT = {"accuracy", "val_accuracy"}
_SMOOTH = 0.9  # weight of the past in the loss that the bar shows


def is_live() -> bool:
    """Tell whether standard output is a terminal that can redraw lines."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


@contextmanager
def console(display: str) -> Iterator[Callable[[Event], None]]:
    """Yield a listener that shows a run; the terminal is as before when the context ends."""
    if display == "live" or (display == "auto" and is_live()):
        with Live() as listener:
            yield listener
    else:
        yield Plain()


def write_metric(name: str, value: float) -> str:
    """Write a metric as people say it: accuracies as percentages."""
    return f"{100 * value:.2f}%" if name in _PERCENT else f"{value:.4f}"


class Plain:
    """A listener that prints one line an epoch, flushed, without escape codes."""

    def __init__(self) -> None:
        self._epochs = 0
        self._told = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, FitStarted):
            self._epochs = event.epochs
            self._print(
                f"{event.model}: {event.parameters:,} parameters, {event.samples:,} samples, "
                f"{event.epochs} epochs of {event.steps} steps"
            )
        elif isinstance(event, Compiling) and not self._told:
            self._told = True
            self._print(COMPILING)
        elif isinstance(event, EpochEnded):
            shown = "  ".join(f"{k} {write_metric(k, v)}" for k, v in event.metrics.items())
            self._print(
                f"epoch {event.epoch}/{self._epochs}  {shown}  lr {event.lr:.2e}  "
                f"{event.seconds:.2f}s{'  best' if event.best else ''}"
            )
        elif isinstance(event, FitEnded):
            self._print(ending(event))

    @staticmethod
    def _print(line: str) -> None:
        print(line, flush=True)  # noqa: T201


COMPILING = "compiling kernels (once on this machine; the next run starts at once)"


@contextmanager
def compilation_told(console: Console) -> Iterator[None]:
    """Say so, once, when the first kernel is compiled inside of the context."""
    told: list[str] = []

    def note(kernel: str) -> None:
        if not told:
            console.print(COMPILING, style="dim")
        told.append(kernel)

    with kernels.compiling(note):
        yield


def ending(event: FitEnded) -> str:
    """Say how the run ended."""
    how = "interrupted after" if event.interrupted else "finished in"
    return f"{how} {event.seconds:.1f}s"


class Live:
    """Draws a progress bar, below an epoch table that stays in the scrollback."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._progress = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("loss [cyan]{task.fields[loss]}"),
            TextColumn("lr {task.fields[lr]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
            expand=True,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None
        self._loss: float | None = None
        self._columns: list[str] = []
        self._told = False
        self._steps = 0
        self._best: EpochEnded | None = None

    def __enter__(self) -> Live:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, FitStarted):
            self._start(event)
        elif isinstance(event, Compiling) and not self._told:
            self._told = True
            self.console.print(f"[dim]{COMPILING}")
        elif isinstance(event, StepEnded) and self._task is not None:
            past = event.loss if self._loss is None else self._loss
            self._loss = _SMOOTH * past + (1 - _SMOOTH) * event.loss
            self._progress.update(
                self._task,
                completed=(event.epoch - 1) * self._steps + event.step,
                epoch=event.epoch,
                loss=f"{self._loss:.4f}",
                lr=f"{event.lr:.2e}",
            )
        elif isinstance(event, EpochEnded):
            self._row(event)
        elif isinstance(event, FitEnded):
            self._end(event)

    def _start(self, event: FitStarted) -> None:
        self._steps = event.steps
        self.console.print(
            f"[bold]{event.model}[/]  {event.parameters:,} parameters, "
            f"{event.samples:,} samples, {event.epochs} epochs",
            highlight=False,
        )
        self._task = self._progress.add_task(
            "", total=event.epochs * event.steps, epoch=1, epochs=event.epochs, loss="-", lr="-"
        )

    def _row(self, event: EpochEnded) -> None:
        if not self._columns:
            self._columns = self._fitting(list(event.metrics))
            heads = "".join(f"{name.replace('val_', 'val '):>13}" for name in self._columns)
            self.console.print(f"[dim]{'epoch':>6}{heads}{'time':>9}", highlight=False)
        cells = "".join(f"{write_metric(k, event.metrics[k]):>13}" for k in self._columns)
        line = f"{event.epoch:>6}{cells}{event.seconds:>8.2f}s"
        if event.best:
            self._best = event
        self.console.print(
            f"[green]{line} ★[/]" if event.best else line, highlight=False, no_wrap=True
        )

    def _fitting(self, names: list[str]) -> list[str]:
        """Drop columns that the terminal is too narrow for; validation matters most."""
        room = max(1, (self.console.width - 18) // 13)
        matter = sorted(names, key=lambda name: (not name.startswith("val_"), names.index(name)))
        return [name for name in names if name in matter[:room]]

    def _end(self, event: FitEnded) -> None:
        self._progress.stop()
        best = ""
        if self._best is not None:
            shown = ", ".join(
                f"{name.replace('val_', 'val ')} {write_metric(name, self._best.metrics[name])}"
                for name in self._columns
            )
            best = f"; best epoch [green]{self._best.epoch}[/]: {shown}"
        self.console.print(f"[bold]{ending(event)}[/]{best}", highlight=False)
