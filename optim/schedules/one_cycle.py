"""OneCycle: up to a large rate, and down to almost nothing."""

from __future__ import annotations

from tinygrad_lite.optim.optimizer import Optimizer
from tinygrad_lite.optim.schedules.cosine import half_cosine
from tinygrad_lite.optim.schedules.schedule import Schedule


class OneCycle(Schedule):
    """Rise along half a cosine to the initial rate, the peak, and fall along another one.

    From initial / start_div at the first step, to initial at step rise · steps, to
    initial / (start_div · end_div) at the last. Momentum, if cycled, goes the other way: least at
    the peak. For step by step use. `train.find_lr` tells which peak a model bears.

    Source: Smith & Topin, "Super-convergence", 2018, with PyTorch's two phases.

    Args:
        optimizer: see `Schedule`; its rate is the peak.
        steps: number of training steps in all.
        rise: share of the steps on which the rate rises.
        start_div: how many times smaller than the peak the first rate is.
        end_div: how many times smaller than the first rate the last one is.
        momentum: (at the peak, at both ends) of `momentum`, or β₁ where there are betas, usually
            (0.85, 0.95); by default it is left alone.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        steps: int,
        rise: float = 0.3,
        start_div: float = 25.0,
        end_div: float = 1e4,
        momentum: tuple[float, float] | None = None,
    ) -> None:
        self._check_whole("steps", steps, 1)
        if not 1.0 < rise * steps < steps:
            raise self._error(
                f"rise={rise!r} of {steps} steps leaves none to rise, or none to fall",
                fix="choose a share between 0 and 1, e.g. 0.3, and more steps",
            )
        for name, value in (("start_div", start_div), ("end_div", end_div)):
            if not value >= 1.0:
                raise self._error(f"{name}={value!r} is not possible", fix="choose 1 or more")
        if momentum is not None and len(momentum) != 2:
            raise self._error(f"momentum={momentum!r} is no pair", fix="momentum=(0.85, 0.95)")
        for value in momentum or ():
            self._check_range("momentum", value, 1.0)
        self.steps, self.rise = int(steps), float(rise)
        self.start_div, self.end_div = float(start_div), float(end_div)
        self.momentum = momentum
        super().__init__(optimizer)

    def rate(self, initial: float, count: int) -> float:
        """Return the rate after `count` steps."""
        first = initial / self.start_div
        return self._cycle(first, initial, first / self.end_div, count)

    def _cycle(self, start: float, peak: float, end: float, count: int) -> float:
        top, last = self.rise * self.steps - 1.0, self.steps - 1.0
        if count <= top:
            return half_cosine(start, peak, count / top)
        return half_cosine(peak, end, min(1.0, (count - top) / (last - top)))

    def _apply(self) -> None:
        if self.momentum is not None:
            low, high = self.momentum
            self._set_momentum(self._cycle(high, low, high, self.count))
        super()._apply()

    def _set_momentum(self, momentum: float) -> None:
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif "momentum" in group:
                group["momentum"] = momentum
            else:
                raise self._error(
                    f"{type(self.optimizer).__name__} has no momentum to cycle",
                    fix="leave momentum=None, or use SGD or Adam",
                )
