"""Plots in the terminal: curves, and surfaces seen from above, with their axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.style import Style
from rich.text import Text

from tinygrad_lite.errors import DataError, ShapeError, message
from tinygrad_lite.raster import braille, raster
from tinygrad_lite.study.pictures import INK, has_colors
from tinygrad_lite.tensor import ArrayLike, asarray

_WIDEST = 100
_COLORS = ("#ff6040", "#4098ff", "#40c878", "#ffc840", "#d070ff", "#60d8d8")
_LETTERS = "abcdef"  # what the curves consist of where there are no colours
_LOW_TO_HIGH = np.array(
    [[20, 20, 60], [40, 70, 150], [40, 150, 140], [230, 200, 60], [255, 90, 60]]
)


def show_curves(
    curves: Mapping[str, ArrayLike],
    x: ArrayLike | None = None,
    log: bool = False,
    height: int = 14,
    x_label: str = "",
) -> RenderableType:
    """Return curves over one axis, for `draw` or any rich console to print.

    They are as wide as the console, 100 columns at most. In colours the lines are of dots; without,
    as for `show_images`, each is of a letter of its own and no escape code is written. Values that
    are not finite, or on a logarithmic axis not positive, leave a gap.

    Shapes: each curve (M,), M from 2 on; x (M,), rising.

    Args:
        curves: up to six, by name.
        x: where the values lie; 1, 2, 3 … by default.
        log: whether the vertical axis is logarithmic.
        height: lines of the drawing.
        x_label: what stands below the horizontal axis.

    Raises:
        ShapeError: the curves are not equally long, or not one to six.
        DataError: there is nothing to draw.
    """
    values = {name: _numbers(curve) for name, curve in curves.items()}
    shapes = {value.shape for value in values.values()}
    longest = max((value.size for value in values.values()), default=0)
    across = np.arange(1.0, longest + 1) if x is None else _numbers(x)
    if not 1 <= len(values) <= len(_LETTERS) or shapes != {across.shape} or across.size < 2:
        raise ShapeError(
            message(
                "show_curves",
                f"needs one to {len(_LETTERS)} curves (M,) over x (M,), M from 2 on",
                {"x": across, **values},
                fix="cut them to the same length; draw the others in a second plot",
            )
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = {name: np.log10(value) if log else value for name, value in values.items()}
    if not any(np.isfinite(value).any() for value in scaled.values()):
        raise DataError(
            message(
                "show_curves",
                "no value can be drawn",
                dict(values),
                fix="on a logarithmic axis values must be positive; show_curves(..., log=False)",
            )
        )
    return _Curves(scaled, across, log, height, x_label)


def show_surface(
    values: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    marks: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    labels: tuple[str, str] = ("", ""),
) -> RenderableType:
    """Return a surface seen from above, for `draw` or any rich console to print.

    A value is a character: the higher the brighter, in colours, or with more ink.

    Shapes: values (H, W), the first row above; x (W,), y (H,).

    Args:
        values: heights, all finite; of numbers of many sizes take the logarithm.
        x: where the columns lie, rising.
        y: where the rows lie, falling or rising.
        marks: points (x, y) to draw, under the character that they are drawn as; later ones above.
        labels: the names of the two axes.

    Raises:
        ShapeError: values are not (H, W) with x (W,) and y (H,).
        DataError: a value is not finite.
    """
    heights, across, down = map(_numbers, (values, x, y))
    if heights.ndim != 2 or heights.shape != (down.size, across.size) or heights.size == 0:
        raise ShapeError(
            message(
                "show_surface",
                "values must be (H, W), with x (W,) and y (H,)",
                {"values": heights, "x": across, "y": down},
                fix="np.meshgrid(x, y) makes grids of this shape to compute the values on",
            )
        )
    if not np.isfinite(heights).all():
        raise DataError(
            message(
                "show_surface",
                "a value is NaN or infinite",
                {"values": heights},
                fix="limit them: np.nan_to_num(values), or np.log10(values).clip(-6, 6)",
            )
        )
    return _Surface(heights, across, down, dict(marks or {}), labels)


class _Curves:
    """Curves that know how to draw themselves on a rich console."""

    def __init__(
        self, curves: dict[str, np.ndarray], x: np.ndarray, log: bool, height: int, x_label: str
    ) -> None:
        self.curves, self.x, self.log, self.height, self.x_label = curves, x, log, height, x_label
        finite = np.concatenate([c[np.isfinite(c)] for c in curves.values()])
        self.low, self.high = float(finite.min()), float(finite.max())
        if log:
            self.low, self.high = np.floor(self.low), np.ceil(self.high)
        if self.low == self.high:
            self.low, self.high = self.low - 0.5, self.high + 0.5

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the curves, their axes, and a line that says which is which."""
        marks = np.linspace(self.high, self.low, self.height)
        labels = [
            _number(10**mark if self.log else mark) if i in self._labelled() else ""
            for i, mark in enumerate(marks)
        ]
        room, margin = min(options.max_width, _WIDEST), max(map(len, labels))
        width = max(8, room - margin - 2)
        colors = has_colors(console)
        lines = self._in_dots(width) if colors else self._in_letters(width)
        for label, line in zip(labels, lines, strict=True):
            line.rstrip()
            yield _beside(label, margin, line, colors)
        yield _axis(self.x, margin, width, self.x_label, colors)
        yield from self._legend(margin + 2, room, colors)

    def _legend(self, margin: int, width: int, colors: bool) -> Iterator[Text]:
        """Say which curve is which, as many in a line as fit."""
        line = Text()
        for i, name in enumerate(self.curves):
            sign = ("━━", _COLORS[i]) if colors else _LETTERS[i]
            entry = Text.assemble(sign, f" {name}")
            if line and line.cell_len + 3 + entry.cell_len > width:
                yield line
                line = Text()
            line = Text.assemble(line or " " * margin, "   " if line else "", entry)
        yield line

    def _labelled(self) -> set[int]:
        return {0, (self.height - 1) // 2, self.height - 1}

    def _in_letters(self, width: int) -> list[Text]:
        drawn = np.full((self.height, width), " ")
        for letter, curve in zip(_LETTERS, self.curves.values(), strict=False):
            drawn[self._raster(curve, self.height, width)] = letter
        return [Text("".join(line)) for line in drawn]

    def _in_dots(self, width: int) -> list[Text]:
        dots = np.zeros((self.height, width), int)
        color = np.zeros((self.height, width), int)
        for i, curve in enumerate(self.curves.values()):
            at = self._raster(curve, 4 * self.height, 2 * width)
            bits = braille(at)
            dots |= bits
            color[bits > 0] = i
        return [
            Text.assemble(
                *((chr(0x2800 + d), _COLORS[c]) if d else " " for d, c in zip(*row, strict=True))
            )
            for row in zip(dots, color, strict=True)
        ]

    def _raster(self, curve: np.ndarray, rows: int, columns: int) -> np.ndarray:
        across = float(self.x[0]), float(self.x[-1])
        return raster(self.x, curve, across, (self.low, self.high), rows, columns)


class _Surface:
    """A surface that knows how to draw itself on a rich console."""

    def __init__(
        self,
        values: np.ndarray,
        x: np.ndarray,
        y: np.ndarray,
        marks: dict[str, Sequence[tuple[float, float]]],
        labels: tuple[str, str],
    ) -> None:
        self.values, self.x, self.y, self.marks, self.labels = values, x, y, marks, labels

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw a line for each row of values, and the axes."""
        low, high = float(self.values.min()), float(self.values.max())
        share = (self.values - low) / max(high - low, 1e-12)
        middle = (len(self.y) - 1) // 2
        labels = [_number(y) for y in self.y]
        margin = max(len(self.labels[1]), *(len(labels[i]) for i in (0, middle, -1)))
        width = min(len(self.x), max(1, options.max_width - margin - 2))
        marks = {
            (int(np.abs(self.y - y).argmin()), int(np.abs(self.x - x).argmin())): mark
            for mark, points in self.marks.items()
            for x, y in points
            if self.x[0] <= x <= self.x[-1] and self.y.min() <= y <= self.y.max()
        }
        colors = has_colors(console)
        if self.labels[1]:
            yield Text(f"{self.labels[1]:>{margin}}", "dim" if colors else "")
        for i, row in enumerate(share):
            line = Text()
            for j, level in enumerate(row[:width]):
                mark = marks.get((i, j))
                if colors:
                    line.append(mark or " ", Style(color="white", bold=True, bgcolor=_shade(level)))
                else:
                    line.append(mark or INK[round(level * (len(INK) - 1))])
            label = labels[i] if i in (0, middle, len(self.y) - 1) else ""
            yield _beside(label, margin, line, colors)
        yield _axis(self.x, margin, width, self.labels[0], colors)


def _beside(label: str, margin: int, line: Text, colors: bool) -> Text:
    """Return a line of a drawing with the vertical axis, and a number there, before it."""
    axis = f"{label:>{margin}} {'┤' if label else '│'}"
    return Text.assemble((axis, "dim" if colors else ""), line)


def _axis(x: np.ndarray, margin: int, width: int, label: str, colors: bool) -> Text:
    """Return the horizontal axis and the two numbers at its ends, with a label between them."""
    first, last = _number(x[0]), _number(x[-1])
    room = max(0, width - len(first) - len(last))
    line = f"{' ' * margin} └{'─' * width}\n{' ' * margin}  {first}{label[:room]:^{room}}{last}"
    return Text(line, "dim" if colors else "")


def _numbers(values: ArrayLike) -> np.ndarray:
    return np.asarray(asarray(values).data, np.float64)


def _number(value: float) -> str:
    """Write a number in a few characters."""
    return f"{value:.0e}" if value and not 1e-3 <= abs(value) < 1e5 else f"{value:.4g}"


def _shade(level: float) -> Color:
    """Return the colour of a height from 0 to 1."""
    stops = np.linspace(0, 1, len(_LOW_TO_HIGH))
    red, green, blue = (np.interp(level, stops, channel) for channel in _LOW_TO_HIGH.T)
    return Color.from_rgb(round(red), round(green), round(blue))
