"""All rows of the table, in order."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_lite.bench import conv, mlp, nets, ops, recurrent, scalars
from tinygrad_lite.bench.measure import Benchmark
from tinygrad_lite.errors import ArgumentError, nearest

SUITE: list[Benchmark] = [
    *ops.BENCHMARKS,
    *scalars.BENCHMARKS,
    *mlp.BENCHMARKS,
    *recurrent.BENCHMARKS,
    *conv.BENCHMARKS,
    *nets.BENCHMARKS,
]


def select(names: Iterable[str] = ()) -> list[Benchmark]:
    """Return the benchmarks of these names, or groups, in the table's order; all without any.

    Raises:
        ArgumentError: there is none of a name.
    """
    names = set(names)
    known = {name for b in SUITE for name in (b.key, b.group.name)}
    for name in sorted(names - known):
        raise ArgumentError(f"bench: no row is called {name!r}\n  known: {nearest(name, known)}")
    return [b for b in SUITE if not names or {b.key, b.group.name} & names]
