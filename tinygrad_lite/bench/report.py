"""The speed table in the terminal, for the README, and as JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from tinygrad_lite.bench import machine
from tinygrad_lite.bench.measure import SECONDS, Benchmark, Group, Result, measure, quartiles
from tinygrad_lite.train.console import compilation_told

_QUICK = 0.3
_WIDE = 68
_SPREAD = 13


def run(
    benchmarks: Sequence[Benchmark],
    vs: str | None = None,
    quick: bool = False,
    markdown: bool = False,
    json_path: str | None = None,
) -> list[Result]:
    """Measure, and show each row when it is done.

    Args:
        benchmarks: the rows.
        vs: a rival to measure beside us, `torch`; those that come with the library always run.
        quick: a few rounds only.
        markdown: print a Markdown table at the end instead.
        json_path: also write everything into this file.

    Raises:
        ArgumentError: the rival is not installed.
        DisagreementError: a row does not compute the same on both sides.
    """
    machine.keep_freed_memory()
    console = Console(highlight=False)
    facts = machine.facts(vs == "torch")
    seconds = _QUICK if quick else SECONDS
    results: list[Result] = []
    if not markdown:
        console.print(headline(facts), style="dim")
    try:
        with compilation_told(Console(stderr=True)):
            for i, benchmark in enumerate(benchmarks):
                rival = benchmark.group.rival in (vs, "micrograd")
                with _told(f"measuring {benchmark.key}, {i + 1} of {len(benchmarks)}"):
                    results.append(measure(benchmark, rival, seconds))
                if not markdown:
                    group = benchmark.group
                    if i == 0 or benchmarks[i - 1].group != group:
                        console.print(*head(group, rival, console.width), sep="\n")
                    console.print(line(results[-1], console.width))
    finally:  # an interrupted run keeps what it has measured
        if results:
            if markdown:
                print(to_markdown(results, facts))  # noqa: T201
            else:
                console.print("", *remarks(results), sep="\n", markup=False)
            if json_path is not None:
                text = json.dumps(to_json(results, facts), indent=2, ensure_ascii=False)
                Path(json_path).write_text(text + "\n", encoding="utf-8")
    return results


@contextmanager
def _told(text: str) -> Iterator[None]:
    """Show what goes on while it does; still, as anything that moves would be measured too."""
    live = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
    if live:
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)  # noqa: T201
    try:
        yield
    finally:
        if live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201


def headline(facts: dict[str, str | int]) -> str:
    """Say in a sentence where the numbers come from."""
    versions = [f"{name} {value}" for name, value in list(facts.items())[3:]]
    threads = f"{facts['threads']} thread{'s' if facts['threads'] != 1 else ''}"
    return f"{facts['cpu']}, {threads}, {facts['system']}; {', '.join(versions)}"


def head(group: Group, rival: bool, width: int) -> tuple[Text, Text]:
    """Return what a group measures and the heads of its columns."""
    name, cell = _widths(width)
    heads = [f"{'ours':>{cell}}"]
    if rival:
        heads += [f"{group.rival:>{cell + 2}}", f"{'ratio':>6}"]
    if width >= _WIDE:
        heads.append(f"{'spread':>{_SPREAD}}")
    about = Text.assemble("\n", (group.name, "bold"), f": {group.about}")
    return about, Text(" " * name + "".join(heads), style="dim")


def line(result: Result, width: int) -> Text:
    """Return the row of a result."""
    name, cell = _widths(width)
    text = Text(f"{'  ' + result.benchmark.name:<{name}}")
    text.append(f"{write_time(statistics.median(result.ours)):>{cell}}")
    if result.theirs:
        text.append(f"{write_time(statistics.median(result.theirs)):>{cell + 2}}")
        text.append(f"{result.ratio:>6.2f}", style="bold")
    if width >= _WIDE:
        text.append(f"{write_spread(result):>{_SPREAD}}")
    text.append("!" if result.disturbed else " ", style="yellow")
    if result.theirs:
        text.append(f" {write_verdict(result)}", style="green" if result.passed else "red")
    return text


def _widths(width: int) -> tuple[int, int]:
    """Return how wide names and times are."""
    return (14, 10) if width >= _WIDE else (11, 8)


def write_time(seconds: float) -> str:
    """Write a duration with three digits and the unit that fits, µs at least."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit = next((unit for unit, size in units.items() if seconds >= size), "µs")
    value = seconds / units[unit]
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {unit}"


def write_spread(result: Result) -> str:
    """Write between what the middle half of the ratios lies, or of our times if we ran alone."""
    if result.theirs:
        low, high = quartiles(result.ratios)
        return f"{low:.2f}–{high:.2f}"
    low, high = quartiles(result.ours)
    middle = statistics.median(result.ours)
    return f"{100 * (low / middle - 1):+.0f} % {100 * (high / middle - 1):+.0f} %"


def write_verdict(result: Result) -> str:
    """Say whether the bar is met."""
    bar = f"{result.benchmark.bar:.2f}"
    return f"✓ within {bar}" if result.passed else f"✗ over {bar}"


def remarks(results: Sequence[Result]) -> list[str]:
    """Say how many bars are met, how to read the numbers, and which to mistrust."""
    compared = [result for result in results if result.theirs]
    said = []
    if compared:
        met = sum(result.passed for result in compared)
        said.append(f"{met} of {len(compared)} bars met.")
    said.append(
        "Times are medians; the ratio is our time over theirs, the median over all rounds; half of "
        "the rounds lie within the spread."
    )
    if len(compared) < len(results):
        said.append("`--vs torch` sets PyTorch beside the rows that show our side alone.")
    most = max(result.others for result in results)
    if any(result.disturbed for result in results):
        said.append(
            f"! Others used up to {most:.1f} cores during these rows. Threads then wait for each "
            "other, and the numbers mean little: measure again on an idle machine."
        )
    return said


def to_markdown(results: Sequence[Result], facts: dict[str, str | int]) -> str:
    """Return the table for a README."""
    lines = ["| | ours | theirs | ratio | spread | bar |", "| --- | --: | --: | --: | --: | --- |"]
    for group, rows in groupby(results, lambda result: result.benchmark.group):
        lines.append(f"| **{group.about}**, against {group.rival} | | | | | |")
        for r in rows:
            cells = [r.benchmark.name, write_time(statistics.median(r.ours)), "", "", "", ""]
            if r.theirs:
                cells[2] = write_time(statistics.median(r.theirs))
                cells[3] = f"{r.ratio:.2f}"
                cells[5] = write_verdict(r)
            cells[4] = write_spread(r) + " !" * r.disturbed
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"{headline(facts)}. {' '.join(remarks(results))}"])


def to_json(results: Sequence[Result], facts: dict[str, str | int]) -> dict[str, Any]:
    """Return everything that was measured; times are in seconds."""
    rows = []
    for r in results:
        row: dict[str, Any] = {
            "name": r.benchmark.key,
            "about": r.benchmark.group.about,
            "rival": r.benchmark.group.rival,
            "bar": r.benchmark.bar,
            "cores_used_by_others": r.others,
            "ours": statistics.median(r.ours),
            "rounds": {"ours": r.ours, "theirs": r.theirs},
        }
        if r.theirs:
            row |= {"theirs": statistics.median(r.theirs), "ratio": r.ratio}
            row |= {"spread": quartiles(r.ratios), "met": r.passed}
        rows.append(row)
    return {"machine": facts, "rows": rows}
