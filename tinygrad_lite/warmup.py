"""Compile every kernel ahead of its first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels, layers, optim


def _alone_and_shared(run: Callable[[], None]) -> None:
    """Run with one thread and with several: both ways are compiled, whatever is asked for later."""
    usual = tg.get_num_threads()
    try:
        for count in (1, max(2, usual)):
            tg.set_num_threads(count)
            run()
    finally:
        tg.set_num_threads(usual)


def _products() -> None:
    for size in (8, 200):  # alone, and shared by the threads
        kernels.gemm.gemm(*[tg.ones(size, size).data] * 2)


def _dense() -> None:
    layers.Dense(400, 400)(tg.ones(1, 400)).sum().backward()


def _images() -> None:
    convolutions = [
        layers.Conv2d(16, 4, 3),  # by patches
        layers.Conv2d(16, 4096, 1),  # with filters so many that threads share them
        layers.Conv2d(16, 16, 3),  # by Winograd's algorithm
        layers.Conv2d(16, 16, 3, groups=16),
    ]
    x = tg.ones(1, 16, 18, 18, requires_grad=True)
    for convolution in convolutions:
        convolution(x).sum().backward()
    for size in (8, 200):  # alone, and shared by the threads
        for pool in (layers.MaxPool2d(2), layers.MaxPool2d(3), layers.AvgPool2d(2)):
            pool(tg.ones(1, 2, size, size, requires_grad=True)).sum().backward()


def _pointwise() -> None:
    for batch in (2, 60):
        x = tg.ones(batch, 40, 5, 5, requires_grad=True)
        tg.relu(layers.BatchNorm2d(40)(x)).sum().backward()
        logits = x.reshape(batch, 1000)
        F.cross_entropy(logits, [0] * batch).backward()


def _optimizers() -> None:
    for kind in (optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop):
        layer = layers.Dense(400, 400)
        layer(tg.ones(1, 400)).sum().backward()
        optimizer = kind(layer.parameters(), lr=0.1)
        for _ in range(2):  # the first one sets up its memory
            optimizer.step()


def _recurrence(kind: str) -> None:
    layer, cell = (getattr(layers, kind + suffix)(8, 64) for suffix in ("", "Cell"))
    for batch in (1, 32):
        layer(tg.ones(batch, 8, 8, requires_grad=True))[0].sum().backward()
    with tg.no_grad():
        cell(tg.ones(1, 8), cell(tg.ones(1, 8)))


FAMILIES: dict[str, Callable[[], Any]] = {
    "products": _products,
    "dense layers": _dense,
    "convolution and pooling": _images,
    "normalisation, ReLU and cross-entropy": _pointwise,
    "optimisers": _optimizers,
    "RNN": partial(_recurrence, "RNN"),
    "LSTM": partial(_recurrence, "LSTM"),
    "GRU": partial(_recurrence, "GRU"),
}
FAMILIES = {name: partial(_alone_and_shared, run) for name, run in FAMILIES.items()}
