"""How a row is measured. Nothing here draws.

Both sides run in one process, in rounds of one sample each, and every other round in the opposite
order. A sample is as many steps as last 10 ms, with the garbage collector off, unless a group says
that it belongs to what is measured. Before it comes
a rest of 0.12 s, as the threads of NumPy's OpenBLAS go on spinning for 0.1 s after a product (CPU
time counted while asleep), and would take a core from the other side; then untimed steps, for
30 ms, which wake a side's own threads and fill the caches. A round gives one ratio, ours to
theirs. The table shows the median of these with their quartiles, and of each side's own times the
median; so the ratio may differ a little from the quotient of the two medians. It is the sounder
number, as what else happens on the machine meets both samples of a round alike: in one disturbed
trial the quotient was 0.75, the quartiles 0.88 and 0.98.

What was tried for the training step of an MLP (two threads a side on two cores, PyTorch 2.13), ours
over theirs at batch 1 and 512:

- blocks of 0.2 s, which is how libraries are used: 1.52 and 1.06;
- samples of 10 ms with this rest: 1.44 and 1.07, quartiles at batch 512 1.05 and 1.08;
- less, 30 to 90 ms: at batch 512 PyTorch took 9 ms after our turn, 4 after its own: 0.53;
- a process for each side, samples of 2 ms: quartiles up to ten times as wide (1.40 to 2.14).

So both share a process, with a rest.

Threads that wait for each other make any such number meaningless on a busy machine: with one more
process at work, PyTorch's step at batch 1 went from 0.37 to 8 ms, and ours at batch 512 from 4 to
68. So each result says how much others worked meanwhile, and the table marks those that were
disturbed.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lite.bench.machine import watch_others
from tinygrad_lite.errors import TinygradLiteError

SECONDS = 5.0  # for a row
_ROUNDS = 5  # at least, however long they take
_REST = 0.12
_LEAD = 0.03
_SAMPLE = 0.01
_DISTURBED = 0.1  # cores used by others
_TOLERANCE = {"float32": 1e-3, "float64": 1e-9}  # of the largest entry

Clock = Callable[[], float]


class DisagreementError(TinygradLiteError, AssertionError):
    """The two sides of a benchmark do not compute the same."""


class Side(NamedTuple):
    """One library's part in a benchmark.

    Attributes:
        step: what is timed.
        result: returns what the last step computed, to be compared with the other side's.
    """

    step: Callable[[], Any]
    result: Callable[[], list[Any]]


@dataclass(frozen=True)
class Group:
    """Benchmarks that measure the same kind of thing.

    Attributes:
        name: what the command line calls it.
        about: what its rows measure, in words.
        rival: who runs on the other side.
        per: how often a step does what is measured; times are divided by it.
        garbage: let the collector run, as users do, since the sides leave it unequal work.
    """

    name: str
    about: str
    rival: str = "torch"
    per: int = 1
    garbage: bool = False


@dataclass(frozen=True)
class Benchmark:
    """A row of the table.

    Attributes:
        group: what it measures.
        name: what sets it apart within its group.
        bar: the most that our time may be, as a share of the rival's.
        ours: builds our side.
        theirs: builds the rival's, from the same numbers.
    """

    group: Group
    name: str
    bar: float
    ours: Callable[[], Side]
    theirs: Callable[[], Side]

    @property
    def key(self) -> str:
        """What the command line calls it."""
        return f"{self.group.name}/{self.name}"


@dataclass(frozen=True)
class Result:
    """What was measured: the seconds that one thing took, in each round.

    Attributes:
        benchmark: the row.
        ours: our times.
        theirs: the rival's times in the same rounds; empty if it did not run.
        others: how many cores other processes used meanwhile, on average.
    """

    benchmark: Benchmark
    ours: list[float]
    theirs: list[float]
    others: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """Our time over the rival's, in each round."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def passed(self) -> bool:
        """Whether the bar is met."""
        return self.ratio <= self.benchmark.bar

    @property
    def disturbed(self) -> bool:
        """Whether others worked so much that threads had to wait for each other."""
        return self.others >= _DISTURBED


def quartiles(values: list[float]) -> tuple[float, float]:
    """Return the values below which a quarter and three quarters of all lie."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def measure(
    benchmark: Benchmark,
    rival: bool = True,
    seconds: float = SECONDS,
    clock: Clock = time.perf_counter,
    rest: float = _REST,
) -> Result:
    """Time a benchmark.

    Args:
        benchmark: what to time.
        rival: also run the other side.
        seconds: how long to go on; a few rounds are run in any case.
        clock: tells the time in seconds.
        rest: the pause before a side's turn.

    Raises:
        DisagreementError: the sides do not compute the same.
        ArgumentError: the rival is not installed.
    """
    sides = [benchmark.ours(), benchmark.theirs()] if rival else [benchmark.ours()]
    for side in sides:
        side.step()
    if rival:
        _check_agreement(benchmark, *sides)
    garbage = benchmark.group.garbage
    counts = [_steps_of_a_sample(side.step, clock, garbage) for side in sides]
    times: list[list[float]] = [[], []]
    order = list(range(len(sides)))
    others = watch_others()
    end = clock() + seconds
    while len(times[0]) < _ROUNDS or clock() < end:
        for i in order:
            time.sleep(rest)
            _lead_in(sides[i].step, clock)
            spent = _sample(sides[i].step, counts[i], clock, garbage)
            times[i].append(spent / counts[i] / benchmark.group.per)
        order.reverse()
    return Result(benchmark, times[0], times[1], others())


def _sample(step: Callable[[], Any], count: int, clock: Clock, garbage: bool) -> float:
    """Return how long `count` steps take, with or without the collection of garbage."""
    enabled = gc.isenabled()
    # what the lead-in, or the other side, left behind; all generations take longer than a sample
    gc.collect(2 if garbage else 1)
    if not garbage:
        gc.disable()
    try:
        start = clock()
        for _ in range(count):
            step()
        return clock() - start
    finally:
        if enabled:
            gc.enable()


def _steps_of_a_sample(step: Callable[[], Any], clock: Clock, garbage: bool) -> int:
    """Return how many steps make a sample; trying it out warms everything up."""
    count = 1
    while _sample(step, count, clock, garbage) < _SAMPLE:
        count *= 2
    return count


def _lead_in(step: Callable[[], Any], clock: Clock) -> None:
    end = clock() + _LEAD
    while clock() < end:
        step()


def _check_agreement(benchmark: Benchmark, ours: Side, theirs: Side) -> None:
    """Make sure that there is something to compare: equal work has equal results."""
    pairs = zip(ours.result(), theirs.result(), strict=True)
    for i, (a, b) in enumerate((np.asarray(a), np.asarray(b)) for a, b in pairs):
        least = _TOLERANCE[b.dtype.name] * np.abs(b).max()
        if a.shape != b.shape or a.dtype != b.dtype or not np.abs(a - b).max() <= least:
            raise DisagreementError(
                f"bench: {benchmark.key} does not compute the same on both sides\n"
                f"  got: result {i}: ours {_describe(a)}, {benchmark.group.rival} {_describe(b)}\n"
                "  fix: build both sides from the same numbers, or mend the one that is wrong"
            )


def _describe(value: np.ndarray) -> str:
    return f"{value.dtype} {value.shape} of mean {value.mean():.6g}"
