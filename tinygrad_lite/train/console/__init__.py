"""The face of a training run: a live display, in a terminal or a notebook, or plain lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from tinygrad_lite import kernels
from tinygrad_lite.train.console.live import Live
from tinygrad_lite.train.console.notebook import Notebook, in_notebook
from tinygrad_lite.train.console.plain import Plain
from tinygrad_lite.train.console.region import Region, is_open
from tinygrad_lite.train.console.words import COMPILING
from tinygrad_lite.train.events import Event

__all__ = ["Live", "Notebook", "Plain", "Region", "compilation_told", "console", "is_live"]


def is_live() -> bool:
    """Tell whether standard output is a terminal that can redraw lines, and someone may watch."""
    if not sys.stdout.isatty() or os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    if os.name == "nt":
        return not Console().legacy_windows
    return os.environ.get("TERM", "") not in ("", "dumb", "unknown")


@contextmanager
def console(display: str) -> Iterator[Callable[[Event], None]]:
    """Yield a listener that shows a run; the terminal is as before when the context ends.

    While it is live, what users print or log, with whatever tool, appears above it, and debuggers
    and Ctrl-Z suspend it. Inside of another live display it is plain.

    Args:
        display: `live`, `plain`, or `auto`: live in a notebook and in a terminal that can redraw
            lines, unless it belongs to CI (the variable `CI` is set).
    """
    if display == "plain" or is_open():
        yield Plain()
    elif in_notebook():
        with Live(Notebook()) as listener:
            yield listener
    elif display == "live" or is_live():
        with Live(Region(Console(file=sys.stdout))) as listener:
            yield listener
    else:
        yield Plain()


@contextmanager
def compilation_told(console: Console) -> Iterator[None]:
    """Say so, once, when the first kernel is compiled inside of the context."""
    told: list[str] = []

    def note(kernel: str) -> None:
        if not told:
            console.print(COMPILING, style="dim")
        told.append(kernel)

    with kernels.compiling(note):
        yield
