"""A display in the output of a notebook's cell."""

from __future__ import annotations

import io
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.segment import Segment, Segments

from tinygrad_lite.train.console.lines import Line
from tinygrad_lite.train.console.words import UNICODE

_SIZE = (110, 40)
_LONGEST = 200  # lines above the display that are kept
_FORMAT = (
    '<pre style="line-height: 1.2; white-space: pre; overflow-x: auto; '
    "font-family: Menlo, 'DejaVu Sans Mono', Consolas, monospace\"><code>{code}</code></pre>"
)


def in_notebook() -> bool:
    """Tell whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class Notebook:
    """One output that is updated in place, the epoch table with the display below it."""

    def __init__(self) -> None:
        self.glyphs, self.colors = UNICODE, True
        self.paused: Callable[[float], None] = lambda seconds: None
        self._waiting: deque[Callable[[int, int], list[Line]]] = deque()
        self._above: list[Line] = []
        self._lock = threading.Lock()
        self._output: Any = None

    def start(self) -> None:
        """Make the output."""
        from IPython.display import HTML, display

        self._output = display(HTML(""), display_id=True)

    def size(self) -> tuple[int, int]:
        """Return how many columns and lines the output has."""
        return _SIZE

    def later(self, make: Callable[[int, int], list[Line]]) -> None:
        """Print what `make(width, height)` returns above the display when it is drawn next."""
        self._waiting.append(make)

    def draw(self, lines: list[Line]) -> None:
        """Update the output."""
        from IPython.display import HTML

        with self._lock:
            while self._waiting:
                self._above += self._waiting.popleft()(*_SIZE)
            del self._above[:-_LONGEST]
            page = Console(
                file=io.StringIO(),
                record=True,
                width=_SIZE[0],
                force_terminal=True,
                color_system="truecolor",
                force_jupyter=False,
            )
            for line in [*self._above, *lines]:
                page.print(Segments([*line, Segment.line()]), end="", soft_wrap=True)
            html = page.export_html(inline_styles=True, code_format=_FORMAT)
            self._output.update(HTML(html))

    def close(self) -> None:
        """Leave what was printed."""
        self.draw([])
