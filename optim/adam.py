"""Adam: each parameter has a step size of its own, from the mean and spread of its gradients."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from tinygrad_lite.optim.optimizer import (
    Fused,
    Group,
    Optimizer,
    Parameters,
    State,
    blend,
    with_decay,
)
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("adam")
class Adam(Optimizer):
    """Adaptive moment estimation.

    m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;
    θ ← θ - lr · m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + eps)
    (Kingma & Ba, "Adam", 2015, algorithm 1).

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        betas: (β₁, β₂), how much of the old averages each step keeps, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: L2 regularisation, added to the gradient; `AdamW` keeps it apart.
    """

    # whether weight decay goes past the averages, at the parameter itself
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        beta1, beta2 = group["betas"]
        if self.decoupled:
            parameter *= 1.0 - group["lr"] * group["weight_decay"]
        else:
            grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)  # one temporary array: fresh memory costs more than sums
        m, v = moments(grad, state, (beta1, beta2), scratch)
        divisor = np.sqrt(v, out=scratch)
        divisor *= 1.0 / math.sqrt(1.0 - beta2 ** state["step"])
        divisor += group["eps"]
        step = np.divide(m, divisor, out=scratch)
        step *= group["lr"] / (1.0 - beta1 ** state["step"])
        parameter -= step

    def fused(self, group: Group, step: int) -> Fused:
        """Name the kernel that does the same."""
        lr, decay, (beta1, beta2) = group["lr"], group["weight_decay"], group["betas"]
        return Fused(
            "adam",
            ("exp_avg", "exp_avg_sq"),
            (
                lr / (1.0 - beta1**step),
                0.0 if self.decoupled else decay,
                1.0 - lr * decay if self.decoupled else 1.0,
                beta1,
                1.0 - beta1,
                beta2,
                1.0 - beta2,
                1.0 / math.sqrt(1.0 - beta2**step),
                group["eps"],
            ),
        )


def moments(
    grad: np.ndarray, state: State, betas: tuple[float, float], scratch: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count a step, and return the running means of the gradient and of its square."""
    if not state:
        state["step"] = 0
        state["exp_avg"], state["exp_avg_sq"] = np.zeros_like(scratch), np.zeros_like(scratch)
    state["step"] += 1
    m, v = state["exp_avg"], state["exp_avg_sq"]
    blend(m, grad, betas[0], scratch)
    blend(v, np.multiply(grad, grad, out=scratch), betas[1], scratch)
    return m, v
