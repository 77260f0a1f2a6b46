"""The harness: its arithmetic on a clock of our own, and what it refuses to compare."""

import gc
import sys
from functools import partial

import numpy as np
import pytest

from tinygrad_lite.bench import machine, rivals
from tinygrad_lite.bench.measure import (
    Benchmark,
    DisagreementError,
    Group,
    Result,
    Side,
    measure,
    quartiles,
)
from tinygrad_lite.bench.suite import SUITE, select
from tinygrad_lite.errors import ArgumentError


class Clock:
    """A time that passes only where a step says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def side(self, *durations, result=1.0):
        """A side whose steps take these durations in turn."""
        steps = 0

        def step():
            nonlocal steps
            self.now += durations[steps % len(durations)]
            steps += 1

        return Side(step, lambda: [np.float64(result)])


measure = partial(measure, rest=0.0)


def benchmark(ours, theirs, per=1, bar=0.5):
    return Benchmark(Group("g", "about", "rival", per), "b", bar, lambda: ours, lambda: theirs)


def test_times_are_of_one_thing_and_the_ratio_is_ours_over_theirs():
    clock = Clock()
    row = benchmark(clock.side(0.002), clock.side(0.008), per=4)
    result = measure(row, seconds=1.0, clock=clock)
    np.testing.assert_allclose(result.ours, 0.0005)
    np.testing.assert_allclose(result.theirs, 0.002)
    assert result.ratio == pytest.approx(0.25)
    assert result.passed
    assert len(result.ours) == len(result.theirs) > 5


def test_a_sample_averages_over_steps_until_it_is_long_enough():
    clock = Clock()
    row = benchmark(clock.side(0.001, 0.003), clock.side(0.002))
    result = measure(row, seconds=0.5, clock=clock)
    np.testing.assert_allclose(result.ours, 0.002)  # 8 steps, of both durations


def test_slow_steps_still_get_their_rounds():
    clock = Clock()
    result = measure(benchmark(clock.side(3.0), clock.side(5.0)), seconds=0.1, clock=clock)
    assert result.ours == [3.0] * 5
    assert result.theirs == [5.0] * 5


def test_the_sides_take_turns_in_going_first():
    log = []
    clock = Clock()

    def step(name):
        log.append(name)
        clock.now += 1.0

    sides = (Side(lambda name=name: step(name), lambda: [np.float64(1)]) for name in "ab")
    measure(benchmark(*sides), seconds=0.0, clock=clock)
    rounds = "".join(log[4:])  # after a step for the agreement and one to find the sample's size
    assert rounds == "aabb" + "bbaa" + "aabb" + "bbaa" + "aabb"  # each led in by one step


def test_without_a_rival_only_we_are_timed():
    clock = Clock()
    result = measure(benchmark(clock.side(0.02), None), rival=False, seconds=0.1, clock=clock)
    assert result.theirs == []
    np.testing.assert_allclose(result.ours, 0.02)


def test_the_collector_is_off_while_the_clock_runs_and_on_again_after():
    clock, seen = Clock(), []

    def step():
        seen.append(gc.isenabled())
        clock.now += 1.0

    measure(benchmark(Side(step, list), None), rival=False, seconds=0.0, clock=clock)
    # the first step, the sample that is tried, and then pairs of lead-in and sample
    assert seen == [True, False] + [True, False] * 5
    assert gc.isenabled()


def test_median_and_quartiles_of_rounds():
    result = Result(benchmark(None, None), [1.0, 2.0, 9.0, 4.0, 5.0], [1.0, 1.0, 3.0, 1.0, 1.0])
    assert result.ratio == 3.0
    assert quartiles(result.ratios) == (2.0, 4.0)
    assert not result.passed


@pytest.mark.parametrize("theirs", [1.0 + 1e-8, float("nan"), np.float32(1.0), np.ones(1)], ids=str)
def test_sides_that_disagree_are_not_timed(theirs):
    clock = Clock()
    other = Side(clock.side(1.0).step, lambda: [theirs])
    with pytest.raises(DisagreementError) as caught:
        measure(benchmark(clock.side(1.0), other), clock=clock)
    for part in ("g/b does not compute the same", "ours float64 ()", "rival float", "fix:"):
        assert part in str(caught.value)


def test_float32_agrees_less_exactly():
    clock = Clock()
    sides = [
        Side(clock.side(1.0).step, lambda value=value: [np.array([value, 1], "float32")])
        for value in (1e-5, 2e-5)
    ]
    assert measure(benchmark(*sides), seconds=0.0, clock=clock).ratio == 1.0


def test_rows_are_selected_by_name_and_by_group():
    assert select() == SUITE
    assert [row.key for row in select(["scalar", "op/add"])] == ["op/add", "scalar/moons"]
    keys = [row.key for row in SUITE]
    assert len(set(keys)) == len(keys)
    with pytest.raises(ArgumentError, match=r"no row is called 'mpl'\n  known: mlp"):
        select(["mpl"])


def test_a_missing_rival_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ArgumentError, match="PyTorch is not installed") as caught:
        rivals.torch()
    assert "pip install torch" in str(caught.value)


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert rivals.threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "100000")
    cores = rivals.threads()
    assert 1 <= cores < 100000
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert rivals.threads() == 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "0")
    assert rivals.threads() == cores


def test_the_work_of_others_is_told_from_ours(monkeypatch):
    times = {"busy": 10.0, "own": 3.0, "now": 100.0}
    monkeypatch.setattr(machine, "_busy", lambda: times["busy"])
    monkeypatch.setattr(machine.time, "process_time", lambda: times["own"])
    monkeypatch.setattr(machine.time, "perf_counter", lambda: times["now"])
    others = machine.watch_others()
    times.update(busy=16.0, own=7.0, now=104.0)
    assert others() == 0.5


def test_the_machine_counts_its_work():
    assert machine._busy() >= 0.0
    assert machine.facts(torch=False)["cpu"]


@pytest.mark.parametrize("row", [r for r in SUITE if r.group.rival == "torch"], ids=lambda r: r.key)
def test_both_sides_compute_the_same_with_torch(row):
    pytest.importorskip("torch")
    clock = iter(range(1000)).__next__
    assert measure(row, seconds=0.0, clock=clock).theirs


@pytest.mark.parametrize("key", ["op/mixed", "no-grad/tanh", "mlp/batch-1"])
def test_our_side_runs_alone(key):
    (row,) = select([key])
    assert all(np.isfinite(measure(row, rival=False, seconds=0.0).ours))
