"""What stays in the scrollback: how a run begins, a row an epoch, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_lite.train.console.lines import (
    Line,
    broken,
    cropped,
    piece,
    shortened,
    width_of,
    wrapped,
)
from tinygrad_lite.train.console.panels import BAD, GOOD, ODD
from tinygrad_lite.train.console.run import Run
from tinygrad_lite.train.console.words import (
    Glyphs,
    ending,
    label_of,
    printable,
    write_count,
    write_metric,
    write_seconds,
)
from tinygrad_lite.train.events import EpochEnded, FitEnded, FitStarted

_SUMMARY = 30  # columns that a model's summary needs
_CELL = 10  # columns of a number in the epoch table, at least


def headline(event: FitStarted) -> str:
    """Say in a line what is about to be trained."""
    begun = f", {write_count(event.done, 'step')} of them done" if event.done else ""
    return (
        f"{event.model}: {write_count(event.parameters, 'parameter')}, "
        f"{write_count(event.samples, 'sample')}, {write_count(event.epochs, 'epoch')} of "
        f"{write_count(event.steps, 'step')}{begun}"
    )


def opening(event: FitStarted, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Return the model's summary and what is about to be done."""
    lines: list[Line] = []
    if event.summary is not None:
        table = event.summary.table(max(width - 1, _SUMMARY), max(8, height - 4)).splitlines()
        if not glyphs.unicode:
            table = [line.replace("×", "x").replace("…", glyphs.cut) for line in table]
        lines += [[piece(shortened(line, width - 1, glyphs), "dim")] for line in table]
        lines.append([])
    optimizer = f" with {event.optimizer}" if event.optimizer else ""
    texts = wrapped(headline(event) + optimizer, width - 1, 4, glyphs)
    lines += [[piece(text, "" if i else "bold")] for i, text in enumerate(texts)]
    if event.folder is not None:
        lines.append([piece(shortened(f"in {event.folder}", width - 1, glyphs), "dim")])
    return lines


def warning(text: str, width: int, glyphs: Glyphs) -> list[Line]:
    """Return a warning, in as many lines as it takes."""
    sign = f"{glyphs.warning} "
    texts = wrapped(text, width - 3, 8, glyphs)
    return [[piece(f"{'  ' if i else sign}{text}", ODD)] for i, text in enumerate(texts)]


class EpochTable:
    """A table that grows by a row an epoch; columns that there is no room for are left out."""

    def __init__(self) -> None:
        self._columns: list[tuple[str, int]] = []

    def rows(self, event: EpochEnded, width: int, glyphs: Glyphs) -> list[Line]:
        """Return the row of an epoch, below the heads if the columns are other ones than before."""
        columns = _fitting(list(event.metrics), width - 1)
        lines: list[Line] = []
        if columns != self._columns:
            self._columns = columns
            heads = "".join(f"{label_of(name):>{size}}" for name, size in columns)
            lines.append([piece(f"{'epoch':>5}{heads}", "bold")])
        cells = "".join(f"{_value(name, event):>{size}}" for name, size in columns)
        row = f"{event.epoch:>5}{cells}"
        if event.best:
            lines.append([piece(f"{row} {glyphs.star}", GOOD)])
        else:
            lines.append([piece(row)])
        return [cropped(line, width - 1) for line in lines]


def _value(name: str, event: EpochEnded) -> str:
    if name == "time":
        return f"{event.seconds:.2f}s" if event.seconds < 1 else write_seconds(event.seconds)
    if name == "lr":
        return f"{event.lr:.1e}"
    return write_metric(name, event.metrics[name])


def _fitting(names: Sequence[str], width: int) -> list[tuple[str, int]]:
    """Choose columns and their widths: validation matters most, then training, time, and rate."""
    val = [name for name in names if name.startswith("val_")]
    ranks = [*val[:2], *[n for n in names if n not in val][:1], *val[2:], *names, "time", "lr"]
    room = width - 7  # the epoch and the star
    chosen: dict[str, int] = {}
    for name in dict.fromkeys(ranks):
        size = (
            max(8, len(label_of(name))) + 2
            if name in ("time", "lr")
            else 2 + max(_CELL - 2, len(label_of(name)))
        )
        if size <= room:
            chosen[name] = size
            room -= size
    return [(name, chosen[name]) for name in [*names, "lr", "time"] if name in chosen]


