"""NAdam: Adam that looks ahead along its momentum, as Nesterov's does."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lite.optim.adam import moments
from tinygrad_lite.optim.optimizer import Group, Optimizer, Parameters, State, with_decay
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("nadam")
class NAdam(Optimizer):
    """Adam with Nesterov's momentum.

    With m and v as in `Adam`, and a momentum that warms up, μₜ = β₁ (1 - 0.96^(t · ψ) / 2):
    θ ← θ - lr · (μₜ₊₁ m / (1 - μ₁ ⋯ μₜ₊₁) + (1 - μₜ) g / (1 - μ₁ ⋯ μₜ)) / (√(v / (1 - β₂ᵗ)) + eps)
    (Dozat, "Incorporating Nesterov momentum into Adam", 2016, algorithm 2).

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        betas: see `Adam`.
        eps: keeps the division finite.
        weight_decay: L2 regularisation, added to the gradient.
        momentum_decay: ψ, how fast the momentum warms up.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
        )

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        beta1, beta2 = group["betas"]
        grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)
        m, v = moments(grad, state, group["betas"], scratch)
        step, rate = state["step"], group["momentum_decay"]
        momentum, ahead = (beta1 * (1.0 - 0.5 * 0.96 ** (t * rate)) for t in (step, step + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * momentum
        direction = m * (ahead / (1.0 - product * ahead))
        direction += np.multiply(grad, (1.0 - momentum) / (1.0 - product), out=scratch)
        divisor = np.sqrt(v, out=scratch)
        divisor *= 1.0 / math.sqrt(1.0 - beta2**step)
        divisor += group["eps"]
        direction /= divisor
        parameter -= np.multiply(direction, group["lr"], out=scratch)
