"""RMSprop: the gradient divided by its recent size."""

from __future__ import annotations

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


@register_optimizer("rmsprop")
class RMSprop(Optimizer):
    """Divide the gradient by a running average of its size.

    v ← alpha · v + (1 - alpha) g²;  θ ← θ - lr · g / (√v + eps)
    (Hinton, "Neural networks for machine learning", lecture 6e, 2012). Centred: √(v - m²) with the
    running mean m of g (Graves, "Generating sequences", 2013, eqs. 38-45). With momentum the step
    is lr · b, b ← momentum · b + g / (√v + eps), as in PyTorch.

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        alpha: how much of the old averages each step keeps, from 0 to below 1.
        eps: keeps the division finite.
        weight_decay: L2 regularisation, added to the gradient.
        momentum: share of the last step's direction that is kept, from 0 to below 1.
        centered: divide by the spread of the gradient instead of its size.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
        )

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        for name, needed in (
            ("square_avg", True),
            ("grad_avg", group["centered"]),
            ("momentum_buffer", group["momentum"]),
        ):
            if needed and name not in state:
                state[name] = np.zeros_like(parameter)
        grad = with_decay(grad, parameter, group["weight_decay"])
        scratch = np.empty_like(parameter)
        variance = state["square_avg"]
        blend(variance, np.multiply(grad, grad, out=scratch), group["alpha"], scratch)
        if group["centered"]:
            mean = state["grad_avg"]
            blend(mean, grad, group["alpha"], scratch)
            variance = np.subtract(variance, np.multiply(mean, mean, out=scratch), out=scratch)
            # rounding can bring the difference below zero when the gradient hardly changes
            np.maximum(variance, 0.0, out=variance)
        divisor = np.sqrt(variance, out=scratch)
        divisor += group["eps"]
        step = np.divide(grad, divisor, out=scratch)
        if group["momentum"]:
            state["momentum_buffer"] *= group["momentum"]
            state["momentum_buffer"] += step
            step = state["momentum_buffer"]
        parameter -= np.multiply(step, group["lr"], out=scratch)

    def fused(self, group: Group, step: int) -> Fused:
        """Name the kernel that does the same."""
        alpha, momentum, centered = group["alpha"], group["momentum"], group["centered"]
        v = "square_avg"  # stands also where nothing is remembered
        return Fused(
            "rmsprop",
            (v, "grad_avg" if centered else v, "momentum_buffer" if momentum else v),
            (
                group["lr"],
                group["weight_decay"],
                alpha,
                1.0 - alpha,
                group["eps"],
                momentum,
                centered,
            ),
        )
