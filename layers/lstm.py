"""LSTM: a memory behind gates, and the variants of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.recurrent import Cell, Memory, Recurrent
from tinygrad_lite.plugins import register_layer


class _LongShortTerm(Memory):
    state_names = ("h", "c")
    weight_names = (
        *("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr", "weight_c"),
        *("norm_ih", "norm_hh", "norm_c", "bias_c"),
    )
    over_sequence = staticmethod(F.lstm)
    over_step = staticmethod(F.lstm_cell)

    def __init__(
        self,
        *args: Any,
        forget_bias: float | None = None,
        peephole: bool = False,
        coupled: bool = False,
        layer_norm: bool = False,
        proj_size: int = 0,
    ) -> None:
        super().__init__(*args)
        init.check_sizes(self, least=0, proj_size=proj_size)
        if proj_size >= self.hidden_size:
            init.refuse(self, "proj_size", proj_size, "a projection is smaller than hidden_size")
        if forget_bias is not None:
            init.check_numbers(self, forget_bias=forget_bias)
            if coupled or not self.bias:
                why = "coupled=True leaves no forget gate" if coupled else "bias=False leaves none"
                init.refuse(self, "forget_bias", forget_bias, f"{why}: drop one of the two")
        self.forget_bias, self.peephole, self.layer_norm = forget_bias, peephole, layer_norm
        self.proj_size, self.gates = proj_size, 3 if coupled else 4
        self.state_sizes = (proj_size or self.hidden_size, self.hidden_size)
        self.options = {"coupled": coupled}
        plain = self.bias and not (peephole or coupled or layer_norm or proj_size)
        self.kernel = "lstm" if plain else ""

    def _initial(self, inputs: int) -> dict[str, Any]:
        drawn, hidden = super()._initial(inputs), self.hidden_size
        if self.forget_bias is not None:
            of_f = slice(hidden, 2 * hidden)
            drawn["bias_ih"][of_f], drawn["bias_hh"][of_f] = self.forget_bias, 0.0
        if self.proj_size:
            drawn["weight_hr"] = self._draw(self.proj_size, hidden)
        if self.peephole:
            drawn["weight_c"] = self._draw((self.gates - 1) * hidden)
        if self.layer_norm:
            lengths = {"norm_ih": self.gates * hidden, "norm_hh": self.gates * hidden}
            drawn |= {n: np.ones(k, np.float32) for n, k in (lengths | {"norm_c": hidden}).items()}
            drawn |= {"bias_c": np.zeros(hidden, np.float32)} if self.bias else {}
        return drawn


@register_layer("lstm")
class LSTM(Recurrent, _LongShortTerm):
    """Long short-term memory: gates decide what the memory c keeps (f), takes (i) and shows (o).

    c' = f c + i g,  h' = o tanh c',  i, f, o = sigmoid(...),  g = tanh(...), where each ... stands
    for W x + b + U h + c (Hochreiter & Schmidhuber, 1997; Gers et al., 2000, for f).

    The state is the tuple (h, c). Weights are RNN's with four blocks of rows, in the order i f g o.
    All recurrent layers share the arguments beyond these: see `Recurrent`.

    Args:
        forget_bias: what the bias of the forget gate starts at: bias_ih carries it, bias_hh is
            zero there. Recommended: 1.0. By default both are drawn around 0, as in PyTorch; the
            gate then starts half closed, 0.5, and of what was kept for T steps only 0.5^T is
            left, value and gradient alike, so that long dependencies are never found. At 1.0 it
            starts at 0.73 (Gers et al., 2000; Jozefowicz et al., 2015).
        peephole: whether the gates see the memory: i and f see c, o sees c' (Gers & Schmidhuber,
            2000). weight_c (3 hidden_size,), one weight a unit, in the order i f o.
        coupled: one gate in place of two, f = 1 - i (Greff et al., 2017): what is taken replaces
            what was kept. Three blocks of rows then, i g o, and i o for peepholes.
        layer_norm: normalise W x, U h and c' on its way to tanh, over the features (Ba et al.,
            2016, eq. 20 to 22). The gains are norm_ih, norm_hh (4 hidden_size,) and norm_c
            (hidden_size,); the biases b and c are added after it, and to c' bias_c.
        proj_size: if not 0, show a projection of h of this size, which is also what the gates
            see (Sak et al., 2014): weight_hr (proj_size, hidden_size).
    """


@register_layer("lstm_cell")
class LSTMCell(Cell, _LongShortTerm):
    """One step of `LSTM`: `h, c = cell(x, (h, c))`. Weights have its names, without the number.

    Shapes: x (N, input_size), h and c (N, hidden_size); or all without N.
    """
