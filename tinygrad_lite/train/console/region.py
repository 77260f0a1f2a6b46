"""Lines at the bottom of a terminal that are drawn again in place, below everything printed."""

from __future__ import annotations

import logging
import os
import pdb
import re
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from tinygrad_lite.train.console.lines import Line, rendered, width_of
from tinygrad_lite.train.console.words import encodable, glyphs_of

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_TOGETHER, _DONE = "\x1b[?2026h", "\x1b[?2026l"  # terminals that know it show all at once
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_active: list[Region] = []


class Above:
    """Stands in for standard output or error; what is written to it appears above the region."""

    def __init__(self, region: Region, stream: TextIO, name: str) -> None:
        self.region, self.stream, self.name = region, stream, name
        self.unfinished = ""  # a line without its end

    def write(self, text: str) -> int:
        """Write a text; a line that is not finished stands in the region meanwhile."""
        if not self.region.here:
            return self.stream.write(text)
        with self.region.lock:
            head, newline, tail = (self.unfinished + text).rpartition("\n")
            self.unfinished = tail.rpartition("\r")[2]  # as of tools that redraw their line
            if newline:
                self.region.print(head + newline)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Flush the stream behind; what stands in the region is drawn by the clock."""
        self.stream.flush()

    def leave(self) -> None:
        """Let the stream take its place again, unless someone else has it."""
        if getattr(sys, self.name) is self:
            setattr(sys, self.name, self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Region:
    """A region that is drawn again in place, while prints and logging go above it.

    It suspends itself for debuggers and for Ctrl-Z. At most one is open in a process.

    Args:
        console: where the region is; it tells size and colours.
        paused: told how many seconds a suspension took.
    """

    def __init__(self, console: Console, paused: Callable[[float], None] = lambda s: None) -> None:
        self.console = console
        self.colors = console.color_system is not None and not console.no_color
        self._stream = console.file
        self._encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self.glyphs = glyphs_of(self._encoding)
        self.paused = paused
        self.lock = threading.RLock()
        self._process = os.getpid()
        self._open = False
        self._suspensions = 0
        # without a lock, so that a terminal that blocks (Ctrl-S) does not hold up the training
        self._waiting: deque[Callable[[int, int], list[Line]]] = deque()
        self._frame: list[tuple[str, int]] = []  # lines, and the cells that they take
        self._drawn: list[tuple[Line, tuple[str, int]]] = []  # what they were made of
        self._cells: list[int] = []  # of the lines that stand in the terminal
        self._width = 0  # of the terminal then
        self._above: list[Above] = []
        self._undo: list[Callable[[], object]] = []

    @property
    def here(self) -> bool:
        """Whether the region is on the screen of this process, now."""
        return self._open and not self._suspensions and os.getpid() == self._process

    def size(self) -> tuple[int, int]:
        """Return the width and height of the terminal, which may have changed."""
        return self.console.size

    def start(self) -> None:
        """Open the region; nothing is drawn yet."""
        _active.append(self)
        self._redirect()
        self._watch_debuggers()
        self._watch_stops()
        self._open = True
        self._write(_HIDE)

    def close(self) -> None:
        """Leave the terminal as it was, with what was printed."""
        with self.lock:
            try:
                self._frame = []
                with suppress(OSError):
                    self._put(self._awaited())
            finally:
                self._open = False
                _active.remove(self)
                while self._undo:
                    self._undo.pop()()
                with suppress(OSError):  # the terminal is gone
                    self._write(_SHOW)
                    self._finish_lines()

    def later(self, make: Callable[[int, int], list[Line]]) -> None:
        """Print above the region when it is drawn next.

        Args:
            make: returns the lines for a terminal of a width and a height; called then.
        """
        self._waiting.append(make)

    def draw(self, lines: list[Line]) -> None:
        """Draw the region anew."""
        # a line that is the same object as in the last drawing is not rendered again
        known = {id(line): (line, *shown) for line, shown in self._drawn}
        new = [line for line in lines if id(line) not in known]
        for line, text in zip(new, rendered(self.console, new), strict=True):
            known[id(line)] = (line, encodable(text, self._encoding), width_of(line))
        shown = [known[id(line)][1:] for line in lines]
        with self.lock:
            self._drawn = list(zip(lines, shown, strict=True))
            if self.here:
                self._frame = shown
                self._put(self._awaited())

    def print(self, text: str) -> None:
        """Print whole lines above the region."""
        with self.lock:
            self._put(self._awaited() + text)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Give the terminal to someone else inside of the context."""
        with self.lock:
            first = self.here
            if first:
                frame, self._frame = self._frame, []
                self._put(self._awaited())
                self._write(_SHOW)
                self._finish_lines()
                streams = sys.stdout, sys.stderr
                for above in self._above:
                    above.leave()
            self._suspensions += 1
        begin = time.perf_counter()
        try:
            yield
        finally:
            with self.lock:
                self._suspensions -= 1
                if first:
                    sys.stdout, sys.stderr = streams
                    self._frame = frame
                    self._write(_HIDE)
                    self.paused(time.perf_counter() - begin)

    def _awaited(self) -> str:
        """Return what waits to be printed above."""
        lines: list[Line] = []
        while self._waiting:
            lines += self._waiting.popleft()(*self.size())
        if not lines:
            return ""
        text = "".join(f"{line}\n" for line in rendered(self.console, lines))
        return encodable(text, self._encoding)

    def _put(self, above: str) -> None:
        """Write text above the region, and the region below it."""
        width = max(1, self.size()[0])
        unfinished = [
            set_cell_size(text, min(cell_len(text), width - 1))
            for text in (_ESCAPE.sub("", a.unfinished) for a in self._above)
            if text
        ]
        frame = [(text, cell_len(text)) for text in unfinished] + self._frame
        if not (self._cells or above or frame):
            return
        # a terminal that became narrower has broken the lines that stand in it
        rows = sum(max(1, -(-cells // width)) for cells in self._cells[:-1])
        up = "\r" + (f"\x1b[{rows}A" if rows else "") if self._cells else ""
        if self._cells and (above or width != self._width or len(frame) != len(self._cells)):
            # by lines: what is erased from the top corner at once, tmux keeps in its history
            up = "\r\x1b[K\x1b[J" + "\x1b[1A\x1b[K" * rows
        # no line end after the last, and the cursor at its beginning, where an echoed ^C is
        # overwritten
        text = "\n".join(f"{line}\x1b[K" for line, _ in frame)
        self._cells, self._width = [cells for _, cells in frame], width
        self._write(f"{_TOGETHER}{up}{above}{text}\x1b[J\r{_DONE}")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def _finish_lines(self) -> None:
        """Write the lines that had no end."""
        for above in self._above:
            above.stream.write(above.unfinished)
            above.unfinished = ""

    def _redirect(self) -> None:
        """Let standard output and error, and handlers of logging that hold them, go above."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None or not (stream is self._stream or stream.isatty()):
                continue
            above = Above(self, stream, name)
            self._above.append(above)
            setattr(sys, name, above)
            self._undo.append(above.leave)
            for handler in _handlers():
                if handler.stream is stream:
                    handler.setStream(above)
                    self._undo.append(partial(handler.setStream, stream))

    def _watch_debuggers(self) -> None:
        """Suspend the region while pdb, or a debugger made of it, talks with the user."""
        interaction = pdb.Pdb.interaction

        def interact(debugger: pdb.Pdb, *args: Any, **kwargs: Any) -> Any:
            with self.suspended():
                return interaction(debugger, *args, **kwargs)

        pdb.Pdb.interaction = interact  # type: ignore[method-assign,assignment]
        self._undo.append(lambda: setattr(pdb.Pdb, "interaction", interaction))

    def _watch_stops(self) -> None:
        """Suspend the region while Ctrl-Z has stopped the process."""
        if not hasattr(signal, "SIGTSTP") or threading.current_thread() is not (
            threading.main_thread()
        ):
            return
        if signal.getsignal(signal.SIGTSTP) != signal.SIG_DFL:
            return  # someone else sees to it

        def stop(number: int, frame: FrameType | None) -> None:
            with self.suspended():
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTSTP)  # returns when the process is continued
                signal.signal(signal.SIGTSTP, stop)

        signal.signal(signal.SIGTSTP, stop)
        self._undo.append(lambda: signal.signal(signal.SIGTSTP, signal.SIG_DFL))


def is_open() -> bool:
    """Tell whether a region has the terminal."""
    return bool(_active)


def _handlers() -> Iterator[Any]:
    """Yield the handlers of logging that write to a stream."""
    for logger in [logging.root, *logging.root.manager.loggerDict.values()]:
        for handler in getattr(logger, "handlers", []):
            if isinstance(handler, logging.StreamHandler):
                yield handler
