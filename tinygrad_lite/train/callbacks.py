"""Callback: what takes part in a training run and remembers something between steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tinygrad_lite.train.events import Event

if TYPE_CHECKING:
    from tinygrad_lite.train.loop import Trainer

Listener = Callable[[Event], None]


class Callback:
    """The base of callbacks that act on the run; to look on, any function of an event will do.

    A subclass writes down `__call__(event)`, usually as a `match` on the event's type.

    Attributes:
        trainer: the Trainer whose run it takes part in; set before the first event.
    """

    trainer: Trainer

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__(self, event)")

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run has to remember: numbers, text, arrays, lists, dicts."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
