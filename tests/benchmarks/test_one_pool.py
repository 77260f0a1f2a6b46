"""Layers in turn do not fight for processors, whoever computes their products."""

import statistics
import time

import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels, layers
from tinygrad_lite.bench.machine import watch_others
from tinygrad_lite.bench.measure import _lead_in, _sample


def step_of(layer, x, g):
    """Forward, and backward for input and weights."""
    x, g = tg.tensor(x, requires_grad=True), tg.tensor(g)
    leaves = [x, *layer.parameters()]

    def step():
        for leaf in leaves:
            leaf.grad = None
        layer(x).backward(g)

    return step


@pytest.mark.slow
@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_a_step_costs_no_more_than_the_sum_of_its_parts(rng):
    """Of a convolution, a product that our threads share, and one of few rows, which NumPy does."""

    def numbers(*shape):
        return rng.standard_normal(shape, dtype="float32")

    ways = {
        "convolution": step_of(
            layers.Conv2d(8, 16, 3), numbers(16, 8, 16, 16), numbers(16, 16, 14, 14)
        ),
        "dense": step_of(layers.Dense(3136, 512), numbers(64, 3136), numbers(64, 512)),
        "few rows": step_of(layers.Dense(512, 1024), numbers(6, 512), numbers(6, 1024)),
    }
    parts = [*ways.values()]
    ways["in turn"] = lambda: [step() for step in parts]
    times = {name: [] for name in ways}
    others = watch_others()
    for turn in range(21):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            time.sleep(0.12)  # see measure.py
            _lead_in(ways[name], time.perf_counter)
            times[name].append(_sample(ways[name], 10, time.perf_counter, False) / 10)
    *alone, in_turn = times.values()
    ratio = statistics.median(
        whole / sum(each) for whole, *each in zip(in_turn, *alone, strict=True)
    )
    told = ", ".join(f"{k} {statistics.median(v) * 1e3:.2f} ms" for k, v in times.items())
    told += f"; in turn over the sum {ratio:.2f}; others used {others():.1f} cores"
    print(told)
    assert ratio <= 1.1, told
