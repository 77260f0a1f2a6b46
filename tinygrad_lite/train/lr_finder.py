"""The learning-rate finder: a short training at ever higher rates, of which nothing remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, DivergenceError, message
from tinygrad_lite.ops.random import generator, using
from tinygrad_lite.train.loop import Trainer, as_loader

_SMOOTHING = 0.9  # share of the running mean that each loss leaves
_DIVERGED = 4.0  # times the best smoothed loss
_FEWEST = 10  # losses that tell anything


@dataclass(frozen=True)
class LRCurve:
    """The loss at each learning rate; `study.lr_curve.show_lr_curve` draws it.

    Shapes: lrs, losses, smoothed (M,) of float64.

    Attributes:
        lrs: the rates, rising.
        losses: the loss of a batch, before the step with that rate.
        smoothed: running mean of the losses.
    """

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest."""
        falling = self.smoothed[: max(2, int(self.smoothed.argmin()) + 1)]
        return float(self.lrs[np.gradient(falling).argmin()])

    @property
    def tenth(self) -> float:
        """A tenth of the rate at which the smoothed loss is least: the safe choice."""
        return float(self.lrs[self.smoothed.argmin()]) / 10.0

    @property
    def suggestion(self) -> float:
        """The smaller one of both."""
        return min(self.steepest, self.tenth)


def find_lr(
    trainer: Trainer,
    train: Any,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
) -> LRCurve:
    """Train for a few steps at rates that rise exponentially, and see which ones the loss bears.

    It ends early when the smoothed loss has risen to 4 times its lowest, or is no longer finite.
    All parameter groups have the same rate, and the schedule stands still. Afterwards everything is
    as it was, bit by bit: weights, buffers, gradients, the optimiser, the library's random numbers.

        curve = tg.train.find_lr(trainer, train)
        trainer.optimizer.lr = curve.suggestion

    Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3; the
    smoothing is Adam's, with its correction of the bias.

    Args:
        trainer: whose `step(batch)` is run; nothing is shown.
        train: as for `Trainer.fit`; gone through again if it ends.
        start: the first rate.
        end: the last rate.
        steps: number of rates.
        batch_size: of the loader made here; a DataLoader brings its own.

    Raises:
        ArgumentError: the rates do not rise from above 0, there are fewer than 10 steps, or the
            loss was finite at fewer than 10 of them.
        DataError: the data is empty or holds NaN or infinity.
    """
    if not 0.0 < start < end < np.inf:
        raise ArgumentError(
            message(
                "find_lr",
                f"start={start!r}, end={end!r} is no range of rates",
                fix="choose 0 < start < end, e.g. 1e-7 and 10",
            )
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < _FEWEST:
        raise ArgumentError(
            message("find_lr", f"steps={steps!r} is not possible", fix=f"take {_FEWEST} or more")
        )
    lrs = np.geomspace(start, end, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    with _unchanged(trainer), np.errstate(over="ignore", invalid="ignore"):
        loader = as_loader(train, batch_size, shuffle=True)
        with _position_kept(loader):
            batches = chain.from_iterable(repeat(loader))
            for lr, batch in zip(lrs, batches, strict=False):
                trainer.optimizer.lr = lr
                try:
                    loss = trainer.step(batch)["loss"]
                except DivergenceError:
                    break
                losses.append(loss)
                mean = _SMOOTHING * mean + (1.0 - _SMOOTHING) * loss
                smoothed.append(mean / (1.0 - _SMOOTHING ** len(losses)))
                if smoothed[-1] > _DIVERGED * min(smoothed):
                    break
    ...
    return LRCurve(lrs[: len(losses)], np.array(losses), np.array(smoothed))


@contextmanager
def _unchanged(trainer: Trainer) -> Iterator[None]:
    """Let the trainer work on copies, and give back what it had."""
    model, optimizer = trainer.model, trainer.optimizer
    learned = [p for group in optimizer.param_groups for p in group["params"]]
    tensors = {id(t): t for t in (*model.parameters(), *dict(model.named_buffers()).values(), *learned)}
    ...
