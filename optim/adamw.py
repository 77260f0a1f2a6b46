"""AdamW: Adam whose weight decay does not pass through the averages of gradients."""

from __future__ import annotations

from tinygrad_lite.optim.adam import Adam
from tinygrad_lite.optim.optimizer import Parameters
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("adamw")
class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ - lr · weight_decay · θ, then Adam's step.

    Source: Loshchilov & Hutter, "Decoupled weight decay regularization", 2019, algorithm 2, with
    the decay scaled by lr, as in PyTorch.

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        betas: see `Adam`.
        eps: see `Adam`.
        weight_decay: share of each parameter that a step with lr = 1 would take away.
    """

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)
