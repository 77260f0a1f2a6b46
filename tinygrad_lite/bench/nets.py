"""Whole convolutional networks: a training step, and one image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.bench import rivals
from tinygrad_lite.bench.measure import Benchmark, Group, Side

_nets = Group("nets", "a training step with SGD and momentum: forward, backward, update")
_image = Group("nets-image", "one image of 32 by 32 under no_grad")


class Library(NamedTuple):
    """Where a network's parts come from: both libraries give them the same names."""

    nn: Any
    module: type
    dense: Callable[[int, int], Any]


def _lenet5(library: Library) -> Any:
    nn, dense = library.nn, library.dense
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        dense(400, 120),
        nn.Tanh(),
        dense(120, 84),
        nn.Tanh(),
        dense(84, 10),
    )


def _convolved(nn: Any, inputs: int, outputs: int, stride: int = 1) -> list[Any]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def _vgg11(library: Library) -> Any:
    nn, parts, inputs = library.nn, [], 3
    for width in (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0):
        parts += [*_convolved(nn, inputs, width), nn.ReLU()] if width else [nn.MaxPool2d(2)]
        inputs = width or inputs
    return nn.Sequential(*parts, nn.Flatten(), library.dense(512, 10))


def _resnet20(library: Library) -> Any:
    nn = library.nn

    class Block(library.module):  # type: ignore[name-defined,misc]
        """Two convolutions, and the way past them."""

        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            first, second = (
                _convolved(nn, inputs, outputs, stride),
                _convolved(nn, outputs, outputs),
            )
            self.main = nn.Sequential(*first, nn.ReLU(), *second)
            self.past = None
            if inputs != outputs:
                projection = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
                self.past = nn.Sequential(projection, nn.BatchNorm2d(outputs))
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.main(x) + (x if self.past is None else self.past(x)))

    blocks, channels = [], 16
    for width in (16, 32, 64):
        for i in range(3):
            blocks.append(Block(channels, width, 2 if width > 16 and i == 0 else 1))
            channels = width
    ends = nn.AvgPool2d(8), nn.Flatten(), library.dense(64, 10)
    return nn.Sequential(*_convolved(nn, 3, 16), nn.ReLU(), *blocks, *ends)


def _our_library() -> Library:
    return Library(layers, tg.Module, layers.Dense)


def _ours(build: Callable[[Library], Any]) -> Any:
    tg.seed(0)
    return build(_our_library())


def _theirs(build: Callable[[Library], Any]) -> Any:
    torch = rivals.torch()
    model = build(Library(torch.nn, torch.nn.Module, torch.nn.Linear))
    state = _ours(build).state_dict().items()
    model.load_state_dict({name: torch.tensor(np.array(value)) for name, value in state})
    return model


def _training(model: Any, optimizer: Any, cross_entropy: Any, tensor: Any, shape: Any) -> Side:
    rng = np.random.default_rng(0)
    x = tensor(rng.standard_normal(shape, dtype="float32"))
    y = tensor(rng.integers(0, 10, shape[0]))
    last: list[Any] = [None]

    def step() -> None:
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        last[0] = loss.detach()  # which lets go of the graph

    # in front of the head, ReLUs that flip for a rounding error change gradients by more than that
    head = list(model.parameters())[-2:]
    return Side(step, lambda: [last[0].numpy(), *(p.detach().numpy() for p in head)])


def _our_training(build: Callable[[Library], Any], shape: tuple[int, ...]) -> Side:
    model = _ours(build)
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _training(model, optimizer, F.cross_entropy, tg.tensor, shape)


def _their_training(build: Callable[[Library], Any], shape: tuple[int, ...]) -> Side:
    torch, model = rivals.torch(), _theirs(build)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _training(model, optimizer, torch.nn.functional.cross_entropy, torch.tensor, shape)


def _looking(model: Any, no_grad: Any, tensor: Any) -> Side:
    x = tensor(np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype="float32"))
    model.eval()
    last: list[Any] = [None]

    def step() -> None:
        with no_grad():
            last[0] = model(x)

    return Side(step, lambda: [last[0].numpy()])


def _their_looking() -> Side:
    torch = rivals.torch()
    return _looking(_theirs(_resnet20), torch.no_grad, torch.tensor)


_ROWS: list[tuple[str, float, Callable[[Library], Any], tuple[int, ...]]] = [
    ("lenet-5-batch-64", 0.80, _lenet5, (64, 1, 28, 28)),
    ("resnet-20-batch-64", 0.80, _resnet20, (64, 3, 32, 32)),
    ("vgg-11-batch-32", 0.75, _vgg11, (32, 3, 32, 32)),
]

BENCHMARKS = [
    *(
        Benchmark(
            _nets,
            name,
            bar,
            partial(_our_training, build, shape),
            partial(_their_training, build, shape),
        )
        for name, bar, build, shape in _ROWS
    ),
    Benchmark(
        _image,
        "resnet-20",
        0.60,
        lambda: _looking(_ours(_resnet20), tg.no_grad, tg.tensor),
        _their_looking,
    ),
]
