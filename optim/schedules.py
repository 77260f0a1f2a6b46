"""Schedules: how the learning rate changes while training goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, CheckpointError, message
from tinygrad_lite.optim.optimizer import Optimizer


class Schedule:
    """The base of schedules: a subclass writes down one formula, `rate`.

    Call `step()` after each training step, or after each epoch: that is the unit of `count`.

    Args:
        optimizer: whose groups' rates are set; those they have now are the initial ones.

    Attributes:
        count: how often `step` has been called.

    Raises:
        ArgumentError: `optimizer` is none, or an argument of the formula is out of range.
    """

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

    def step(self) -> None:
        """Go on by one, and set the rate of each group."""
        self.count += 1
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return the count and the initial rates."""
        return {"count": self.count, "initial": np.array(self._initial, np.float64)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned, and set the rate of each group.

        Raises:
            CheckpointError: it is of another number of groups; then nothing has been changed.
        """
        initial = np.ravel(state.get("initial", ())).tolist()
        if "count" not in state or len(initial) != len(self._initial):
            raise CheckpointError(
                message(
                    type(self).__name__,
                    f"the state does not fit: {len(initial)} initial rates there, "
                    f"{len(self._initial)} parameter groups here",
                    fix="make the optimiser with the groups it was saved with",
                )
            )
        self.count, self._initial = int(state["count"]), initial
        self._apply()

    def _apply(self) -> None:
        for group, initial in zip(self.optimizer.param_groups, self._initial, strict=True):
            group["lr"] = self.rate(initial, self.count)

    def _check_whole(self, name: str, value: int, least: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise self._error(
                f"{name}={value!r} is not possible", fix=f"give a whole number from {least} on"
            )

    def _error(self, problem: str, fix: str) -> ArgumentError:
        return ArgumentError(message(type(self).__name__, problem, fix=fix))


class Step(Schedule):
    """Multiply the rate by `gamma` every `step_size` steps: initial · gamma^⌊count / step_size⌋.

    Args:
        optimizer: see `Schedule`.
        step_size: number of steps at one rate.
        gamma: factor from one rate to the next.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self._check_whole("step_size", step_size, 1)
        if not 0.0 <= gamma < math.inf:
            raise self._error(f"gamma={gamma!r} is not possible", fix="choose gamma from 0 on")
        self.step_size, self.gamma = int(step_size), float(gamma)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        return initial * self.gamma ** (count // self.step_size)


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
        if not 0.0 <= minimum < math.inf:
            raise self._error(
                f"minimum={minimum!r} is not possible", fix="choose minimum from 0 on"
            )
        self.steps, self.minimum, self.warmup = int(steps), float(minimum), int(warmup)
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        if count < self.warmup:
            return initial * (count + 1) / (self.warmup + 1)
        t = min(1.0, (count - self.warmup) / (self.steps - self.warmup))
        return self.minimum + (initial - self.minimum) * (1.0 + math.cos(math.pi * t)) / 2.0
