"""One time step of RNN, LSTM and GRU in plain ops, and the loop over time that runs them.

A cell takes a step's input x (N, I), the state, and the weights; it returns the next state, whose
first part, h (N, H), is what the layer shows. They define what the fused ops of `recurrent.py` do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.ops.activation import relu, sigmoid
from tinygrad_lite.ops.elementwise import where
from tinygrad_lite.ops.products import linear
from tinygrad_lite.ops.shape import stack

NONLINEARITIES: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "relu": relu}


def rnn_cell(
    x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, nonlinearity: str = "tanh"
) -> tuple[Any]:
    """H' = tanh(W x + b + U h + c) (Elman, 1990), or relu in place of tanh."""
    return (NONLINEARITIES[nonlinearity](linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)),)


def lstm_cell(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, Any]:
    """C' = f c + i g and h' = o tanh c' (Hochreiter & Schmidhuber, 1997; Gers et al., 2000)."""
    i, f, g, o = _gates(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any]:
    """H' = (1 - z) n + z h (Cho et al., 2014), the reset gate after the product, as in cuDNN."""
    xr, xz, xn = _gates(linear(x, w_ih, b_ih), 3)
    hr, hz, hn = _gates(linear(h, w_hh, b_hh), 3)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (n + z * (h - n),)


def _gates(a: Any, count: int) -> list[Any]:
    size = a.shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]


def unroll(
    cell: Callable[..., tuple[Any, ...]],
    x: Any,
    state: tuple[Any, ...],
    weights: tuple[Any, ...],
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Any, ...]:
    """Run a cell over x (N, T, I); return the outputs (N, T, H) and the last state(s).

    Where a sequence is shorter than T its outputs past the end are zero, and its state stays as the
    last step left it. In reverse each starts at its own last step; outputs stay in the order of x.
    """
    steps = range(x.shape[1])
    outputs: list[Any] = [None] * len(steps)
    if lengths is not None:
        within = np.arange(len(steps)) < np.asarray(lengths)[:, None]
        x = where(within[:, :, None], x, 0)  # what stands there, NaN perhaps, has no part in it
    for t in reversed(steps) if reverse else steps:
        following = cell(x[:, t], *state, *weights)
        if lengths is None:
            outputs[t], state = following[0], following
        else:
            going = within[:, t, None]
            outputs[t] = where(going, following[0], 0)
            state = tuple(where(going, *pair) for pair in zip(following, state, strict=True))
    return (stack(outputs, axis=1), *state)
