"""What a display knows of a run: kept by the events, at little cost, and read by the clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_lite.train.console.health import Health
from tinygrad_lite.train.events import (
    BatchValidated,
    CheckpointSaved,
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
    best_of,
)

SMOOTH = 0.9  # weight of the past in the smoothed loss
_WINDOW = 15.0  # seconds over which a pace is measured


class Course:
    """Points of a curve, of which every second one is forgotten when they become too many.

    Attributes:
        points: (x, y), x rising.
    """

    def __init__(self, most: int = 512) -> None:
        self.points: list[tuple[float, float]] = []
        self._most = most
        self._every = 1
        self._skip = 0

    def wanted(self) -> bool:
        """Tell whether the next point is to be added, or left out: it is near to the last."""
        if self._skip:
            self._skip -= 1
            return False
        self._skip = self._every - 1
        return True

    def add(self, x: float, y: float) -> None:
        """Add a point."""
        self.points.append((x, y))
        if len(self.points) >= self._most:
            self.points = self.points[::2]
            self._every *= 2


@dataclass
class Pace:
    """How fast a run goes; None is not known yet.

    Attributes:
        samples: a second.
        waiting: share of the time that was waited for data.
        run: seconds to the end of the run.
        epoch: seconds to the end of the epoch's training.
    """

    samples: float | None = None
    waiting: float | None = None
    run: float | None = None
    epoch: float | None = None


class Run:
    """The state of a run. Calling it with an event takes a few microseconds.

    Attributes:
        started: how the run began.
        epoch: counted from 1.
        step: counted from 1 within the epoch.
        lr: learning rate of the last step.
        loss: smoothed loss of the last steps; None before the first.
        losses: its course over epochs.
        epochs: those that are done, also before a resume.
        best: the best of them.
        layers: the last look into them.
        gradients: by path, the courses of the gradients' norms.
        health: what is wrong with the layers.
        compiling: the kernel that is being compiled.
        validating: the batches of the validation that are done, and how many there are.
        saved: the last checkpoint, and when.
        ended: how the run ended.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self._handlers: dict[type, Callable[[Any], None]] = {
            FitStarted: self._start,
            Compiling: self._compile,
            StepEnded: self._step,
            LayersMeasured: self._look,
            BatchValidated: self._validate,
            EpochEnded: self._close,
            CheckpointSaved: self._save,
            FitEnded: self._end,
        }
        self._start(FitStarted("", 0, 0, 0, 0))

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _start(self, event: FitStarted) -> None:
        self.started = event
        self.begin = self._mark = self.clock()
        self.epoch, self.step = 1, 0
        if event.steps and event.done:
            self.epoch, self.step = 1 + event.done // event.steps, event.done % event.steps
        self.lr = 0.0
        self.loss: float | None = None
        self._sum = self._weight = 0.0
        self.losses = Course()
        self.epochs = list(event.history)
        for epoch in self.epochs:
            self.losses.add(epoch.epoch, epoch.metrics.get("loss", float("nan")))
        self.best = best_of(self.epochs)
        self.layers: LayersMeasured | None = None
        self.gradients: dict[str, Course] = {}
        self.health = Health()
        self.compiling: str | None = None
        self._disturbed = False  # whether something was compiled since the last mark
        self.validating: tuple[int, int] | None = None
        self.saved: tuple[CheckpointSaved, float] | None = None
        self.ended: FitEnded | None = None
        # of the steps during which nothing was compiled: how many, samples, seconds in all, and
        # seconds waited for data
        self._steps, self._samples, self._seconds, self._waited = 0, 0, 0.0, 0.0
        self._paces = deque([(0, 0, 0.0, 0.0)])
        self._between, self._gaps = 0.0, 0  # seconds from last steps to ends of epochs, and times

    def _compile(self, event: Compiling) -> None:
        self.compiling = event.kernel
        self._disturbed = True

    def _step(self, event: StepEnded) -> None:
        now = self.clock()
        if self._disturbed:
            self._disturbed, self.compiling = False, None
        else:
            self._seconds += now - self._mark
            self._steps += 1
            self._samples += event.samples
            self._waited += event.waiting
        self._mark = now
        self.validating = None
        self.epoch, self.step, self.lr = event.epoch, event.step, event.lr
        loss = event.loss
        if loss - loss == 0.0:  # finite
            self._sum = SMOOTH * self._sum + (1.0 - SMOOTH) * loss
            self._weight = SMOOTH * self._weight + (1.0 - SMOOTH)
            self.loss = loss = self._sum / self._weight
            if self.losses.wanted():
                self.losses.add(event.epoch - 1 + event.step / (self.started.steps or 1), loss)

    def _look(self, event: LayersMeasured) -> None:
        self.layers = event
        self.health.look(event.layers, self.lr)
        for state in event.layers:
            course = self.gradients.get(state.path)
            if course is None:
                course = self.gradients[state.path] = Course(64)
            if course.wanted():
                course.add(event.total, state.gradient)

    def _validate(self, event: BatchValidated) -> None:
        self.validating = (event.step, event.steps)
        self.compiling = None

    def _close(self, event: EpochEnded) -> None:
        now = self.clock()
        if not self._disturbed:
            self._between += now - self._mark
            self._gaps += 1
        self._disturbed, self.compiling = False, None
        self._mark = now
        self.validating = None
        self.epochs.append(event)
        if event.best:
            self.best = event

    def _save(self, event: CheckpointSaved) -> None:
        self._mark = now = self.clock()
        self._between += event.seconds
        self.saved = (event, now)

    def _end(self, event: FitEnded) -> None:
        self.ended = event
        self.best = event.best or self.best

    def pause(self, seconds: float) -> None:
        """Leave a time out that the run stood still, as in a debugger."""
        self._mark += seconds

    @property
    def done(self) -> float:
        """The share of the run that is done."""
        started = self.started
        steps = (self.epoch - 1) * started.steps + self.step
        return min(1.0, steps / ((started.epochs * started.steps) or 1))

    def pace(self) -> Pace:
        """Measure how fast the run goes; to be called now and then, by one caller only."""
        paces = self._paces
        last = (self._steps, self._samples, self._seconds, self._waited)
        if last[0] != paces[-1][0]:
            paces.append(last)
        while len(paces) > 2 and last[2] - paces[1][2] > _WINDOW:
            paces.popleft()
        steps, samples, seconds, waited = (b - a for a, b in zip(paces[0], last, strict=True))
        if seconds <= 0.0:
            return Pace()
        left = max(0, self.started.steps - self.step)
        epochs = max(0, self.started.epochs - self.epoch)
        each = seconds / steps
        between = self._between / self._gaps if self._gaps else 0.0
        closed = bool(self.epochs) and self.epochs[-1].epoch == self.epoch
        gaps = (epochs + (not closed)) * between
        return Pace(
            samples=samples / seconds,
            waiting=min(1.0, waited / seconds),
            run=each * (left + epochs * self.started.steps) + gaps,
            epoch=each * left,
        )
