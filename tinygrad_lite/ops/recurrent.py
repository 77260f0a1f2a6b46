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

from tinygrad_lite import anomaly, kernels, modes
from tinygrad_lite.errors import ArgumentError, DTypeError, ShapeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.op import Op
from tinygrad_lite.ops.cells import gru_cell, jordan_cell, lstm_cell, rnn_cell, unroll
from tinygrad_lite.ops.products import _product

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "gru",
    "jordan",
    "lstm",
    "rnn",
]

# -- the kernels, and their products after the time loop -------------------------------------------
# With the results, forward keeps what the rule needs of it. In reverse, x and the outputs are seen
# from their ends.


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
    outputs = _turned(operand[1:, :, -size:].swapaxes(0, 1), reverse)
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


def _of_weights(da: Any, db: Any, operand: Any, inputs: int) -> tuple[Any, ...]:
    """Return the gradients of w_ih, w_hh, b_ih and b_hh."""
    dw = _through_time(da, operand)
    return _c(dw[:, :inputs]), _c(dw[:, inputs:]), db, db


class _Once:
    """What may be taken once, as backward overwrites it; also by two threads at once."""

    def __init__(self, value: Any) -> None:
        self._held = [value]

    def take(self) -> Any:
        """Return the value; None if it is gone."""
        try:
            return self._held.pop()
        except IndexError:
            return None


_c = np.ascontiguousarray


def _rnn_forward(
    x: Any, h0: Any, *weights: Any, nonlinearity: str, lengths: Any, reverse: bool
) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand = kernels.recurrent.rnn_forward(x, h0, *weights, spans, nonlinearity == "relu")
    return (_outputs(operand, size, lengths, reverse), operand[-1, :, -size:]), operand


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
    (outputs, _), operand = y
    dh = _own(g[1], h0)
    spans, relu = _spans(x, lengths, reverse), nonlinearity == "relu"
    g_h = _arriving(g[0], outputs, reverse)
    da, db = kernels.recurrent.rnn_backward(g_h, dh, w_hh, spans, operand, relu)
    dx = _turned(_product(da, w_ih).swapaxes(0, 1), reverse)
    return dx, dh, *_of_weights(da, db, operand, x.shape[2])


def _lstm_forward(
    x: Any, h0: Any, c0: Any, *weights: Any, lengths: Any, reverse: bool
) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand, gates, c = kernels.recurrent.lstm_forward(x, h0, c0, *weights, spans)
    h = operand[-1, :, -size:]
    return (_outputs(operand, size, lengths, reverse), h, c[-1]), operand, _Once(gates), c


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
    (outputs, *_), operand, kept, c = y
    dh, dc, inputs = _own(g[1], h0), _own(g[2], c0), x.shape[2]
    spans, g_h = _spans(x, lengths, reverse), _arriving(g[0], outputs, reverse)
    da = kept.take()
    if da is None:  # in a second backward: all else is still there to make the gates of again
        seen, h = operand[:-1, :, :inputs].swapaxes(0, 1), operand[0, :, inputs:]
        _, da, _ = kernels.recurrent.lstm_forward(seen, h, c[0], w_ih, w_hh, b_ih, b_hh, spans)
    db = kernels.recurrent.lstm_backward(g_h, dh, dc, w_hh, spans, da, c)
    dx = _turned(_product(da, w_ih).swapaxes(0, 1), reverse)
    return dx, dh, dc, *_of_weights(da, db, operand, inputs)


def _gru_forward(x: Any, h0: Any, *weights: Any, lengths: Any, reverse: bool) -> tuple[Any, ...]:
    x, spans, size = _turned(x, reverse), _spans(x, lengths, reverse), h0.shape[1]
    operand, gates = kernels.recurrent.gru_forward(x, h0, *weights, spans)
    h = operand[-1, :, -size:]
    return (_outputs(operand, size, lengths, reverse), h), operand, gates


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
    (outputs, _), operand, gates = y
    dh, inputs, size = _own(g[1], h0), x.shape[2], h0.shape[1]
    spans, g_h = _spans(x, lengths, reverse), _arriving(g[0], outputs, reverse)
    da, db = kernels.recurrent.gru_backward(g_h, dh, w_hh, spans, operand, gates)
    of_x = np.concatenate([w_ih[2 * size :], w_ih[: 2 * size]])  # n r z, as in da
    dx = _turned(_product(da[..., : 3 * size], of_x).swapaxes(0, 1), reverse)
    dw_ih = _through_time(da[..., : 3 * size], operand[..., :inputs])
    dw_hh = _through_time(da[..., size:], operand[..., inputs:])
    dw_ih, db_ih = (np.concatenate([d[size:], d[:size]]) for d in (dw_ih, db[: 3 * size]))
    return dx, dh, dw_ih, dw_hh, db_ih, db[size:]


