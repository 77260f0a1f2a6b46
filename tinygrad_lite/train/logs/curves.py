"""A picture of the curves."""

from __future__ import annotations

import io
import os
import time
import warnings
from typing import Any

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.train.events import EpochEnded, Event, FitEnded, FitStarted, best_of
from tinygrad_lite.train.logs.log import Log, replace

_SECONDS = 5.0  # between two pictures, at least
_SHARE = 0.02  # of the time that may go into drawing
_COLUMNS = 2


class Curves(Log):
    """Draws the loss and each metric over the epochs, training beside validation, as a PNG.

    The picture is renewed after an epoch, at most every five seconds and for 2 % of the time, and
    when the run ends. The best epoch is marked.

    Args:
        path: the file.

    Raises:
        ArgumentError: matplotlib is not installed (`pip install 'tinygrad-lite[logs]'`).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ArgumentError(
                message(
                    "Curves",
                    f"this log needs matplotlib, which cannot be imported ({error})",
                    fix="pip install 'tinygrad-lite[logs]'",
                )
            ) from error
        # the objects themselves: no global state, and no window in a session of pyplot
        self._figure, self._canvas = Figure, FigureCanvasAgg
        self._title = ""
        self._epochs: list[EpochEnded] = []
        self._next = 0.0

    def _note(self, event: Event) -> None:
        if isinstance(event, FitStarted):
            self._title, self._epochs = event.model, [*event.history]
            self._next = 0.0
        elif isinstance(event, EpochEnded):
            self._epochs.append(event)
            begin = time.perf_counter()
            if begin >= self._next:
                self._draw()
                end = time.perf_counter()
                self._next = end + max(_SECONDS, (end - begin) / _SHARE)
        elif isinstance(event, FitEnded) and self._epochs:
            self._draw()

    def _draw(self) -> None:
        names = dict.fromkeys(name.removeprefix("val_") for e in self._epochs for name in e.metrics)
        rows = -(-len(names) // _COLUMNS)
        figure = self._figure(figsize=(5 * min(len(names), _COLUMNS), 3.2 * rows), layout="tight")
        figure.suptitle(_literal(self._title))
        for place, name in enumerate(names, 1):
            axes = figure.add_subplot(rows, min(len(names), _COLUMNS), place)
            self._plot(axes, name)
        content = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a letter that the font lacks, numbers out of range
            self._canvas(figure).print_png(content)
        replace(self.path, content.getvalue())

    def _plot(self, axes: Any, name: str) -> None:
        for label, key in (("training", name), ("validation", f"val_{name}")):
            seen = [(e.epoch, e.metrics[key]) for e in self._epochs if key in e.metrics]
            if seen:
                axes.plot(*zip(*seen, strict=True), ".-", label=label, markersize=3)
        best = best_of(self._epochs)
        if best is not None:
            label = f"best epoch, {best.epoch}"
            axes.axvline(best.epoch, color="gray", linestyle=":", label=label)
        axes.set_title(_literal(name))
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        axes.legend()


def _literal(text: str) -> str:
    """Return text that matplotlib takes for no formula."""
    return text.replace("$", r"\$")
