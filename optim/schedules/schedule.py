"""Schedule: what all share: the count, the groups it sets, and the state of a resume."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_lite.errors import ArgumentError, CheckpointError, message
from tinygrad_lite.optim.optimizer import Optimizer, plain


class Schedule:
    """The base of schedules: a subclass writes down one formula, `rate`.

    Call `step()` after each training step, or after each epoch: that is the unit of `count`.

    Args:
        optimizer: whose groups' rates are set; those they have now are the initial ones.

    Attributes:
        count: how often `step` has been called.
        needs_metric: whether `step` has to be given a number, such as the validation loss.

    Raises:
        ArgumentError: `optimizer` is none, or an argument of the formula is out of range.
    """

    needs_metric: bool = False
    # attributes beside the count that a resume needs, all of them numbers
    memory: ClassVar[tuple[str, ...]] = ()

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise self._error(
                f"needs an optimiser, not a {type(optimizer).__name__}",
                fix="pass the optimiser itself, e.g. optim.Adam(model.parameters())",
            )
        self.optimizer = optimizer
        self.count = 0
        self._initial: list[float] = [group["lr"] for group in optimizer.param_groups]
        self._apply()

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps of a group that began with `initial`."""
        raise NotImplementedError(f"{type(self).__name__} defines no rate(...)")

    def step(self, metric: float | None = None) -> None:
        """Go on by one, and set the rate of each group.

        Args:
            metric: what a schedule with `needs_metric` looks at; others don't.
        """
        self.count += 1
        self._apply()

    def rebase(self, lr: float) -> None:
        """Go on as if the first group had begun at the rate `lr`, the others in proportion."""
        self._initial = rebased(self._initial, lr)
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return the count, the initial rates, and what else there is to remember."""
        remembered = {name: getattr(self, name) for name in self.memory}
        return {"count": self.count, "initial": np.array(self._initial, np.float64)} | remembered

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, and set the rate of each group.

        Raises:
            CheckpointError: it is of another number of groups, or of another kind of schedule; then
                nothing has been changed.
        """
        missing = [name for name in self.state_dict() if name not in state]
        if missing:
            raise self._misfit(f"it lacks {', '.join(missing)}")
        self._load(state)
        self._apply()

    def _load(self, state: Mapping[str, Any]) -> None:
        initial = np.ravel(state["initial"]).tolist()
        if len(initial) != len(self._initial):
            raise self._misfit(
                f"{len(initial)} initial rates there, {len(self._initial)} parameter groups here"
            )
        self.count, self._initial = int(state["count"]), initial
        for name in self.memory:
            setattr(self, name, plain(state[name]))

    def _misfit(self, problem: str) -> CheckpointError:
        return CheckpointError(
            message(
                type(self).__name__,
                f"the state does not fit: {problem}",
                fix="make the optimiser and the schedule as those that were saved",
            )
        )

    def _apply(self) -> None:
        for group, initial in zip(self.optimizer.param_groups, self._initial, strict=True):
            group["lr"] = self.rate(initial, self.count)

    def _check_range(self, name: str, value: float, high: float = math.inf) -> None:
        if not 0.0 <= value < high:
            below = f", below {high:g}" if high < math.inf else ""
            raise self._error(
                f"{name}={value!r} is not possible", fix=f"choose {name} from 0 on{below}"
            )

    def _check_whole(self, name: str, value: int, least: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise self._error(
                f"{name}={value!r} is not possible", fix=f"give a whole number from {least} on"
            )

    def _error(self, problem: str, fix: str) -> ArgumentError:
        return ArgumentError(message(type(self).__name__, problem, fix=fix))


def rebased(rates: list[float], lr: float) -> list[float]:
    """Return rates of which the first is `lr`, and the others are changed in proportion."""
    first = rates[0]
    if lr == first:  # dividing could change the last bits of the others
        return rates
    return [lr * (rate / first if first else 1.0) for rate in rates]
