"""The learning-rate finder: a short training at ever higher rates, of which nothing remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, DivergenceError, message
from tinygrad_lite.ops.random import generator, using
from tinygrad_lite.train.loop import Trainer, as_loader, is_whole

_SMOOTHING = 0.8  # what the running mean keeps; with more it lags behind the rate
_DIVERGED = 4.0  # times the lowest smoothed loss


@dataclass(frozen=True)
class LRCurve:
    """The loss at each learning rate; `study.show_lr_curve` draws it.

    Shapes: lrs, losses, smoothed (M,) of float64, M from 2 on.

    Attributes:
        lrs: the rates, rising.
        losses: of a batch each, before the step with that rate.
        smoothed: running mean of the losses.
    """

    lrs: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    def __repr__(self) -> str:
        rates = f"{len(self.lrs)} rates from {self.lrs[0]:.1e} to {self.lrs[-1]:.1e}"
        return f"LRCurve({rates}; suggestion {self.suggestion:.1e})"

    @property
    def steepest(self) -> float:
        """The rate at which the smoothed loss falls fastest."""
        falling = self.smoothed[: max(2, int(self.smoothed.argmin()) + 1)]
        return float(self.lrs[np.gradient(falling).argmin()])

    @property
    def tenth(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest: the safe choice."""
        return float(self.lrs[self.smoothed.argmin()]) / 10.0

    @property
    def suggestion(self) -> float:
        """The smaller of the two. It is as good as the curve: look whether that falls at all."""
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

    It ends early when the smoothed loss has risen to 4 times its lowest, or a loss is not finite.
    All parameter groups have the same rate, and schedules stand still. Afterwards everything is
    as it was, bit by bit: weights and their average, buffers, gradients, optimisers, the loader,
    and what the library's generator of random numbers will draw.

        curve = tg.train.find_lr(trainer, train)
        rich.print(tg.study.show_lr_curve(curve))
        trainer.optimizer.lr = curve.suggestion  # before a schedule is made, which goes by it

    Source: Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3; the
    running mean is corrected for its bias as Adam's are.

    Args:
        trainer: whose `step` is run, on as many batches as it accumulates; nothing is shown.
        train: as for `Trainer.fit`; when it ends, it begins again.
        start: the first rate.
        end: the last rate.
        steps: number of rates.
        batch_size: of the loader made here; a DataLoader brings its own.

    Raises:
        ArgumentError: the rates do not rise from above 0, or are fewer than 2.
        DataError: the data is empty or holds NaN or infinity.
        DivergenceError: the loss was not even finite at the first two rates.
    """
    if not 0.0 < start < end < np.inf:
        raise ArgumentError(
            message(
                "find_lr",
                f"start={start!r}, end={end!r} is no range of rates",
                fix="choose 0 < start < end, e.g. 1e-7 and 10",
            )
        )
    if not is_whole(steps, 2):
        raise ArgumentError(
            message("find_lr", f"steps={steps!r} is not possible", fix="take 2 or more, e.g. 100")
        )
    lrs = np.geomspace(start, end, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    mean = 0.0
    with _all_as_before(trainer) as probe, np.errstate(over="ignore", invalid="ignore"):
        loader = copy(as_loader(train, batch_size, shuffle=True))  # with a position of its own
        batches = chain.from_iterable(repeat(loader))
        for lr in lrs:
            for optimizer in probe.optimizers.values():
                optimizer.lr = lr
            try:
                losses.append(probe.step(*islice(batches, probe.accumulate))["loss"])
            except DivergenceError:
                break
            mean = _SMOOTHING * mean + (1.0 - _SMOOTHING) * losses[-1]
            smoothed.append(mean / (1.0 - _SMOOTHING ** len(losses)))
            if smoothed[-1] > _DIVERGED * min(smoothed):
                break
    if len(losses) < 2:
        raise DivergenceError(
            message(
                "find_lr",
                f"the loss is not finite at the rate {lrs[len(losses)]:g} already",
                fix="start lower, or look at the model: it may not be finite at any rate",
            )
        )
    return LRCurve(lrs[: len(losses)], np.array(losses), np.array(smoothed))


@contextmanager
def _all_as_before(trainer: Trainer) -> Iterator[Trainer]:
    """Yield a trainer that works on copies of the arrays, and give back those that there were."""
    tensors = {id(t): t for t in (*trainer.model.parameters(), *trainer.buffers)}
    tensors |= {id(parameter): parameter for parameter in trainer.parameters()}
    kept = [(tensor, tensor.data, tensor.grad) for tensor in tensors.values()]
    modes = [(module, module.training) for module in trainer.model.modules()]
    extra = [(module, module.get_extra_state()) for module in trainer.stateful]
    remembered = [(each, each.state_dict()) for each in trainer.optimizers.values()]
    probe = copy(trainer)
    probe.schedules, probe.ema = [], None
    try:
        for tensor, data, _ in kept:
            tensor.data = data.copy()
        with using(deepcopy(generator())):
            yield probe
    finally:
        for tensor, data, grad in kept:
            tensor.data, tensor.grad = data, grad
        for module, training in modes:
            module.training = training
        for module, state in extra:
            module.set_extra_state(state)
        for optimizer, options in remembered:
            optimizer.load_state_dict(options)
