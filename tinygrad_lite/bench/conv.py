"""Training steps of what convolutional networks are made of: forward, and all gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.bench import rivals
from tinygrad_lite.bench.measure import Benchmark, Group, Side

_conv = Group("conv", "a training step of a convolution: N, channels, filters, H = W, k, padding")
_beyond = Group(
    "conv-beyond", "the same at sizes that suit no vector: N, channels, filters, H = W, k, padding"
)
_around = Group("conv-around", "a training step of what stands around convolutions")

# N, channels, filters, height and width, filter, padding, stride, groups
Plan = tuple[int, int, int, int, int, int, int, int]


def _numbers(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def _side(layer: Any, tensor: Any, shape: tuple[int, ...]) -> Side:
    """Return a step of a layer on images of a shape: its result and the gradients of all leaves."""
    x = tensor(_numbers(shape), requires_grad=True)
    g = tensor(_numbers(tuple(layer(x).shape), seed=1))
    leaves = [x, *layer.parameters()]
    last: list[Any] = [None]

    def step() -> None:
        for leaf in leaves:
            leaf.grad = None
        last[0] = layer(x)
        last[0].backward(g)

    def result() -> list[Any]:
        return [t.detach().numpy() for t in (*last, *(leaf.grad for leaf in leaves))]

    return Side(step, result)


def _our_layer(build: Callable[[Any], Any], shape: tuple[int, ...]) -> Side:
    tg.seed(0)
    return _side(build(layers), tg.tensor, shape)


def _their_layer(build: Callable[[Any], Any], shape: tuple[int, ...]) -> Side:
    torch = rivals.torch()
    tg.seed(0)
    layer = build(torch.nn)
    ours = build(layers).state_dict()
    layer.load_state_dict({name: torch.tensor(np.array(value)) for name, value in ours.items()})
    return _side(layer, torch.tensor, shape)


def _layer(
    group: Group, name: str, bar: float, build: Callable[[Any], Any], shape: tuple[int, ...]
) -> Benchmark:
    return Benchmark(
        group, name, bar, partial(_our_layer, build, shape), partial(_their_layer, build, shape)
    )


def _convolution(group: Group, bar: float, plan: Plan) -> Benchmark:
    batch, channels, filters, size, k, padding, stride, groups = plan
    options = {"padding": padding, "stride": stride, "groups": groups}
    kind = f"-stride-{stride}" if stride > 1 else ""
    if groups > 1:
        kind += "-depthwise" if groups == channels else f"-groups-{groups}"
    return _layer(
        group,
        "-".join(map(str, plan[:6])) + kind,
        bar,
        lambda nn: nn.Conv2d(channels, filters, k, **options),
        (batch, channels, size, size),
    )


def _cross_entropy(cross_entropy: Any, tensor: Any) -> Side:
    x = tensor(_numbers((512, 1000)), requires_grad=True)
    y = tensor(np.random.default_rng(1).integers(0, 1000, 512))
    last: list[Any] = [None]

    def step() -> None:
        x.grad = None
        last[0] = cross_entropy(x, y)
        last[0].backward()

    return Side(step, lambda: [t.detach().numpy() for t in (*last, x.grad)])


def _their_cross_entropy() -> Side:
    torch = rivals.torch()
    return _cross_entropy(torch.nn.functional.cross_entropy, torch.tensor)


def _shapes_of_resnet20() -> list[tuple[int, ...]]:
    """Return the shapes of the parameters of ResNet-20, 0.27 million numbers."""
    shapes: list[tuple[int, ...]] = [(16, 3, 3, 3), (16,), (16,)]
    channels = 16
    for width in (16, 32, 64):
        for _ in range(3):
            for inputs in (channels, width):
                shapes += [(width, inputs, 3, 3), (width,), (width,)]
            channels = width
    return [*shapes, (10, 64), (10,)]


def _steps(optimizer: Any, parameters: list[Any]) -> Side:
    return Side(optimizer.step, lambda: [p.detach().numpy() for p in parameters])


def _our_adam() -> Side:
    parameters = [tg.Parameter(_numbers(shape)) for shape in _shapes_of_resnet20()]
    for parameter in parameters:
        parameter.grad = tg.tensor(_numbers(parameter.shape))
    return _steps(optim.Adam(parameters), parameters)


def _their_adam() -> Side:
    torch = rivals.torch()
    shapes = _shapes_of_resnet20()
    parameters = [torch.nn.Parameter(torch.tensor(_numbers(shape))) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.tensor(_numbers(tuple(parameter.shape)))
    return _steps(torch.optim.Adam(parameters, fused=True), parameters)


_BARS: dict[Plan, float] = {
    (32, 3, 32, 32, 3, 1, 1, 1): 1.00,
    (32, 32, 32, 32, 3, 1, 1, 1): 0.90,
    (32, 64, 64, 32, 3, 1, 1, 1): 0.70,
    (32, 128, 128, 16, 3, 1, 1, 1): 0.55,
    (16, 256, 256, 8, 3, 1, 1, 1): 0.60,
    (32, 64, 128, 16, 1, 0, 1, 1): 0.80,
    (64, 1, 6, 28, 5, 2, 1, 1): 1.00,
    (64, 6, 16, 14, 5, 0, 1, 1): 0.90,
    (32, 64, 128, 32, 3, 1, 2, 1): 1.00,
    (32, 128, 128, 16, 3, 1, 1, 128): 1.00,
}
# channels that are no multiples of 16, odd images, other batches, filters and strides
_OTHERS: list[Plan] = [
    (7, 20, 24, 31, 3, 1, 1, 1),
    (3, 70, 50, 19, 3, 1, 1, 1),
    (128, 12, 20, 13, 3, 1, 1, 1),
    (5, 33, 65, 27, 5, 2, 1, 1),
    (17, 48, 40, 15, 3, 0, 2, 1),
    (9, 100, 30, 21, 1, 0, 1, 1),
    (4, 3, 64, 97, 7, 3, 2, 1),
    (64, 256, 256, 2, 3, 1, 1, 1),
    (11, 60, 60, 29, 5, 2, 2, 60),
    (8, 64, 64, 14, 3, 1, 1, 4),
    (1, 64, 64, 56, 3, 1, 1, 1),
]
_IMAGES = (32, 64, 32, 32)

BENCHMARKS = [
    *(_convolution(_conv, bar, plan) for plan, bar in _BARS.items()),
    *(_convolution(_beyond, 1.0, plan) for plan in _OTHERS),
    _layer(_around, "max-pool", 0.20, lambda nn: nn.MaxPool2d(2), _IMAGES),
    _layer(_around, "batch-norm", 0.55, lambda nn: nn.BatchNorm2d(64), _IMAGES),
    _layer(_around, "relu", 0.80, lambda nn: nn.ReLU(), _IMAGES),
    Benchmark(
        _around,
        "cross-entropy",
        0.80,
        lambda: _cross_entropy(F.cross_entropy, tg.tensor),
        _their_cross_entropy,
    ),
    Benchmark(_around, "adam", 0.80, _our_adam, _their_adam),
]
