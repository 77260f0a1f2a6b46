"""EMA: a running average of the weights, which often does better than the last ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, CheckpointError, GraphError, message
from tinygrad_lite.memory import mark_changed
from tinygrad_lite.module import Module, Parameter


class EMA:
    """The exponential moving average of weights: a ← d · a + (1 - d) · θ, from a = θ on.

    Call `update()` after each step of the optimiser; validate, and save, inside of `applied()`:

        ema = optim.EMA(model, decay=0.999)
        ...
        optimizer.step(); ema.update()
        ...
        with ema.applied():
            accuracy = evaluate(model)

    Averaging is of parameters only. Buffers, such as the running statistics of batch norm, are
    averages already, and stay the model's own.

    Source: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992; with
    a decay as in Tan & Le, "EfficientNet", 2019; the warm-up is TensorFlow's
    (`ExponentialMovingAverage(num_updates=...)`).

    Args:
        model: a Module, or the Parameters to average.
        decay: d, how much of the average each step keeps, from 0 to below 1.
        warmup: use min(decay, (1 + t) / (10 + t)) after t updates, so that the weights that
            training began with are forgotten sooner.

    Attributes:
        count: how often `update` has been called.

    Raises:
        ArgumentError: decay is out of range, or `model` holds no Parameters.
    """

    def __init__(
        self, model: Module | Iterable[Parameter], decay: float = 0.999, warmup: bool = False
    ) -> None:
        if not 0.0 <= decay < 1.0:
            raise ArgumentError(
                message(
                    "EMA", f"decay={decay!r} is not possible", fix="choose decay from 0 to below 1"
                )
            )
        self._parameters = _by_name(model)
        self.decay, self.warmup = float(decay), warmup
        self.restart()

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters that are averaged."""
        yield from self._parameters.values()

    def update(self) -> None:
        """Take the parameters as they are now into the average.

        Raises:
            GraphError: this is inside of `applied()`, where the averages are the parameters.
        """
        share = 1.0 - self.decay
        if self.warmup:
            share = max(share, 9.0 / (10.0 + self.count))
        for name, average in self._averages.items():
            values = self._parameters[name].data
            if values is average:
                raise GraphError(
                    message(
                        "EMA",
                        "the averages are applied: they are what the parameters hold now",
                        fix="leave `with ema.applied():` before the next update",
                    )
                )
            step = np.subtract(values, average, out=np.empty_like(average))
            step *= share
            average += step
        mark_changed(*self._averages.values())
        self.count += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the averages be the parameters' values inside of the context.

        Afterwards the parameters hold the very arrays that they held before. Do not train inside:
        an optimiser would change the averages.
        """
        trained = {name: parameter.data for name, parameter in self._parameters.items()}
        try:
            for name, parameter in self._parameters.items():
                parameter.data = self._averages[name]
            yield
        finally:
            for name, parameter in self._parameters.items():
                parameter.data = trained[name]

    def restart(self) -> None:
        """Begin a new average, with the parameters as they are now."""
        self._averages = {name: p.data.copy() for name, p in self._parameters.items()}
        self.count = 0

    def copy_to(self, model: Module | Iterable[Parameter]) -> None:
        """Give the parameters of a model, this one or another like it, the averaged values.

        Raises:
            ArgumentError: its parameters have other names or shapes.
        """
        targets = _by_name(model)
        shapes = {name: parameter.shape for name, parameter in targets.items()}
        if shapes != {name: average.shape for name, average in self._averages.items()}:
            raise ArgumentError(
                message(
                    "EMA",
                    "the parameters to copy to have other names or shapes than those averaged",
                    fix="pass a model made like the one that was averaged",
                )
            )
        for name, parameter in targets.items():
            parameter.data = self._averages[name].astype(parameter.dtype)

    def state_dict(self) -> dict[str, Any]:
        """Return the count, and copies of the averages as `average.` and the parameter's name."""
        averages = {f"average.{name}": value.copy() for name, value in self._averages.items()}
        return {"count": self.count} | averages

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            CheckpointError: names or shapes do not fit; then nothing has been changed.
        """
        loaded = {
            name: np.array(state[f"average.{name}"], average.dtype)
            for name, average in self._averages.items()
            if f"average.{name}" in state
        }
        problems = [
            f"{name}: is {loaded[name].shape} there, {average.shape} here"
            if name in loaded
            else f"{name}: missing there"
            for name, average in self._averages.items()
            if name not in loaded or loaded[name].shape != average.shape
        ]
        own = {"count", *(f"average.{name}" for name in self._averages)}
        problems += [f"{name}: unknown here" for name in state if name not in own]
        if problems or "count" not in state:
            raise CheckpointError(
                message(
                    "EMA",
                    "the state does not fit:\n    " + "\n    ".join(problems or ["no count"]),
                    fix="make the EMA of a model like the one that it was saved with",
                )
            )
        self.count, self._averages = int(state["count"]), loaded


def _by_name(model: Module | Iterable[Parameter]) -> dict[str, Parameter]:
    """Return distinct Parameters under their dotted paths in a Module, or under their numbers."""
    if isinstance(model, Module):
        found = dict(model.named_parameters())
    else:
        given = list(model) if isinstance(model, Iterable) else []
        distinct = {id(parameter): parameter for parameter in given}.values()
        found = {str(i): parameter for i, parameter in enumerate(distinct)}
    if not found or not all(isinstance(parameter, Parameter) for parameter in found.values()):
        raise ArgumentError(
            message(
                "EMA",
                "needs a Module with Parameters, or Parameters",
                {"model": model},
                fix="pass the model, or model.parameters() made anew",
            )
        )
    return found
