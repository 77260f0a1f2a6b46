"""What an op costs beyond its arithmetic: long chains on arrays so small that nothing else counts.

Both libraries run the same lines; only the name of the library differs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite.bench import rivals
from tinygrad_lite.bench.measure import Benchmark, Group, Side

_LENGTH = 200

_train = Group(
    "op", "an op in eager mode, forward and backward: chain of 200, 4×4 float32", per=200
)
_infer = Group("no-grad", "an op under no_grad, forward: chain of 200, 4×4 float32", per=200)


def _multiply(_: Any, x: Any, w: Any) -> Any:
    for _ in range(_LENGTH):
        x = x * w
    return x


def _add(_: Any, x: Any, w: Any) -> Any:
    for _ in range(_LENGTH):
        x = x + w
    return x


def _tanh(library: Any, x: Any, _: Any) -> Any:
    for _ in range(_LENGTH):
        x = library.tanh(x)
    return x


def _mixed(library: Any, x: Any, w: Any) -> Any:
    for _ in range(_LENGTH // 4):
        x = x + library.tanh(x @ w) * w  # a residual, so that the gradient stays a normal number
    return x


Chain = Callable[[Any, Any, Any], Any]
_CHAINS: dict[str, Chain] = {"multiply": _multiply, "add": _add, "tanh": _tanh, "mixed": _mixed}


def _leaves(library: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    # around 1, so that no product of 200 of them leaves the range of normal numbers
    values = rng.uniform(0.95, 1.05, (2, 4, 4)).astype("float32")
    return [library.tensor(value, requires_grad=True) for value in values]


def _training(chain: Chain, library: Callable[[], Any]) -> Side:
    lib = library()
    x, w = leaves = _leaves(lib)

    def step() -> None:
        x.grad = w.grad = None
        chain(lib, x, w).sum().backward()

    return Side(step, lambda: [leaf.grad.numpy() for leaf in leaves if leaf.grad is not None])


def _inference(chain: Chain, library: Callable[[], Any]) -> Side:
    lib = library()
    x, w = _leaves(lib)
    last = [x]

    def step() -> None:
        with lib.no_grad():
            last[0] = chain(lib, x, w)

    return Side(step, lambda: [last[0].numpy()])


BENCHMARKS = [
    Benchmark(
        group, name, bar, partial(side, chain, lambda: tg), partial(side, chain, rivals.torch)
    )
    for group, bar, side in ((_train, 0.6, _training), (_infer, 0.7, _inference))
    for name, chain in _CHAINS.items()
]
