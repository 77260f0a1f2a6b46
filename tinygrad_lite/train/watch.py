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
        self._spent = 0.0  # seconds, on this look alone
        self._dead: dict[int, np.ndarray] = {}
        self._before: list[list[np.ndarray]] = []

    def due(self) -> bool:
        """Tell whether it is time for the next look."""
        return time.monotonic() >= self._next

    @contextmanager
    def forward(self) -> Iterator[None]:
        """Look at the activations of the forward passes inside of the context."""
        layers = {id(module): i for i, (_, module, _) in enumerate(self._layers)}
        latest = -1  # the layer whose units the next rectifier rectifies
        are_channels = False  # whether its units are on axis 1, as those of filters

        def meet(module: Module) -> None:
            nonlocal latest, are_channels
            if id(module) in layers:
                latest = layers[id(module)]
                axes = self._layers[latest][2][0].ndim
                if axes > 1:  # a norm leaves the units where they are
                    are_channels = axes > 2

        def trace(module: Module, args: tuple[Any, ...]) -> Any:
            meet(module)  # it may rectify what it makes itself
            result = module.forward(*args)
            meet(module)
            return result

        def see(op: Op, args: Sequence[Any], result: Any) -> None:
            if op.name == "relu" and latest >= 0:
                begin = time.monotonic()
                units = _all_zero(result, 1 if are_channels else -1)
                before = self._dead.get(latest, units)
                self._dead[latest] = units & before if units.shape == before.shape else units
                self._spent += time.monotonic() - begin

        with ExitStack() as stack:
            stack.enter_context(trace_calls(trace))
            stack.enter_context(observe(see))
            yield

    def before_update(self) -> None:
        """Remember the weights, and forget the step that was looked at before."""
        begin = time.monotonic()
        self._dead = {}
        self._before = [[p.data.copy() for p in own] for _, _, own in self._layers]
        self._spent = time.monotonic() - begin

    def after_update(self) -> tuple[LayerState, ...]:
        """Return what was seen at this step."""
        begin = time.monotonic()
        states = tuple(
            self._state(i, path, type(module).__name__, own)
            for i, (path, module, own) in enumerate(self._layers)
        )
        self._before = []
        now = time.monotonic()
        self._next = now + max(_LEAST, (self._spent + now - begin) / _SHARE)
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


def _all_zero(activations: np.ndarray, unit: int) -> np.ndarray:
    """Tell of each unit, along the axis `unit`, whether its activation is 0 everywhere."""
    axes = tuple(axis for axis in range(activations.ndim) if axis != unit % activations.ndim)
    return np.asarray(~np.any(activations, axis=axes))
