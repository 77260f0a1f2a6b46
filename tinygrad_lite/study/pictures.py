"""Pictures in the terminal: images as half blocks or characters of ink, and decision boundaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from tinygrad_lite.errors import DataError, ShapeError, message
from tinygrad_lite.tensor import ArrayLike, asarray

INK = " .:-=+*#%@"  # from nothing to full; what a pixel becomes where there are no colours
_GAP = 2  # blank columns between two pictures
_BLUE, _DARK, _RED = np.array([[64, 140, 255], [16, 16, 16], [255, 96, 64]])


def show_images(
    images: ArrayLike,
    columns: int | None = None,
    titles: Sequence[str] | None = None,
    signed: bool = False,
) -> Pictures:
    """Return pictures side by side, for `draw` or any rich console to print.

    In colours a character is two pixels, one above the other (▀). Where there are none to be had
    (a pipe, a file, NO_COLOR, a terminal of 16 colours, `Console(color_system=None)`) a pixel is
    two characters of more or less ink, and no escape code is written.

    Shapes: images (N, H, W), or (H, W) for a single one.

    Args:
        images: brightness, 0 black and 1 white, with what lies beyond cut off; if `signed` numbers
            of any size, whose largest absolute value, over all the images, is full colour.
        columns: pictures in a row, at most; as many as fit the width by default.
        titles: a short text above each picture, cut to its width.
        signed: draw positive numbers red, negative ones blue and zero dark; without colours the
            ink goes from none at the most negative to full at the most positive.

    Raises:
        ShapeError: the images are not (N, H, W), or the titles are not one for each.
        DataError: an image holds NaN or infinity.
    """
    values = np.asarray(asarray(images).data, np.float64)
    values = values[None] if values.ndim == 2 else values
    if values.ndim != 3 or 0 in values.shape[1:]:
        raise ShapeError(
            message(
                "show_images",
                "images must be (N, H, W), with at least one pixel each",
                {"images": images},
                fix="leave the channel out: images[:, 0]; or reshape rows: rows.reshape(-1, 8, 8)",
            )
        )
    if titles is not None and len(titles) != len(values):
        raise ShapeError(
            message(
                "show_images",
                f"{len(titles)} titles for {len(values)} images",
                {"images": images},
                fix="give one title for each image, or none at all",
            )
        )
    if not np.isfinite(values).all():
        first = int(np.argmin(np.isfinite(values).all(axis=(1, 2))))
        raise DataError(
            message(
                "show_images",
                f"image {first} holds NaN or infinity",
                {"images": images},
                fix="np.nan_to_num(images) draws them all the same",
            )
        )
    if signed:
        values = values / max(float(np.abs(values).max(initial=0.0)), 1e-12)
    else:
        values = values.clip(0.0, 1.0)
    return Pictures(values, columns, titles, signed)


def show_boundary(
    score: Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    labels: np.ndarray,
    width: int = 52,
    height: int = 17,
) -> Text:
    """Return a map of the plane with a classifier's boundary on it, for `draw` to print.

    A place is `+` where the score is positive, else `.`; a point is `#` if its label is positive,
    else `o`. In colours the positive side is red, the other blue.

    Shapes: points (N, 2), first axis to the right, second up; labels (N,).

    Args:
        score: takes points (M, 2), returns numbers (M,).
        points: what the map is made large enough for.
        labels: their classes.
        width: characters in a line.
        height: lines.

    Raises:
        ShapeError: the points are not (N, 2), or the labels are not one for each.
    """
    if (
        points.ndim != 2
        or points.shape[1] != 2
        or labels.shape != points.shape[:1]
        or not labels.size
    ):
        raise ShapeError(
            message(
                "show_boundary",
                "points must be (N, 2) and labels (N,), N from 1 on",
                {"points": points, "labels": labels},
                fix="a plane has two axes: choose two features, points[:, :2]",
            )
        )
    low, high = points.min(axis=0), points.max(axis=0)
    (left, bottom), (right, top) = low - 0.08 * (high - low), high + 0.08 * (high - low)
    across, down = np.linspace(left, right, width), np.linspace(top, bottom, height)
    places = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    drawn = np.where(np.reshape(score(places), (height, width)) > 0, "+", ".")
    for (x, y), label in zip(points, labels, strict=True):
        drawn[np.abs(down - y).argmin(), np.abs(across - x).argmin()] = "#" if label > 0 else "o"
    text = Text("\n".join("".join(line) for line in drawn), "blue")
    text.highlight_regex("[+#]", "red")
    return text


def draw(picture: RenderableType, plain: bool = False) -> None:
    """Print a picture to standard output; if `plain`, without colours even in a terminal."""
    Console(color_system=None if plain else "auto").print(picture)


def has_colors(console: Console) -> bool:
    """Tell whether enough colours for a picture reach the reader of this console."""
    # 16 colours hold four greys, fewer than there are kinds of ink; rich's Console has read
    # NO_COLOR, TERM and FORCE_COLOR, but goes on writing other escape codes under NO_COLOR
    rich_enough = console.color_system in ("256", "truecolor")
    return console.is_terminal and rich_enough and not console.no_color


class Pictures:
    """Images from -1 to 1 that know how to draw themselves on a rich console."""

    def __init__(
        self,
        images: np.ndarray,
        columns: int | None,
        titles: Sequence[str] | None,
        signed: bool,
    ) -> None:
        self.images, self.columns, self.titles, self.signed = images, columns, titles, signed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw as many pictures in a row as fit, rows of pictures below one another."""
        colors = has_colors(console)
        width = self.images.shape[2] * (1 if colors else 2)
        fitting = max(1, (options.max_width + _GAP) // (width + _GAP))
        each = max(1, min(fitting, self.columns or fitting))
        for start in range(0, len(self.images), each):
            if start:
                yield Segment.line()
            row = slice(start, start + each)
            yield from self._row(row, width, options.max_width, console if colors else None)

    def _row(self, row: slice, width: int, room: int, console: Console | None) -> Iterator[Segment]:
        images = self.images[row]
        if self.titles is not None:
            heads = (title[:width].ljust(width) for title in self.titles[row])
            yield Segment((" " * _GAP).join(heads).rstrip()[:room])
            yield Segment.line()
        if console is None:
            for lines in zip(*(_in_ink(image, self.signed) for image in images), strict=True):
                yield Segment((" " * _GAP).join(lines).rstrip()[:room])
                yield Segment.line()
            return
        all_greys = console.color_system == "truecolor"
        painted = [_in_colors(image, self.signed, all_greys) for image in images]
        for lines in zip(*painted, strict=True):
            for i, line in enumerate(lines):
                if i:
                    yield Segment(" " * _GAP)
                yield from line[:room]
            yield Segment.line()


def _in_ink(image: np.ndarray, signed: bool) -> list[str]:
    """Return a line of text for each row of pixels."""
    share = (image + 1) / 2 if signed else image
    levels = np.rint(share * (len(INK) - 1)).astype(int)
    return ["".join(2 * INK[level] for level in line) for line in levels]


def _in_colors(image: np.ndarray, signed: bool, all_greys: bool) -> list[list[Segment]]:
    """Return a line of half blocks for every two rows of pixels."""
    if signed:
        strength = np.abs(image)[..., None]
        rgb = _DARK + strength * (np.where(image[..., None] > 0, _RED, _BLUE) - _DARK)
    else:
        rgb = np.repeat(255.0 * image[..., None], 3, axis=-1)
    colors: list[list[Color | None]] = [
        [_color(pixel, all_greys) for pixel in line] for line in np.rint(rgb).astype(int)
    ]
    if len(colors) % 2:
        colors.append([None] * image.shape[1])  # the lower half of the last line stays empty
    return [
        [Segment("▀", Style(color=a, bgcolor=b)) for a, b in zip(upper, lower, strict=True)]
        for upper, lower in zip(colors[::2], colors[1::2], strict=True)
    ]


def _color(rgb: np.ndarray, all_greys: bool) -> Color:
    """Return a colour; rich brings it down to what the terminal has."""
    red, green, blue = (int(c) for c in rgb)
    if not all_greys and red == green == blue:
        # among 256 colours are 24 greys from 8 to 238, at 232 to 255, and black and white
        level = round((red - 8) / 10)
        return Color.from_ansi(16 if level < 0 else 231 if level > 23 else 232 + level)
    return Color.from_rgb(red, green, blue)
