"""One time step of RNN, Jordan network, LSTM and GRU in plain ops, and the loop over time.

A cell takes a step's input x (N, I), or (I,), then its state, then its weights, and returns the
next state, whose first part is what the layer shows. Cells define what the fused ops of
`recurrent.py` do, and are all there is of variants that have no kernel. Biases may be None.

`mask` (N, H), factors on h where it meets its weights, is for the dropout of Gal & Ghahramani
(2016): the same at all steps of a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lite.errors import AnomalyError, ArgumentError, message, nearest
from tinygrad_lite.ops.activation import relu, sigmoid
from tinygrad_lite.ops.elementwise import where
from tinygrad_lite.ops.norm import layer_norm
from tinygrad_lite.ops.products import linear
from tinygrad_lite.ops.shape import stack

NONLINEARITIES: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": relu,
    "sigmoid": sigmoid,
    "linear": lambda x: x,
}


def rnn_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    nonlinearity: str = "tanh",
    mask: Any = None,
) -> Any:
    """H' = tanh(W x + b + U h + c) (Elman, 1990), or another nonlinearity; return h'."""
    a = linear(x, w_ih, b_ih) + linear(_masked(h, mask), w_hh, b_hh)
    return _named("rnn_cell", nonlinearity)(a)


def jordan_cell(
    x: Any,
    y: Any,
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
) -> Any:
    """Y' = g(V h + d) with h = f(W x + b + U y + c): the memory is the output (Jordan, 1986)."""
    h = rnn_cell(x, y, w_ih, w_hh, b_ih, b_hh, nonlinearity=nonlinearity, mask=mask)
    return _named("jordan_cell", output_nonlinearity)(linear(h, w_hr, b_hr))


def lstm_cell(
    x: Any,
    h: Any,
    c: Any,
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
) -> tuple[Any, Any]:
    """C' = f c + i g and h' = o tanh c' (Hochreiter & Schmidhuber, 1997; Gers et al., 2000).

    Args:
        x, h, c: input, what was shown, and what was kept.
        w_ih, w_hh, b_ih, b_hh: weights of the gates, blocks of rows in the order i f g o.
        w_hr: projects what is shown, h' = w_hr (o tanh c') (Sak et al., 2014).
        w_c: weights of peepholes: i and f also see c, o sees c' (Gers & Schmidhuber, 2000).
        norm_ih, norm_hh, norm_c: gains of layer normalisation (Ba et al., 2016, eq. 20 to 22).
        b_c: what normalisation adds to c'; to the gates it adds b_ih and b_hh.
        coupled: f = 1 - i (Greff et al., 2017); there are no rows for f then.
        mask: factors on h, the same at every step.
    """
    a = _gate_input(x, w_ih, b_ih, norm_ih) + _gate_input(_masked(h, mask), w_hh, b_hh, norm_hh)
    i, *rest, g, o = _blocks(a, 3 if coupled else 4)
    if w_c is not None:
        to_i, *to_rest, to_o = _blocks(w_c, 2 if coupled else 3)
        i, rest = i + to_i * c, [f + to_f * c for f, to_f in zip(rest, to_rest, strict=True)]
    i = sigmoid(i)
    f = sigmoid(rest[0]) if rest else 1.0 - i
    c = f * c + i * np.tanh(g)
    if w_c is not None:
        o = o + to_o * c
    h = sigmoid(o) * np.tanh(c if norm_c is None else layer_norm(c, c.shape[-1], norm_c, b_c))
    return (h if w_hr is None else linear(h, w_hr)), c


def gru_cell(
    x: Any,
    h: Any,
    w_ih: Any,
    w_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    *,
    reset_after: bool = True,
    mask: Any = None,
) -> Any:
    """H' = (1 - z) n + z h, where r resets h before or after its product; return h'.

    After, as in cuDNN: n = tanh(W x + b + r (U h + c)). Before, as in Cho et al. (2014):
    n = tanh(W x + b + U (r h) + c).
    """
    xr, xz, xn = _blocks(linear(x, w_ih, b_ih), 3)
    seen = _masked(h, mask)
    if reset_after:
        hr, hz, hn = _blocks(linear(seen, w_hh, b_hh), 3)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + r * hn)
    else:
        first = 2 * h.shape[-1]  # the rows of r and z
        of_gates, of_n = (None, None) if b_hh is None else (b_hh[:first], b_hh[first:])
        hr, hz = _blocks(linear(seen, w_hh[:first], of_gates), 2)
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        n = np.tanh(xn + linear(r * seen, w_hh[first:], of_n))
    return n + z * (h - n)


def _named(subject: str, nonlinearity: str) -> Callable[[Any], Any]:
    try:
        return NONLINEARITIES[nonlinearity]
    except (KeyError, TypeError):
        raise ArgumentError(
            message(
                subject,
                f"nonlinearity={nonlinearity!r} is unknown",
                fix=f"choose one of {nearest(str(nonlinearity), NONLINEARITIES)}",
            )
        ) from None


def _masked(h: Any, mask: Any) -> Any:
    return h if mask is None else h * mask


def _gate_input(v: Any, weight: Any, bias: Any, gain: Any) -> Any:
    """Return weight v + bias, normalised where there is a gain."""
    if gain is None:
        return linear(v, weight, bias)
    return layer_norm(linear(v, weight), weight.shape[0], gain, bias)


def _blocks(a: Any, count: int) -> list[Any]:
    size = a.shape[-1] // count
    return [a[..., k * size : (k + 1) * size] for k in range(count)]


def unroll(
    cell: Callable[..., Any],
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
        try:
            following = cell(x[:, t], *state, *weights)
        except AnomalyError as error:
            error.add_note(f"  in:  time step {t}")
            raise
        following = following if type(following) is tuple else (following,)
        if lengths is None:
            outputs[t], state = following[0], following
        else:
            going = within[:, t, None]
            outputs[t] = where(going, following[0], 0)
            state = tuple(where(going, *pair) for pair in zip(following, state, strict=True))
    return (stack(outputs, axis=1), *state)
