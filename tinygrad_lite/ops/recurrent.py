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
from tinygrad_lite.ops.products import _product

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "gru",
    "lstm",
    "rnn",
]

# -- the kernels, and their products after the time loop -------------------------------------------
# Results beyond those of the reference are what the rule needs of the forward pass. In reverse, x
# and the outputs are seen from their ends.


def _spans(x: Any, lengths: Any, reverse: bool) -> Any:
    """Return the first step and the one after the last (N, 2), counted in the order of reading."""
    batch, steps = x.shape[:2]
    spans = np.empty((batch, 2), np.int64)
    spans[:, 0], spans[:, 1] = 0, steps if lengths is None else lengths
    return steps - spans[:, ::-1] if reverse else spans


def _turned(x: Any, reverse: bool) -> Any:
    return x[:, ::-1] if reverse else x


def _outputs(operand: Any, size: int, lengths: Any, reverse: bool) -> Any:
    """Return h after every step, (N, T, H) in the order of x, zero past the end of a sequence."""
    outputs = _turned(operand[1:, :, -1 - size : -1].swapaxes(0, 1), reverse)
    if lengths is None:
        return outputs
    within = np.arange(outputs.shape[1]) < np.asarray(lengths)[:, None]
    return np.where(within[:, :, None], outputs, outputs.dtype.type(0))


def _arriving(g: Any, like: Any, reverse: bool) -> Any:
    """Return the gradient of the outputs in the order of reading; nothing where there is none."""
    return np.broadcast_to(like.dtype.type(0), like.shape) if g is None else _turned(g, reverse)


def _own(g: Any, like: Any) -> Any:
    """Return a gradient as an array that may be overwritten."""
    return np.zeros(like.shape, like.dtype) if g is None else np.array(g)


def _through_time(side: Any, operand: Any) -> Any:
    """Return the gradients of the weights in a product of all steps: Σ ā_t operand_tᵀ."""
    steps = operand[:-1]
    return _product(side.reshape(-1, side.shape[-1]).T, steps.reshape(-1, steps.shape[-1]))


def _of_weights(da: Any, operand: Any, inputs: int) -> tuple[Any, ...]:
    """Return the gradients of w_ih, w_hh, b_ih and b_hh."""
    dw = _through_time(da, operand)
    return _c(dw[:, :inputs]), _c(dw[:, inputs + 1 : -1]), _c(dw[:, inputs]), _c(dw[:, -1])


_c = np.ascontiguousarray


def _rnn_forward(
    x: Any, h0: Any, *weights: Any, nonlinearity: str, lengths: Any, reverse: bool
) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand = kernels.recurrent.rnn_forward(x, h0, *weights, spans, nonlinearity == "relu")
    return _outputs(operand, size, lengths, reverse), operand[-1, :, -1 - size : -1], operand


def _rnn_rule(
    g: Any,
    y: Any,
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    nonlinearity: str,
    lengths: Any,
    reverse: bool,
) -> tuple[Any, ...]:
    """Back from the last step: ā_t = (h̄_t + Uᵀ ā_(t+1)) · (1 - h_t²), x̄_t = Wᵀ ā_t, W̄ = Σ ā_t x_tᵀ,
    Ū = Σ ā_t h_(t-1)ᵀ, where a is what tanh is taken of.

    Source: Werbos (1990), "Backpropagation through time", for the equation of `rnn_cell`.
    """
    operand, dh = y[-1], _own(g[1], h0)
    spans, relu = _spans(x, lengths, reverse), nonlinearity == "relu"
    g_h = _arriving(g[0], y[0], reverse)
    da = kernels.recurrent.rnn_backward(g_h, dh, w_hh, spans, operand, relu)
    dx = _turned(_product(da, w_ih).swapaxes(0, 1), reverse)
    return dx, dh, *_of_weights(da, operand, x.shape[2])


def _lstm_forward(
    x: Any, h0: Any, c0: Any, *weights: Any, lengths: Any, reverse: bool
) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand, gates, c = kernels.recurrent.lstm_forward(x, h0, c0, *weights, spans)
    h = operand[-1, :, -1 - size : -1]
    return _outputs(operand, size, lengths, reverse), h, c[-1], operand, gates, c


