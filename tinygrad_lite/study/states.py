"""The gradient at the memory of a recurrent network, at every time step."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, GraphError, message
from tinygrad_lite.graph import walk
from tinygrad_lite.layers.recurrent import Recurrent
from tinygrad_lite.modes import enable_grad, reference
from tinygrad_lite.module import Module, trace_calls
from tinygrad_lite.op import alias
from tinygrad_lite.ops.cells import unroll
from tinygrad_lite.tensor import ArrayLike, Tensor


def state_gradients(
    model: Module, x: ArrayLike, loss: Callable[[Any], Tensor]
) -> dict[str, np.ndarray]:
    """Return the gradient of a loss by what each recurrent layer remembers after each time step.

        found = state_gradients(layer, x, lambda result: (result[0][:, -1] ** 2).sum())
        np.linalg.norm(found["h_l0"], axis=(1, 2))  # a number a time step

    Each is the total derivative: through the step's output, and through all steps that follow; that
    of c_t includes what goes through h_t. In order that every state be on the graph the layers run
    step by step, in plain ops; nothing in the model changes, and its usual way knows nothing of it.

    Args:
        model: a recurrent layer, or a model that has some; it runs once, as it stands.
        x: what it is called with.
        loss: takes what `model(x)` returns, for a layer (output, state), and returns one number.

    Returns:
        Arrays (T, N, H) under `h_l0` and, of an LSTM, `c_l0`, with the layer's number; those of the
        second direction end in `_reverse`. Time runs as in x. Those of a layer inside of a model
        have its name in front: `memory.h_l0`. If it is called several times, the last call counts.

    Raises:
        ArgumentError: the model has no recurrent layer.
        GraphError: the loss is not a single number, or does not depend on the model.
    """
    paths = {id(module): path for path, module in model.named_modules()}
    watched: dict[str, list[Tensor]] = {}

    def trace(module: Module, args: tuple[Any, ...]) -> Any:
        if not isinstance(module, Recurrent):
            return module.forward(*args)
        path = paths[id(module)]
        module, (x, *others) = copy(module), args  # a copy has the same weights
        module.over_sequence = _stepwise(module, f"{path}." if path else "", watched)
        return module.forward(alias(_tracked(x)), *others)

    with enable_grad(), trace_calls(trace):
        value = loss(model(x))
    if not watched:
        raise ArgumentError(
            message(
                "state_gradients",
                "the model has run no recurrent layer",
                {"model": type(model).__name__},
                fix="pass a recurrent layer, or a model that has one",
            )
        )
    if value.size != 1 or not value.requires_grad:
        raise GraphError(
            message(
                "state_gradients",
                "only a single number, computed from the model's result, has a gradient",
                {"loss": value},
                fix="reduce it with .sum() or .mean()",
            )
        )
    vertices = [vertex for steps in watched.values() for vertex in steps]
    found = walk([(value, np.ones_like(value.data))], vertices)

    def gradient(vertex: Tensor) -> np.ndarray:
        return found[id(vertex)][1] if id(vertex) in found else np.zeros_like(vertex.data)

    return {name: np.stack([*map(gradient, steps)]) for name, steps in watched.items()}


def _stepwise(layer: Recurrent, path: str, watched: dict[str, list[Tensor]]) -> Callable[..., Any]:
    """Return what runs a layer's directions one after another, a step at a time, and watches."""
    suffixes = iter([f"l{k}{way}" for k in range(layer.num_layers) for way in layer.directions])
    function, names = layer.over_sequence, layer.state_names

    def run(x: Any, *args: Any, lengths: Any = None, reverse: bool = False, **options: Any) -> Any:
        suffix, states = next(suffixes), []

        def cell(x_t: Any, *args: Any) -> tuple[Tensor, ...]:
            with reference():  # where h hangs on c
                _, *state = function(x_t[:, None], *args, **options)
            states.append(state)
            return tuple(state)

        result = unroll(cell, x, args[: len(names)], args[len(names) :], lengths, reverse)
        if suffix.endswith("_reverse"):
            states.reverse()
        for name, steps in zip(names, zip(*states, strict=True), strict=True):
            watched[f"{path}{name}_{suffix}"] = [*steps]
        return result

    return run


def _tracked(x: Tensor) -> Tensor:
    """Return x so that what is computed of it is on the graph, even of frozen weights."""
    return x if x.requires_grad else Tensor(x, requires_grad=True)
