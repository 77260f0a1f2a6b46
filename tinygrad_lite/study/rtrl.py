"""Real-time recurrent learning: the gradient of a recurrent network, carried forward in time.

It is the gradient that backpropagation through time finds, by another way, so that each can be
held against the other. Let s_t = cell(x_t, s_(t-1), w). What the state would be for slightly
different weights obeys a recurrence of its own, with P_t = ds_t / dw, P_0 = 0:

    P_t = ∂s_t/∂s_(t-1) · P_(t-1) + ∂s_t/∂w,        dE_t/dw = ∂E_t/∂s_t · P_t,

where the three ∂ are derivatives of a single step, or of its loss, for which the past is a
constant. Nothing is ever carried back.

That is online: the gradient is there with each step, in the same time after a million steps as
after ten, and nothing of the past is kept but s and P. And it is dear. With a state of H numbers
and W weights P has H W numbers, and every step multiplies it by a matrix (H, H): memory O(H W) and
time O(H² W) a step. A plain network has about H² weights, which makes it H³ and H⁴, where BPTT
needs H² time a step and H memory for each step that it goes back. Therefore nobody trains large
networks with it.

Source: Williams & Zipser, "A learning algorithm for continually running fully recurrent neural
networks", 1989.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lite.ops.shape import concatenate
from tinygrad_lite.tensor import ArrayLike, Tensor, asarray
from tinygrad_lite.transforms import jacobian, value_and_grad


class Step(NamedTuple):
    """What is known after one time step.

    Attributes:
        loss: of this step.
        gradients: of this step's loss, by each of the weights.
        state: after this step, in its parts.
        influence: P, the derivatives of the state's numbers by all weights (N, parts H, W).
    """

    loss: float
    gradients: list[np.ndarray]
    state: list[np.ndarray]
    influence: np.ndarray


def rtrl_steps(
    cell: Callable[..., Any],
    x: ArrayLike,
    state: Sequence[ArrayLike],
    weights: Sequence[ArrayLike],
    loss: Callable[[Tensor, int], Tensor],
) -> Iterator[Step]:
    """Go through sequences, and yield after every step its loss and the gradient of that.

    Shapes: x (N, T, ...), the state's parts (N, H), weights any.

    Args:
        cell: `cell(x_t, *state, *weights)` returns the next state, a tuple if it has several parts,
            the first of which is the output: a cell such as `F.lstm_cell`, or a function of yours.
            Sequences must not mix.
        x: the sequences.
        state: the parts that the first step starts from.
        weights: what to differentiate by, all of one dtype.
        loss: `loss(output, t)` returns a single number, the loss of step t.
    """
    x, parts, params = asarray(x), [*map(asarray, state)], [*map(asarray, weights)]
    s = Tensor.make(np.concatenate([part.data for part in parts], axis=-1))
    w = Tensor.make(np.concatenate([param.data.ravel() for param in params]))
    cuts = np.cumsum([part.shape[-1] for part in parts])

    def state_of(s: Any) -> list[Any]:
        return [s[:, end - part.shape[-1] : end] for end, part in zip(cuts, parts, strict=True)]

    def weights_of(w: Any) -> list[Any]:
        ends = np.cumsum([param.size for param in params])
        pairs = zip(ends, params, strict=True)
        return [w[end - param.size : end].reshape(param.shape) for end, param in pairs]

    influence = np.zeros((*s.shape, w.size), s.dtype)
    for t in range(x.shape[1]):

        def step(s: Tensor, w: Tensor, t: int = t) -> Tensor:
            following = cell(x[:, t], *state_of(s), *weights_of(w))
            return concatenate(following, axis=-1) if isinstance(following, tuple) else following

        def error(s: Tensor, t: int = t) -> Tensor:
            return loss(state_of(s)[0], t)

        by_state, by_weights = (block.data for block in jacobian(step, (0, 1))(s, w))
        # of the block for every pair of sequences only a sequence's own is not zero
        influence = np.einsum("njnk->njk", by_state) @ influence + by_weights
        s = Tensor.make(step(s, w).data)
        value, by_s = value_and_grad(error)(s)
        gradient = np.einsum("ns,nsw->w", by_s.data, influence)
        yield Step(float(value.item()), weights_of(gradient), state_of(s.data), influence)


def rtrl_gradient(
    cell: Callable[..., Any],
    x: ArrayLike,
    state: Sequence[ArrayLike],
    weights: Sequence[ArrayLike],
    loss: Callable[[Tensor, int], Tensor],
) -> tuple[float, list[np.ndarray]]:
    """Return the sum of all steps' losses, and its gradients by the weights: see `rtrl_steps`."""
    total, gradients = 0.0, [np.zeros_like(asarray(weight).data) for weight in weights]
    for step in rtrl_steps(cell, x, state, weights, loss):
        total += step.loss
        gradients = [a + b for a, b in zip(gradients, step.gradients, strict=True)]
    return total, gradients
