"""What is wrong when a loss or gradient is no finite number: which data, which op, which layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.errors import AnomalyError, DataError, DivergenceError, message
from tinygrad_lite.graph import next_order
from tinygrad_lite.modes import detect_anomaly
from tinygrad_lite.module import Module, Parameter, trace_calls
from tinygrad_lite.tensor import Tensor

Batch = Sequence[Tensor]


class NotFiniteError(Exception):
    """A step whose loss or gradient is no finite number; nothing has been updated.

    Attributes:
        problem: which of them, in words.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def check_gradients(parameters: Iterable[Parameter], total: float | None = None) -> None:
    """Look at all gradients.

    Args:
        parameters: those that will be updated.
        total: the norm of all gradients, if it is known.

    Raises:
        NotFiniteError: one holds NaN or infinity.
    """
    if total is not None and np.isfinite(total):
        return
    for parameter in parameters:
        grad = None if parameter.grad is None else parameter.grad.data
        # a sum of squares may overflow without cause, but never hides a NaN
        if grad is not None and not (np.isfinite(np.vdot(grad, grad)) or np.isfinite(grad).all()):
            raise NotFiniteError(f"a gradient of shape {grad.shape} holds NaN or infinity")


def explain(
    model: Module,
    batches: Sequence[Batch],
    indices: Sequence[np.ndarray | None],
    problem: str,
    again: Callable[[], Any],
    lr: float,
) -> DivergenceError | DataError:
    """Return the error that says where NaN or infinity came from.

    Args:
        model: the model, as it was before the step.
        batches: what the step read.
        indices: of each batch, where its samples stand in the data set, if that is known.
        problem: what was not finite.
        again: computes the loss and its gradients once more.
        lr: learning rate.
    """
    for batch, places in zip(batches, indices, strict=True):
        for part in batch:
            if bad := _in_data(part, places):
                return bad
    for name, parameter in model.named_parameters():
        if not np.isfinite(parameter.data).all():
            problem += f"; {name} of the model itself is not finite any more"
            break
    error = DivergenceError(
        message(
            "Trainer",
            f"{problem}; the weights are those before this step",
            fix=f"lower the learning rate (now {lr:g}), or set clip_norm",
        )
    )
    if found := _first_op(model, again):
        error.add_note(found)
    return error


def _in_data(part: Tensor, indices: np.ndarray | None) -> DataError | None:
    finite = np.isfinite(part.data.reshape(len(part), -1)).all(axis=1)
    if finite.all():
        return None
    bad = int(finite.argmin())
    which = "" if indices is None else f", {indices[bad]} of the data set,"
    return DataError(
        message(
            "Trainer",
            f"sample {bad} of the batch{which} holds NaN or infinity",
            {"batch": part},
            fix="clean the data before training",
        )
    )


def _first_op(model: Module, again: Callable[[], Any]) -> str:
    """Run the step once more, watching every op; say which made NaN or infinity, in which layer."""
    paths = {id(module): path for path, module in model.named_modules()}
    calls: list[tuple[int, int, str]] = []  # first and last vertex made in a call, and its layer
    open_calls: list[str] = []

    def trace(module: Module, args: tuple[Any, ...]) -> Any:
        path = paths.get(id(module), "")
        layer = f"{path or 'the model'} ({type(module).__name__})"
        first = next_order()
        open_calls.append(layer)
        result = module.forward(*args)
        open_calls.pop()
        calls.append((first, next_order(), layer))
        return result

    try:
        with detect_anomaly(), trace_calls(trace):
            again()
    except NotFiniteError:
        return ""
    except AnomalyError as error:
        if open_calls:
            layer = open_calls[-1]
        else:
            inside = [call for call in calls if call[0] < error.order < call[1]]
            layer = min(inside, key=lambda c: c[1] - c[0])[2] if inside else "outside of the model"
        return f"  first at: {layer}\n  {error}".replace("\n", "\n  ")
    return ""
