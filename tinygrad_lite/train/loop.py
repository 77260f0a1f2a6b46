"""The training loop. It computes and reports; it draws nothing."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, ValuesView
from contextlib import closing, nullcontext
from copy import copy
from itertools import islice
from math import ceil, nan
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.errors import ArgumentError, DivergenceError, message, nearest
from tinygrad_lite.modes import no_grad
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.optim import EMA, Optimizer
from tinygrad_lite.optim.schedules.schedule import Schedule, rebased
from tinygrad_lite.summary import Summary, summarize
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train import checkpoints, state
from tinygrad_lite.train.best import BestWeights
from tinygrad_lite.train.callbacks import Listener
from tinygrad_lite.train.events import (
    BatchValidated,
    EpochEnded,
    Event,
    FitStarted,
    LayersMeasured,
    StepEnded,
    StepSkipped,
    Warned,
)
from tinygrad_lite.train.faults import NotFiniteError
from tinygrad_lite.train.history import History
from tinygrad_lite.train.metrics import METRICS, Function, Metric, find_metrics
from tinygrad_lite.train.progress import Means, Progress
from tinygrad_lite.train.session import Session
from tinygrad_lite.train.signals import SIGTERM_EXIT
from tinygrad_lite.train.state import Savepoint
from tinygrad_lite.train.update import Batch, Update, measure
from tinygrad_lite.train.watch import Watch

Display = Literal["auto", "live", "plain", "off"]
Unit = Literal["step", "epoch"]
Step = Callable[..., Tensor | Mapping[str, Any]]

_EPOCHS = "epochs, a whole number from 1 on"


class Trainer:
    """Trains a model on batches; shows, logs and saves how that goes.

    Args:
        model: the Module to train, called with all parts of a batch but the last, the targets:
            `model(x)`, or `model(x, lengths)`.
        optimizer: holds the model's parameters; or several by name, for a `training_step` that
            takes their steps itself.
        loss: a function of (outputs, targets).
        metrics: names, functions of (outputs, targets) as ndarrays, or Metrics, to report beside
            the loss; see `train.metrics`.
        schedule: of the learning rate; or several.
        schedule_by: whether schedules go on with every `step` or every `epoch`. One that looks at
            a metric, `Plateau`, goes by epochs in any case, and looks at `monitor`.
        clip_norm: the largest norm that the gradient of all parameters together may have.
        clip_value: the largest absolute value that an entry of a gradient may have.
        accumulate: batches that one update learns from, as if they were one.
        ema: averages the weights; validation, and what is kept of the best epoch, then use the
            averages. A number is the decay of an `optim.EMA`.
        monitor: the metric by which epochs are judged: `loss`, `val_accuracy`, ... Less of it is
            better, but for metrics of which more is, also if a step of the user's own reports
            them by their names in `train.metrics`.
        patience: ends the training after so many epochs without a new best one.
        min_delta: by how much an epoch has to be better to be a new best.
        restore_best: leave the model, when training has ended, with the weights of the best epoch.
        skip_nonfinite: how many updates with a loss or gradient of NaN or infinity to leave out
            before that is an error.
        training_step: in place of the loss: a function of the parts of a batch that returns the
            loss, or a dict with `loss` and what else is to be reported. A model's method of this
            name serves too. If its loss is a number and no Tensor, it has updated the weights
            itself, and clipped what it liked. A model's `validation_step`, alike, then serves to
            validate; without one the loss and the metrics do, or else the training step. What such
            a step returns is all that is reported: metrics look at what a loss looks at.
        callbacks: called with every event: functions, logs of `train.logs`, `Callback`s.
        folder: where checkpoints, the weights of the best epoch and a log are kept; by default
            nothing is.
        save_every: least seconds between two checkpoints while training goes on, 0 for one after
            every step; there is one at the end, however it ends.
        keep: how many checkpoints are kept.
        display: `live` draws in the terminal, `plain` prints a line an epoch, `off` nothing; `auto`
            is live in a terminal and plain elsewhere.

    Attributes:
        progress: how far the training has come.
        updates_itself: whether the training step updates the weights; None before the first one.

    Raises:
        ArgumentError: there is neither a loss nor a training_step, a metric is unknown or has no
            loss beside it, the optimiser or the EMA holds no parameter of the model, a schedule is
            of another optimiser, or an argument is not what its description says.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer | Mapping[str, Optimizer],
        loss: Callable[..., Tensor] | None = None,
        metrics: Sequence[str | Function | Metric] = (),
        schedule: Schedule | Sequence[Schedule] | None = None,
        schedule_by: Unit = "step",
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int = 1,
        ema: EMA | float | None = None,
        monitor: str = "val_loss",
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool = False,
        skip_nonfinite: int = 0,
        training_step: Step | None = None,
        callbacks: Sequence[Listener] = (),
        folder: str | Path | None = None,
        save_every: float = 10.0,
        keep: int = 3,
        display: Display = "auto",
    ) -> None:
        optimizers = {"optimizer": optimizer} if isinstance(optimizer, Optimizer) else optimizer
        schedules = [schedule] if isinstance(schedule, Schedule) else schedule or []
        _check(
            {
                "model, a Module": isinstance(model, Module),
                "optimizer, an Optimizer, or a dict of several": isinstance(optimizers, Mapping)
                and _all(Optimizer, optimizers),
                "loss, a function": loss is None or callable(loss),
                "metrics, a list": isinstance(metrics, list | tuple),
                "schedule, a Schedule, or a list of several": _all(Schedule, schedules),
                f"schedule_by, one of {', '.join(get_args(Unit))}": schedule_by in get_args(Unit),
                "clip_norm, a number from 0 on": clip_norm is None or _is_from_0(clip_norm),
                "clip_value, a number from 0 on": clip_value is None or _is_from_0(clip_value),
                "accumulate, a whole number from 1 on": is_whole(accumulate, 1),
                "ema, an EMA, or its decay": ema is None or isinstance(ema, EMA | float),
                "monitor, the name of a metric": isinstance(monitor, str),
                "min_delta, a number from 0 on": _is_from_0(min_delta),
                "patience, a whole number from 1 on": patience is None or is_whole(patience, 1),
                "skip_nonfinite, a whole number from 0 on": is_whole(skip_nonfinite, 0),
                "training_step, a function": training_step is None or callable(training_step),
                "callbacks, a list of functions": isinstance(callbacks, list | tuple)
                and all(map(callable, callbacks)),
                "folder, a path": folder is None or isinstance(folder, str | Path),
                "save_every, seconds from 0 on": _is_from_0(save_every),
                "keep, a whole number from 1 on": is_whole(keep, 1),
                f"display, one of {', '.join(get_args(Display))}": display in get_args(Display),
            }
        )
        self.model, self.loss = model, loss
        self.optimizers = dict(optimizers)
        self.training_step: Step | None = training_step or getattr(model, "training_step", None)
        self.metrics = find_metrics(metrics)
        self.schedules, self.schedule_by = list(schedules), schedule_by
        self.ema = EMA(model, ema) if isinstance(ema, float) else ema
        self._check_parts_fit()
        self.clip_norm, self.clip_value, self.accumulate = clip_norm, clip_value, accumulate
        self.monitor, self.patience, self.min_delta = monitor, patience, min_delta
        self.restore_best, self.skip_nonfinite = restore_best, skip_nonfinite
        self.callbacks, self.display = list(callbacks), display
        self.folder = None if folder is None else Path(folder)
        self.save_every, self.keep = save_every, keep
        self.progress = Progress()
        self.best_weights = BestWeights()
        self.loaders: dict[str, DataLoader] = {}
        self.positions: dict[str, dict[str, int]] = {}  # of the loaders, after the last step
        self.updates_itself: bool | None = None
        self.stopping = ""  # why no further step is to be taken
        self.is_consistent = True  # whether nothing was broken off half-way
        self.draws_globally = True  # whether steps draw from NumPy's or Python's generator
        # what a forward pass may change
        self.buffers = [buffer for _, buffer in model.named_buffers()]
        self.stateful = [module for module in model.modules() if _has_extra_state(module)]

    def _check_parts_fit(self) -> None:
        name = type(self.model).__name__
        own = {id(parameter) for parameter in self.model.parameters()}
        if own.isdisjoint(map(id, self.parameters())):
            raise ArgumentError(
                message(
                    "Trainer",
                    f"the optimiser holds no parameter of {name}, which would learn nothing",
                    fix="make the optimiser of model.parameters()",
                )
            )
        if self.ema is not None and own.isdisjoint(map(id, self.ema.parameters())):
            raise ArgumentError(
                message(
                    "Trainer",
                    f"the EMA averages no parameter of {name}, which would be validated without",
                    fix="make it of this model, or pass its decay: ema=0.999",
                )
            )
        if self.loss is None and self.training_step is None:
            raise ArgumentError(
                message(
                    "Trainer",
                    f"{name} has no training_step, so a loss is needed",
                    fix="pass one, e.g. loss=F.cross_entropy",
                )
            )
        if self.loss is None and self.metrics:
            raise ArgumentError(
                message(
                    "Trainer",
                    "metrics look at the outputs that a loss looks at, and there is none",
                    fix="return what is to be reported from training_step, beside the loss",
                )
            )
        for schedule in self.schedules:
            if not any(schedule.optimizer is own for own in self.optimizers.values()):
                raise ArgumentError(
                    message(
                        "Trainer",
                        f"the schedule {type(schedule).__name__} is of another optimiser",
                        fix="make it of the one that the Trainer gets",
                    )
                )

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser; of several, the first."""
        return next(iter(self.optimizers.values()))

    @property
    def validation_step(self) -> Step | None:
        """What measures a batch of the validation; None if the loss and the metrics do."""
        own: Step | None = getattr(self.model, "validation_step", None)
        return own or (self.training_step if self.loss is None else None)

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters that the optimisers hold."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                yield from group["params"]

    def stop(self, reason: str = "it was asked to") -> None:
        """Let the run end well after the current step; `reason` says why, in words."""
        self.stopping = reason

    # -- a run ------------------------------------------------------------------------------------

    def fit(
        self,
        train: Any,
        val: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        until: Callable[[EpochEnded], bool] | None = None,
        resume: bool | str | Path | None = None,
        lr: float | None = None,
    ) -> History:
        """Train, show it, keep it, and return what was measured.

        Afterwards the model is in evaluation mode, with its last weights or, by `restore_best` and
        unless a signal ended the run, which may go on, the best ones.

        The first Ctrl-C lets the current step end, saves, and returns; a second one raises. SIGTERM
        does the same, and then ends the process with code 143.

        Args:
            train: a DataLoader, a Dataset, or a tuple of arrays (x, y).
            val: the same, to validate on after each epoch.
            epochs: passes over `train`; those before a resume count.
            batch_size: of the loaders made here; a DataLoader brings its own.
            until: asked after each epoch whether this is enough; then training ends.
            resume: go on, bit by bit as if nothing had happened: from a checkpoint, or the last one
                of a run, by its folder. True is the folder of this Trainer, and begins a new run
                if there is nothing in it yet.
            lr: learning rate to go on with, of each optimiser, in place of the one that the run
                began with; those of further parameter groups, and what schedules made of them,
                change in proportion.

        Raises:
            ArgumentError: epochs is no whole number from 1 on, `until` no function, or the folder
                holds another run.
            CheckpointError: what is to be resumed is damaged, or of another model.
            DataError: the data is empty, holds NaN or infinity, or cannot be read.
            DivergenceError: a loss or a gradient is not finite; the weights are those before that
                step.
            FileNotFoundError: there is nothing at the path to resume from.
            SystemExit: SIGTERM came.
        """
        _check(
            {
                _EPOCHS: is_whole(epochs, 1),
                "until, a function": until is None or callable(until),
                "lr, a number from 0 on": lr is None or _is_from_0(lr),
            }
        )
        start = self._start(resume)
        saved = None if start is None else checkpoints.read(start)
        with Session(self, start) as session:
            try:
                events = self._run(train, val, epochs, batch_size, saved, lr, session.is_watched)
                with closing(events):
                    for event in events:
                        session.emit(event)
                        if until is not None and any(map(until, _ended(event))):
                            self.stop("this is enough")
            except BaseException as fault:
                session.end(epochs, fault)
                if isinstance(fault, DivergenceError) and session.resume is not None:
                    fault.add_note(f"  resume: {session.resume}")
                raise
            session.end(epochs)
        if session.received == signal.SIGTERM:
            raise SystemExit(SIGTERM_EXIT)
        if self.restore_best and self.best_weights.arrays and not session.interrupted:
            self.model.load_state_dict(self.best_weights.arrays)
            if self.ema is not None:
                self.ema.restart()
        self.model.eval()
        history = list(self.progress.history)
        return History(history, session.interrupted, session.reason, session.checkpoint)

    def _start(self, resume: bool | str | Path | None) -> Path | None:
        """Return the checkpoint to go on from; None for a new run."""
        there = None if self.folder is None else checkpoints.find(self.folder)
        if resume is True:
            _check({"folder, a path, to resume what is there": self.folder is not None})
            return there
        start = checkpoints.find(Path(resume)) if resume else None
        if resume and start is None:
            raise FileNotFoundError(f"there is no checkpoint in {resume}")
        if there is not None and (start is None or not start.parent.samefile(there.parent)):
            raise ArgumentError(
                message(
                    "Trainer",
                    f"{self.folder} holds a run already, which another one would mix with",
                    fix="choose another folder, or go on with fit(..., resume=True)",
                )
            )
        if self.folder is None and start is not None:
            self.folder = start.parent.parent
        return start

    def run(
        self, train: Any, val: Any = None, epochs: int = 10, batch_size: int = 32
    ) -> Iterator[Event]:
        """Yield the events of a training run, doing the work between them; see `fit`.

        Nothing is shown, kept, or caught.
        """
        _check({_EPOCHS: is_whole(epochs, 1)})
        return self._run(train, val, epochs, batch_size)

    def _run(
        self,
        train: Any,
        val: Any,
        epochs: int,
        batch_size: int,
        saved: Mapping[str, Any] | None = None,
        lr: float | None = None,
        watched: bool = False,
    ) -> Generator[Event, None, None]:
        loader = as_loader(train, batch_size, shuffle=True)
        self.loaders = {"train": loader}
        if val is not None:
            self.loaders["val"] = as_loader(val, batch_size=256, shuffle=False)
        self._begin_anew()
        if self.training_step is None:
            own = ["loss", *(metric.name for metric in self.metrics)]
            self._check_monitor(own if val is None else [*own, *(f"val_{name}" for name in own)])
        notes = [] if saved is None else state.restore(self, saved)
        if lr is not None:
            self._rebase(float(lr))
        self._note_positions()
        self._bring_in_order()
        yield self._started(epochs, watched)
        yield from map(Warned, notes)
        watch = Watch(self.model) if watched else None
        while self.progress.epoch <= epochs and not self._has_stopped():
            yield from self._learn_epoch(loader, watch)
            if not self._has_stopped():
                yield from self._end_epoch()

    def _begin_anew(self) -> None:
        """Forget the run before."""
        self.progress, self.best_weights = Progress(), BestWeights()
        self.stopping, self.is_consistent, self.draws_globally = "", True, True
        for metric in self.metrics:
            metric.reset()

    def _bring_in_order(self) -> None:
        """Lay out the model as a checkpoint does: another layout adds up in another order."""
        for tensor in [*self.model.parameters(), *self.buffers]:
            tensor.data = np.asarray(tensor.data, order="C")

    def _started(self, epochs: int, watched: bool) -> FitStarted:
        loader = self.loaders["train"]
        return FitStarted(
            model=type(self.model).__name__,
            parameters=sum(parameter.size for parameter in self.model.parameters()),
            samples=len(loader.dataset),
            epochs=int(epochs),
            steps=ceil(len(loader) / self.accumulate),
            done=self.progress.total,
            history=tuple(self.progress.history),
            optimizer=type(self.optimizer).__name__,
            folder=None if self.folder is None else str(self.folder),
            summary=self._summary() if watched else None,
            higher_is_better=self._higher_is_better(),
            monitor=self.monitor,
        )

    def _summary(self) -> Summary | None:
        """Trace the model with the first sample; None if that cannot be done."""
        if self.loss is None:
            return None  # how such a model is called only its training step knows
        before = Savepoint(self, everything=True)
        try:
            *inputs, _ = self.loaders["train"].first()
            return summarize(self.model, *inputs)
        except Exception:  # whatever a user's model or data does; the first step will tell
            return None
        finally:
            before.roll_back()

    def _learn_epoch(self, loader: DataLoader, watch: Watch | None) -> Iterator[Event]:
        """Take the steps of an epoch that are left."""
        progress, batches = self.progress, iter(loader)
        self.model.train()
        self.draws_globally = is_first = True  # until a look at the first step tells
        while not self.stopping:
            look = watch if watch is not None and watch.due() else None
            update, skipped, begin = Update(self, look), "", time.perf_counter()
            try:
                drawn, indices = [], []
                for batch in islice(batches, self.accumulate):
                    drawn.append(batch)
                    indices.append(loader.indices)
                    position = loader.state_dict()
                if not drawn:
                    return
                start, lr = time.perf_counter(), self.optimizer.lr
                means = update.run(drawn, self.metrics)
                samples = sum(len(batch[0]) for batch in drawn)
                seconds, waiting = time.perf_counter() - start, start - begin
                progress.end_step(means, samples, lr, seconds, waiting)
                self.positions["train"] = position
            except NotFiniteError as error:
                if update.has_begun or progress.skipped == self.skip_nonfinite:
                    raise update.explained(error, drawn, indices) from None
                update.before.roll_back()
                progress.skip_step()
                self.positions["train"], skipped = position, error.problem
            except BaseException:
                update.break_off()
                raise
            if skipped:
                left = self.skip_nonfinite - progress.skipped
                yield StepSkipped(progress.epoch, progress.step, skipped, left)
                continue
            if is_first:
                self.draws_globally, is_first = update.before.drew_globally(), False
            place = progress.epoch, progress.step
            if look is not None:
                yield LayersMeasured(*place, progress.total, look.after_update())
            yield StepEnded(*place, means["loss"], lr, samples, progress.total, seconds, waiting)

    def _end_epoch(self) -> Iterator[Event]:
        """Validate, judge the epoch, and go on to the next one."""
        progress = self.progress
        values, matrices = _values(progress.means, [] if self.training_step else self.metrics)
        values = {"loss": nan} | values  # as all steps may have been left out
        if "val" in self.loaders:
            means, metrics = Means(), self._validation_metrics()
            before = Savepoint(self, everything=True)
            try:
                for event in self._validate(self.loaders["val"], means, metrics):
                    yield event
                    if self.stopping:
                        before.roll_back()
                        return
            except BaseException:
                before.roll_back()
                raise
            val_values, val_matrices = _values(means, metrics)
            values |= {f"val_{name}": value for name, value in val_values.items()}
            matrices |= {f"val_{name}": value for name, value in val_matrices.items()}
        if progress.means.count:
            self._check_monitor(list(values))
        ended = EpochEnded(
            epoch=progress.epoch,
            metrics=values,
            lr=progress.lr,
            seconds=progress.seconds,
            best=self._is_best(values.get(self.monitor)),
            waiting=progress.waiting,
            total=progress.total,
            matrices=matrices,
        )
        self.is_consistent = False
        for schedule in self.due_schedules("epoch"):
            if schedule.needs_metric:
                schedule.step(values.get(self.monitor, values["loss"]))
            else:
                schedule.step()
        if ended.best and (self.restore_best or self.folder is not None):
            self.best_weights.keep(self.model, self.ema)
        progress.end_epoch(ended)
        for metric in self.metrics:
            metric.reset()
        self._note_positions()
        self.is_consistent = True
        yield ended

    def _validate(
        self, loader: DataLoader, means: Means, metrics: Sequence[Metric]
    ) -> Iterator[BatchValidated]:
        """Add what is measured of each batch to `means` and `metrics`."""
        self.model.eval()
        for number, batch in enumerate(loader, 1):
            with no_grad(), nullcontext() if self.ema is None else self.ema.applied():
                _, measured, pair = measure(self, batch, training=False)
            means.add(measured, len(batch[0]))
            if pair is not None:
                for metric in metrics:
                    metric.update(*pair)
            yield BatchValidated(self.progress.epoch, number, len(loader))

    def _validation_metrics(self) -> list[Metric]:
        """Return metrics for a validation; none where a step of the user's own measures."""
        return _fresh(self.metrics) if self.validation_step is None else []

    def step(self, *batches: Batch) -> dict[str, float]:
        """Update the weights once, by one batch or several; return their loss and metrics.

        Raises:
            DataError: a batch holds NaN or infinity.
            DivergenceError: the loss or a gradient is not finite; nothing has been updated.
        """
        update = Update(self)
        metrics = _fresh(self.metrics) if self.training_step is None else []
        try:
            means = update.run(batches, metrics)
        except NotFiniteError as error:
            raise update.explained(error, batches, [None] * len(batches)) from None
        except BaseException:
            update.break_off()
            raise
        return means | {m.name: v for m in metrics if isinstance(v := m.value(), float)}

    def evaluate(self, data: Any, batch_size: int = 256) -> dict[str, Any]:
        """Return the mean loss and the metrics over `data`, in evaluation mode.

        All are numbers, but for a confusion matrix, a list of lists of them. With an EMA it is the
        averaged weights that are measured.
        """
        means, metrics = Means(), self._validation_metrics()
        for _ in self._validate(as_loader(data, batch_size, shuffle=False), means, metrics):
            pass
        values, matrices = _values(means, metrics)
        return values | matrices

    # -- judging and scheduling -------------------------------------------------------------------

    def _check_monitor(self, measured: Sequence[str]) -> None:
        """Raise if epochs are to be judged by what is not among the numbers that are measured."""
        judges = self.patience is not None or self.restore_best or self.monitor != "val_loss"
        if judges and self.monitor not in measured:
            validates = "val" in self.loaders
            raise ArgumentError(
                message(
                    "Trainer",
                    f"monitor={self.monitor!r} is not measured"
                    + ("" if validates else " without validation"),
                    fix=f"use one of: {nearest(self.monitor, measured)}"
                    + ("" if validates else "; or give fit a val=..."),
                )
            )

    def _higher_is_better(self) -> tuple[str, ...]:
        """Return the names of numbers of which more is better."""
        known = [*self.metrics, *(METRICS.values() if self.training_step is not None else ())]
        return tuple(dict.fromkeys(metric.name for metric in known if metric.higher_is_better))

    def _is_best(self, value: float | None) -> bool:
        """Tell whether an epoch with this value of the monitored metric is the best so far."""
        if value is None or not np.isfinite(value):
            return False
        best = self.progress.best
        if best is None or self.monitor not in best.metrics:  # resumed with another monitor
            return True
        gain = value - best.metrics[self.monitor]
        higher = self.monitor.removeprefix("val_") in self._higher_is_better()
        return (gain if higher else -gain) > self.min_delta

    def _has_stopped(self) -> bool:
        """Tell whether no further step is to be taken; note why."""
        progress = self.progress
        since = len(progress.history) - (progress.best.epoch if progress.best else 0)
        if self.patience is not None and since >= self.patience and not progress.step:
            self.stop(f"no better {self.monitor} for {since} epochs")
        return bool(self.stopping)

    def due_schedules(self, unit: Unit) -> Iterator[Schedule]:
        """Yield the schedules that go on with every step, or with every epoch."""
        for schedule in self.schedules:
            if ("epoch" if schedule.needs_metric else self.schedule_by) == unit:
                yield schedule

    def _rebase(self, lr: float) -> None:
        """Go on as if the run had begun with this learning rate."""
        for schedule in self.schedules:
            schedule.rebase(lr)
        for optimizer in self.optimizers.values():
            if not any(schedule.optimizer is optimizer for schedule in self.schedules):
                groups = optimizer.param_groups
                for group, rate in zip(groups, rebased([g["lr"] for g in groups], lr), strict=True):
                    group["lr"] = rate

    # -- state ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return all that `fit(resume=...)` needs: nested dicts of numbers, text and arrays."""
        return state.gather(self)

    def _note_positions(self) -> None:
        self.positions = {name: loader.state_dict() for name, loader in self.loaders.items()}