def _rnn_reference(x: Any, h0: Any, *weights: Any, nonlinearity: str, **order: Any) -> Any:
    return unroll(partial(rnn_cell, nonlinearity=nonlinearity), x, (h0,), weights, **order)


def _lstm_reference(x: Any, h0: Any, c0: Any, *weights: Any, **order: Any) -> Any:
    return unroll(lstm_cell, x, (h0, c0), weights, **order)


def _gru_reference(x: Any, h0: Any, *weights: Any, **order: Any) -> Any:
    return unroll(gru_cell, x, (h0,), weights, **order)


_rnn = Op("rnn", _rnn_forward, _rnn_rule, reference=_rnn_reference, keeps=True)
_lstm = Op("lstm", _lstm_forward, _lstm_rule, reference=_lstm_reference, keeps=True)
_gru = Op("gru", _gru_forward, _gru_rule, reference=_gru_reference, keeps=True)

# -- the public functions -------------------------------------------------------------------------
# Each takes the kernel for the form that has one, and else unrolls the cell. What they share:
# `mask`, see `cells.py`; `lengths` (N,) of sequences that are shorter than T, see `unroll`;
# `reverse`, to read from the end.

for _op in (_rnn, _lstm, _gru):
    _op.time_axis = 1


def rnn(
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a plain RNN over sequences; return its outputs and its last h.

    Raises:
        ShapeError: sizes do not agree.
        ArgumentError: unknown nonlinearity, or impossible lengths.
    """
    hidden = w_hh.shape[-1]
    weights = _gate_shapes(1, hidden, x, w_ih, w_hh, b_ih, b_hh)
    lengths = _check("rnn", x, lengths, {"h0": (h0, hidden)}, weights, mask)
    given, order = (w_ih, w_hh, b_ih, b_hh), {"lengths": lengths, "reverse": reverse}
    if nonlinearity in ("tanh", "relu") and mask is None:
        return _fused(_rnn, x, (h0,), given, nonlinearity=nonlinearity, **order)
    cell = partial(rnn_cell, nonlinearity=nonlinearity, mask=mask)
    return unroll(cell, x, (h0,), given, **order)  # type: ignore[return-value]


def jordan(
    x: Any,
    y0: Any,
    w_ih: Any,
    w_hh: Any,
    w_hr: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    b_hr: Any = None,
    *,
    nonlinearity: str = "tanh",
    output_nonlinearity: str = "linear",
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a Jordan network over sequences; return its outputs and the last of them.

    Shapes: with O outputs, y0 (N, O), w_hh (H, O), w_hr (O, H), b_hr (O,).

    Raises:
        ShapeError: sizes do not agree.
        ArgumentError: unknown nonlinearity, or impossible lengths.
    """
    outputs, hidden = w_hr.shape
    weights = _gate_shapes(1, hidden, x, w_ih, w_hh, b_ih, b_hh, shown=outputs)
    weights["b_hr"] = b_hr, (outputs,)
    lengths = _check("jordan", x, lengths, {"y0": (y0, outputs)}, weights, mask)
    cell = partial(
        jordan_cell, nonlinearity=nonlinearity, output_nonlinearity=output_nonlinearity, mask=mask
    )
    return unroll(cell, x, (y0,), (w_ih, w_hh, w_hr, b_ih, b_hh, b_hr), lengths, reverse)  # type: ignore[return-value]


def lstm(
    x: Any,
    h0: Any,
    c0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    w_hr: Any = None,
    w_c: Any = None,
    norm_ih: Any = None,
    norm_hh: Any = None,
    norm_c: Any = None,
    b_c: Any = None,
    *,
    coupled: bool = False,
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM over sequences; return its outputs, its last h and its last c.

    Shapes, beyond the common: with a projection w_hr (P, H), h0 is (N, P) and w_hh (gates H, P);
    peepholes w_c (3 H,), in the order i f o, or (2 H,) if coupled; gains norm_ih and norm_hh
    (gates H,), norm_c and b_c (H,). What they do, and the papers: see `lstm_cell`.

    Raises:
        ShapeError: sizes do not agree.
        ArgumentError: impossible lengths.
    """
    shown, hidden = (w_hh.shape[-1], w_hh.shape[-1]) if w_hr is None else w_hr.shape
    gates = 3 if coupled else 4
    weights = _gate_shapes(gates, hidden, x, w_ih, w_hh, b_ih, b_hh, shown=shown)
    weights |= {"w_c": (w_c, ((gates - 1) * hidden,)), "norm_ih": (norm_ih, (gates * hidden,))}
    weights |= {"norm_hh": (norm_hh, (gates * hidden,)), "norm_c": (norm_c, (hidden,))}
    weights |= {"b_c": (b_c, (hidden,))}
    states = {"h0": (h0, shown), "c0": (c0, hidden)}
    lengths = _check("lstm", x, lengths, states, weights, mask)
    options = (w_hr, w_c, norm_ih, norm_hh, norm_c, b_c)
    given, order = (w_ih, w_hh, b_ih, b_hh), {"lengths": lengths, "reverse": reverse}
    if not coupled and all(option is None for option in (*options, mask)):
        return _fused(_lstm, x, (h0, c0), given, **order)
    cell = partial(lstm_cell, coupled=coupled, mask=mask)
    return unroll(cell, x, (h0, c0), (*given, *options), **order)  # type: ignore[return-value]


def gru(
    x: Any,
    h0: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    reset_after: bool = True,
    mask: Any = None,
    lengths: Any = None,
    reverse: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a GRU over sequences; return its outputs and its last h. See `gru_cell`.

    Raises:
        ShapeError: sizes do not agree.
        ArgumentError: impossible lengths.
    """
    hidden = w_hh.shape[-1]
    weights = _gate_shapes(3, hidden, x, w_ih, w_hh, b_ih, b_hh)
    lengths = _check("gru", x, lengths, {"h0": (h0, hidden)}, weights, mask)
    given, order = (w_ih, w_hh, b_ih, b_hh), {"lengths": lengths, "reverse": reverse}
    if reset_after and mask is None:
        return _fused(_gru, x, (h0,), given, **order)
    cell = partial(gru_cell, reset_after=reset_after, mask=mask)
    return unroll(cell, x, (h0,), given, **order)  # type: ignore[return-value]


def _fused(op: Op, x: Any, state: tuple[Any, ...], weights: tuple[Any, ...], **options: Any) -> Any:
    """Run a kernel, which knows no missing biases."""
    zeros = np.zeros(weights[0].shape[0], x.dtype)
    weights = tuple(zeros if weight is None else weight for weight in weights)
    return op(x, *state, *weights, **options)


# -- what is checked, as the kernels do not look again --------------------------------------------

Wanted = dict[str, tuple[Any, tuple[int, ...]]]  # by name: an array, and the shape it should have


def _gate_shapes(
    gates: int,
    hidden: int,
    x: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any,
    b_hh: Any,
    shown: int | None = None,
) -> Wanted:
    rows = gates * hidden
    return {
        "w_ih": (w_ih, (rows, *x.shape[-1:])),
        "w_hh": (w_hh, (rows, hidden if shown is None else shown)),
        "b_ih": (b_ih, (rows,)),
        "b_hh": (b_hh, (rows,)),
    }


def _check(
    subject: str,
    x: Any,
    lengths: Any,
    states: dict[str, tuple[Any, int]],
    weights: Wanted,
    mask: Any,
) -> Any:
    """Raise unless all sizes agree; return the lengths as an array, None where all are full."""
    if len(x.shape) != 3 or x.shape[1] < 1:
        raise ShapeError(
            message(
                subject,
                "sequences must be (N, T, I), of one step at least",
                {"x": x},
                fix="add the missing axes; drop empty sequences",
            )
        )
    n, steps, _ = x.shape
    wanted = {name: (state, (n, size)) for name, (state, size) in states.items()} | weights
    wanted["mask"] = mask, next(iter(wanted.values()))[1]
    for name, (array, shape) in wanted.items():
        if array is not None and tuple(array.shape) != shape:
            raise ShapeError(
                message(
                    subject,
                    f"{name} must be {shape}, as x and w_hh have it",
                    {"x": x} | {k: v for k, (v, _) in wanted.items() if v is not None},
                    fix="states are (N, H), weights (gates H, I), (gates H, H), biases (gates H,)",
                )
            )
    if lengths is not None:
        lengths = check_lengths(subject, lengths, n, steps)
    if modes.current.get().anomaly:
        anomaly.look_at_steps(subject, raw(x), lengths)
    return lengths


def check_lengths(subject: str, lengths: Any, count: int, steps: int) -> Any:
    """Raise unless there are `count` lengths, from 1 to `steps`; return them as an array.

    Where all are full, which is as if there were none, return None.
    """
    array = np.asarray(raw(lengths))
    if array.size and array.dtype.kind not in "iu":
        raise DTypeError(
            message(
                subject,
                "lengths must be integers",
                {"lengths": lengths},
                fix="give the number of steps of each sequence",
            )
        )
    if array.shape != (count,):
        raise ShapeError(
            message(
                subject,
                f"needs one length for each of the {count} sequences",
                {"lengths": lengths},
                fix="give the number of steps of each sequence",
            )
        )
    for i in np.flatnonzero((array < 1) | (array > steps))[:1]:
        raise ArgumentError(
            message(
                subject,
                f"lengths are from 1 to {steps}, the steps of x; that of sequence {i} is "
                f"{array[i]}",
                {"lengths": lengths},
                fix="drop empty sequences; give x as many steps as the longest has",
            )
        )
    return None if (array == steps).all() else array
