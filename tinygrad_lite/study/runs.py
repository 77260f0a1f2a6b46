"""Past runs in the terminal, read from their logs: a list, the curves of one, two side by side."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from tinygrad_lite.errors import ArgumentError, DataError, nearest
from tinygrad_lite.study.plots import show_curves
from tinygrad_lite.train.console.words import write_metric
from tinygrad_lite.train.events import EpochEnded
from tinygrad_lite.train.logs.reader import NAME, Run, read

_ROWS = 20  # of the epoch table, about
_STEPS = 1000  # that are drawn
_PIPE = 500  # columns of what is no terminal: whoever reads it wants all of a line
_GAP = 2
_COLORS = {
    "finished": "green",
    "running": "cyan",
    "stopped": "yellow",
    "interrupted": "yellow",
    "failed": "red",
    "killed": "red",
    "broken": "red",
}


@dataclass(frozen=True)
class Column:
    """One of a table.

    Attributes:
        head: its title.
        cells: a text for each row.
        rank: the higher, the sooner it is left out where there is no room.
        right: whether its cells are numbers.
        styles: of the cells, if they have any.
    """

    head: str
    cells: Sequence[str]
    rank: int
    right: bool = False
    styles: Sequence[str] = ()

    @property
    def width(self) -> int:
        """Of the widest cell."""
        return max(map(len, (self.head, *self.cells)))


def list_runs(folder: Path, console: Console | None = None) -> None:
    """Print the runs below a folder, the latest last, and what is wrong with broken logs."""
    console = console or make_console()
    found, broken = find_runs(folder)
    if not found and not broken:
        console.print(
            f"There are no runs in {folder} yet. Those of `tinygrad-lite run` are kept in ./runs, "
            f'and that of tg.Trainer(..., folder="{folder / "my-run"}") would be here.',
            markup=False,
        )
        return
    names, runs = [*found, *broken], [*found.values()]
    states = [run.state for run in runs] + ["broken"] * len(broken)
    blank = [""] * len(broken)

    def cells(write: Callable[[Run], str]) -> list[str]:
        return [write(run) for run in runs] + blank

    columns = [
        Column("run", names, 0),
        Column("state", states, 1, styles=[_COLORS[state] for state in states]),
        Column("epochs", cells(lambda r: f"{len(r.epochs)}/{r.started.epochs}"), 3, right=True),
        Column("best", cells(_best), 2),
        Column("model", cells(lambda r: r.started.model), 5),
        Column("began", cells(lambda r: _date(r.begun)), 4),
        Column("took", cells(lambda r: _duration(r.seconds)), 6, right=True),
    ]
    console.print(_table(columns, console.width))
    for name, problem in broken.items():
        console.print(Text(f"{name}: {problem}"))


def show_run(run: Run, name: str, console: Console | None = None, all: bool = False) -> None:
    """Print the epochs of a run, its curves, and how it went.

    Args:
        run: what the log tells.
        name: what to call it.
        console: where to print.
        all: whether to print every epoch, where they are many.
    """
    console = console or make_console()
    if run.epochs:
        console.print(_epoch_table(run, console.width, all))
    for plot in _plots(run):
        console.print()
        console.print(plot)
    began = run.started
    console.print()
    console.print(
        Text(
            f"{name}: {began.model}, {began.parameters:,} parameters, {began.samples:,} samples, "
            f"{began.optimizer or 'unknown optimiser'}"
        )
    )
    console.print(Text(_ending(run)))


def compare_runs(runs: dict[str, Run], console: Console | None = None) -> None:
    """Print what differs between two runs, how well they did, and their curves in one plot."""
    console = console or make_console()
    first, second = runs.values()
    settings = [
        (what, write(first), write(second))
        for what, write in _SETTINGS.items()
        if write(first) != write(second)
    ]
    if settings:
        console.print("[bold]settings that differ")
        console.print(_beside(settings, runs, console.width))
    else:
        console.print("No setting that is logged differs.")
    console.print("\n[bold]how they went")
    outcomes = [(what, write(first), write(second)) for what, write in _OUTCOMES.items()]
    outcomes += [
        (f"best {metric}", _extreme(first, metric), _extreme(second, metric))
        for metric in _shared(first, second)
    ]
    console.print(_beside(outcomes, runs, console.width))
    epochs = np.arange(
        1, 1 + max((e.epoch for run in runs.values() for e in run.epochs), default=0)
    )
    metric = _monitored(first, second)
    curves = {name: _course(run, metric, epochs) for name, run in runs.items()}
    if len(epochs) > 1 and any(np.isfinite(curve).any() for curve in curves.values()):
        console.print(f"\n[bold]{metric}")
        console.print(show_curves(curves, epochs, x_label="epoch"))


def find_runs(folder: Path) -> tuple[dict[str, Run], dict[str, str]]:
    """Return the runs below a folder by name, the latest last, and the problems of broken logs."""
    found: dict[str, Run] = {}
    broken: dict[str, str] = {}
    for path in sorted(folder.rglob(NAME)):
        name = path.parent.relative_to(folder).as_posix()
        name = folder.absolute().name if name == "." else name
        try:
            found[name] = read(path, steps=False)
        except (DataError, OSError) as error:
            broken[name] = str(error).partition("\n")[0].removeprefix("read: ")
    return dict(sorted(found.items(), key=lambda item: item[1].begun)), broken


def open_run(name: str, folder: Path) -> Run:
    """Read a run: the name of one below `folder`, or the path of a log or of its folder.

    Raises:
        ArgumentError: there is none.
        DataError: its log is damaged.
    """
    for path in (folder / name / NAME, Path(name) / NAME, Path(name)):
        if path.is_file():
            return read(path)
    known = [path.parent.relative_to(folder).as_posix() for path in folder.rglob(NAME)]
    raise ArgumentError(
        f"there is no run {name!r} in {folder}. Known, nearest first: {nearest(name, known):.200}"
    )


def make_console() -> Console:
    """Return where to print: as wide as the terminal, or so wide that a pipe gets whole lines."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _PIPE
    return console


