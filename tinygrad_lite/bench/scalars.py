"""The scalar engine on micrograd's own demo: two moons, a hinge loss, all points at every step.

Both engines run the same lines; only the class of the numbers differs. The collector of garbage
runs as it does for users: micrograd's vertices are cycles, which only it can free; ours are not.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.bench.measure import Benchmark, Group, Side
from tinygrad_lite.bench.micrograd import Value
from tinygrad_lite.examples.scalar import moons
from tinygrad_lite.ops import random

_SIZES = (2, 16, 16, 1)
_RATE, _DECAY = 0.1, 1e-4

_scalar = Group(
    "scalar",
    "the scalar engine on micrograd's demo: a training step, 100 points, MLP 2-16-16-1",
    rival="micrograd",
    garbage=True,
)


def _side(number: type[Any]) -> Side:
    """Return the demo on numbers of a class."""
    with random.using(np.random.default_rng(0)):
        points, labels = moons(100)
        layers = [
            [
                [number(w) for w in random.generator().uniform(-1, 1, n + 1).tolist()]
                for _ in range(m)
            ]
            for n, m in pairwise(_SIZES)
        ]
    data = list(zip(points.tolist(), labels.tolist(), strict=True))
    parameters = [w for layer in layers for neuron in layer for w in neuron]
    losses = [0.0]

    def score(point: list[float]) -> Any:
        x = [number(value) for value in point]
        for layer in layers:
            x = [sum((w * v for w, v in zip(ws, x, strict=True)), bias) for *ws, bias in layer]
            if layer is not layers[-1]:
                x = [value.relu() for value in x]
        return x[0]

    def step() -> None:
        margins = [(score(point) * -label + 1.0).relu() for point, label in data]
        loss = sum(margins) * (1 / len(margins)) + sum(p * p for p in parameters) * _DECAY
        for p in parameters:
            p.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= _RATE * float(getattr(p.grad, "data", p.grad))
        losses[0] = loss.data

    return Side(step, lambda: [losses[0], [p.data for p in parameters]])


BENCHMARKS = [Benchmark(_scalar, "moons", 0.5, partial(_side, tg.Scalar), partial(_side, Value))]
