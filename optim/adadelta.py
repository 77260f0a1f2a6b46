"""Adadelta: steps as large as those before, so that no rate has to be chosen."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.optim.optimizer import Group, Optimizer, Parameters, State, blend, with_decay
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("adadelta")
class Adadelta(Optimizer):
    """Divide the gradient by its recent size, and multiply it by that of the recent steps.

    v ← rho · v + (1 - rho) g²;  d = √(u + eps) / √(v + eps) · g;  u ← rho · u + (1 - rho) d²;
    θ ← θ - lr · d (Zeiler, "ADADELTA", 2012, algorithm 1, where lr = 1).

    Args:
        parameters: see `Optimizer`.
        lr: factor of the step.
        rho: how much of the old averages each step keeps, from 0 to below 1.
        eps: keeps the division finite, and the first steps from being 0.
        weight_decay: L2 regularisation, added to the gradient.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, rho=rho, eps=eps, weight_decay=weight_decay)

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        if not state:
            state["square_avg"] = np.zeros_like(parameter)
            state["acc_delta"] = np.zeros_like(parameter)
        rho, eps = group["rho"], group["eps"]
        grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)
        blend(state["square_avg"], np.multiply(grad, grad, out=scratch), rho, scratch)
        delta = np.sqrt(state["acc_delta"] + eps)
        delta /= np.sqrt(np.add(state["square_avg"], eps, out=scratch), out=scratch)
        delta *= grad
        blend(state["acc_delta"], np.multiply(delta, delta, out=scratch), rho, scratch)
        parameter -= np.multiply(delta, group["lr"], out=scratch)
