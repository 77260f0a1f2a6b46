"""Training steps of recurrent layers: forward, and backward for inputs and all weights."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.bench import rivals
from tinygrad_lite.bench.measure import Benchmark, Group, Side

_one = Group("recurrent", "a training step of a recurrent layer: T, N, inputs, H")
_deep = Group("recurrent-deep", "a training step of two layers, bidirectional: T, N, inputs, H")
_beyond = Group("recurrent-beyond", "the same at sizes that suit no vector: T, N, inputs, H")
_CALLS = 100
_cell = Group("recurrent-cell", "a step of a cell under no_grad, batch 1, H = 64", per=_CALLS)

Size = tuple[int, int, int, int]


def _numbers(size: Size, directions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, T, I), and the gradient that arrives at the outputs."""
    steps, batch, inputs, hidden = size
    rng = np.random.default_rng(0)
    shapes = (batch, steps, inputs), (batch, steps, directions * hidden)
    x, g = (rng.standard_normal(shape, dtype="float32") for shape in shapes)
    return x, g


def _options(deep: bool) -> dict[str, Any]:
    return {"num_layers": 2, "bidirectional": True} if deep else {}


def _side(layer: Any, x: Any, g: Any) -> Side:
    last: list[Any] = [None]
    leaves = [x, *layer.parameters()]

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        last[0] = layer(x)[0]
        last[0].backward(g)

    def result() -> list[Any]:
        return [t.detach().numpy() for t in (*last, *(leaf.grad for leaf in leaves))]

    return Side(step, result)


def _ours(kind: str, size: Size, deep: bool) -> Side:
    tg.seed(0)
    layer = getattr(layers, kind)(*size[2:], **_options(deep))
    x, g = _numbers(size, 2 if deep else 1)
    return _side(layer, tg.tensor(x, requires_grad=True), tg.tensor(g))


def _torch(kind: str, size: Size, deep: bool) -> Side:
    torch = rivals.torch()
    tg.seed(0)
    layer = getattr(torch.nn, kind)(*size[2:], batch_first=True, **_options(deep))
    ours = getattr(layers, kind)(*size[2:], **_options(deep)).state_dict()
    layer.load_state_dict({name: torch.tensor(np.array(value)) for name, value in ours.items()})
    x, g = _numbers(size, 2 if deep else 1)
    return _side(layer, torch.tensor(x, requires_grad=True), torch.tensor(g))


def _cell_side(cell: Any, no_grad: Any, tensor: Any, parts: int) -> Side:
    rng = np.random.default_rng(0)
    x, *state = (tensor(rng.standard_normal((1, 64), dtype="float32")) for _ in range(1 + parts))
    start = state[0] if parts == 1 else tuple(state)
    last: list[Any] = [None]

    def step() -> None:
        with no_grad():
            for _ in range(_CALLS):
                last[0] = cell(x, start)

    return Side(step, lambda: [part.numpy() for part in (last if parts == 1 else last[0])])


def _our_cell(kind: str) -> Side:
    tg.seed(0)
    cell = getattr(layers, f"{kind}Cell")(64, 64)
    return _cell_side(cell, tg.no_grad, tg.tensor, len(cell.state_names))


def _torch_cell(kind: str) -> Side:
    torch = rivals.torch()
    tg.seed(0)
    ours = getattr(layers, f"{kind}Cell")(64, 64)
    cell = getattr(torch.nn, f"{kind}Cell")(64, 64)
    state = ours.state_dict().items()
    cell.load_state_dict({name: torch.tensor(np.array(value)) for name, value in state})
    return _cell_side(cell, torch.no_grad, torch.tensor, len(ours.state_names))


def _row(group: Group, kind: str, size: Size, bar: float, deep: bool = False) -> Benchmark:
    name = f"{kind}-{'-'.join(map(str, size))}"
    return Benchmark(
        group, name, bar, partial(_ours, kind, size, deep), partial(_torch, kind, size, deep)
    )


_SIZES = (28, 64, 28, 128), (100, 32, 64, 256), (50, 1, 32, 64), (35, 20, 200, 512)
_BARS = {
    "RNN": (0.50, 0.50, 0.25, 0.55),
    "LSTM": (0.85, 0.90, 0.40, 1.00),
    "GRU": (0.55, 0.50, 0.15, 0.55),
}
# sizes that are no multiples of a vector, other batches and lengths
_OTHERS = (13, 7, 5, 30), (200, 8, 10, 100), (10, 256, 40, 50), (60, 33, 77, 201), (5, 3, 300, 129)

BENCHMARKS = [
    *(
        _row(_one, kind, size, bar)
        for kind, bars in _BARS.items()
        for size, bar in zip(_SIZES, bars, strict=True)
    ),
    *(_row(_deep, kind, (50, 16, 128, 128), 0.9, deep=True) for kind in _BARS),
    *(
        Benchmark(_cell, kind, 0.3, partial(_our_cell, kind), partial(_torch_cell, kind))
        for kind in _BARS
    ),
    *(_row(_beyond, kind, size, 1.0) for kind in _BARS for size in _OTHERS),
]
