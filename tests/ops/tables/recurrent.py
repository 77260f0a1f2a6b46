"""Ops of `tinygrad_lite.ops.recurrent`."""

import numpy as np
from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry
from tinygrad_lite import functional as F

SIZES = [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (1, 2, 1, 2)]


@st.composite
def sequences(draw, gates, states=1, **options):
    """Operands of a whole sequence; `options` are strategies of further parameters."""
    n, t, i, h = draw(st.sampled_from(SIZES))
    weights = [(gates * h, i), (gates * h, h), (gates * h,), (gates * h,)]
    params = {name: draw(option) for name, option in options.items()}
    params |= draw(how(n, t))
    return [(n, t, i), *[(n, h)] * states, *weights], params


@st.composite
def how(draw, n, t):
    if draw(st.booleans()):
        return {"reverse": draw(st.booleans())}
    lengths = draw(st.lists(st.integers(1, t), min_size=n, max_size=n))
    return {"reverse": draw(st.booleans()), "lengths": np.array(lengths)}


@st.composite
def variants_of_lstm(draw):
    """An LSTM with some of its optional operands, whose names are the parameter `extras`."""
    n, t, i, h = draw(st.sampled_from(SIZES))
    coupled, projected = draw(st.booleans()), draw(st.booleans())
    rows = (3 if coupled else 4) * h
    shown = 2 if projected else h
    optional = {"w_c": (rows - h,), "norm_ih": (rows,), "norm_hh": (rows,)}
    optional |= {"norm_c": (h,), "b_c": (h,)} if h > 1 else {}
    extras = draw(st.lists(st.sampled_from([*optional]), unique=True))
    shapes = [(n, t, i), (n, shown), (n, h), (rows, i), (rows, shown), (rows,), (rows,)]
    shapes += [(shown, h)] * projected + [optional[name] for name in extras]
    extras = ["w_hr"] * projected + extras
    return shapes, {"coupled": coupled, "extras": extras} | draw(how(n, t))


def with_extras(function):
    def call(*operands, extras=(), **params):
        return function(*operands[:7], **dict(zip(extras, operands[7:], strict=True)), **params)

    return call


@st.composite
def jordan_networks(draw):
    n, t, i, h = draw(st.sampled_from(SIZES))
    o = draw(st.integers(1, 2))
    shapes = [(n, t, i), (n, o), (h, i), (h, o), (o, h), (h,), (h,), (o,)]
    names = st.sampled_from(["tanh", "sigmoid", "linear"])
    params = {"nonlinearity": draw(names), "output_nonlinearity": draw(names)}
    return shapes, params | draw(how(n, t))


def steps(calls):
    """One time step, whose input has no axis of time, nor the parameters of whole sequences."""

    def step(call):
        (x, *rest), params = call
        whole = ("lengths", "reverse")
        return [(x[0], x[2]), *rest], {k: v for k, v in params.items() if k not in whole}

    return calls.map(step)


def cell(layer):
    return lambda x, *args, **params: layer(x[:, None], *args, **params)[1:]


RNN = sequences(1, nonlinearity=st.sampled_from(["tanh", "relu", "sigmoid", "linear"]))
GRU = sequences(3, reset_after=st.booleans())
LSTM = st.one_of(sequences(4, states=2), variants_of_lstm())

TABLE = {
    "rnn": Entry(naive.rnn, RNN),
    "jordan": Entry(naive.jordan, jordan_networks()),
    "lstm": Entry(with_extras(naive.lstm), LSTM, call=with_extras(F.lstm)),
    "gru": Entry(naive.gru, GRU),
    "F.rnn_cell": Entry(cell(naive.rnn), steps(RNN)),
    "F.jordan_cell": Entry(cell(naive.jordan), steps(jordan_networks())),
    "F.lstm_cell": Entry(cell(with_extras(naive.lstm)), steps(LSTM), call=with_extras(F.lstm_cell)),
    "F.gru_cell": Entry(cell(naive.gru), steps(GRU)),
}
