"""Schedules against their closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.errors import ArgumentError, CheckpointError
from tinygrad_lite.optim.schedules import Cosine, Schedule, Step


def make_optimizer(*rates):
    return optim.SGD([{"params": tg.Parameter([1.0]), "lr": rate} for rate in rates])


def rates_of(schedule, steps):
    """Return the rates of all groups, before the first step and after each."""
    rates = [[g["lr"] for g in schedule.optimizer.param_groups]]
    for _ in range(steps):
        schedule.step()
        rates.append([g["lr"] for g in schedule.optimizer.param_groups])
    return np.array(rates)


@given(st.integers(1, 7), st.floats(0.0, 1.5))
def test_step(step_size, gamma):
    rates = rates_of(Step(make_optimizer(0.1, 0.5), step_size, gamma), 20)
    expected = [[r * gamma ** (t // step_size) for r in (0.1, 0.5)] for t in range(21)]
    np.testing.assert_allclose(rates, expected)


@given(st.integers(1, 30), st.sampled_from([0.0, 0.01]), st.data())
def test_cosine(steps, minimum, data):
    warmup = data.draw(st.integers(0, steps - 1))
    rates = rates_of(Cosine(make_optimizer(0.1, 0.5), steps, minimum, warmup), steps + 5)
    for t, row in enumerate(rates):
        for initial, rate in zip((0.1, 0.5), row, strict=True):
            if t < warmup:
                expected = initial * (t + 1) / (warmup + 1)
            elif t < steps:
                angle = math.pi * (t - warmup) / (steps - warmup)
                expected = minimum + (initial - minimum) * (1 + math.cos(angle)) / 2
            else:
                expected = minimum
            assert rate == pytest.approx(expected, abs=1e-15)
    np.testing.assert_allclose(rates[warmup], [0.1, 0.5])  # the peak is where warm-up ends
    assert type(Cosine(make_optimizer(1), 5).optimizer.lr) is float


@pytest.mark.parametrize(
    "make", [lambda o: Step(o, 3, 0.7), lambda o: Cosine(o, 17, minimum=0.01, warmup=4)]
)
@pytest.mark.parametrize("stop", [0, 2, 9])
def test_resume(make, stop):
    whole = rates_of(make(make_optimizer(0.1, 0.5)), 20)
    first = make(make_optimizer(0.1, 0.5))
    rates_of(first, stop)
    state = first.state_dict()
    optimizer = make_optimizer(9.0, 9.0)
    optimizer.load_state_dict(first.optimizer.state_dict())  # rates that are no longer initial
    resumed = make(optimizer)
    resumed.load_state_dict(state)
    np.testing.assert_array_equal(rates_of(resumed, 20 - stop), whole[stop:])


def test_the_state_is_a_copy():
    schedule = Step(make_optimizer(0.1), 1, 0.5)
    state = schedule.state_dict()
    state["initial"][0] = 7.0
    schedule.step()
    assert schedule.optimizer.lr == 0.05
    assert schedule.count == 1


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda o: Step([1], 1), "needs an optimiser, not a list"),
        (lambda o: Step(o, 0), "step_size=0 is not possible"),
        (lambda o: Step(o, 1.5), "step_size=1.5 is not possible"),
        (lambda o: Step(o, True), "step_size=True is not possible"),
        (lambda o: Step(o, 1, -0.1), "gamma=-0.1 is not possible"),
        (lambda o: Cosine(o, 0), "steps=0 is not possible"),
        (lambda o: Cosine(o, 5, warmup=-1), "warmup=-1 is not possible"),
        (lambda o: Cosine(o, 5, warmup=5), "a warm-up of 5 steps leaves nothing of 5"),
        (lambda o: Cosine(o, 5, minimum=-0.1), "minimum=-0.1 is not possible"),
        (lambda o: Cosine(o, 5, minimum=float("nan")), "minimum=nan is not possible"),
    ],
)
def test_errors(make, text):
    optimizer = make_optimizer(0.1)
    with pytest.raises(ArgumentError, match=text) as error:
        make(optimizer)
    assert "fix:" in str(error.value)
    assert optimizer.lr == 0.1


@pytest.mark.parametrize("state", [{}, {"initial": np.array([0.1])}, {"count": 1}])
def test_state_that_is_incomplete(state):
    schedule = Step(make_optimizer(0.1), 1)
    with pytest.raises(CheckpointError, match="does not fit"):
        schedule.load_state_dict(state)


def test_state_of_other_groups():
    state = Step(make_optimizer(0.1, 0.2), 1).state_dict()
    schedule = Step(make_optimizer(0.3), 1)
    with pytest.raises(CheckpointError, match="2 initial rates there, 1 parameter groups here"):
        schedule.load_state_dict(state)
    assert (schedule.count, schedule.optimizer.lr) == (0, 0.3)


def test_a_schedule_without_a_formula():
    with pytest.raises(NotImplementedError, match="Schedule defines no rate"):
        Schedule(make_optimizer(0.1))
