"""What logging costs the training of a small network."""

import statistics
import time

import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels, layers
from tinygrad_lite.data import digits
from tinygrad_lite.train import StepEnded
from tinygrad_lite.train.logs import JSONL, TensorBoard

ROUNDS = 20
SECONDS = 2.0  # of a turn; the logs write once a second


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
    """Train for a while; return the CPU time of a step, as others use this machine too."""
    steps, begin, end = 0, time.process_time(), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        event = next(events)
        steps += isinstance(event, StepEnded)
        for log in logs:
            log(event)
    return (time.process_time() - begin) / steps


@pytest.mark.slow
@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_jsonl_and_tensorboard_cost_less_than_3_percent(tmp_path):
    pytest.importorskip("tensorboard")
    logs = [JSONL(tmp_path / "log.jsonl"), TensorBoard(tmp_path / "tensorboard")]
    sides = [(endless(32), []), (endless(32), logs)]
    for side in sides:
        turn(*side)
    times = [], []
    for number in range(ROUNDS):
        for i in (0, 1) if number % 2 else (1, 0):
            times[i].append(turn(*sides[i]))
    ratios = [logged / bare for bare, logged in zip(*times, strict=True)]
    ratio = statistics.median(ratios)
    low, _, high = statistics.quantiles(ratios)
    bare = statistics.median(times[0])
    told = f"a step {bare * 1e6:.0f} µs, with logs × {ratio:.4f} ({low:.4f} to {high:.4f})"
    print(told)
    assert ratio < 1.03, told
