"""Lines of styled text: how drawings are put together, fast, without ever wrapping."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

from tinygrad_lite.train.console.words import Glyphs, printable

Line = list[Segment]


@cache
def _style(name: str) -> Style:
    return Style.parse(name)


def piece(text: str, style: str = "") -> Segment:
    """Return a piece of a line."""
    return Segment(text, _style(style) if style else None)


def width_of(line: Line) -> int:
    """Return how many cells of the terminal a line takes."""
    return sum(cell_len(segment.text) for segment in line)


def cropped(line: Line, width: int) -> Line:
    """Return what of a line fits into `width` cells."""
    return Segment.adjust_line_length(line, width, pad=False)


def padded(line: Line, width: int) -> Line:
    """Return a line of `width` cells."""
    return Segment.adjust_line_length(line, width)


def shortened(text: str, width: int, glyphs: Glyphs, end: bool = False) -> str:
    """Return a user's text in at most `width` cells, with a sign where it is cut.

    Args:
        text: may hold anything.
        width: in cells.
        glyphs: the sign is among them.
        end: whether to keep the end of the text, as of a path, and not its beginning.
    """
    text = printable(text)
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    if end:
        kept = set_cell_size(text[::-1], width - 1)[::-1].lstrip()
        return glyphs.cut + kept
    return set_cell_size(text, width - 1).rstrip() + glyphs.cut


def wrapped(text: str, width: int, most: int, glyphs: Glyphs) -> list[str]:
    """Return a sentence in at most `most` lines of `width` cells, broken between words."""
    lines = [""]
    for word in printable(text).split():
        if not lines[-1]:
            lines[-1] = word
        elif cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [shortened(line, width, glyphs) for line in lines]


def beside(panels: Sequence[list[Line]], widths: Sequence[int]) -> list[Line]:
    """Return panels of the same height side by side, a blank column between them."""
    joined: list[Line] = []
    for row in zip(*panels, strict=True):
        line: Line = []
        for part, width in zip(row, widths, strict=True):
            line += padded(part, width)
            line.append(Segment(" "))
        joined.append(line[:-1])
    return joined


def boxed(
    title: Line, body: list[Line], width: int, glyphs: Glyphs, foot: tuple[str, str, str] | None
) -> list[Line]:
    """Return a panel: a frame of `width` cells around lines, a title above.

    Args:
        title: stands in the upper edge.
        body: its lines, cropped and padded.
        width: of the whole.
        glyphs: what the frame consists of.
        foot: what stands at the left, in the middle and at the right of the lower edge.
    """
    upper_left, upper_right, lower_right, lower_left, flat, upright = glyphs.box
    inner = width - 2
    head = cropped(title, inner - 3)
    rest = inner - 2 - width_of(head) - 1
    side = piece(upright, "dim")
    lines = [
        [piece(f"{upper_left}{flat} ", "dim"), *head, piece(f" {flat * rest}{upper_right}", "dim")]
    ]
    lines += [[side, *padded(line, inner), side] for line in body]
    left, middle, right = (f" {text} " if text else "" for text in foot or ("", "", ""))
    room = inner - len(left) - len(right)
    if room < len(middle) + 2:
        middle = ""
    if room < 0:
        left, right, room = "", "", inner
    bottom = f"{lower_left}{left}{middle:{flat}^{room}}{right}{lower_right}"
    lines.append([piece(bottom, "dim")])
    return lines


def rendered(console: Console, lines: Sequence[Line]) -> list[str]:
    """Return each line as the console's terminal wants it, escape codes included."""
    segments: Line = []
    for line in lines:
        segments += line
        segments.append(Segment.line())
    with console.capture() as captured:
        console.print(Segments(segments), end="", soft_wrap=True)
    return captured.get().split("\n")[: len(lines)]
