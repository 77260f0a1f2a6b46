"""RNN, LSTM and GRU: networks with a memory, over sequences.

The three share one face, `output, state = layer(x, state)`, and differ in one time step. Weights
have PyTorch's names, shapes and gate order, so a state_dict loads on the other side as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.shape import concatenate, stack
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor


class _Recurrent(Module):
    gates: int  # how many blocks of rows the weights have
    states = 1  # how many arrays the memory consists of
    _function: Callable[..., tuple[Tensor, ...]]  # runs one layer in one direction

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = True,
        bias: bool = True,
    ) -> None:
        """Make the weights of every layer and direction.

        Args:
            input_size: features of one time step.
            hidden_size: size of the memory.
            num_layers: layers on top of one another, each reading the outputs of the one below.
            bidirectional: add to each layer a second memory that reads from the sequence's end.
            batch_first: whether the batch is the first axis of x and output, or the second.
            bias: whether the gates have biases.

        Raises:
            ArgumentError: a size is no whole number from 1 on.
        """
        init.check_sizes(
            self, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers
        )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.batch_first, self.bias = bidirectional, batch_first, bias
        self.directions = ("", "_reverse") if bidirectional else ("",)
        rows = self.gates * hidden_size
        for layer in range(num_layers):
            columns = hidden_size * len(self.directions) if layer else input_size
            shapes: dict[str, tuple[int, ...]]
            shapes = {"weight_ih": (rows, columns), "weight_hh": (rows, hidden_size)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            for direction in self.directions:
                for name, shape in shapes.items():
                    weight = Parameter(init.uniform(shape, hidden_size))
                    setattr(self, f"{name}_l{layer}{direction}", weight)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read sequences; return the outputs of all time steps and the state after the last.

        Shapes, with D = 2 if bidirectional and else 1: x (N, T, input_size) to output
        (N, T, D hidden_size), or (T, N, ...) both if not batch_first; each state
        (num_layers D, N, hidden_size). A single sequence may come without the batch's axis: x
        (T, input_size) to output (T, D hidden_size), each state (num_layers D, hidden_size).

        Args:
            x: the sequences.
            state: what an earlier call returned; zeros by default.

        Raises:
            ShapeError: x or state is of another shape, or the sequences have no steps.
            DTypeError: x is not of floats.
        """
        states = self._check(x, state)
        if x.ndim == 2:
            output, ends = self._run(x[None], [start[:, None] for start in states])
            output, ends = output[0], [end[:, 0] for end in ends]
        elif self.batch_first:
            output, ends = self._run(x, states)
        else:
            output, ends = self._run(x.swapaxes(0, 1), states)
            output = output.swapaxes(0, 1)
        return output, ends[0] if self.states == 1 else tuple(ends)

    def _check(self, x: Tensor, state: Any) -> Sequence[Any]:
        """Raise unless x and state fit; return the states to start from."""
        axes = ["batch", "steps"] if self.batch_first else ["steps", "batch"]
        axes = ["steps"] if np.ndim(x) == 2 else axes
        self.check_input(x, " ".join([*axes, "features"]), features=self.input_size)
        lengths = dict(zip(axes, x.shape, strict=False))
        if lengths["steps"] == 0:
            raise ShapeError(
                message(
                    self._headline(),
                    "a sequence needs at least one step",
                    {"x": x},
                    fix="leave empty sequences out of the batch",
                )
            )
        batch = [lengths["batch"]] if "batch" in lengths else []
        shape = (self.num_layers * len(self.directions), *batch, self.hidden_size)
        if state is None:
            return [np.zeros(shape, x.dtype)] * self.states
        states = state if isinstance(state, tuple | list) else (state,)
        states = [self._enter(start) for start in states]
        if len(states) != self.states or any(np.shape(start) != shape for start in states):
            raise ShapeError(
                message(
                    self._headline(),
                    f"needs {'a state' if self.states == 1 else 'a tuple (h, c) of states'}, "
                    f"of shape {shape}",
                    {f"state {i}": start for i, start in enumerate(states)} | {"x": x},
                    fix="pass the state that an earlier call returned, or none",
                )
            )
        return states

    def _run(self, x: Tensor, starts: Sequence[Any]) -> tuple[Tensor, list[Tensor]]:
        """Run all layers and directions over x (N, T, ...); return the outputs and the states."""
        ends: list[Sequence[Tensor]] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in self.directions:
                state = [start[len(ends)] for start in starts]
                weights = self._weights(f"l{layer}{direction}", x.dtype)
                output, *end = self._function(_turned(x, direction), *state, *weights)
                outputs.append(_turned(output, direction))
                ends.append(end)
            x = concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]
        return x, [stack(parts) for parts in zip(*ends, strict=True)]

    def _weights(self, suffix: str, dtype: Any) -> list[Any]:
        """Return weight_ih, weight_hh, bias_ih and bias_hh; missing biases are zero."""
        none = np.zeros(self.gates * self.hidden_size, dtype)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{name}_{suffix}", none) for name in names]


def _turned(x: Tensor, direction: str) -> Tensor:
    """Return x (N, T, ...) with its time running in the given direction."""
    return x[:, ::-1] if direction else x


@register_layer("rnn")
class RNN(_Recurrent):
    """The plain recurrent network, h' = tanh(W x + b + U h + c) (Elman, 1990).

    Weights: W is weight_ih (hidden_size, inputs), U weight_hh (hidden_size, hidden_size), b
    bias_ih, c bias_hh; the names end in the layer, _l0, and in _reverse for the second direction.
    """

    gates = 1
    _function = staticmethod(F.rnn)


@register_layer("lstm")
class LSTM(_Recurrent):
    """Long short-term memory: gates decide what the memory c keeps (f), takes (i) and shows (o).

    c' = f c + i g,  h' = o tanh c',  i, f, o = sigmoid(...),  g = tanh(...), where each ... stands
    for W x + b + U h + c (Hochreiter & Schmidhuber, 1997; Gers et al., 2000, for f).

    The state is the tuple (h, c). Weights are RNN's with four blocks of rows, in the order i f g o.
    """

    gates = 4
    states = 2
    _function = staticmethod(F.lstm)


@register_layer("gru")
class GRU(_Recurrent):
    """Gated recurrent unit: one gate z both keeps and takes, another, r, forgets for the moment.

    h' = (1 - z) n + z h,  n = tanh(W x + b + r (U h + c)),  r, z = sigmoid(...) (Cho et al., 2014,
    with r after the product U h, as in cuDNN).

    Weights are RNN's with three blocks of rows, in the order r z n.
    """

    gates = 3
    _function = staticmethod(F.gru)
