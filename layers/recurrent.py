"""What all networks with a memory share: their weights, and how layers run them over sequences.

A kind (`rnn.py`, `jordan.py`, `lstm.py`, `gru.py`) is a subclass of `Memory` that knows its weights
and its options. `Recurrent` makes a layer of it, which reads whole sequences; `Cell` reads a single
step, for loops of one's own. Weights have PyTorch's names, shapes and gate order, so a state_dict
loads on the other side as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import anomaly, kernels, modes
from tinygrad_lite import functional as F
from tinygrad_lite.errors import ArgumentError, ShapeError, message, nearest
from tinygrad_lite.graph import raw
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.random import drop_mask
from tinygrad_lite.ops.recurrent import check_lengths
from tinygrad_lite.ops.shape import broadcast_to, concatenate, stack
from tinygrad_lite.tensor import Tensor


class Memory(Module):
    """The base of the kinds: the sizes and weights of one memory.

    Attributes:
        gates: how many blocks of rows the weights have.
        state_names: names of the arrays that the memory consists of; the layer shows the first.
        state_sizes: how many features each of these has.
        weight_names: names, in the order in which the two functions take them.
        options: keyword arguments of the two functions.
        over_sequence, over_step: the functions of a whole sequence and of one time step.
        kernel: the one of `kernels.cell` that runs a step where nothing is recorded, if any does.
    """

    gates: int
    state_names: tuple[str, ...] = ("h",)
    weight_names: tuple[str, ...] = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    weight_ih: Parameter  # of a cell, as the three that follow
    weight_hh: Parameter
    bias_ih: Parameter
    bias_hh: Parameter
    over_sequence: Callable[..., tuple[Tensor, ...]]
    over_step: Callable[..., Any]
    kernel = ""

    def __init_subclass__(cls) -> None:
        """Let the signature name the options of a kind, for which __init__ takes **kwargs."""
        named: dict[str, inspect.Parameter] = {}
        for base in cls.__mro__:
            if "__init__" in vars(base) and issubclass(base, Memory):
                for p in inspect.signature(base.__init__, eval_str=True).parameters.values():
                    if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                        named.setdefault(p.name, p)
        named.pop("self")
        inherits = "__init__" not in vars(cls)
        cls.__signature__ = inspect.Signature([*named.values()]) if inherits else None  # type: ignore[attr-defined]

    def __new__(cls, *args: Any, **kwargs: Any) -> Memory:
        """Look at the names of arguments, which Python would deny in the name of a base.

        Raises:
            ArgumentError: an argument has another name.
        """
        known = inspect.signature(cls).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
            for name in kwargs.keys() - known:
                raise ArgumentError(
                    message(
                        cls.__name__,
                        f"there is no argument {name!r}",
                        fix=f"choose one of {nearest(name, [*known])}",
                    )
                )
        return super().__new__(cls, *args, **kwargs)  # type: ignore[return-value]

    def __init__(self, input_size: int, hidden_size: int, bias: bool, recurrent_init: Any) -> None:
        init.check_sizes(self, input_size=input_size, hidden_size=hidden_size)
        if recurrent_init is not None:
            init.check_choices(self, init.BY_NAME, recurrent_init=recurrent_init)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self.recurrent_init = recurrent_init
        self.state_sizes: tuple[int, ...] = (hidden_size,)
        self.options: dict[str, Any] = {}

    def _initial(self, inputs: int) -> dict[str, np.ndarray]:
        """Draw the weights of one memory that reads so many inputs."""
        hidden, shown = self.hidden_size, self.state_sizes[0]
        rows = self.gates * hidden
        drawn = {"weight_ih": self._draw(rows, inputs), "weight_hh": self._draw(rows, shown)}
        if self.bias:
            drawn |= {"bias_ih": self._draw(rows), "bias_hh": self._draw(rows)}
        if self.recurrent_init:
            draw = init.BY_NAME[self.recurrent_init]
            drawn["weight_hh"] = np.concatenate([draw((hidden, shown)) for _ in range(self.gates)])
        return drawn

    def _draw(self, *shape: int) -> np.ndarray:
        return init.uniform(shape, self.hidden_size)

    def _make_weights(self, inputs: int, suffix: str = "") -> None:
        """Assign Parameters; a weight that this memory does without is None."""
        for name, weight in (dict.fromkeys(self.weight_names) | self._initial(inputs)).items():
            setattr(self, name + suffix, None if weight is None else Parameter(weight))

    def _weights(self, suffix: str = "") -> list[Parameter | None]:
        return [getattr(self, name + suffix) for name in self.weight_names]

    def _enter_state(self, state: Any, shapes: Sequence[tuple[int, ...]], x: Tensor) -> list[Any]:
        """Return the parts of a state that a user gave, after checking their shapes.

        Raises:
            ShapeError: a part is missing, left over, or of another shape.
        """
        states = state if isinstance(state, tuple | list) else (state,)
        states = [self._enter(part) for part in states]
        if [np.shape(part) for part in states] != [*shapes]:
            one = len(self.state_names) == 1
            what = "a state" if one else f"a tuple ({', '.join(self.state_names)}) of states"
            alike = f"shape {shapes[0]}" if len({*shapes}) == 1 else f"shapes {[*shapes]}"
            raise ShapeError(
                message(
                    self._headline(),
                    f"needs {what}, of {alike}",
                    {f"state {i}": part for i, part in enumerate(states)} | {"x": x},
                    fix="pass the state that an earlier call returned, or none",
                )
            )
        return states


class Recurrent(Memory):
    """The base of the layers, which read whole sequences."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        batch_first: bool = True,
        bias: bool = True,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        learned_state: bool = False,
        recurrent_init: str | None = None,
        returns: str = "both",
        **kwargs: Any,
    ) -> None:
        """Make the weights of every layer and direction.

        Args:
            input_size: features of one time step.
            hidden_size: size of the memory.
            num_layers: layers on top of one another, each reading the outputs of the one below.
            bidirectional: add to each layer a second memory that reads from the sequence's end.
            batch_first: whether the batch is the first axis of x and output, or the second.
            bias: whether the gates have biases.
            dropout: in training, probability to zero a number that one layer passes to the next.
            recurrent_dropout: in training, probability to hide a feature of a layer's input, and of
                its h on the way back into it, during a whole sequence (Gal & Ghahramani, 2016).
            learned_state: whether the state to start from is learned (Parameters h0 and so on,
                (num_layers D, features), which start at zero) rather than zero.
            recurrent_init: how weight_hh starts, gate by gate: "orthogonal", "xavier_uniform",
                "xavier_normal" (see `layers.init`) or "identity" (for relu: Le et al., 2015). By
                default, as all weights, from U(-1/√hidden_size, 1/√hidden_size).
            returns: what a call returns: "both", that is (outputs, state); "outputs" alone; or
                "last", the output of each sequence's own last step, of the last layer. The latter
                two let the layer stand in Sequential.
            kwargs: the options of this kind of network.

        Raises:
            ArgumentError: a size is no whole number from 1 on, a probability is none, a name is
                unknown, or options contradict each other.
        """
        super().__init__(input_size, hidden_size, bias, recurrent_init, **kwargs)
        init.check_sizes(self, num_layers=num_layers)
        init.check_probabilities(self, dropout=dropout, recurrent_dropout=recurrent_dropout)
        init.check_choices(self, ("both", "outputs", "last"), returns=returns)
        if dropout and num_layers == 1:
            init.refuse(
                self, "dropout", dropout, "it acts between layers: give num_layers, or drop it"
            )
        self.num_layers, self.bidirectional, self.batch_first = (
            num_layers,
            bidirectional,
            batch_first,
        )
        self.dropout, self.recurrent_dropout, self.returns = dropout, recurrent_dropout, returns
        self.directions = ("", "_reverse") if bidirectional else ("",)
        for layer in range(num_layers):
            shown = self.state_sizes[0] * len(self.directions)
            for direction in self.directions:
                self._make_weights(shown if layer else input_size, f"_l{layer}{direction}")
        self.learned_state = learned_state
        if learned_state:
            for name, size in zip(self.state_names, self.state_sizes, strict=True):
                start = np.zeros((num_layers * len(self.directions), size), np.float32)
                setattr(self, f"{name}0", Parameter(start))

    def forward(self, x: Tensor, state: Any = None, lengths: Any = None) -> Any:
        """Read sequences; return the outputs of all time steps and the state after the last.

        Shapes, with D = 2 if bidirectional and else 1: x (N, T, input_size) to outputs (N, T, D H),
        or (T, N, ...) both if not batch_first; each part of the state (num_layers D, N, H). H is
        hidden_size, but for what projections make smaller. A single sequence may come without the
        batch's axis: x (T, input_size) to outputs (T, D H), each state (num_layers D, H).

        Args:
            x: the sequences.
            state: what an earlier call returned; zeros, or what was learned, by default.
            lengths: (N,), how many steps of each sequence count, in any order; all by default.
                Outputs past the end are zero, and the state is that of the last step that counts.

        Returns:
            What `returns` said; the state is a tuple if it has several parts.

        Raises:
            ShapeError: x, state or lengths are of another shape, or sequences have no steps.
            DTypeError: x is not of floats, or lengths not of integers.
            ArgumentError: a length is below 1 or above T.
        """
        lengths = self._check(x, lengths)
        sequences, single = self._batch_first(x), x.ndim == 2
        starts = self._starts(x, len(sequences), state, single)
        outputs, ends = self._run(sequences, starts, lengths)
        if self.returns == "last":
            last = [end[0] for end in ends[-len(self.directions) :]]
            output = concatenate(last, axis=-1) if self.bidirectional else last[0]
            return output[0] if single else output
        if single:
            outputs = outputs[0]
        elif not self.batch_first:
            outputs = outputs.swapaxes(0, 1)
        if self.returns == "outputs":
            return outputs
        state = tuple(
            parts[0][None] if len(parts) == 1 else stack(parts) for parts in zip(*ends, strict=True)
        )
        state = tuple(part[:, 0] for part in state) if single else state
        return outputs, state[0] if len(state) == 1 else state

    def _batch_first(self, x: Any) -> Any:
        if x.ndim == 2:
            return x[None]
        return x if self.batch_first else x.swapaxes(0, 1)

    def _check(self, x: Tensor, lengths: Any) -> Any:
        """Raise unless x and the lengths fit; return these as an array, None where all are full."""
        axes = ["batch", "steps"] if self.batch_first else ["steps", "batch"]
        axes = ["steps"] if np.ndim(x) == 2 else axes
        self.check_input(x, " ".join([*axes, "features"]), features=self.input_size)
        found = {"batch": 1} | dict(zip(axes, x.shape, strict=False))
        if found["steps"] == 0:
            raise ShapeError(
                message(
                    self._headline(),
                    "a sequence needs at least one step",
                    {"x": x},
                    fix="leave empty sequences out of the batch",
                )
            )
        if lengths is not None:
            lengths = np.atleast_1d(raw(lengths)) if x.ndim == 2 else lengths
            lengths = check_lengths(self._headline(), lengths, found["batch"], found["steps"])
        if modes.current.get().anomaly:
            anomaly.look_at_steps(self._headline(), self._batch_first(raw(x)), lengths)
        return lengths

    def _starts(self, x: Tensor, count: int, state: Any, single: bool) -> list[Any]:
        """Return the parts of the state to start from, (num_layers D, N, H) each."""
        places = self.num_layers * len(self.directions)
        if state is not None:
            batch = () if single else (count,)
            shapes = [(places, *batch, size) for size in self.state_sizes]
            states = self._enter_state(state, shapes, x)
            return [part[:, None] for part in states] if single else states
        shapes = [(places, count, size) for size in self.state_sizes]
        if self.learned_state:
            learned = [getattr(self, f"{name}0")[:, None] for name in self.state_names]
            return [broadcast_to(*pair) for pair in zip(learned, shapes, strict=True)]
        return [np.zeros(shape, x.dtype) for shape in shapes]

    def _run(
        self, x: Any, starts: Sequence[Any], lengths: Any
    ) -> tuple[Any, list[Sequence[Tensor]]]:
        """Run all layers and directions over x (N, T, ...); return the outputs and the states."""
        ends: list[Sequence[Tensor]] = []
        hidden = self.recurrent_dropout if self.training else 0.0
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self.directions:
                seen, mask = x, None
                if hidden:
                    seen = x * drop_mask(x, (len(x), 1, x.shape[-1]), hidden)
                    mask = drop_mask(x, (len(x), self.state_sizes[0]), hidden)
                output, *end = self.over_sequence(
                    seen,
                    *(start[len(ends)] for start in starts),
                    *self._weights(f"_l{layer}{direction}"),
                    mask=mask,
                    lengths=lengths,
                    reverse=bool(direction),
                    **self.options,
                )
                outputs.append(output)
                ends.append(end)
            x = concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]
        return x, ends


