"""Numbers that say how well a model does, beside its loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_lite.errors import ArgumentError, message, nearest

Metric = Callable[[np.ndarray, np.ndarray], float]


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of rows whose largest output is at the target.

    Shapes: outputs (N, C), targets (N,) of integers, or (N, C) of probabilities: then it is the
    most probable one.
    """
    if targets.ndim == outputs.ndim:
        targets = targets.argmax(axis=-1)
    return float((outputs.argmax(axis=-1) == targets).mean())


METRICS: dict[str, Metric] = {"accuracy": accuracy}


def find_metrics(metrics: Sequence[str | Metric]) -> dict[str, Metric]:
    """Return metrics by name; functions go by their own.

    Raises:
        ArgumentError: a name is unknown.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        if isinstance(metric, str) and metric not in METRICS:
            raise ArgumentError(
                message(
                    "Trainer",
                    f"no metric is called {metric!r}",
                    fix=f"use one of: {nearest(metric, METRICS)}; or pass a function of "
                    "(outputs, targets)",
                )
            )
        if isinstance(metric, str):
            found[metric] = METRICS[metric]
        else:
            found[getattr(metric, "__name__", repr(metric))] = metric
    return found
