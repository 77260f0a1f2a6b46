"""GRU: what the LSTM does, with one memory and two gates.

One gate decides both what to keep and what to replace, another how much of the past the new
candidate may see: three quarters of the weights of an LSTM (Cho et al., 2014).

    tinygrad-lite run gru
"""

from functools import partial

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.examples.rnn import RowRNN
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("gru")
class RowGRU(RowRNN):
    """The reader of rnn.py, row by row, with another memory."""

    memory_layer = layers.GRU


main = partial(learn_digits, RowGRU)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
