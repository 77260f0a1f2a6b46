"""A look into the layers as they learn, now and then: gradients, weights, updates, dead units."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from tinygrad_lite.modes import observe
from tinygrad_lite.module import Module, Parameter, trace_calls
from tinygrad_lite.op import Op
from tinygrad_lite.train.events import LayerState

_LEAST = 1.0  # seconds between two looks
_SHARE = 0.01  # of the time that may go into looking


class Watch:
    """Measures the layers of a model at a step, at most once a second.

    Args:
        model: whose Modules with parameters of their own are the layers.
    """

    def __init__(self, model: Module) -> None:
        self._layers: list[tuple[str, Module, list[Parameter]]] = []
        met: set[int] = set()
        for path, module in model.named_modules():
            own = [p for _, p in module._members() if isinstance(p, Parameter) and id(p) not in met]
            met |= {id(parameter) for parameter in own}
            if own:
                self._layers.append((path, module, own))
        self._next = 0.0
        self._began = 0.0
        self._dead: dict[int, np.ndarray] = {}
        self._before: list[list[np.ndarray]] = []

    def due(self) -> bool:
        """Tell whether it is time for the next look."""
        return time.monotonic() >= self._next

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Look at the activations of the forward passes inside of the context."""
        self._began = time.monotonic()
        self._dead = {}
        layers = {id(module): i for i, (_, module, _) in enumerate(self._layers)}
        latest = -1  # the layer whose units the next rectifier rectifies

        def trace(module: Module, args: tuple[Any, ...]) -> Any:
            nonlocal latest
            result = module.forward(*args)
            latest = layers.get(id(module), latest)
            return result

        def see(op: Op, args: Sequence[Any], result: Any) -> None:
            if op.name == "relu" and latest >= 0:
                units = _all_zero(result, self._layers[latest][2][0])
                before = self._dead.get(latest, units)
                self._dead[latest] = units & before if units.shape == before.shape else units

        with ExitStack() as stack:
            stack.enter_context(trace_calls(trace))
            stack.enter_context(observe(see))
            yield

    def before_update(self) -> None:
        """Remember the weights."""
        self._before = [[p.data.copy() for p in own] for _, _, own in self._layers]

    def after_update(self) -> tuple[LayerState, ...]:
        """Return what was seen at this step."""
        states = tuple(
            self._state(i, path, type(module).__name__, own)
            for i, (path, module, own) in enumerate(self._layers)
        )
        self._before = []
        now = time.monotonic()
        self._next = now + max(_LEAST, (now - self._began) / _SHARE)
        return states

    def _state(self, i: int, path: str, kind: str, own: list[Parameter]) -> LayerState:
        gradients = [p.grad.data for p in own if p.grad is not None]
        weight = _norm(self._before[i])
        moved = _norm([p.data - old for p, old in zip(own, self._before[i], strict=True)])
        return LayerState(
            path=path,
            kind=kind,
            gradient=_norm(gradients),
            weight=weight,
            update=moved / weight if weight else 0.0,
            dead=float(self._dead[i].mean()) if i in self._dead else None,
            largest=max((float(np.abs(g).max(initial=0.0)) for g in gradients), default=0.0),
        )


def _norm(arrays: Sequence[np.ndarray]) -> float:
    """Return the Euclidean norm of all entries together."""
    return float(np.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)))


def _all_zero(activations: np.ndarray, weight: Parameter) -> np.ndarray:
    """Tell of each unit of a layer whether its activation is 0 everywhere.

    Units are the channels of images (N, C, H, W) and of what filters make of sequences (N, C, L),
    else the features (N, ..., F).
    """
    channels = activations.ndim > 3 or weight.ndim > 2
    unit = 1 if channels and activations.ndim > 1 else activations.ndim - 1
    axes = tuple(axis for axis in range(activations.ndim) if axis != unit)
    return np.asarray(~np.any(activations, axis=axes))
