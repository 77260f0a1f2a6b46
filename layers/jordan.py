"""Jordan's network: a memory of what was put out, instead of how."""

from __future__ import annotations

from typing import Any

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.layers.recurrent import Cell, Memory, Recurrent
from tinygrad_lite.ops.cells import NONLINEARITIES
from tinygrad_lite.plugins import register_layer


class _Jordan(Memory):
    gates = 1
    state_names = ("y",)
    weight_names = ("weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh", "bias_hr")
    over_sequence = staticmethod(F.jordan)
    over_step = staticmethod(F.jordan_cell)

    def __init__(
        self,
        *args: Any,
        output_size: int | None = None,
        nonlinearity: str = "tanh",
        output_nonlinearity: str = "linear",
    ) -> None:
        super().__init__(*args)
        self.output_size = self.hidden_size if output_size is None else output_size
        init.check_sizes(self, output_size=self.output_size)
        self.options = {"nonlinearity": nonlinearity, "output_nonlinearity": output_nonlinearity}
        init.check_choices(self, NONLINEARITIES, **self.options)
        self.state_sizes = (self.output_size,)

    def _initial(self, inputs: int) -> dict[str, Any]:
        drawn = super()._initial(inputs) | {
            "weight_hr": self._draw(self.output_size, self.hidden_size)
        }
        return drawn | ({"bias_hr": self._draw(self.output_size)} if self.bias else {})


@register_layer("jordan")
class Jordan(Recurrent, _Jordan):
    """A network whose memory is its output: y' = g(V h + d), h = f(W x + b + U y + c).

    Source: Jordan, "Serial order: a parallel distributed processing approach", 1986. An Elman
    network with an output layer remembers h in place of y: `Sequential(RNN(..., returns="outputs"),
    Dense(...))`.

    Weights: RNN's, where U, weight_hh, is (hidden_size, output_size); V is weight_hr (output_size,
    hidden_size), d bias_hr. All recurrent layers share the other arguments: see `Recurrent`.

    Args:
        output_size: length of y; hidden_size by default.
        nonlinearity: f: "tanh", "relu", "sigmoid" or "linear".
        output_nonlinearity: g, one of these.
    """


@register_layer("jordan_cell")
class JordanCell(Cell, _Jordan):
    """One step of `Jordan`: `y = cell(x, y)`. Weights have its names, without a layer's number.

    Shapes: x (N, input_size), y (N, output_size); or both without N.
    """
