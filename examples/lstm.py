"""LSTM: a memory that is added to instead of rewritten, behind gates.

The forget gate keeps the cell, the input gate adds to it, the output gate shows it. Along the cell
the gradient meets only the forget gate, so where that is open nothing is lost on the way back
(Hochreiter & Schmidhuber, 1997; the forget gate is by Gers et al., 2000).

    tinygrad-lite run lstm
"""

from functools import partial

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.examples.rnn import RowRNN
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("lstm")
class RowLSTM(RowRNN):
    """The reader of rnn.py, row by row, with another memory."""

    memory_layer = layers.LSTM


main = partial(learn_digits, RowLSTM)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
