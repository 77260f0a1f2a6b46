"""The panels of the live display: progress, numbers, curves, layers, warnings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from rich.segment import Segment

from tinygrad_lite.raster import braille, raster
from tinygrad_lite.train.console.health import DEAD, Complaint
from tinygrad_lite.train.console.lines import (
    Line,
    boxed,
    cropped,
    padded,
    piece,
    shortened,
    width_of,
    wrapped,
)
from tinygrad_lite.train.console.memory import peak, resident
from tinygrad_lite.train.console.run import Pace, Run
from tinygrad_lite.train.console.words import (
    Glyphs,
    label_of,
    printable,
    write_bytes,
    write_metric,
    write_rate,
    write_seconds,
    write_short,
)
from tinygrad_lite.train.events import LayerState

TRAIN, VAL, GOOD, BAD, ODD = "cyan", "magenta", "green", "bold red", "yellow"
Points = Sequence[tuple[float, float]]


def progress(run: Run, pace: Pace, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Return the bars of the run and of its epoch; in one line if there is no room for two."""
    started = run.started
    epochs = f"epoch {run.epoch}/{started.epochs}"
    eta = "" if pace.run is None else f"eta {write_seconds(pace.run)}"
    whole = ("run", run.done, GOOD, epochs, eta)
    eta = "" if pace.epoch is None else f"eta {write_seconds(pace.epoch)}"
    part = (
        "epoch",
        run.step / (started.steps or 1),
        TRAIN,
        f"step {run.step}/{started.steps}",
        eta,
    )
    if run.compiling is not None:
        part = ("compile", part[1], ODD, f"{run.compiling}, once on this machine", "")
    elif run.validating is not None:
        step, steps = run.validating
        part = ("validate", step / (steps or 1), VAL, f"batch {step}/{steps}", "")
    rows = [whole, part] if height > 1 else [(epochs, *whole[1:])]
    label = max(len(row[0]) for row in rows) + 1
    # as wide as the longest words ever get, so that the bars do not jump
    longest = len(f"epoch {started.epochs}/{started.epochs}")
    longest = max(longest, len(f"step {started.steps}/{started.steps}"), 12) if height > 1 else 0
    lines = []
    for name, share, style, where, left in rows:
        where = shortened(where, max(longest, width // 3), glyphs) if height > 1 else ""
        tail = f" {share:>4.0%}  {where:<{longest}}  {left:<10}"
        size = width - label - len(tail)
        if size < 8:
            tail = f" {share:>4.0%} {left}"
            size = width - label - len(tail)
        drawn = bar(share, size, style, glyphs) if size >= 4 else []
        lines.append(cropped([piece(f"{name:<{label}}", "bold"), *drawn, piece(tail)], width))
    return lines


def bar(share: float, width: int, style: str, glyphs: Glyphs) -> Line:
    """Return a bar of which a share is done."""
    full, tip, rest = glyphs.bar
    halves = round(2 * width * min(1.0, max(0.0, share)))
    done = full * (halves // 2) + tip * (halves % 2)
    return [piece(done, style), piece(rest * (width - len(done)), "dim")]


def numbers(run: Run, pace: Pace, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Return what is known of the run, what matters most first, in at most `height` lines."""
    parts: list[Line] = []
    if run.loss is not None:
        parts.append([piece("loss "), piece(write_metric("loss", run.loss), f"bold {TRAIN}")])
    if run.epochs:
        metrics = run.epochs[-1].metrics
        validated = [name for name in metrics if name.startswith("val_")]
        style = f"bold {GOOD}" if run.epochs[-1] is run.best else f"bold {VAL}"
        for name in validated[:2]:
            parts.append(
                [piece(f"{label_of(name)} "), piece(write_metric(name, metrics[name]), style)]
            )
    if run.lr:
        parts.append([piece("lr "), piece(f"{run.lr:.1e}", "bold")])
    if pace.samples is not None:
        parts.append([piece(write_rate(pace.samples), "bold"), piece(" samples/s")])
    if pace.waiting is not None:
        style = ODD if pace.waiting > 0.2 else "bold"
        parts.append([piece("data "), piece(f"{pace.waiting:.0%}", style)])
    memory = resident()
    if memory is not None:
        most = peak()
        shown = "" if most is None else f" (peak {write_bytes(max(most, memory))})"
        parts.append([piece(write_bytes(memory), "bold"), piece(shown, "dim")])
    if run.saved is not None:
        ago = round(run.clock() - run.saved[1])
        when = f"{write_seconds(ago)} ago" if ago >= 10 else "just now"
        parts.append([piece(f"saved {when}", "dim")])
    between = piece(f" {glyphs.dot} ", "dim")
    lines: list[Line] = [[]]
    for part in parts:
        line = [*lines[-1], between, *part] if lines[-1] else part
        if width_of(line) <= width:
            lines[-1] = line
        elif len(lines) < height:
            lines.append(cropped(part, width))
    return lines


def warnings(complaints: list[Complaint], width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Return what is wrong with layers, in at most `height` lines."""
    if not complaints or height < 1:
        return []
    lines: list[Line] = []
    for i, complaint in enumerate(complaints):
        room = height - len(lines)
        others = len(complaints) - i
        if room == 1 and others > 1:
            text = f"{complaint.layer}: {complaint.problem}; {others - 1} more"
        else:
            text = str(complaint)
        texts = wrapped(text, width - 2, min(2, room), glyphs)
        lines += [
            [piece(f"{'  ' if j else glyphs.warning + ' '}{text}", BAD if not j else ODD)]
            for j, text in enumerate(texts)
        ]
        if len(lines) >= height:
            break
    return lines


def curves(
    name: str,
    train: Points,
    val: Points,
    best: tuple[float, float] | None,
    width: int,
    height: int,
    glyphs: Glyphs,
    colors: bool,
) -> list[Line]:
    """Return a panel with the course of a number over the epochs, on training and held-out data.

    Args:
        name: of the number.
        train: its course on the training data.
        val: the same on held-out data.
        best: the point of the best epoch.
        width: of the panel.
        height: of the panel, from 3 on.
        glyphs: what it consists of.
        colors: whether colours tell the curves apart; letters do without.
    """
    dotted = glyphs.unicode and colors
    drawn = [
        _Curve(np.array(points, float).reshape(-1, 2).T, *look)
        for points, *look in ((train, TRAIN, "train", "t"), (val, VAL, "val", "v"))
        if any(map(math.isfinite, (y for _, y in points)))
    ]
    title = [piece(shortened(name, width - 26, glyphs), "bold")]
    rows = height - 2
    if not drawn:
        body: list[Line] = [[] for _ in range(rows)]
        body[rows // 2] = [piece("  waiting for numbers", "dim")]
        return boxed(title, body, width, glyphs, None)
    low, high, logarithmic = _range(drawn)
    if logarithmic:
        title.append(piece(" log", "dim"))
        drawn = [replace(curve, points=_log(curve.points)) for curve in drawn]
        best = None if best is None or best[1] <= 0 else (best[0], math.log10(best[1]))
    for curve in drawn:
        sign = glyphs.bar[0] * 2 if dotted else curve.letter
        title += [piece("  "), piece(sign, curve.style), piece(f" {curve.label}", "dim")]
    marks = [10**y if logarithmic else y for y in (high, (high + low) / 2, low)]
    labels = [write_metric(name, mark) if mark else "0" for mark in marks]
    margin = max(map(len, labels))
    columns = max(2, width - 3 - margin)
    last = max(1.0, *(float(curve.points[0, -1]) for curve in drawn))
    draw = _in_dots if dotted else _in_letters
    characters, styles = draw(drawn, last, (low, high), rows, columns)
    if best is not None and math.isfinite(best[1]):
        row = round((high - best[1]) / (high - low) * (rows - 1))
        column = round(best[0] / last * (columns - 1))
        if 0 <= row < rows and 0 <= column < columns:
            characters[row, column], styles[row, column] = glyphs.star, f"bold {ODD}"
    places = {0: labels[0], rows - 1: labels[2]}
    if rows > 5 and rows % 2:
        places[rows // 2] = labels[1]
    body = [
        [
            piece(f"{places.get(i, ''):>{margin}} ", "dim"),
            *_pieces("".join(characters[i]), styles[i].tolist()),
        ]
        for i in range(rows)
    ]
    now = f"{last:.2f}" if last < 10 and last % 1 else f"{last:.0f}"
    return boxed(title, body, width, glyphs, ("0", "epochs", now))


@dataclass
class _Curve:
    """A curve, of points (2, M), and how it is told from others."""

    points: np.ndarray
    style: str
    label: str
    letter: str


def _range(curves: Sequence[_Curve]) -> tuple[float, float, bool]:
    """Return the least and the largest height, and whether these are logarithms."""
    values = np.concatenate([curve.points[1] for curve in curves])
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    logarithmic = low > 0 and high > 20 * low
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    return low, high, logarithmic


def _log(points: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([points[0], np.log10(points[1])])


def _in_dots(
    curves: Sequence[_Curve], last: float, up: tuple[float, float], rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return Braille characters and their styles; the later of two curves has the colour."""
    codes, styles = np.zeros((rows, columns), int), np.full((rows, columns), "", object)
    for curve in curves:
        x, y = curve.points
        own = braille(raster(x, y, (0.0, last), up, 4 * rows, 2 * columns))
        codes |= own  # where curves cross, both have their dots
        styles[own > 0] = curve.style
    characters = np.where(codes, codes + 0x2800, ord(" ")).astype(np.uint32)
    return characters.view("<U1"), styles


def _in_letters(
    curves: Sequence[_Curve], last: float, up: tuple[float, float], rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return letters and their styles; the later of two curves covers the other."""
    characters, styles = np.full((rows, columns), " "), np.full((rows, columns), "", object)
    for curve in curves:
        x, y = curve.points
        at = raster(x, y, (0.0, last), up, rows, columns)
        characters[at], styles[at] = curve.letter, curve.style
    return characters, styles


def _pieces(text: str, styles: Sequence[str]) -> Iterator[Segment]:
    """Yield the pieces of a line of which each character has a style."""
    start = 0
    for style, cells in groupby(styles):
        end = start + sum(1 for _ in cells)
        yield piece(text[start:end], style)
        start = end


def layers(run: Run, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    """Return a panel with a line for each layer, or for as many as there is room for.

    Columns are left out, least important first, where it is narrow.
    """
    states = run.layers.layers if run.layers is not None else ()
    title = [piece("layers", "bold")]
    rows = height - 2
    if not states:
        return boxed(title, [[] for _ in range(rows)], width, glyphs, None)
    sick = {complaint.layer for complaint in run.health.complaints}
    names = [state.path or state.kind for state in states]
    shown = _spread(len(states), rows - 1, [i for i, name in enumerate(names) if name in sick])
    if len(shown) < len(states):
        title.append(piece(f"  {len(shown)} of {len(states)}", "dim"))
    room = width - 3
    heads = {"gradient": 7, "update": 6, "dead": 4, "trend": 6, "weight": 8}
    if all(state.dead is None for state in states):
        del heads["dead"]
    longest = min(24, max(len(printable(name)) for name in names))
    while len(heads) > 1 and sum(heads.values()) + len(heads) + min(longest, 16) > room:
        heads.popitem()
    first = max(1, min(longest, room - sum(heads.values()) - len(heads)))
    spare = room - first - sum(heads.values()) - len(heads)
    if spare >= 4:
        heads["gradient"] += 4
        heads["trend"] = heads.get("trend", 0) + min(spare - 4, 22)
    order = [name for name in ("gradient", "weight", "update", "dead", "trend") if name in heads]
    signs = {"gradient": "|gradient|" if spare >= 4 else "|grad|", "weight": "|weight|"}
    body = [[piece(" " * (first + 1))]]
    for name in order:
        side = "<" if name == "trend" else ">"
        body[0].append(piece(f" {signs.get(name, name):{side}{heads[name]}}", "dim"))
    for i in shown:
        state = states[i]
        style = BAD if names[i] in sick else ""
        path = shortened(names[i], first, glyphs, end=True)
        line = padded([piece(f" {path}", style)], first + 1)
        for column in order:
            text, style = _cell(column, state, run, heads[column], glyphs)
            line.append(piece(f" {text:>{heads[column]}}", style))
        body.append(line)
    body += [[] for _ in range(rows - len(body))]
    return boxed(title, body, width, glyphs, None)


def _cell(column: str, state: LayerState, run: Run, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """Return the text and the style of a number of a layer."""
    if column == "gradient":
        return write_short(state.gradient), "" if math.isfinite(state.gradient) else BAD
    if column == "weight":
        return write_short(state.weight), "dim"
    if column == "update":
        usual = 1e-4 <= state.update <= 1e-2
        return f"{state.update:.0e}", GOOD if usual else ODD
    if column == "dead":
        if state.dead is None:
            return "", ""
        return f"{state.dead:.0%}", BAD if state.dead > DEAD else "" if state.dead < 0.2 else ODD
    return f"{sparkline(run.gradients[state.path].points, width, glyphs):<{width}}", TRAIN


def sparkline(points: Points, width: int, glyphs: Glyphs) -> str:
    """Draw the course of positive numbers in one line, on a logarithmic scale of its own."""
    values = np.array([y for _, y in points], float)
    values = np.log10(values[np.isfinite(values) & (values > 0)])
    if not values.size:
        return ""
    values = values[np.linspace(0, values.size - 1, min(width, values.size)).round().astype(int)]
    low, high = values.min(), values.max()
    if high - low < 0.5:  # less than a factor of three is no trend
        low, high = (low + high) / 2 - 0.25, (low + high) / 2 + 0.25
    steps = len(glyphs.heights) - 1
    return "".join(glyphs.heights[int(h)] for h in ((values - low) / (high - low) * steps).round())


def _spread(count: int, room: int, wanted: Sequence[int]) -> list[int]:
    """Choose `room` of `count` places: the wanted ones, the first, the last, and some between."""
    if count <= room:
        return list(range(count))
    even = np.linspace(0, count - 1, max(1, room)).round().astype(int).tolist()
    chosen = list(wanted[:room])
    for place in [*even[:1], *even[-1:], *even[1:-1]]:
        if len(chosen) < room and place not in chosen:
            chosen.append(place)
    return sorted(chosen)
