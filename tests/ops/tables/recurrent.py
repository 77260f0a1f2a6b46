"""Ops of `tinygrad_lite.ops.recurrent`."""

from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry


@st.composite
def sequences(draw, gates, states=1):
    n, t, i, h = draw(st.sampled_from([(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (1, 2, 1, 2)]))
    weights = [(gates * h, i), (gates * h, h), (gates * h,), (gates * h,)]
    return [(n, t, i), *[(n, h)] * states, *weights], {}


def steps(gates, states=1):
    """One time step, whose input has no axis of time."""
    return sequences(gates, states).map(
        lambda call: ([(call[0][0][0], call[0][0][2]), *call[0][1:]], {})
    )


def cell(layer):
    return lambda x, *args: layer(x[:, None], *args)[1:]


TABLE = {
    "rnn": Entry(naive.rnn, sequences(1)),
    "lstm": Entry(naive.lstm, sequences(4, states=2)),
    "gru": Entry(naive.gru, sequences(3)),
    "F.rnn_cell": Entry(cell(naive.rnn), steps(1)),
    "F.lstm_cell": Entry(cell(naive.lstm), steps(4, states=2)),
    "F.gru_cell": Entry(cell(naive.gru), steps(3)),
}
