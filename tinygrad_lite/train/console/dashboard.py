"""The live display as a whole: what is shown in a terminal of a given size."""

from __future__ import annotations

from tinygrad_lite.train.console.lines import Line, beside, cropped
from tinygrad_lite.train.console.panels import curves, layers, numbers, progress, warnings
from tinygrad_lite.train.console.run import Run
from tinygrad_lite.train.console.words import Glyphs

_SHARE = 0.6  # of the terminal's height; the rest is for the epoch table and the user's prints
_TALLEST = 16  # lines of a panel
_LOWEST = 5


class Dashboard:
    """Draws a run into a terminal of any size; panels that did not change are drawn once.

    Args:
        run: what is drawn.
        glyphs: the characters at hand.
        colors: whether there are colours.
    """

    def __init__(self, run: Run, glyphs: Glyphs, colors: bool) -> None:
        self.run, self.glyphs, self.colors = run, glyphs, colors
        self._drawn: dict[str, tuple[object, list[Line]]] = {}

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
        lines = self.panels(room, min(spare, 2 * _TALLEST)) + below
        return [cropped(line, room) for line in lines[:budget]]

    def panels(self, width: int, height: int) -> list[Line]:
        """Return as many panels as fit into the room, side by side or below one another."""
        if height < _LOWEST or width < 24:
            return []
        metric = self._metric()
        measured = self.run.layers is not None
        if width >= 140 and (metric or measured):
            names = ["loss", *(["metric"] if metric else []), *(["layers"] if measured else [])]
        elif width >= 84 and (metric or measured):
            names = ["loss", "layers" if measured else "metric"]
        else:
            names = ["loss"]
        rows = min(height, _TALLEST)
        if len(names) == 1 and measured and height >= 2 * _LOWEST:
            # narrow and tall: one below the other
            lower = min(_TALLEST, height // 2, len(self._states()) + 3)
            upper = min(_TALLEST, height - lower)
            return self.panel("loss", width, upper) + self.panel("layers", width, lower)
        each, more = divmod(width - len(names) + 1, len(names))
        widths = [each + (i < more) for i in range(len(names))]
        panels = [self.panel(name, w, rows) for name, w in zip(names, widths, strict=True)]
        return beside(panels, widths)

    def panel(self, name: str, width: int, height: int) -> list[Line]:
        """Return a panel; one that did not change as it was drawn before."""
        run = self.run
        points = run.losses.points
        size = (width, height)
        key: object
        if name == "layers":
            key = (size, run.layers and run.layers.total)
        else:
            last = points[-1] if points and name == "loss" else None
            key = (size, last, len(run.epochs))
        before = self._drawn.get(name)
        if before is not None and before[0] == key:
            return before[1]
        lines = layers(run, *size, self.glyphs) if name == "layers" else self._curves(name, *size)
        self._drawn[name] = (key, lines)
        return lines

    def _states(self) -> tuple[object, ...]:
        return self.run.layers.layers if self.run.layers is not None else ()

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
