"""SGD: against the gradient, with the momentum of the steps before."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.optim.optimizer import Fused, Group, Optimizer, Parameters, State, with_decay
from tinygrad_lite.plugins import register_optimizer


@register_optimizer("sgd")
class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    b ← momentum · b + (1 - dampening) · g;  θ ← θ - lr · b;
    with nesterov θ ← θ - lr · (g + momentum · b)
    (Sutskever et al., "On the importance of initialization and momentum", 2013, eqs. 1-4, with lr
    outside of b and b = g at the first step, as in PyTorch).

    Args:
        parameters: see `Optimizer`.
        lr: learning rate.
        momentum: share of the last step's direction that is kept, from 0 to below 1.
        dampening: share of a new gradient that momentum leaves out.
        weight_decay: L2 regularisation, added to the gradient.
        nesterov: look ahead along the momentum.
    """

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    def check(self, group: Group) -> None:
        """Raise ArgumentError also if nesterov has no undamped momentum to look along."""
        super().check(group)
        if group["nesterov"] and (not group["momentum"] or group["dampening"]):
            raise self._error(
                f"nesterov with momentum={group['momentum']!r}, dampening={group['dampening']!r}",
                fix="nesterov needs a momentum above 0, e.g. 0.9, and dampening=0",
            )

    def update(self, parameter: np.ndarray, grad: np.ndarray, state: State, group: Group) -> None:
        """Take one step."""
        momentum = group["momentum"]
        grad = with_decay(grad, parameter, group["weight_decay"])
        if momentum:
            if not state:
                state["momentum_buffer"] = np.array(grad)
            else:
                state["momentum_buffer"] *= momentum
                state["momentum_buffer"] += (1.0 - group["dampening"]) * grad
            buffer = state["momentum_buffer"]
            grad = grad + momentum * buffer if group["nesterov"] else buffer
        parameter -= group["lr"] * grad

    def fused(self, group: Group, step: int) -> Fused:
        """Name the kernel that does the same."""
        lr, decay, momentum = group["lr"], group["weight_decay"], group["momentum"]
        if not momentum:
            return Fused("descend", (), (lr, decay))
        numbers = (lr, decay, momentum, 1.0 - group["dampening"], group["nesterov"])
        return Fused("momentum", ("momentum_buffer",), numbers)
