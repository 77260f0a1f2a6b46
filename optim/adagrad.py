"""Adagrad: the gradient divided by the size of all that came before."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.optim.optimizer import Group, Optimizer, Parameters, State, with_decay
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("adagrad")
class Adagrad(Optimizer):
    """Adaptive subgradients: what seldom has a gradient takes long steps when it has one.

    s ← s + g²;  θ ← θ - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)
    (Duchi et al., "Adaptive subgradient methods", 2011, figure 1, with a diagonal matrix).

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        lr_decay: how much each step lowers the rate, beside what the growing sum does.
        weight_decay: L2 regularisation, added to the gradient.
        initial_accumulator_value: of the sum s.
        eps: keeps the division finite.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        if not state:
            state["step"] = 0
            state["sum"] = np.full_like(parameter, group["initial_accumulator_value"])
        grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)
        state["sum"] += np.multiply(grad, grad, out=scratch)
        divisor = np.sqrt(state["sum"], out=scratch)
        divisor += group["eps"]
        step = np.divide(grad, divisor, out=scratch)
        step *= group["lr"] / (1.0 + state["step"] * group["lr_decay"])
        parameter -= step
        state["step"] += 1