_FEW = 4  # sequences, for which the products of a step take less time than the calls of NumPy


class Cell(Memory):
    """The base of the cells, which read one time step: `state = cell(x, state)`.

    Shapes: x (N, input_size) and each part of the state (N, H); or, without a batch, (input_size,)
    and (H,).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        recurrent_init: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Make the weights; the arguments are those of the layer.

        Raises:
            ArgumentError: a size is no whole number from 1 on, a name is unknown, or options
                contradict each other.
        """
        super().__init__(input_size, hidden_size, bias, recurrent_init, **kwargs)
        self._make_weights(input_size)

    def forward(self, x: Tensor, state: Any = None) -> Any:
        """Read one step; return the next state, whose first part is the output.

        Args:
            x: the inputs of the step.
            state: what the step before returned; zeros by default.

        Raises:
            ShapeError: x or state is of another shape.
            DTypeError: x is not of floats.
        """
        states: Any = state if state.__class__ is tuple else (state,)
        if not self._is_usual(x, states):
            states = self._checked(x, state)
        elif self.kernel and x.data.ndim == 2 and len(x.data) <= _FEW:
            mode = modes.current.get()
            if mode.quick and not mode.grad:
                return self._infer(x, states)
        return self.over_step(x, *states, *self._weights(), **self.options)

    def _infer(self, x: Tensor, states: tuple[Tensor, ...]) -> Any:
        """Run the step by a kernel: nothing is to be recorded."""
        new = getattr(kernels.cell, self.kernel)(
            x.data,
            *[part.data for part in states],
            self.weight_ih.data,
            self.weight_hh.data,
            self.bias_ih.data,
            self.bias_hh.data,
        )
        return tuple(map(Tensor.make, new)) if new.__class__ is tuple else Tensor.make(new)

    def _is_usual(self, x: Any, states: tuple[Any, ...]) -> bool:
        """Tell at a glance that nothing has to be converted, nor complained about."""
        dtype, sizes = self.weight_ih.data.dtype, self.state_sizes
        if x.__class__ is not Tensor or x.data.dtype is not dtype or len(states) != len(sizes):
            return False
        shape = x.data.shape
        if not 1 <= len(shape) <= 2 or shape[-1] != self.input_size:
            return False
        for part, size in zip(states, sizes):  # noqa: B905  # it costs a tenth of the step
            if part.__class__ is not Tensor or part.data.dtype is not dtype:
                return False
            if part.data.shape != (*shape[:-1], size):
                return False
        return True

    def _checked(self, x: Any, state: Any) -> list[Any]:
        """Raise unless x and state fit; return the parts of the state."""
        axes = "features" if np.ndim(x) == 1 else "batch features"
        self.check_input(x, axes, features=self.input_size)
        shapes = [(*x.shape[:-1], size) for size in self.state_sizes]
        if state is None:
            return [np.zeros(shape, x.dtype) for shape in shapes]
        return self._enter_state(state, shapes, x)
