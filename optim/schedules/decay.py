"""Schedules that lower the rate: by a factor now and then, or always; along a power."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from tinygrad_lite.optim.optimizer import Optimizer
from tinygrad_lite.optim.schedules.schedule import Schedule


class Step(Schedule):
    """Multiply the rate by `gamma` every `step_size` steps: initial · gamma^⌊count / step_size⌋.

    Args:
        optimizer: see `Schedule`.
        step_size: number of steps at one rate.
        gamma: factor from one rate to the next.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._check_whole("step_size", step_size, 1)
        self._check_range("gamma", gamma)
        self.step_size, self.gamma = int(step_size), float(gamma)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        return initial * self.gamma ** (count // self.step_size)


class MultiStep(Schedule):
    """Multiply the rate by `gamma` at each milestone: initial · gamma^(milestones ≤ count).

    Args:
        optimizer: see `Schedule`.
        milestones: counts, rising.
        gamma: factor from one rate to the next.
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        for milestone in milestones:
            self._check_whole("milestone", milestone, 1)
        if list(milestones) != sorted(set(milestones)):
            raise self._error(
                f"milestones={milestones!r} do not rise", fix="list each once, the first one first"
            )
        self._check_range("gamma", gamma)
        self.milestones, self.gamma = [int(m) for m in milestones], float(gamma)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        return initial * self.gamma ** bisect_right(self.milestones, count)


class Exponential(Schedule):
    """Multiply the rate by `gamma` at every step: initial · gamma^count.

    Args:
        optimizer: see `Schedule`.
        gamma: factor from one rate to the next.
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self._check_range("gamma", gamma)
        self.gamma = float(gamma)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        return initial * self.gamma**count


class Polynomial(Schedule):
    """Fall to `minimum` along a power: minimum + (initial - minimum) (1 - count / steps)^power.

    Args:
        optimizer: see `Schedule`.
        steps: number of steps until the minimum.
        power: 1 is a straight line.
        minimum: the last rate.
    """

    def __init__(
        self, optimizer: Optimizer, steps: int, power: float = 1.0, minimum: float = 0.0
    ) -> None:
        self._check_whole("steps", steps, 1)
        self._check_range("power", power)
        self._check_range("minimum", minimum)
        self.steps, self.power, self.minimum = int(steps), float(power), float(minimum)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        left = 1.0 - min(count, self.steps) / self.steps
        return self.minimum + (initial - self.minimum) * left**self.power
