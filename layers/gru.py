"""GRU: one memory, two gates."""

from __future__ import annotations

from typing import Any

from tinygrad_lite import functional as F
from tinygrad_lite.layers.recurrent import Cell, Memory, Recurrent
from tinygrad_lite.plugins import register_layer


class _Gated(Memory):
    gates = 3
    over_sequence = staticmethod(F.gru)
    over_step = staticmethod(F.gru_cell)

    def __init__(self, *args: Any, reset_after: bool = True) -> None:
        super().__init__(*args)
        self.options = {"reset_after": reset_after}
        self.kernel = "gru" if reset_after and self.bias else ""


@register_layer("gru")
class GRU(Recurrent, _Gated):
    """Gated recurrent unit: one gate z both keeps and takes, another, r, forgets for the moment.

    h' = (1 - z) n + z h,  n = tanh(W x + b + r (U h + c)),  r, z = sigmoid(...) (Cho et al., 2014).

    With reset_after=False, as in that paper, n = tanh(W x + b + U (r h) + c); after the product, as
    above, is what cuDNN and PyTorch do.

    Weights are RNN's with three blocks of rows, in the order r z n. All recurrent layers share the
    other arguments: see `Recurrent`.
    """


@register_layer("gru_cell")
class GRUCell(Cell, _Gated):
    """One step of `GRU`: `h = cell(x, h)`. Weights have its names, without a layer's number.

    Shapes: x (N, input_size), h (N, hidden_size); or both without N.
    """
