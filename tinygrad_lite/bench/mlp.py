"""A training step of a multilayer perceptron: forward, backward and SGD."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.bench import rivals
from tinygrad_lite.bench.measure import Benchmark, Group, Side

_SIZES = (784, 256, 128, 10)
_RATE = 0.01

_mlp = Group("mlp", "a training step with SGD: MLP 784-256-128-10")


def _numbers(batch: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return the weights, by their names in a Sequential, the inputs and the labels."""
    rng = np.random.default_rng(0)
    state = {}
    for i, (n, m) in enumerate(pairwise(_SIZES)):
        for name, shape in (("weight", (m, n)), ("bias", (m,))):
            values = rng.uniform(-1, 1, shape) / n**0.5
            state[f"{2 * i}.{name}"] = values.astype("float32")
    x = rng.standard_normal((batch, _SIZES[0]), dtype="float32")
    return state, x, rng.integers(0, _SIZES[-1], batch)


def _side(model: Any, optimizer: Any, cross_entropy: Any, x: Any, y: Any) -> Side:
    last: list[Any] = [None]

    def step() -> None:
        optimizer.zero_grad()
        last[0] = cross_entropy(model(x), y)
        last[0].backward()
        optimizer.step()

    def result() -> list[Any]:
        return [tensor.detach().numpy() for tensor in (*last, *model.parameters())]

    return Side(step, result)


def _ours(batch: int) -> Side:
    state, x, y = _numbers(batch)
    first, second, third = (layers.Dense(n, m) for n, m in pairwise(_SIZES))
    model = layers.Sequential(first, layers.ReLU(), second, layers.ReLU(), third)
    model.load_state_dict(state)
    optimizer = optim.SGD(model.parameters(), lr=_RATE)
    return _side(model, optimizer, F.cross_entropy, tg.tensor(x), tg.tensor(y))


def _torch(batch: int) -> Side:
    torch = rivals.torch()
    state, x, y = _numbers(batch)
    first, second, third = (torch.nn.Linear(n, m) for n, m in pairwise(_SIZES))
    model = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.ReLU(), third)
    model.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    optimizer = torch.optim.SGD(model.parameters(), lr=_RATE)
    cross_entropy = torch.nn.functional.cross_entropy
    return _side(model, optimizer, cross_entropy, torch.tensor(x), torch.tensor(y))


BENCHMARKS = [
    Benchmark(_mlp, f"batch-{batch}", bar, partial(_ours, batch), partial(_torch, batch))
    for batch, bar in ((1, 0.6), (64, 0.8), (512, 1.0))
]
