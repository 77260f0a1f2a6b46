"""Compile every kernel ahead of its first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels, layers, optim


def _products() -> None:
    for size in (8, 200):  # alone, and shared by the threads
        kernels.gemm.gemm(*[tg.ones(size, size).data] * 2)


def _dense() -> None:
    layer = layers.Dense(400, 400)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    layer(tg.ones(1, 400)).sum().backward()
    optimizer.step()


def _images() -> None:
    layers.Conv2d(1, 2, 3)(tg.ones(1, 1, 6, 6, requires_grad=True)).sum().backward()
    for size in (8, 200):  # alone, and shared by the threads
        for pool in (layers.MaxPool2d(2), layers.MaxPool2d(3), layers.AvgPool2d(2)):
            pool(tg.ones(1, 2, size, size, requires_grad=True)).sum().backward()


def _pointwise() -> None:
    for batch in (2, 60):  # alone, and shared by the threads
        x = tg.ones(batch, 40, 5, 5, requires_grad=True)
        tg.relu(layers.BatchNorm2d(40)(x)).sum().backward()
        logits = x.reshape(batch, 1000)
        F.cross_entropy(logits, [0] * batch).backward()


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
    "RNN": lambda: _recurrence("RNN"),
    "LSTM": lambda: _recurrence("LSTM"),
    "GRU": lambda: _recurrence("GRU"),
}