def _lstm_rule(
    g: Any,
    y: Any,
    x: Any,
    h0: Any,
    c0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    lengths: Any,
    reverse: bool,
) -> tuple[Any, ...]:
    """Back from the last step: ō = h̄ · tanh c, c̄ = h̄ · o · (1 - tanh² c) + c̄_(t+1) · f_(t+1),
    ī = c̄ · g, ḡ = c̄ · i, f̄ = c̄ · c_(t-1); then through σ and tanh, and W and U as in a plain RNN.

    Source: Graves & Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM
    and other neural network architectures", for the equations of `lstm_cell`.
    """
    *_, operand, gates, c = y
    dh, dc = _own(g[1], h0), _own(g[2], c0)
    spans, g_h = _spans(x, lengths, reverse), _arriving(g[0], y[0], reverse)
    da = kernels.recurrent.lstm_backward(g_h, dh, dc, w_hh, spans, gates, c)
    dx = _turned(_product(da, w_ih).swapaxes(0, 1), reverse)
    return dx, dh, dc, *_of_weights(da, operand, x.shape[2])


def _gru_forward(x: Any, h0: Any, *weights: Any, lengths: Any, reverse: bool) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand, gates = kernels.recurrent.gru_forward(x, h0, *weights, spans)
    h = operand[-1, :, -1 - size : -1]
    return _outputs(operand, size, lengths, reverse), h, operand, gates


def _gru_rule(
    g: Any,
    y: Any,
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    *,
    lengths: Any,
    reverse: bool,
) -> tuple[Any, ...]:
    """Back from the last step: n̄ = h̄ · (1 - z), z̄ = h̄ · (h_(t-1) - n), r̄ = n̄ · (1 - n²) · u with u,
    the recurrent part of n; then through σ and tanh, and W and U as in a plain RNN.

    These follow from the equations of `gru_cell` (Cho et al., 2014).
    """
    *_, operand, gates = y
    dh, inputs, size = _own(g[1], h0), x.shape[2], h0.shape[1]
    spans, g_h = _spans(x, lengths, reverse), _arriving(g[0], y[0], reverse)
    da = kernels.recurrent.gru_backward(g_h, dh, w_hh, spans, operand, gates)
    of_x = np.concatenate([w_ih[2 * size :], w_ih[: 2 * size]])  # n r z, as in da
    dx = _turned(_product(da[..., : 3 * size], of_x).swapaxes(0, 1), reverse)
    dw_ih = _through_time(da[..., : 3 * size], operand[..., : inputs + 1])
    dw_ih = np.concatenate([dw_ih[size:], dw_ih[:size]])
    dw_hh = _through_time(da[..., size:], operand[..., inputs + 1 :])
    return dx, dh, _c(dw_ih[:, :-1]), _c(dw_hh[:, :-1]), _c(dw_ih[:, -1]), _c(dw_hh[:, -1])


def _rnn_reference(x: Any, h0: Any, *weights: Any, nonlinearity: str, **order: Any) -> Any:
    return unroll(partial(rnn_cell, nonlinearity=nonlinearity), x, (h0,), weights, **order)


def _lstm_reference(x: Any, h0: Any, c0: Any, *weights: Any, **order: Any) -> Any:
    return unroll(lstm_cell, x, (h0, c0), weights, **order)


def _gru_reference(x: Any, h0: Any, *weights: Any, **order: Any) -> Any:
    return unroll(gru_cell, x, (h0,), weights, **order)


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
    options = {"nonlinearity": nonlinearity, "lengths": lengths, "reverse": reverse}
    return _rnn(x, h0, w_ih, w_hh, b_ih, b_hh, **options)[:2]  # type: ignore[return-value]


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
    order = {"lengths": lengths, "reverse": reverse}
    return _lstm(x, h0, c0, w_ih, w_hh, b_ih, b_hh, **order)[:3]  # type: ignore[return-value]


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
    order = {"lengths": lengths, "reverse": reverse}
    return _gru(x, h0, w_ih, w_hh, b_ih, b_hh, **order)[:2]  # type: ignore[return-value]
