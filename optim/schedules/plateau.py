"""Plateau: a lower rate whenever a metric no longer improves."""

from __future__ import annotations

from typing import ClassVar, Literal

from tinygrad_lite.optim.optimizer import Optimizer
from tinygrad_lite.optim.schedules.schedule import Schedule


class Plateau(Schedule):
    """Multiply the rate by `factor` after more than `patience` steps without an improvement.

    Call `step(metric)`, usually after each epoch. A metric that is NaN is no improvement.

    Args:
        optimizer: see `Schedule`.
        factor: from one rate to the next, below 1.
        patience: number of steps without an improvement that are put up with.
        threshold: an improvement is by more than this share of the best metric so far.
        cooldown: number of steps after a reduction that are not judged.
        minimum: the lowest rate.
        mode: "min" if the metric, such as a loss, is to fall; "max" if it is to rise.
    """

    needs_metric = True
    memory: ClassVar[tuple[str, ...]] = ("best", "bad", "cooling", "reductions")

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
        mode: Literal["min", "max"] = "min",
    ) -> None:
        self._check_range("factor", factor, 1.0)
        self._check_whole("patience", patience, 0)
        self._check_range("threshold", threshold)
        self._check_whole("cooldown", cooldown, 0)
        self._check_range("minimum", minimum)
        if mode not in ("min", "max"):
            raise self._error(f"mode={mode!r} is not possible", fix='use "min" or "max"')
        self.factor, self.minimum = float(factor), float(minimum)
        self.patience, self.cooldown = int(patience), int(cooldown)
        self.threshold, self.mode = float(threshold), mode
        self.best: float | None = None
        self.bad = self.cooling = self.reductions = 0
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after the reductions so far."""
        return min(initial, max(self.minimum, initial * self.factor**self.reductions))

    def step(self, metric: float | None = None) -> None:
        """Judge a metric, and set the rate of each group.

        Raises:
            ArgumentError: there is no metric.
        """
        if metric is None:
            raise self._error("needs a metric to look at", fix="schedule.step(validation_loss)")
        if self._improves(float(metric)):
            self.best, self.bad = float(metric), 0
        else:
            self.bad += 1
        if self.cooling:
            self.cooling, self.bad = self.cooling - 1, 0
        if self.bad > self.patience:
            self.reductions, self.cooling, self.bad = self.reductions + 1, self.cooldown, 0
        super().step()

    def _improves(self, metric: float) -> bool:
        if self.best is None:
            return metric == metric  # not NaN
        margin = self.threshold * abs(self.best)
        return metric < self.best - margin if self.mode == "min" else metric > self.best + margin