def _ended(event: Event) -> Sequence[EpochEnded]:
    """Return the epoch that has ended with an event, or before a run was resumed."""
    if isinstance(event, FitStarted):
        return event.history[-1:]
    return (event,) if isinstance(event, EpochEnded) else ()


def _check(arguments: dict[str, bool]) -> None:
    for description, fits in arguments.items():
        if not fits:
            name, _, what = description.partition(", ")
            raise ArgumentError(message("Trainer", f"{name} must be {what}", fix=f"pass {what}"))


def is_whole(value: object, least: int) -> bool:
    """Tell whether `value` is a whole number, NumPy's too, and not below `least`."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def _is_from_0(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and float(value) >= 0


def _all(kind: type, values: object) -> bool:
    """Tell whether `values` is a list or a dict of instances of `kind`."""
    items = values.values() if isinstance(values, Mapping) else values
    return isinstance(items, list | tuple | ValuesView) and all(isinstance(v, kind) for v in items)


def _has_extra_state(module: Module) -> bool:
    own = type(module).get_extra_state is not Module.get_extra_state
    return own or bool(module.get_extra_state())


def _fresh(metrics: Sequence[Metric]) -> list[Metric]:
    """Return metrics alike that have seen nothing."""
    copies = [copy(metric) for metric in metrics]
    for metric in copies:
        metric.reset()
    return copies


def _values(
    means: Means, metrics: Sequence[Metric]
) -> tuple[dict[str, float], dict[str, list[list[float]]]]:
    """Return the values of all that was measured: numbers, and matrices."""
    numbers, matrices = means.means(), {}
    for metric in metrics if means.count else ():
        value = metric.value()
        if isinstance(value, list):
            matrices[metric.name] = value
        else:
            numbers[metric.name] = value
    return numbers, matrices


def as_loader(data: Any, batch_size: int, shuffle: bool) -> DataLoader:
    """Return `data` as a DataLoader, after a look for NaN where all of it is in memory."""
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size, shuffle)
    if isinstance(loader.dataset, Dataset):
        loader.dataset.check_finite()
    return loader
