"""Whole sequences through RNN, LSTM and GRU.

Each is one fused op: a kernel runs all time steps, forward and backward, and the reference is the
cell of `cells.py` in a Python loop. Weights are PyTorch's: weight_ih (gates H, I), weight_hh
(gates H, H), two biases; gates in the order i f g o (LSTM) and r z n (GRU).

Shapes: x (N, T, I); states (N, H); results: the outputs (N, T, H), then the last state(s) (N, H).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.cells import gru_cell, lstm_cell, rnn_cell, unroll

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "gru",
    "lstm",
    "rnn",
]

# -- the kernels: their products before and after the time loop -----------------------------------
# Results beyond those of the reference are what the rule needs of the forward pass.


def _time_first(x: Any) -> Any:
    return np.ascontiguousarray(x.swapaxes(0, 1))


def _projected(x: Any, w_ih: Any, bias: Any) -> Any:
    """Return W x + b of every step, time first."""
    return np.ascontiguousarray(_time_first(x) @ w_ih.T + bias)


def _before(h: Any, h0: Any) -> Any:
    """Return the state that each step started from."""
    return np.concatenate([h0[None], h[:-1]])


def _products(da: Any, du: Any, x: Any, h_before: Any, w_ih: Any) -> tuple[Any, ...]:
    """Return the gradients of x, w_ih, w_hh, b_ih and b_hh from those of the gates."""
    flat_a, flat_u = da.reshape(-1, da.shape[-1]), du.reshape(-1, du.shape[-1])
    flat_x = _time_first(x).reshape(-1, x.shape[-1])
    flat_h = h_before.reshape(-1, h_before.shape[-1])
    return (
        (da @ w_ih).swapaxes(0, 1),
        flat_a.T @ flat_x,
        flat_u.T @ flat_h,
        flat_a.sum(axis=0),
        flat_u.sum(axis=0),
    )


def _or_zeros(g: Any, like: Any) -> Any:
    return np.zeros(like.shape, like.dtype) if g is None else np.ascontiguousarray(g)


def _rnn_forward(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
    p = _projected(x, w_ih, b_ih + b_hh)
    h = kernels.recurrent.rnn_forward(p, _c(h0), _c(w_hh.T))
    return h.swapaxes(0, 1), h[-1], h


def _rnn_rule(
    g: Any, y: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    """Back from the last step: ā_t = (h̄_t + Uᵀ ā_(t+1)) · (1 - h_t²), x̄_t = Wᵀ ā_t, W̄ = Σ ā_t x_tᵀ,
    Ū = Σ ā_t h_(t-1)ᵀ, where a is what tanh is taken of.

    Source: Werbos (1990), "Backpropagation through time", for the equation of `rnn_cell`.
    """
    h = y[-1]
    g_h = h * 0 if g[0] is None else _time_first(g[0])
    da, dh0 = kernels.recurrent.rnn_backward(g_h, _or_zeros(g[1], h0), h, _c(w_hh))
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(da, da, x, _before(h, h0), w_ih)
    return dx, dh0, dw_ih, dw_hh, db_ih, db_hh


def _lstm_forward(
    x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    p = _projected(x, w_ih, b_ih + b_hh)
    h, c, gates = kernels.recurrent.lstm_forward(p, _c(h0), _c(c0), _c(w_hh.T))
    return h.swapaxes(0, 1), h[-1], c[-1], h, c, gates


def _lstm_rule(
    g: Any, y: Any, x: Any, h0: Any, c0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    """Back from the last step: ō = h̄ · tanh c, c̄ = h̄ · o · (1 - tanh² c) + c̄_(t+1) · f_(t+1),
    ī = c̄ · g, ḡ = c̄ · i, f̄ = c̄ · c_(t-1); then through σ and tanh, and W and U as in a plain RNN.

    Source: Graves & Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM
    and other neural network architectures", for the equations of `lstm_cell`.
    """
    *_, h, c, gates = y
    g_h = h * 0 if g[0] is None else _time_first(g[0])
    da, dh0, dc0 = kernels.recurrent.lstm_backward(
        g_h, _or_zeros(g[1], h0), _or_zeros(g[2], c0), c, _c(c0), gates, _c(w_hh)
    )
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(da, da, x, _before(h, h0), w_ih)
    return dx, dh0, dc0, dw_ih, dw_hh, db_ih, db_hh


def _gru_forward(x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> tuple[Any, ...]:
    size = h0.shape[-1]
    outer = b_hh.copy()
    outer[2 * size :] = 0  # n's recurrent bias stands inside of the reset gate's product
    p = _projected(x, w_ih, b_ih + outer)
    h, gates = kernels.recurrent.gru_forward(p, _c(h0), _c(w_hh.T), _c(b_hh[2 * size :]))
    return h.swapaxes(0, 1), h[-1], h, gates


def _gru_rule(
    g: Any, y: Any, x: Any, h0: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, ...]:
    """Back from the last step: n̄ = h̄ · (1 - z), z̄ = h̄ · (h_(t-1) - n), r̄ = n̄ · (1 - n²) · u with u,
    the recurrent part of n; then through σ and tanh, and W and U as in a plain RNN.

    These follow from the equations of `gru_cell` (Cho et al., 2014).
    """
    *_, h, gates = y
    g_h = h * 0 if g[0] is None else _time_first(g[0])
    da, du, dh0 = kernels.recurrent.gru_backward(
        g_h, _or_zeros(g[1], h0), h, _c(h0), gates, _c(w_hh)
    )
    dx, dw_ih, dw_hh, db_ih, db_hh = _products(da, du, x, _before(h, h0), w_ih)
    return dx, dh0, dw_ih, dw_hh, db_ih, db_hh


_c = np.ascontiguousarray


def _rnn_reference(x: Any, h0: Any, *weights: Any) -> tuple[Any, ...]:
    return unroll(rnn_cell, x, (h0,), weights)


def _lstm_reference(x: Any, h0: Any, c0: Any, *weights: Any) -> tuple[Any, ...]:
    return unroll(lstm_cell, x, (h0, c0), weights)


def _gru_reference(x: Any, h0: Any, *weights: Any) -> tuple[Any, ...]:
    return unroll(gru_cell, x, (h0,), weights)


_rnn = Op("rnn", _rnn_forward, _rnn_rule, reference=_rnn_reference)
_lstm = Op("lstm", _lstm_forward, _lstm_rule, reference=_lstm_reference)
_gru = Op("gru", _gru_forward, _gru_rule, reference=_gru_reference)

# -- the public functions -------------------------------------------------------------------------


def _check(
    subject: str, gates: int, x: Any, states: dict[str, Any], w_ih: Any, w_hh: Any, *biases: Any
) -> None:
    """Raise ShapeError unless all sizes agree: the kernels do not look again."""
    if len(x.shape) != 3 or x.shape[1] < 1:
        raise ShapeError(
            message(
                subject,
                "sequences must be (N, T, I), of one step at least",
                {"x": x},
                fix="add the missing axes; drop empty sequences",
            )
        )
    n, _, size = x.shape
    hidden = w_hh.shape[-1]
    given = states | dict(zip(("w_ih", "w_hh", "b_ih", "b_hh"), (w_ih, w_hh, *biases), strict=True))
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(states, (n, hidden))
    wanted |= {"w_ih": (gates * hidden, size), "w_hh": (gates * hidden, hidden)}
    wanted |= {"b_ih": (gates * hidden,), "b_hh": (gates * hidden,)}
    for name, shape in wanted.items():
        if tuple(given[name].shape) != shape:
            raise ShapeError(
                message(
                    subject,
                    f"{name} must be {shape}, as x and w_hh have it",
                    {"x": x} | given,
                    fix="states are (N, H), weights (gates H, I), (gates H, H), biases (gates H,)",
                )
            )


def rnn(
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    nonlinearity: str = "tanh",
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a plain RNN over sequences; return its outputs and its last h."""
    _check("rnn", 1, x, {"h0": h0}, w_ih, w_hh, b_ih, b_hh)
    weights = (w_ih, w_hh, b_ih, b_hh)
    if nonlinearity != "tanh" or lengths is not None or reverse:
        cell = partial(rnn_cell, nonlinearity=nonlinearity)
        return unroll(cell, x, (h0,), weights, lengths, reverse)  # type: ignore[return-value]
    return _rnn(x, h0, *weights)[:2]  # type: ignore[return-value]


def lstm(
    x: Any,
    h0: Any,
    c0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM over sequences; return its outputs, its last h and its last c."""
    _check("lstm", 4, x, {"h0": h0, "c0": c0}, w_ih, w_hh, b_ih, b_hh)
    weights = (w_ih, w_hh, b_ih, b_hh)
    if lengths is not None or reverse:
        return unroll(lstm_cell, x, (h0, c0), weights, lengths, reverse)  # type: ignore[return-value]
    return _lstm(x, h0, c0, *weights)[:3]  # type: ignore[return-value]


def gru(
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a GRU over sequences; return its outputs and its last h."""
    _check("gru", 3, x, {"h0": h0}, w_ih, w_hh, b_ih, b_hh)
    weights = (w_ih, w_hh, b_ih, b_hh)
    if lengths is not None or reverse:
        return unroll(gru_cell, x, (h0,), weights, lengths, reverse)  # type: ignore[return-value]
    return _gru(x, h0, *weights)[:2]  # type: ignore[return-value]
