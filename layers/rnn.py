"""RNN: the plain recurrent network."""

from __future__ import annotations

from typing import Any

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.recurrent import Cell, Memory, Recurrent
from tinygrad_lite.ops.cells import NONLINEARITIES
from tinygrad_lite.plugins import register_layer


class _Elman(Memory):
    gates = 1
    over_sequence = staticmethod(F.rnn)
    over_step = staticmethod(F.rnn_cell)

    def __init__(self, *args: Any, nonlinearity: str = "tanh") -> None:
        super().__init__(*args)
        init.check_choices(self, NONLINEARITIES, nonlinearity=nonlinearity)
        self.options = {"nonlinearity": nonlinearity}
        self.kernel = "rnn" if nonlinearity == "tanh" and self.bias else ""


@register_layer("rnn")
class RNN(Recurrent, _Elman):
    """The plain recurrent network, h' = tanh(W x + b + U h + c) (Elman, 1990).

    `nonlinearity` may be "relu", "sigmoid" or "linear" in place of "tanh". The other arguments, and
    those of a call, `output, state = layer(x)`, are those of all recurrent layers: see `Recurrent`.

    Weights: W is weight_ih (hidden_size, inputs), U weight_hh (hidden_size, hidden_size), b
    bias_ih, c bias_hh; the names end in the layer, _l0, and in _reverse for the second direction.
    """


@register_layer("rnn_cell")
class RNNCell(Cell, _Elman):
    """One step of `RNN`: `h = cell(x, h)`. Its weights are weight_ih, weight_hh, bias_ih, bias_hh.

    Shapes: x (N, input_size), h (N, hidden_size); or both without N.
    """
