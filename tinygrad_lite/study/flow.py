"""Gradient flow: how much of the error signal arrives at the far end of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.graph import walk
from tinygrad_lite.layers.recurrent import Recurrent
from tinygrad_lite.module import Module, trace_calls
from tinygrad_lite.op import alias
from tinygrad_lite.tensor import Tensor


@dataclass(frozen=True)
class Flow:
    """Gradient norms along the way that the error travels.

    Attributes:
        over: `steps`, where the norms are those of the gradient that reaches the input of each time
            step of the first recurrent layer; or `layers`, where they are those of each layer's
            weight, first to last.
        norms: one for each step or layer, the first being the farthest from the loss.
    """

    over: str
    norms: tuple[float, ...]

    @property
    def first(self) -> float:
        """Norm at the first layer or time step, the farthest from the loss."""
        return self.norms[0]

    @property
    def last(self) -> float:
        """Norm at the last layer or time step."""
        return self.norms[-1]

    @property
    def ratio(self) -> float:
        """The first norm as a multiple of the last: below 1 the gradient fades on its way."""
        return self.first / self.last if self.last else float("nan")


def gradient_flow(model: Module, x: Tensor, y: Tensor, loss: Callable[..., Tensor]) -> Flow:
    """Run one batch forward and backward, and measure; nothing in the model changes."""
    sequences: list[Tensor] = []

    def trace(module: Module, args: tuple[Any, ...]) -> Any:
        if isinstance(module, Recurrent) and not sequences:
            data = args[0] if args[0].requires_grad else Tensor(args[0], requires_grad=True)
            sequences.append(alias(data))  # type: ignore[arg-type]
            args = (sequences[0], *args[1:])
        return module.forward(*args)

    weights = [p for p in model.parameters() if p.ndim >= 2]
    with trace_calls(trace):
        value = loss(model.eval()(x), y)
    found = walk([(value, np.ones((), value.dtype))], [*sequences, *weights])
    if sequences:
        gradient = found[id(sequences[0])][1]
        norms = np.sqrt((gradient.astype(np.float64) ** 2).sum(axis=(0, 2)))
        return Flow("steps", tuple(norms.tolist()))
    norms_of = [float(np.linalg.norm(found[id(w)][1])) for w in weights]
    return Flow("layers", tuple(norms_of))
