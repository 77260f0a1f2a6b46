"""RNN, LSTM and GRU: networks with a memory, over sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.shape import concatenate, stack
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor

_FACE = """
    Called as `output, state = layer(x, state)`; a missing state is zero.

    Shapes: x (N, T, input_size), or (T, N, input_size) if not batch_first, or (T, input_size) for a
    single sequence; output (N, T, D hidden_size); each state (num_layers D, N, hidden_size); D is 2
    if bidirectional, else 1. Weights have PyTorch's names, shapes and gate order.

    Args:
        input_size: features of one time step.
        hidden_size: size of the memory.
        num_layers: layers on top of one another, each reading the outputs of the one below.
        bidirectional: add a second memory that reads the sequence from its end.
        batch_first: whether the batch is the first axis of x and output.
        bias: whether the gates have biases.
    """


class _Recurrent(Module):
    """What the three have in common; they differ in gates, states and the function they run."""

    gates: int
    states = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = True,
        bias: bool = True,
    ) -> None:
        init.check_sizes(
            self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers
        )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.batch_first, self.bias = bidirectional, batch_first, bias
        wide = self.gates * hidden_size
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            size = input_size if layer == 0 else hidden_size * directions
            for suffix in self._suffixes(layer):
                shapes = {"weight_ih": (wide, size), "weight_hh": (wide, hidden_size)}
                shapes |= {"bias_ih": (wide,), "bias_hh": (wide,)} if bias else {}
                for name, shape in shapes.items():
                    weight = Parameter(init.uniform(shape, hidden_size))
                    setattr(self, f"{name}_{suffix}", weight)

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"][: 2 if self.bidirectional else 1]

    def run(self, x: Tensor, *state_and_weights: Any) -> tuple[Tensor, ...]:
        """Run one layer in one direction."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return the outputs of all time steps, and the state after the last."""
        single = x.ndim == 2
        if single:
            x = x.reshape(1, *x.shape)
        elif not self.batch_first:
            x = x.swapaxes(0, 1)
        self.check_input(x, "batch steps features", features=self.input_size)
        if x.shape[1] == 0:
            raise ShapeError(
                message(
                    self._headline(),
                    "a sequence needs at least one step",
                    {"x": x},
                    fix="drop empty sequences",
                )
            )
        states = self._initial(x, state, single)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for suffix in self._suffixes(layer):
                weights = [getattr(self, f"{n}_{suffix}") for n in ("weight_ih", "weight_hh")]
                wide = np.zeros(weights[0].shape[0], x.dtype)
                weights += [
                    getattr(self, f"{n}_{suffix}", wide) for n in ("bias_ih", "bias_hh")
                ]
                backwards = suffix.endswith("reverse")
                start = [s[len(last)] for s in states]
                output, *end = self.run(x[:, ::-1] if backwards else x, *start, *weights)
                outputs.append(output[:, ::-1] if backwards else output)
                last.append(tuple(end))
            x = outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=-1)
        ends = [stack(parts) for parts in zip(*last, strict=True)]
        if single:
            x, ends = x[0], [end[:, 0] for end in ends]
        elif not self.batch_first:
            x = x.swapaxes(0, 1)
        return x, ends[0] if self.states == 1 else tuple(ends)

    def _initial(self, x: Tensor, state: Any, single: bool) -> list[Any]:
        """Return the initial states, each (num_layers D, N, hidden_size)."""
        shape = (self.num_layers * len(self._suffixes(0)), x.shape[0], self.hidden_size)
        if state is None:
            return [np.zeros(shape, x.dtype)] * self.states
        states = list(state) if isinstance(state, tuple | list) else [state]
        if single:
            states = [s.reshape(s.shape[0], 1, *s.shape[1:]) for s in states]
        if len(states) != self.states or any(tuple(s.shape) != shape for s in states):
            raise ShapeError(
                message(
                    self._headline(),
                    f"needs {self.states} state(s) of shape {shape}",
                    {f"state {i}": s for i, s in enumerate(states)} | {"x": x},
                    fix="pass the state that an earlier call returned, or none",
                )
            )
        return states


@register_layer("rnn")
class RNN(_Recurrent):
    __doc__ = f"h' = tanh(W x + b + U h + c) (Elman, 1990).\n{_FACE}"
    gates = 1
    run = staticmethod(F.rnn)


@register_layer("lstm")
class LSTM(_Recurrent):
    __doc__ = (
        "c' = f c + i g, h' = o tanh c': gates decide what the memory c keeps, takes and shows\n"
        f"    (Hochreiter & Schmidhuber, 1997). The state is (h, c); gates in the order i f g o.\n{_FACE}"
    )
    gates = 4
    states = 2
    run = staticmethod(F.lstm)


@register_layer("gru")
class GRU(_Recurrent):
    __doc__ = (
        "h' = (1 - z) n + z h: one gate both keeps and takes (Cho et al., 2014); gates in the order\n"
        f"    r z n.\n{_FACE}"
    )
    gates = 3
    run = staticmethod(F.gru)
