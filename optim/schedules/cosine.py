"""Schedules along half a cosine: once, or again and again."""

from __future__ import annotations

import math

from tinygrad_lite.optim.optimizer import Optimizer
from tinygrad_lite.optim.schedules.schedule import Schedule


def half_cosine(start: float, end: float, t: float) -> float:
    """Return what lies between start (t = 0) and end (t = 1): level at both, steep between."""
    return end + (start - end) * (1.0 + math.cos(math.pi * t)) / 2.0


class Cosine(Schedule):
    """Fall from the initial rate to `minimum` along half a cosine, after a linear warm-up.

    Warm-up: initial · (count + 1) / (warmup + 1). Then
    minimum + (initial - minimum) (1 + cos π t) / 2 with t = (count - warmup) / (steps - warmup), at
    most 1 (Loshchilov & Hutter, "SGDR", 2017, eq. 5).

    Args:
        optimizer: see `Schedule`.
        steps: number of steps until the minimum, warm-up included.
        minimum: the last rate.
        warmup: number of steps before the initial rate is reached.
    """

    def __init__(
        self, optimizer: Optimizer, steps: int, minimum: float = 0.0, warmup: int = 0
    ) -> None:
        self._check_whole("steps", steps, 1)
        self._check_whole("warmup", warmup, 0)
        if warmup >= steps:
            raise self._error(
                f"a warm-up of {warmup} steps leaves nothing of {steps}",
                fix="choose warmup smaller than steps",
            )
        self._check_range("minimum", minimum)
        self.steps, self.minimum, self.warmup = int(steps), float(minimum), int(warmup)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        if count < self.warmup:
            return initial * (count + 1) / (self.warmup + 1)
        t = min(1.0, (count - self.warmup) / (self.steps - self.warmup))
        return half_cosine(initial, self.minimum, t)


class CosineRestarts(Schedule):
    """Fall to `minimum` along half a cosine, and begin again at the initial rate, and so on.

    minimum + (initial - minimum) (1 + cos π t / T) / 2, with t the count since the last restart
    (Loshchilov & Hutter, "SGDR", 2017, eq. 5), where T is first `period`, and `t_mult` times
    longer after each restart.

    Args:
        optimizer: see `Schedule`.
        period: number of steps until the first restart.
        t_mult: how many times longer each period is than the one before.
        minimum: the rate that each period falls to.
    """

    def __init__(
        self, optimizer: Optimizer, period: int, t_mult: int = 1, minimum: float = 0.0
    ) -> None:
        self._check_whole("period", period, 1)
        self._check_whole("t_mult", t_mult, 1)
        self._check_range("minimum", minimum)
        self.period, self.t_mult, self.minimum = int(period), int(t_mult), float(minimum)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        length = self.period
        if self.t_mult == 1:
            count %= length  # at once what the loop would take long for
        while count >= length:
            count -= length
            length *= self.t_mult
        return half_cosine(initial, self.minimum, count / length)
