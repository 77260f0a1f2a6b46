"""Ctrl-C and SIGTERM while a run goes on: the first asks it to end well."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

SIGTERM_EXIT = 128 + signal.SIGTERM


class StopSignals:
    """A context in which the first SIGINT or SIGTERM is noted, and a second SIGINT raises.

    It does nothing outside of the main thread, which alone gets signals, and leaves alone a SIGINT
    that is ignored and a SIGTERM that somebody else handles.

    Args:
        told: called with the first one, while whatever is being drawn or written may be half done.

    Attributes:
        received: the signal that came; None so far.
    """

    def __init__(self, told: Callable[[signal.Signals], None]) -> None:
        self.received: signal.Signals | None = None
        self._told = told
        self._held: list[signal.Signals] | None = None  # what came while it was held back
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            wanted = {signal.SIGINT: callable(signal.getsignal(signal.SIGINT))}
            wanted[signal.SIGTERM] = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            for number, ours in wanted.items():
                if ours:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a SIGINT raise only when the context ends, but for another one."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = self._held, None
        if held:
            raise KeyboardInterrupt

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
            self._told(self.received)
        elif number == signal.SIGINT and self._held == []:
            self._held.append(signal.SIGINT)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
