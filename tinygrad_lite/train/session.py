"""One call of `fit`: who listens, what is kept on the disk, and how it ends."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tinygrad_lite import kernels
from tinygrad_lite.checkpoint import save_arrays
from tinygrad_lite.errors import DivergenceError
from tinygrad_lite.train.callbacks import Callback, Listener
from tinygrad_lite.train.checkpoints import BEST, Checkpoints
from tinygrad_lite.train.events import (
    CheckpointSaved,
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    StepEnded,
    Warned,
)
from tinygrad_lite.train.launch import resume_command
from tinygrad_lite.train.logs import JSONL
from tinygrad_lite.train.logs.reader import NAME
from tinygrad_lite.train.signals import StopSignals

if TYPE_CHECKING:
    from tinygrad_lite.train.loop import Trainer


class Session:
    """A context in which a Trainer runs: it passes events on, saves, and listens to signals.

    Args:
        trainer: whose run it is.
        start: the checkpoint that it goes on from; None for a new one.

    Attributes:
        interrupted: whether a signal has ended it before its last epoch.
        reason: why it ended before that, in words; empty if it did not.
        resume: how to go on with it, once it has ended; None if there is nothing to go on with.
    """

    def __init__(self, trainer: Trainer, start: Path | None) -> None:
        self._trainer, self._start = trainer, start
        self.interrupted, self.reason = False, ""
        self.resume: str | None = None
        self._checkpoint = None if start is None else str(start)
        self._checkpoints: Checkpoints | None = None
        self._listeners: list[Listener] = list(trainer.callbacks)
        self._saved: tuple[int, int] | None = None  # place of the last state on the disk
        self._begin = time.perf_counter()
        self._stack = ExitStack()
        self._signals = StopSignals(self._tell)
        self._display: Listener | None = None
        for callback in trainer.callbacks:
            if isinstance(callback, Callback):
                callback.trainer = trainer
        if trainer.folder is not None:
            self._checkpoints = Checkpoints(trainer.folder, trainer.keep, trainer.save_every)
            self._listeners.append(JSONL(trainer.folder / NAME))

    def __enter__(self) -> Session:
        if self._trainer.display != "off":
            from tinygrad_lite.train.console import console

            self._display = self._stack.enter_context(console(self._trainer.display))
            self._listeners.append(self._display)
        self._stack.enter_context(kernels.compiling(lambda name: self.emit(Compiling(name))))
        self._stack.enter_context(self._signals)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def is_watched(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @property
    def received(self) -> signal.Signals | None:
        """The signal that asked for an end; None so far."""
        return self._signals.received

    @property
    def checkpoint(self) -> str | None:
        """Folder of the last checkpoint; None if there is none."""
        return self._checkpoint

    def emit(self, event: Event) -> None:
        """Pass an event on, and save the state that it leaves behind if it is time to."""
        if isinstance(event, FitStarted):
            self._saved = self._trainer.progress.place
            if self._checkpoints is not None and self._start is not None:
                self._checkpoints.set_aside_after(self._start)
        for listener in [*self._listeners]:
            try:
                listener(event)
            except Exception:
                self._listeners.remove(listener)  # so that the others hear how it ended
                raise
        if isinstance(event, StepEnded | EpochEnded) and self._is_due():
            self._save()

    def end(self, epochs: int, fault: BaseException | None = None) -> None:
        """Save what has not been saved, and tell how the run ended.

        Args:
            epochs: how many were planned.
            fault: what broke it off.
        """
        if self._saved is None:
            return  # it never began
        with self._signals.held():  # whoever presses Ctrl-C twice in haste loses nothing
            self._end(epochs, fault)

    def _end(self, epochs: int, fault: BaseException | None) -> None:
        trainer = self._trainer
        if self._saved != trainer.progress.place:
            self._save()
        unfinished = trainer.progress.epoch <= epochs
        if fault is not None:
            self.reason = _in_a_line(fault)
        elif unfinished:
            self.reason = trainer.stopping
        self.interrupted = unfinished and self.received is not None
        if unfinished and self._checkpoint and trainer.folder is not None:
            self.resume = resume_command(trainer.folder, isinstance(fault, DivergenceError))
        self.emit(
            FitEnded(
                interrupted=self.interrupted,
                seconds=time.perf_counter() - self._begin,
                reason=self.reason,
                best=trainer.progress.best,
                checkpoint=self._checkpoint,
                resume=self.resume,
                failed=fault is not None,
                weights=None if trainer.folder is None else _if_there(trainer.folder / BEST),
            )
        )

    def _is_due(self) -> bool:
        return self._checkpoints is not None and self._checkpoints.due()

    def _save(self) -> None:
        if self._checkpoints is None or not self._trainer.is_consistent:
            return
        progress = self._trainer.progress
        ended = progress.history[-1] if progress.step == 0 else None
        outcome = self._checkpoints.save(
            progress.total, ended.epoch if ended else 0, bool(ended and ended.best), self._state
        )
        if isinstance(outcome, CheckpointSaved):
            self._checkpoint, self._saved = outcome.path, progress.place
        self.emit(outcome)

    def _state(self) -> dict[str, Any]:
        """Return the state of the Trainer, after its best weights are where users look for them."""
        trainer, best = self._trainer, self._trainer.best_weights
        if trainer.folder is not None and best.is_new and best.arrays is not None:
            trainer.folder.mkdir(parents=True, exist_ok=True)
            save_arrays(trainer.model, best.arrays, trainer.folder / BEST)
            best.is_new = False
        return trainer.state_dict()

    def _tell(self, received: signal.Signals) -> None:
        """Have the run end after this step, and say so, as a step may take long."""
        self._trainer.stop("Ctrl-C" if received == signal.SIGINT else received.name)
        if self._display is not None:  # which this thread may be amid drawing
            said = Warned("ending after this step; Ctrl-C again ends at once")
            Thread(target=self._display, args=(said,), daemon=True).start()


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None


def _in_a_line(error: BaseException) -> str:
    first = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
