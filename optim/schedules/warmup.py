"""Warmup: a linear rise before any other schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad_lite.optim.schedules.schedule import Schedule

_INNER = "schedule."


class Warmup(Schedule):
    """Rise linearly to the first rate of another schedule, which then begins.

    During the first `steps` steps its first rate is multiplied by
    start_factor + (1 - start_factor) · count / steps, and metrics are not looked at
    (Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2).

    Args:
        schedule: what follows; step only the Warmup.
        steps: number of steps of the rise.
        start_factor: share of the rate that it begins with; by default 1 / (steps + 1), so that it
            rises by as much as it begins with.
    """

    def __init__(self, schedule: Schedule, steps: int, start_factor: float | None = None) -> None:
        if not isinstance(schedule, Schedule):
            raise self._error(
                f"needs a schedule, not a {type(schedule).__name__}",
                fix="Warmup(Cosine(optimizer, 1000), steps=50)",
            )
        self._check_whole("steps", steps, 1)
        start_factor = 1.0 / (steps + 1) if start_factor is None else start_factor
        if not 0.0 <= start_factor <= 1.0:
            raise self._error(
                f"start_factor={start_factor!r} is not possible", fix="choose it from 0 to 1"
            )
        self.schedule, self.steps, self.start_factor = schedule, int(steps), float(start_factor)
        self.needs_metric = schedule.needs_metric
        super().__init__(schedule.optimizer)

    def step(self, metric: float | None = None) -> None:
        """Go on by one, and set the rate of each group."""
        if self.count >= self.steps:
            self.schedule.step(metric)
        super().step()

    def rebase(self, lr: float) -> None:
        """Go on as if the first group had begun at the rate `lr`, the others in proportion."""
        self.schedule.rebase(lr)
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return the count, and under `schedule.` the state of what follows."""
        inner = {_INNER + name: value for name, value in self.schedule.state_dict().items()}
        return {"count": self.count} | inner

    def _load(self, state: Mapping[str, Any]) -> None:
        inner = {
            name.removeprefix(_INNER): value
            for name, value in state.items()
            if name.startswith(_INNER)
        }
        self.schedule._load(inner)
        self.count = int(state["count"])

    def _apply(self) -> None:
        self.schedule._apply()
        if self.count < self.steps:
            rise = self.start_factor + (1.0 - self.start_factor) * self.count / self.steps
            for group in self.optimizer.param_groups:
                group["lr"] *= rise
