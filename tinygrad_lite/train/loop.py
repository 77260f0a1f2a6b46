"""The training loop. It computes and reports; it draws nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, get_args

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.errors import ArgumentError, DataError, DivergenceError, message
from tinygrad_lite.modes import no_grad
from tinygrad_lite.module import Module
from tinygrad_lite.op import FLOATS
from tinygrad_lite.optim import Optimizer, clip_grad_norm_
from tinygrad_lite.optim.schedules import Schedule
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train.events import (
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    StepEnded,
)
from tinygrad_lite.train.metrics import Metric, find_metrics

Listener = Callable[[Event], None]
Display = Literal["auto", "live", "plain", "off"]


@dataclass
class History:
    """What a run measured.

    Attributes:
        epochs: one EpochEnded for each epoch that was completed.
        interrupted: whether Ctrl-C ended it.
    """

    epochs: list[EpochEnded] = field(default_factory=list)
    interrupted: bool = False

    def __getitem__(self, metric: str) -> list[float]:
        """Return the course of a metric over the epochs, e.g. `history["val_accuracy"]`."""
        return [epoch.metrics[metric] for epoch in self.epochs]

    @property
    def best(self) -> EpochEnded | None:
        """The epoch with the lowest validation loss; None without validation."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)


class Trainer:
    """Trains a model on batches.

    Args:
        model: the Module to train, called with all parts of a batch but the last, the targets:
            `model(x)`, or `model(x, lengths)`. If it has a method `training_step(*batch) -> loss`,
            that is used in place of `loss`.
        optimizer: holds the model's parameters.
        loss: a function of (outputs, targets).
        metrics: names, or functions of (outputs, targets) as ndarrays, to report beside the loss.
        schedule: stepped after every training step.
        clip_norm: the largest norm that the gradient of all parameters together may have.
        listeners: called with every event.
        display: `live` draws in the terminal, `plain` prints a line an epoch, `off` nothing; `auto`
            is live in a terminal and plain elsewhere.

    Raises:
        ArgumentError: there is neither a loss nor a training_step, a metric is unknown, or an
            argument is not what its description says.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        loss: Callable[..., Tensor] | None = None,
        metrics: Sequence[str | Metric] = (),
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        listeners: Sequence[Listener] = (),
        display: Display = "auto",
    ) -> None:
        self._check(
            {
                "model, a Module": isinstance(model, Module),
                "optimizer, an Optimizer": isinstance(optimizer, Optimizer),
                "loss, a function": loss is None or callable(loss),
                "metrics, a list": isinstance(metrics, list | tuple),
                "schedule, a Schedule": schedule is None or isinstance(schedule, Schedule),
                "listeners, a list of functions": isinstance(listeners, list | tuple)
                and all(map(callable, listeners)),
                f"display, one of {', '.join(get_args(Display))}": display in get_args(Display),
            }
        )
        learned = {id(p) for group in optimizer.param_groups for p in group["params"]}
        if learned.isdisjoint(map(id, model.parameters())):
            raise ArgumentError(
                message(
                    "Trainer",
                    f"the optimiser holds no parameter of {type(model).__name__}, which would "
                    "learn nothing",
                    fix="make the optimiser of model.parameters()",
                )
            )
        if loss is None and not hasattr(model, "training_step"):
            raise ArgumentError(
                message(
                    "Trainer",
                    f"{type(model).__name__} has no training_step, so a loss is needed",
                    fix="pass one, e.g. loss=F.cross_entropy",
                )
            )
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.metrics = find_metrics(metrics)
        self.schedule, self.clip_norm = schedule, clip_norm
        self.listeners, self.display = list(listeners), display

    @staticmethod
    def _check(arguments: dict[str, bool]) -> None:
        for description, fits in arguments.items():
            if not fits:
                name, _, what = description.partition(", ")
                raise ArgumentError(message("Trainer", f"{name} must be {what}", fix=f"{name}=..."))

    def fit(
        self,
        train: Any,
        val: Any = None,
        epochs: int = 10,
        batch_size: int = 32,
        until: Callable[[EpochEnded], bool] | None = None,
    ) -> History:
        """Train, show it, and return what was measured.

        Args:
            train: a DataLoader, a Dataset, or a tuple of arrays (x, y).
            val: the same, to validate on after each epoch.
            epochs: passes over `train`.
            batch_size: of the loaders made here; a DataLoader brings its own.
            until: asked after each epoch whether this is enough; then training ends.

        Raises:
            ArgumentError: epochs is no whole number from 1 on, or `until` no function.
            DataError: the data is empty or holds NaN or infinity.
            DivergenceError: the loss is no longer finite; the weights are those before that step.
        """
        self._check({"until, a function": until is None or callable(until)})
        history = History()
        begin = time.perf_counter()
        with ExitStack() as stack:
            listeners = list(self.listeners)
            if self.display != "off":
                from tinygrad_lite.train.console import console

                listeners.append(stack.enter_context(console(self.display)))

            def emit(event: Event) -> None:
                for listener in listeners:
                    listener(event)

            stack.enter_context(kernels.compiling(lambda name: emit(Compiling(name))))
            try:
                for event in self.run(train, val, epochs, batch_size):
                    emit(event)
                    if isinstance(event, EpochEnded):
                        history.epochs.append(event)
                        if until is not None and until(event):
                            break
            except KeyboardInterrupt:
                history.interrupted = True
            emit(FitEnded(history.interrupted, time.perf_counter() - begin))
        return history

    def run(
        self, train: Any, val: Any = None, epochs: int = 10, batch_size: int = 32
    ) -> Iterator[Event]:
        """Yield the events of a training run, doing the work between them; see `fit`."""
        self._check({"epochs, a whole number from 1 on": isinstance(epochs, int) and epochs >= 1})
        loader = as_loader(train, batch_size, shuffle=True)
        checks = None if val is None else as_loader(val, batch_size=256, shuffle=False)
        size = sum(parameter.size for parameter in self.model.parameters())
        name = type(self.model).__name__
        yield FitStarted(name, size, len(loader.dataset), epochs, len(loader))
        lowest = np.inf
        for epoch in range(1, epochs + 1):
            totals, seconds, lr = _Means(), 0.0, self.optimizer.lr
            for number, batch in enumerate(loader, 1):
                lr = self.optimizer.lr
                start = time.perf_counter()
                measured = self.step(batch)
                seconds += time.perf_counter() - start
                totals.add(measured, len(batch[0]))
                yield StepEnded(epoch, number, measured["loss"], lr, len(batch[0]))
            means = totals.means()
            best = False
            if checks is not None:
                means |= {f"val_{name}": value for name, value in self._evaluate(checks).items()}
                best, lowest = means["val_loss"] < lowest, min(means["val_loss"], lowest)
            yield EpochEnded(epoch, means, lr, seconds, best)

    def step(self, batch: Sequence[Tensor]) -> dict[str, float]:
        """Update the weights once; return the loss and the metrics of the batch.

        Raises:
            DataError: the batch holds NaN or infinity.
            DivergenceError: the loss is not finite; nothing has been updated.
        """
        self.model.train()
        self.optimizer.zero_grad()
        loss, measured = self._measure(batch)
        if not np.isfinite(measured["loss"]):
            self._explain(batch, measured["loss"])
        loss.backward()
        if self.clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        return measured

    def evaluate(self, data: Any, batch_size: int = 256) -> dict[str, float]:
        """Return the mean loss and metrics over `data`, in evaluation mode."""
        return self._evaluate(as_loader(data, batch_size, shuffle=False))

    def _evaluate(self, loader: DataLoader) -> dict[str, float]:
        self.model.eval()
        totals = _Means()
        with no_grad():
            for batch in loader:
                totals.add(self._measure(batch)[1], len(batch[0]))
        return totals.means()

    def _measure(self, batch: Sequence[Tensor]) -> tuple[Tensor, dict[str, float]]:
        batch = [self._as_model(part) for part in batch]
        if hasattr(self.model, "training_step"):
            loss = self.model.training_step(*batch)
            return loss, {"loss": loss.item()}
        if self.loss is None or len(batch) < 2:
            raise DataError(
                message(
                    "Trainer",
                    f"a loss needs batches of (inputs, targets); these have {len(batch)} part(s)",
                    fix="train on a pair (x, y)",
                )
            )
        *inputs, targets = batch
        outputs = self.model(*inputs)
        loss = self.loss(outputs, targets)
        self._check({"loss, a function that returns a Tensor": isinstance(loss, Tensor)})
        measured = {m.name: m(outputs.data, targets.data) for m in self.metrics}
        return loss, {"loss": loss.item(), **measured}

    def _as_model(self, part: Tensor) -> Tensor:
        """Bring floating data to the dtype of the model."""
        dtype = next(self.model.parameters()).dtype
        return part.astype(dtype) if part.dtype in FLOATS and part.dtype != dtype else part

    def _explain(self, batch: Sequence[Tensor], loss: float) -> NoReturn:
        """Say whether the data or the training made a loss that is no number."""
        for part in batch:
            finite = np.isfinite(part.data.reshape(len(part), -1)).all(axis=1)
            if not finite.all():
                raise DataError(
                    message(
                        "Trainer",
                        f"sample {int(finite.argmin())} of the batch holds NaN or infinity",
                        {"batch": part},
                        fix="clean the data before training",
                    )
                )
        raise DivergenceError(
            message(
                "Trainer",
                f"the loss is {loss}; the weights are those before this step",
                fix=f"lower the learning rate (now {self.optimizer.lr:g}), or set clip_norm",
            )
        )


class _Means:
    """Means of several numbers over batches of different sizes."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, values: dict[str, float], count: int) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value * count
        self._count += count

    def means(self) -> dict[str, float]:
        return {name: total / self._count for name, total in self._sums.items()}


def as_loader(data: Any, batch_size: int, shuffle: bool) -> DataLoader:
    """Return `data` as a DataLoader, after a look for NaN where all of it is in memory."""
    loader = data if isinstance(data, DataLoader) else DataLoader(data, batch_size, shuffle)
    if isinstance(loader.dataset, Dataset):
        loader.dataset.check_finite()
    return loader
