"""Schedules against their closed forms."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.errors import ArgumentError, CheckpointError
from tinygrad_lite.optim.schedules import (
    Cosine,
    CosineRestarts,
    Exponential,
    MultiStep,
    OneCycle,
    Plateau,
    Polynomial,
    Schedule,
    Step,
    Warmup,
)


def make_optimizer(*rates):
    return optim.SGD([{"params": tg.Parameter([1.0]), "lr": rate} for rate in rates])


def rates_of(schedule, steps, metrics=None):
    """Return the rates of all groups, before the first step and after each."""
    rates = [[g["lr"] for g in schedule.optimizer.param_groups]]
    for i in range(steps):
        schedule.step(None if metrics is None else metrics[i])
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


@given(st.sets(st.integers(1, 15)), st.floats(0.0, 1.5))
def test_multi_step(milestones, gamma):
    rates = rates_of(MultiStep(make_optimizer(0.1, 0.5), sorted(milestones), gamma), 20)
    passed = [sum(m <= t for m in milestones) for t in range(21)]
    np.testing.assert_allclose(rates, [[r * gamma**n for r in (0.1, 0.5)] for n in passed])


@given(st.floats(0.0, 1.5))
def test_exponential(gamma):
    rates = rates_of(Exponential(make_optimizer(0.1, 0.5), gamma), 20)
    np.testing.assert_allclose(rates, [[r * gamma**t for r in (0.1, 0.5)] for t in range(21)])


@given(st.integers(1, 20), st.floats(0.5, 3.0), st.sampled_from([0.0, 0.01]))
def test_polynomial(steps, power, minimum):
    rates = rates_of(Polynomial(make_optimizer(0.1, 0.5), steps, power, minimum), 25)
    for t, row in enumerate(rates):
        left = max(0.0, 1 - t / steps)
        expected = [minimum + (r - minimum) * left**power for r in (0.1, 0.5)]
        np.testing.assert_allclose(row, expected, atol=1e-15)


@given(st.integers(1, 7), st.integers(1, 3), st.sampled_from([0.0, 0.01]))
def test_cosine_restarts(period, t_mult, minimum):
    rates = rates_of(CosineRestarts(make_optimizer(0.1, 0.5), period, t_mult, minimum), 50)
    # walked through, period by period
    expected, length = [], period
    while len(expected) < 51:
        for t in range(length):
            fall = (1 + math.cos(math.pi * t / length)) / 2
            expected.append([minimum + (r - minimum) * fall for r in (0.1, 0.5)])
        length *= t_mult
    np.testing.assert_allclose(rates, expected[:51], atol=1e-15)


def test_one_cycle():
    optimizer = make_optimizer(0.1, 0.5)
    rates = rates_of(OneCycle(optimizer, 101, 0.41 / 1.01, 10.0, 100.0), 110)
    top = 40
    for initial, column in zip((0.1, 0.5), rates.T, strict=True):
        assert column[0] == pytest.approx(initial / 10)
        assert column[top] == pytest.approx(initial)
        assert column[top // 2] == pytest.approx(initial * (1 + 0.1) / 2)  # half the way up
        assert column[(top + 100) // 2] == pytest.approx(initial * (1 + 0.001) / 2)
        np.testing.assert_allclose(column[100:], initial / 1000)
        assert (np.diff(column[: top + 1]) > 0).all()
        assert (np.diff(column[top:101]) < 0).all()


@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam])
def test_one_cycle_of_momentum(kind):
    optimizer = kind([tg.Parameter([1.0])], lr=0.1)

    def momentum():
        group = optimizer.param_groups[0]
        return group["betas"][0] if kind is optim.Adam else group["momentum"]

    schedule = OneCycle(optimizer, 101, 0.41 / 1.01, momentum=(0.8, 0.9))
    course = [momentum()]
    for _ in range(100):
        schedule.step()
        course.append(momentum())
    np.testing.assert_allclose(np.array(course)[[0, 20, 40, 70, 100]], [0.9, 0.85, 0.8, 0.85, 0.9])
    if kind is optim.Adam:
        assert optimizer.param_groups[0]["betas"][1] == 0.999


def falls_of(schedule, metrics):
    """Return after which metrics, counted from 1, the rate fell."""
    rates = rates_of(schedule, len(metrics), metrics)[:, 0]
    return (np.flatnonzero(np.diff(rates) < 0) + 1).tolist()


@pytest.mark.parametrize(
    ("options", "metrics", "falls"),
    [
        ({"patience": 2}, [1.0] * 10, [4, 7, 10]),
        ({"patience": 0}, [1.0, 0.9, 0.9, 0.8], [3]),
        ({"patience": 1, "cooldown": 2}, [1.0] * 12, [3, 7, 11]),
        ({"patience": 0, "threshold": 0.1}, [1.0, 0.95, 0.85, 0.8], [2, 4]),
        ({"patience": 0, "threshold": 0.1}, [-1.0, -1.05, -1.15], [2]),
        ({"patience": 0, "mode": "max"}, [1.0, 1.1, 1.0, 1.2], [3]),
        ({"patience": 0, "mode": "max", "threshold": 0.1}, [1.0, 1.05, 1.15, 1.2], [2, 4]),
        ({"patience": 0, "minimum": 0.02}, [1.0] * 10, [2, 3, 4]),
        ({"patience": 0}, [math.nan, 1.0, math.nan, 0.5], [1, 3]),
        ({"patience": 1}, [1.0, 2.0, 0.5, 2.0, 0.4, 2.0, 2.0], [7]),
    ],
)
def test_plateau(options, metrics, falls):
    schedule = Plateau(make_optimizer(0.1), factor=0.5, **options)
    assert falls_of(schedule, metrics) == falls
    lowest = max(options.get("minimum", 0.0), 0.1 * 0.5 ** len(falls))
    assert schedule.optimizer.lr == pytest.approx(lowest)


def test_plateau_never_raises_a_rate():
    optimizer = make_optimizer(0.1)
    rates_of(Plateau(optimizer, patience=0, minimum=0.5), 5, [1.0] * 5)
    assert optimizer.lr == 0.1


@pytest.mark.parametrize("start", [None, 0.0, 0.3, 1.0])
@pytest.mark.parametrize(("name", "steps"), [("cosine", 4), ("exponential", 1)])
def test_warmup(start, name, steps):
    make = EVERY[name]
    alone = rates_of(make(make_optimizer(0.1, 0.5)), 20)
    rates = rates_of(Warmup(make(make_optimizer(0.1, 0.5)), steps, start), 20 + steps)
    first = 1 / (steps + 1) if start is None else start
    rise = [first + (1 - first) * t / steps for t in range(steps)]
    np.testing.assert_allclose(rates[:steps], np.outer(rise, alone[0]))
    np.testing.assert_array_equal(rates[steps:], alone)


def test_warmup_is_that_of_cosine():
    ours = rates_of(Warmup(Cosine(make_optimizer(0.1), 16), 4), 25)
    np.testing.assert_allclose(ours, rates_of(Cosine(make_optimizer(0.1), 20, warmup=4), 25))


def test_warmup_looks_at_no_metric():
    schedule = Warmup(Plateau(make_optimizer(0.1), 0.5, patience=0), 3)
    assert schedule.needs_metric
    assert not Warmup(Step(make_optimizer(0.1), 1), 3).needs_metric
    rates = rates_of(schedule, 6, [math.nan] * 3 + [1.0, 1.0, 1.0])
    np.testing.assert_allclose(rates[:, 0], [0.025, 0.05, 0.075, 0.1, 0.1, 0.05, 0.025])


EVERY = {
    "step": lambda o: Step(o, 3, 0.7),
    "multi-step": lambda o: MultiStep(o, [2, 5, 11], 0.3),
    "exponential": lambda o: Exponential(o, 0.7),
    "polynomial": lambda o: Polynomial(o, 13, 1.5, minimum=0.01),
    "cosine": lambda o: Cosine(o, 17, minimum=0.01, warmup=4),
    "restarts": lambda o: CosineRestarts(o, 3, 2),
    "one cycle": lambda o: OneCycle(o, 15, momentum=(0.8, 0.9)),
    "plateau": lambda o: Plateau(o, 0.7, patience=1, cooldown=1),
    "warm-up": lambda o: Warmup(CosineRestarts(o, 3, 2), 5),
    "warm-up and plateau": lambda o: Warmup(Plateau(o, 0.7, patience=0), 5),
    "warm-up twice": lambda o: Warmup(Warmup(OneCycle(o, 15, momentum=(0.8, 0.9)), 3), 2),
}


def through_json(state):
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in state.items()
    }
    assert {type(value) for value in plain.values()} <= {int, float, list, type(None)}
    return json.loads(json.dumps(plain, allow_nan=False))


def through_numpy(state):
    """As a checkpoint that holds nothing but arrays would return it."""
    return {k: value if value is None else np.asarray(value) for k, value in state.items()}


@pytest.mark.parametrize("through", [through_json, through_numpy])
@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("stop", [0, 2, 9])
def test_resume_is_bit_exact(name, stop, through):
    make = EVERY[name]
    metrics = np.random.default_rng(0).normal(size=20).tolist()
    whole = rates_of(make(make_optimizer(0.1, 0.5)), 20, metrics)
    first = make(make_optimizer(0.1, 0.5))
    rates_of(first, stop, metrics)
    state = through(first.state_dict())
    optimizer = make_optimizer(9.0, 9.0)
    optimizer.load_state_dict(first.optimizer.state_dict())  # rates that are no longer initial
    resumed = make(optimizer)
    resumed.load_state_dict(state)
    assert resumed.state_dict().keys() == state.keys()
    through_json(resumed.state_dict())  # it is plain again
    momentum = [group["momentum"] for group in optimizer.param_groups]
    assert momentum == [group["momentum"] for group in first.optimizer.param_groups]
    np.testing.assert_array_equal(rates_of(resumed, 20 - stop, metrics[stop:]), whole[stop:])


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
        (lambda o: MultiStep(o, [0, 3]), "milestone=0 is not possible"),
        (lambda o: MultiStep(o, [3, 2]), r"milestones=\[3, 2\] do not rise"),
        (lambda o: MultiStep(o, [2, 2]), r"milestones=\[2, 2\] do not rise"),
        (lambda o: MultiStep(o, [2], -1.0), "gamma=-1.0 is not possible"),
        (lambda o: Exponential(o, -0.1), "gamma=-0.1 is not possible"),
        (lambda o: Polynomial(o, 0), "steps=0 is not possible"),
        (lambda o: Polynomial(o, 5, -1.0), "power=-1.0 is not possible"),
        (lambda o: Polynomial(o, 5, minimum=-1.0), "minimum=-1.0 is not possible"),
        (lambda o: CosineRestarts(o, 0), "period=0 is not possible"),
        (lambda o: CosineRestarts(o, 3, 0), "t_mult=0 is not possible"),
        (lambda o: CosineRestarts(o, 3, 1.5), "t_mult=1.5 is not possible"),
        (lambda o: CosineRestarts(o, 3, minimum=-1.0), "minimum=-1.0 is not possible"),
        (lambda o: OneCycle(o, 0), "steps=0 is not possible"),
        (lambda o: OneCycle(o, 3), "rise=0.3 of 3 steps leaves none to rise"),
        (lambda o: OneCycle(o, 30, 1.0), "rise=1.0 of 30 steps leaves none"),
        (lambda o: OneCycle(o, 30, start_div=0.5), "start_div=0.5 is not possible"),
        (lambda o: OneCycle(o, 30, end_div=0.0), "end_div=0.0 is not possible"),
        (lambda o: OneCycle(o, 30, momentum=(0.9,)), "is no pair"),
        (lambda o: OneCycle(o, 30, momentum=(0.9, 1.0)), "momentum=1.0 is not possible"),
        (
            lambda o: OneCycle(optim.Adagrad([tg.Parameter([1.0])]), 30, momentum=(0.8, 0.9)),
            "Adagrad has no momentum to cycle",
        ),
        (lambda o: Plateau(o, 1.0), "factor=1.0 is not possible"),
        (lambda o: Plateau(o, patience=-1), "patience=-1 is not possible"),
        (lambda o: Plateau(o, threshold=-1.0), "threshold=-1.0 is not possible"),
        (lambda o: Plateau(o, cooldown=-1), "cooldown=-1 is not possible"),
        (lambda o: Plateau(o, minimum=-1.0), "minimum=-1.0 is not possible"),
        (lambda o: Plateau(o, mode="up"), "mode='up' is not possible"),
        (lambda o: Plateau(o).step(), "needs a metric to look at"),
        (lambda o: Warmup(o, 3), "needs a schedule, not a SGD"),
        (lambda o: Warmup(Step(o, 1), 0), "steps=0 is not possible"),
        (lambda o: Warmup(Step(o, 1), 3, 1.1), "start_factor=1.1 is not possible"),
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
    with pytest.raises(CheckpointError, match="does not fit: it lacks"):
        schedule.load_state_dict(state)


def test_state_of_other_groups():
    state = Step(make_optimizer(0.1, 0.2), 1).state_dict()
    schedule = Step(make_optimizer(0.3), 1)
    with pytest.raises(CheckpointError, match="2 initial rates there, 1 parameter groups here"):
        schedule.load_state_dict(state)
    assert (schedule.count, schedule.optimizer.lr) == (0, 0.3)


def test_state_of_another_kind():
    schedule = Plateau(make_optimizer(0.3))
    with pytest.raises(CheckpointError, match="it lacks best, bad, cooling, reductions"):
        schedule.load_state_dict(Step(make_optimizer(0.1), 1).state_dict())
    assert (schedule.count, schedule.optimizer.lr) == (0, 0.3)


def test_state_of_other_groups_behind_a_warmup():
    state = Warmup(Step(make_optimizer(0.1, 0.2), 1), 3).state_dict()
    schedule = Warmup(Step(make_optimizer(0.3), 1), 3)
    schedule.step()
    with pytest.raises(CheckpointError, match="2 initial rates there, 1 parameter groups here"):
        schedule.load_state_dict(state)
    assert (schedule.count, schedule.schedule.count) == (1, 0)
    assert schedule.optimizer.lr == pytest.approx(0.15)


def test_a_schedule_without_a_formula():
    with pytest.raises(NotImplementedError, match="Schedule defines no rate"):
        Schedule(make_optimizer(0.1))
