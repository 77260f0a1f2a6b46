"""The live display as a whole: what is shown in a terminal of a given size."""

from __future__ import annotations

from tinygrad_lite.train.console.lines import Line, beside, cropped
from tinygrad_lite.train.console.panels import curves, layers, numbers, progress, warnings
from tinygrad_lite.train.console.run import Run
from tinygrad_lite.train.console.words import Glyphs

_SHARE = 0.6  # of the terminal's height; the rest is for the epoch table and the user's prints
_TALLEST = 16  # lines of a panel
_LOWEST = 5
_WIDE, _MIDDLE = 140, 84  # columns for three and two panels side by side


class Dashboard:
    """Draws a run into a terminal of any size; panels that did not change are drawn once.

    Args:
        run: what is drawn.
        glyphs: the characters at hand.
        colors: whether there are colours.
    """

    def __init__(self, run: Run, glyphs: Glyphs, colors: bool) -> None:
        self.run, self.glyphs, self.colors = run, glyphs, colors
        self._key: object = None  # of what the panels were drawn
        self._panels: list[Line] = []

    def frame(self, width: int, height: int) -> list[Line]:
        """Return at most `height` - 1 lines of at most `width` - 1 cells."""
        run, glyphs = self.run, self.glyphs
        # the last column stays free: what is written there may wrap, or not, as terminals please
        room = max(1, width - 1)
        budget = max(1, min(height - 1, max(6, int(height * _SHARE))))
        pace = run.pace()
        below = progress(run, pace, room, 2 if budget >= 3 else 1, glyphs)
        if budget > len(below):
            below += numbers(run, pace, room, 2 if budget >= 6 else 1, glyphs)
        complaints = run.health.complaints
        spare = budget - len(below)
        wrong = warnings(complaints, room, min(spare, 4 if budget > 12 else 2), glyphs)
        below = wrong + below
        spare = budget - len(below)
        above = self.panels(room, min(spare, 2 * _TALLEST))
        return above + [cropped(line, room) for line in below[: budget - len(above)]]

    def panels(self, width: int, height: int) -> list[Line]:
        """Return as many panels as fit into the room; the same lines again if nothing is new."""
        run = self.run
        # curves change at every step; to draw them once a second is enough, and four times cheaper
        key = (width, height, int(run.clock()), run.ended)
        if key != self._key:
            self._key, self._panels = key, self._arrange(width, height)
        return self._panels

    def _arrange(self, width: int, height: int) -> list[Line]:
        """Put panels side by side, or below one another where it is narrow and high."""
        if height < _LOWEST or width < 24:
            return []
        measured = len(self.run.layers.layers) if self.run.layers is not None else 0
        names = ["loss", *["metric"] * (self._metric() is not None), *["layers"] * (measured > 0)]
        rows = min(height, _TALLEST)
        if width < _MIDDLE:
            columns = [["loss", "layers"] if measured and height >= 2 * _LOWEST else ["loss"]]
            rows = min(height, 2 * _TALLEST)
        elif width < _WIDE and len(names) == 3:
            low = rows - (measured + 3) < _LOWEST
            columns = [["loss"], ["layers"] if low else ["metric", "layers"]]
        else:
            columns = [[name] for name in names]
        each, more = divmod(width - len(columns) + 1, len(columns))
        widths = [each + (i < more) for i in range(len(columns))]
        panels = [self._stack(c, w, rows, measured) for c, w in zip(columns, widths, strict=True)]
        return beside(panels, widths)

    def _stack(self, names: list[str], width: int, height: int, measured: int) -> list[Line]:
        """Return panels below one another; layers, the last one, take no more than they need."""
        if len(names) == 1:
            return self._panel(names[0], width, min(height, _TALLEST))
        lower = min(height - _LOWEST, measured + 3)
        upper = min(_TALLEST, height - lower)
        return self._panel(names[0], width, upper) + self._panel(names[1], width, lower)

    def _panel(self, name: str, width: int, height: int) -> list[Line]:
        if name == "layers":
            return layers(self.run, width, height, self.glyphs)
        return self._curves(name, width, height)

    def _metric(self) -> str | None:
        """Return the first metric beside the loss."""
        if not self.run.epochs:
            return None
        names = [name.removeprefix("val_") for name in self.run.epochs[-1].metrics]
        return next((name for name in names if name != "loss"), None)

    def _curves(self, name: str, width: int, height: int) -> list[Line]:
        run = self.run
        shown = "loss" if name == "loss" else self._metric() or ""
        epochs = list(run.epochs)
        nan = float("nan")
        train = (
            list(run.losses.points)
            if name == "loss"
            else [(e.epoch, e.metrics.get(shown, nan)) for e in epochs]
        )
        val = [(e.epoch, e.metrics.get(f"val_{shown}", nan)) for e in epochs]
        best = run.best
        star = (best.epoch, best.metrics.get(f"val_{shown}", nan)) if best is not None else None
        return curves(shown, train, val, star, width, height, self.glyphs, self.colors)
