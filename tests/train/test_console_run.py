"""What the display knows of a run, and how fast it goes."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.recorded import Clock, run, started
from tinygrad_lite.train import Compiling, EpochEnded, StepEnded
from tinygrad_lite.train.console.run import SMOOTH, Course, Run


def step(epoch, number, loss=1.0, samples=32, waiting=0.0):
    return StepEnded(epoch, number, loss, 1e-3, samples, waiting=waiting)


def test_eta_leaves_compilation_out():
    clock = Clock()
    state = Run(clock)
    state(started(epochs=2, steps=10))
    for number in range(1, 6):
        if number in (1, 3):
            state(Compiling("conv.forward"))
            clock.now += 60
        clock.now += 0.5
        state(step(1, number, waiting=0.1))
    pace = state.pace()
    assert pace.epoch == pytest.approx(5 * 0.5)
    assert pace.run == pytest.approx(15 * 0.5)
    assert pace.samples == pytest.approx(64)
    assert pace.waiting == pytest.approx(0.2)
    assert state.compiling is None


def test_eta_counts_what_lies_between_epochs():
    clock = Clock()
    state = Run(clock)
    state(started(epochs=3, steps=2))
    for number in (1, 2):
        clock.now += 1
        state(step(1, number))
    assert state.pace().run == pytest.approx(4)
    clock.now += 10
    state(EpochEnded(1, {}, 1e-3, 2, False))
    assert state.pace().run == pytest.approx(4 + 2 * 10)
    clock.now += 1
    state(step(2, 1))
    assert state.pace().run == pytest.approx(3 + 2 * 10)


def test_a_pace_is_that_of_the_last_seconds():
    clock = Clock()
    state = Run(clock)
    state(started(epochs=1, steps=1000))
    for number in range(1, 201):
        clock.now += 1.0 if number <= 100 else 0.5
        state(step(1, number))
        pace = state.pace()
    assert pace.samples == pytest.approx(64)


def test_a_resumed_run_goes_on_where_it_was():
    history = (EpochEnded(1, {"loss": 0.5, "val_loss": 0.6}, 1e-3, 1.0, True),)
    state = Run(Clock())
    state(started(epochs=4, steps=5, done=7, history=history))
    assert (state.epoch, state.step) == (2, 2)
    assert state.done == pytest.approx(7 / 20)
    assert state.best is history[0]
    assert state.losses.points == [(1, 0.5)]
    assert state.pace().run is None


def test_a_pause_does_not_count():
    clock = Clock()
    state = Run(clock)
    state(started(epochs=1, steps=10))
    clock.now += 100
    state.pause(99)
    state(step(1, 1))
    assert state.pace().run == pytest.approx(9)


@given(st.lists(st.floats(-1e3, 1e3) | st.just(math.nan) | st.just(math.inf), min_size=1))
def test_the_loss_is_a_weighted_mean_of_the_finite_ones(losses):
    state = Run(Clock())
    state(started())
    for loss in losses:
        state(step(1, 1, loss))
    finite = [loss for loss in losses if math.isfinite(loss)]
    weights = [SMOOTH**i for i in range(len(finite))][::-1]
    if finite:
        mean = sum(w * x for w, x in zip(weights, finite, strict=True)) / sum(weights)
        assert state.loss == pytest.approx(mean, abs=1e-6)
    else:
        assert state.loss is None


@given(st.integers(1, 3000))
def test_a_course_keeps_evenly_spaced_points(count):
    course = Course(64)
    for i in range(count):
        if course.wanted():
            course.add(i, -i)
    xs = [x for x, _ in course.points]
    assert all(y == -x for x, y in course.points)
    assert len(xs) < 64
    assert xs[0] == 0
    assert len({b - a for a, b in pairwise(xs)}) <= 1
    assert count - xs[-1] <= 2 * max(1, count // 31)


def test_the_whole_run_is_followed():
    clock = Clock()
    state = Run(clock)
    for event in run(clock):
        state(event)
    assert state.done == 1
    assert state.best.epoch == 2
    assert len(state.epochs) == 4
    assert state.saved[0].total == 20
    assert state.ended.resume
    assert len(state.gradients) == 8