def _table(columns: list[Column], width: int) -> Table:
    """Lay out the columns that there is room for."""
    kept: list[int] = []
    for i in sorted(range(len(columns)), key=lambda i: columns[i].rank):
        if not kept or sum(columns[k].width + _GAP for k in (i, *kept)) - _GAP <= width:
            kept.append(i)
    shown = [columns[i] for i in sorted(kept)]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(
            Text(column.head),
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in range(len(columns[0].cells)):
        table.add_row(*(Text(c.cells[row], c.styles[row] if c.styles else "") for c in shown))
    return table


def _beside(rows: Sequence[Sequence[str]], runs: dict[str, Run], width: int) -> Table:
    """Lay out two runs side by side, as narrow as is asked for."""
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for head in ("", *runs):
        table.add_column(Text(head), overflow="fold", max_width=max(8, (width - 2 * _GAP) // 3))
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _epoch_table(run: Run, width: int, all: bool) -> RenderableType:
    epochs, total = run.epochs, len(run.epochs)
    if total > _ROWS and not all:
        every = -(-total // _ROWS)
        kept = (epochs[0], epochs[-1], run.best)
        epochs = [e for e in epochs if e.epoch % every == 0 or e in kept]
    names = dict.fromkeys(name for e in epochs for name in e.metrics)
    marks = ["best" if e is run.best else "" for e in epochs]

    def metric(name: str) -> list[str]:
        return [write_metric(name, e.metrics[name]) if name in e.metrics else "" for e in epochs]

    columns = [
        Column("epoch", [str(e.epoch) for e in epochs], 0, right=True),
        *(
            Column(name, metric(name), (10 if name.startswith("val_") else 30) + i, right=True)
            for i, name in enumerate(names)
        ),
        Column("lr", [f"{e.lr:.2e}" for e in epochs], 60, right=True),
        Column("time", [_duration(e.seconds) for e in epochs], 50, right=True),
        Column("", marks, 1, styles=["green"] * len(marks)),
    ]
    table = _table(columns, width)
    if len(epochs) < total:
        table.caption = f"{len(epochs)} of {total} epochs; --all shows the others"
        table.caption_justify = "left"
    return table


def _plots(run: Run) -> Iterator[RenderableType]:
    """Yield a plot of the loss and of each metric; of a single epoch, of the loss of its steps."""
    if len(run.epochs) > 1:
        x = np.array([epoch.epoch for epoch in run.epochs])
        names = dict.fromkeys(name.removeprefix("val_") for e in run.epochs for name in e.metrics)
        for name in names:
            curves = {key: _course(run, key, x) for key in (name, f"val_{name}")}
            drawn = {key: curve for key, curve in curves.items() if np.isfinite(curve).any()}
            if drawn:
                yield show_curves(drawn, x, x_label="epoch")
        return
    loss = run.steps["loss"]
    x = np.arange(1, 1 + loss.size)
    every = slice(None, None, 1 + loss.size // _STEPS)
    if np.isfinite(loss[every]).sum() > 1:
        yield show_curves({"loss": loss[every]}, x[every], x_label="step")


def _course(run: Run, metric: str, epochs: np.ndarray) -> np.ndarray:
    """Return a metric at given epochs, NaN where it is not known."""
    values = {epoch.epoch: epoch.metrics.get(metric, np.nan) for epoch in run.epochs}
    return np.array([values.get(int(epoch), np.nan) for epoch in epochs])


def _best(run: Run) -> str:
    """Say how good the best epoch is; the last one, without validation."""
    if not run.epochs:
        return ""
    epoch = run.best or run.epochs[-1]
    name = _headline(run, epoch)
    return f"{name} {write_metric(name, epoch.metrics[name])} @ {epoch.epoch}" if name else ""


def _headline(run: Run, epoch: EpochEnded) -> str:
    """Return the metric that says most of an epoch: an accuracy, if there is one."""
    wanted = [f"val_{name}" for name in run.started.higher_is_better]
    return next((n for n in (*wanted, run.started.monitor, "loss") if n in epoch.metrics), "")


def _shared(first: Run, second: Run) -> list[str]:
    names = [dict.fromkeys(n for e in run.epochs for n in e.metrics) for run in (first, second)]
    return [name for name in names[0] if name in names[1]]


def _monitored(first: Run, second: Run) -> str:
    wanted = (first.started.monitor, second.started.monitor, "loss")
    return next((name for name in wanted if name in _shared(first, second)), "")


def _extreme(run: Run, metric: str) -> str:
    """Write the best value that a metric had, and when."""
    better = max if metric.removeprefix("val_") in run.started.higher_is_better else min
    seen = {e.epoch: e.metrics[metric] for e in run.epochs if metric in e.metrics}
    known = {epoch: value for epoch, value in seen.items() if np.isfinite(value)}
    if not known:
        return "-"
    epoch = better(known, key=known.__getitem__)
    return f"{write_metric(metric, known[epoch])} @ {epoch}"


def _first(run: Run, column: str) -> float:
    values = run.steps[column]
    return float(values[0]) if values.size else float("nan")


_SETTINGS: dict[str, Callable[[Run], str]] = {
    "model": lambda run: run.started.model,
    "parameters": lambda run: f"{run.started.parameters:,}",
    "optimiser": lambda run: run.started.optimizer or "-",
    "first learning rate": lambda run: f"{_first(run, 'lr'):.3g}",
    "batch size": lambda run: f"{_first(run, 'samples'):.0f}",
    "samples": lambda run: f"{run.started.samples:,}",
    "epochs planned": lambda run: str(run.started.epochs),
    "monitored": lambda run: run.started.monitor,
}

_OUTCOMES: dict[str, Callable[[Run], str]] = {
    "state": lambda run: run.state,
    "epochs done": lambda run: str(len(run.epochs)),
    "an epoch's training": lambda run: (
        _duration(median(e.seconds for e in run.epochs)) if run.epochs else "-"
    ),
    "took": lambda run: _duration(run.seconds),
}


def _ending(run: Run) -> str:
    """Say in a sentence how the run ended, or that it did not."""
    best = _best(run)
    told = f"{run.state} after {len(run.epochs)} of {run.started.epochs} epochs"
    why = f" ({run.ended.reason})" if run.ended is not None and run.ended.reason else ""
    resume = f"; resume with: {run.ended.resume}" if run.ended and run.ended.resume else ""
    return (
        f"{told}{why}, began {_date(run.begun)}, took {_duration(run.seconds)}"
        f"{f'; best: {best}' if best else ''}{resume}"
    )


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _duration(seconds: float) -> str:
    """Write a duration in a few characters."""
    if seconds < 1:
        return f"{1e3 * seconds:.0f}ms"
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"