def result(run: Run, event: FitEnded, width: int, glyphs: Glyphs) -> list[Line]:
    """Return how a run ended: the best epoch, the checkpoint, how to go on, what was confused."""
    flat, title = glyphs.box[4], ending(event)
    name = f"{shortened(run.started.model, width - 6 - len(title), glyphs)} "
    head: Line = [piece(f"{flat * 2} ", "dim"), piece(f"{name.lstrip()}{title}", "bold")]
    lines: list[Line] = [[], [*head, piece(" " + flat * (width - 2 - width_of(head)), "dim")]]
    lines += [[piece(f"  {text}")] for text in wrapped(event.reason, width - 3, 4, glyphs) if text]
    best = run.best
    if best is not None:
        lines += _best(best, run, width, glyphs)
    lines += [
        [piece(f"  {glyphs.warning} {shortened(str(complaint), width - 5, glyphs)}", ODD)]
        for complaint in run.health.complaints
    ]
    for label, text in (
        ("weights", event.weights),
        ("checkpoint", event.checkpoint),
        ("to go on", event.resume),
    ):
        if text is None:
            continue
        lead = f"  {label:<11}"
        if len(lead) + len(text) < width:
            lines.append([piece(lead, "dim"), piece(printable(text), "bold")])
            continue
        # a command is to be copied, so it stays whole
        parts = [printable(text)] if text is event.resume else broken(printable(text), width - 1)
        lines += [[piece(lead, "dim")], *([piece(part, "bold")] for part in parts)]
    last = best if best is not None else run.epochs[-1] if run.epochs else None
    for title, matrix in (last.matrices if last is not None else {}).items():
        lines += confusion(title.replace("_", " "), matrix, width, glyphs)
    return lines


def _best(best: EpochEnded, run: Run, width: int, glyphs: Glyphs) -> list[Line]:
    """Return the best epoch and its metrics, as many in a line as fit."""
    lines: list[Line] = [
        [
            piece(f"  {'best epoch':<11}", "dim"),
            piece(f"{best.epoch} {glyphs.star}", f"bold {GOOD}"),
            piece(f"  of {len(run.epochs)}", "dim"),
        ]
    ]
    names = sorted(best.metrics, key=lambda name: not name.startswith("val_"))
    for name in names:
        part = [
            piece(f"   {label_of(name)} ", "dim"),
            piece(write_metric(name, best.metrics[name]), GOOD),
        ]
        if width_of(lines[-1]) + width_of(part) >= width:
            lines.append([piece(" " * 10)])
        lines[-1] += part
    return [cropped(line, width - 1) for line in lines]


def confusion(
    title: str, matrix: Sequence[Sequence[float]], width: int, glyphs: Glyphs
) -> list[Line]:
    """Return a confusion matrix, a row for each true class, or in words if it is too wide."""
    counts = np.asarray(matrix, float)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not np.isfinite(counts).all():
        return []
    classes = len(counts)
    texts = [[f"{n:g}" if n else glyphs.dot for n in row] for row in counts.round(2).tolist()]
    size = 1 + max(len(str(classes)), *(len(text) for row in texts for text in row))
    wrong = counts - np.diag(counts.diagonal())
    if classes > 20 or 14 + size * classes >= width:
        worst = np.argsort(-wrong, axis=None)[:3]
        pairs = [divmod(int(i), classes) for i in worst if wrong.flat[i] > 0]
        said = ", ".join(f"{i} as {j} ({counts[i, j]:g})" for i, j in pairs) or "nothing"
        return [[piece(shortened(f"  {title}: most often {said}", width - 1, glyphs))]]
    heads = "".join(f"{i:>{size}}" for i in range(classes))
    lines: list[Line] = [
        [
            piece(
                shortened(
                    f"  {title}, true classes below one another, predicted ones side by side",
                    width - 1,
                    glyphs,
                ),
                "dim",
            )
        ]
    ]
    lines.append([piece(f"{'':>13}{heads}", "dim")])
    most = wrong.max()
    for i, row in enumerate(texts):
        line = [piece(f"{i:>13}", "dim")]
        for j, text in enumerate(row):
            style = GOOD if i == j else "dim"
            if i != j and wrong[i, j] > 0:
                style = BAD if wrong[i, j] > 0.5 * most else ODD
            line.append(piece(f"{text:>{size}}", style))
        lines.append(line)
    return lines
