"""A display that a clock draws again in place, in a terminal or a notebook."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from tinygrad_lite.train.console.dashboard import Dashboard
from tinygrad_lite.train.console.lines import Line, piece
from tinygrad_lite.train.console.report import EpochTable, opening, result, warning
from tinygrad_lite.train.console.run import Run
from tinygrad_lite.train.console.words import COMPILING, Glyphs, warning_of
from tinygrad_lite.train.events import (
    CheckpointFailed,
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    StepEnded,
    StepSkipped,
    Warned,
)

INTERVAL = 0.25  # seconds between two drawings, at least
_COST = 0.01  # the share of a processor's time that drawing may take, at most


class Screen(Protocol):
    """Where a display is drawn.

    Attributes:
        glyphs: the characters that it has.
        colors: whether it has colours.
        paused: to be told how many seconds the run stood still, as in a debugger.
    """

    glyphs: Glyphs
    colors: bool
    paused: Callable[[float], None]

    def start(self) -> None:
        """Begin."""

    def size(self) -> tuple[int, int]:
        """Return how many columns and lines there are now."""

    def later(self, make: Callable[[int, int], list[Line]]) -> None:
        """Print what `make(width, height)` returns above the display when it is drawn next."""

    def draw(self, lines: list[Line]) -> None:
        """Draw the display anew."""

    def close(self) -> None:
        """Take the display away; what was printed above it stays."""


class Live:
    """A listener that keeps a display up to date.

    Events only change numbers, which takes a few microseconds. A thread draws, four times a second
    or less often if drawing is slow, so that the display also moves during long steps.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.perf_counter) -> None:
        self.screen = screen
        self.run = Run(clock)
        self._dashboard = Dashboard(self.run, screen.glyphs, screen.colors)
        self._table = EpochTable()
        self._over = threading.Event()
        self._drawing = threading.Lock()
        self._failed = False
        self._told = False  # that kernels are compiled
        self._thread = threading.Thread(target=self._keep_drawing, name="display", daemon=True)
        self._printers: dict[type, Callable[[Any, int, int], list[Line]]] = {
            FitStarted: self._opening,
            EpochEnded: lambda event, width, _: self._table.rows(event, width, screen.glyphs),
            FitEnded: self._result,
            StepSkipped: self._warning,
            CheckpointFailed: self._warning,
            Warned: self._warning,
        }

    def __enter__(self) -> Live:
        self.screen.paused = self.run.pause
        self.screen.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._over.set()
            self._thread.join()
        finally:
            self.screen.close()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        self.run(event)
        kind = type(event)
        if kind is StepEnded:
            return
        if kind is Compiling and not self._told:
            self._told = True
            self.screen.later(lambda width, height: [[piece(COMPILING[: width - 1], "dim")]])
        elif kind in self._printers:
            self.screen.later(partial(self._print, event))
            if kind is FitEnded:
                self.draw()

    def draw(self) -> None:
        """Draw the run as it is now. A failure ends the display, never the training."""
        shown = self.run.started.epochs > 0 and self.run.ended is None and not self._failed
        with self._drawing:
            try:
                self.screen.draw(self._dashboard.frame(*self.screen.size()) if shown else [])
            except OSError:  # the terminal is gone
                self._over.set()
            except Exception as error:
                self._failed = True
                self.screen.later(partial(self._failure, error))

    def _keep_drawing(self) -> None:
        pause = INTERVAL
        while not self._over.wait(pause):
            begin = time.thread_time()
            self.draw()
            pause = max(INTERVAL, (time.thread_time() - begin) / _COST)

    def _print(self, event: Event, width: int, height: int) -> list[Line]:
        """Return what stays of an event in the scrollback."""
        try:
            return self._printers[type(event)](event, width, height)
        except Exception as error:
            return self._failure(error, width, height)

    def _failure(self, error: Exception, width: int, height: int) -> list[Line]:
        text = f"the display failed, the training goes on: {error!r}"
        return warning(text, width, self.screen.glyphs)

    def _warning(self, event: Any, width: int, height: int) -> list[Line]:
        return warning(warning_of(event), width, self.screen.glyphs)

    def _opening(self, event: FitStarted, width: int, height: int) -> list[Line]:
        return opening(event, width, height, self.screen.glyphs)

    def _result(self, event: FitEnded, width: int, height: int) -> list[Line]:
        """Return the curves, which stay in the scrollback, and the result."""
        drawn = self._dashboard.panels(width - 1, min(12, height - 8)) if self.run.epochs else []
        return [*drawn, *result(self.run, event, width, self.screen.glyphs)]
