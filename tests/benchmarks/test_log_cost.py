"""What logging costs the training of a small network."""

import statistics
import time

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels, layers
from tinygrad_lite.data import digits
from tinygrad_lite.train import StepEnded
from tinygrad_lite.train.logs import JSONL, TensorBoard

ROUNDS = 15
TURNS = 20  # of each side in a round
SECONDS = 0.1  # of a turn


def endless(width):
    """The events of a training that does not end, of an MLP on the digits."""
    tg.seed(0)
    model = layers.Sequential(
        layers.Flatten(), layers.Dense(64, width), layers.ReLU(), layers.Dense(width, 10)
    )
    trainer = tg.Trainer(
        model,
        tg.optim.Adam(model.parameters(), lr=1e-4),
        loss=tg.functional.cross_entropy,
        metrics=["accuracy"],
        display="off",
    )
    train, test = digits()
    return trainer.run(train, test, epochs=10**9)


def turn(events, logs):
    """Train for a while; return the steps, and the CPU time, as others use this machine too."""
    steps, begin, end = 0, time.thread_time(), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        event = next(events)
        steps += isinstance(event, StepEnded)
        for log in logs:
            log(event)
    return np.array([time.thread_time() - begin, steps])


@pytest.mark.slow
@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_jsonl_and_tensorboard_cost_less_than_3_percent(tmp_path):
    """Turns are short, as a busy machine changes its speed; a round has all that logs do."""
    pytest.importorskip("tensorboard")
    logs = [JSONL(tmp_path / "log.jsonl"), TensorBoard(tmp_path / "tensorboard")]
    sides = [(endless(32), []), (endless(32), logs)]
    steps, ratios = [], []
    for number in range(1 + ROUNDS):
        sums = np.zeros((2, 2))
        for i in range(2 * TURNS):
            sums[(i + number) % 2] += turn(*sides[(i + number) % 2])
        bare, logged = sums[:, 0] / sums[:, 1]
        steps.append(bare)
        ratios.append(logged / bare)
    low, ratio, high = statistics.quantiles(ratios[1:])  # the first compiles
    told = (
        f"a step {statistics.median(steps) * 1e6:.0f} µs, with logs × {ratio:.4f} "
        f"(quartiles {low:.4f} and {high:.4f})"
    )
    print(told)
    assert ratio < 1.03, told
