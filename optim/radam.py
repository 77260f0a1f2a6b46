"""RAdam: Adam that begins carefully, while it has seen too few gradients to know their spread."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lite.optim.adam import moments
from tinygrad_lite.optim.optimizer import Group, Optimizer, Parameters, State, with_decay
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("radam")
class RAdam(Optimizer):
    """Adam with a rectified start, which makes a warm-up of the rate needless.

    With m and v as in `Adam`, ρ∞ = 2 / (1 - β₂) - 1 and ρₜ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ): where
    ρₜ > 5, θ ← θ - lr · rₜ · m / (1 - β₁ᵗ) · √(1 - β₂ᵗ) / (√v + eps) with
    rₜ² = (ρₜ - 4) (ρₜ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρₜ); before, θ ← θ - lr · m / (1 - β₁ᵗ)
    (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020, algorithm 2,
    with 5 in place of 4, as in PyTorch).

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        betas: see `Adam`.
        eps: keeps the division finite.
        weight_decay: L2 regularisation, added to the gradient.
    """

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
        grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)
        m, v = moments(grad, state, group["betas"], scratch)
        step = state["step"]
        rate, seen = group["lr"] / (1.0 - beta1**step), 1.0 - beta2**step
        most = 2.0 / (1.0 - beta2) - 1.0
        length = most - 2.0 * step * beta2**step / seen  # of a plain mean with v's variance
        if length <= 5.0:
            parameter -= np.multiply(m, rate, out=scratch)
            return
        gain = ((length - 4.0) * (length - 2.0) * most) / ((most - 4.0) * (most - 2.0) * length)
        divisor = np.sqrt(v, out=scratch)
        divisor += group["eps"]
        direction = np.divide(m, divisor, out=scratch)
        direction *= rate * math.sqrt(gain * seen)
        parameter -= direction
