"""Modes: how calls are dispatched in this thread, and the contexts that change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ContextDecorator, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tinygrad_lite import kernels, memory

if TYPE_CHECKING:
    from tinygrad_lite.op import Op

Observer = Callable[["Op", Sequence[Any], Any], None]
StandIn = Callable[["Op", Sequence[Any], dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Modes:
    """What a call looks at before it runs.

    Attributes:
        grad: record vertices on the graph.
        reference: run fused ops as the plain ops they stand for.
        anomaly: look for NaN and infinity after every op, and keep full call stacks.
        observer: sees every call.
        stand_in: computes in place of every op's `forward`, or reference.
        quick: nothing above needs a second look; the short way may be taken.
    """

    grad: bool = True
    reference: bool = not kernels.available()
    anomaly: bool = False
    observer: Observer | None = None
    stand_in: StandIn | None = None
    quick: bool = field(init=False)

    def __post_init__(self) -> None:
        quick = not (self.reference or self.anomaly or self.observer or self.stand_in)
        object.__setattr__(self, "quick", quick)


current: ContextVar[Modes] = ContextVar("modes", default=Modes())  # noqa: B039
# the modes to come back to, as (innermost, (next, ...))
_outer: ContextVar[tuple[Any, ...]] = ContextVar("outer", default=())


_NO_CHANGE = nullcontext()


class Setting(ContextDecorator):
    """A context, or a decorator, in which some modes are different.

    It holds no state of its own, so one of them may be entered again inside of itself, and by
    several threads at once.
    """

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def __enter__(self) -> None:
        if "anomaly" in self._changes:
            memory.watch(1)
        mode = current.get()
        _outer.set((mode, _outer.get()))
        for name, value in self._changes.items():
            if getattr(mode, name) is not value:
                current.set(replace(mode, **self._changes))
                break

    def __exit__(self, *_: object) -> None:
        if "anomaly" in self._changes:
            memory.watch(-1)
        mode, further = _outer.get()
        current.set(mode)
        _outer.set(further)


def no_grad() -> Setting:
    """Return a context (or decorator) in which nothing is recorded on the graph."""
    return Setting(grad=False)


def recording() -> AbstractContextManager[None]:
    """Return `enable_grad()`, or what costs less where ops are being recorded already."""
    return _NO_CHANGE if current.get().grad else enable_grad()


def enable_grad() -> Setting:
    """Return a context (or decorator) that records again inside of `no_grad`."""
    return Setting(grad=True)


def reference() -> Setting:
    """Return a context (or decorator) in which fused ops run as the plain ops they stand for."""
    return Setting(reference=True)


def detect_anomaly() -> Setting:
    """Return a context (or decorator) that finds the first op that makes a NaN or an infinity.

    Forward and backward then raise an `AnomalyError` with the op, the statistics of its operands
    and the full call stack, in place of NumPy's warnings. Arrays that were changed behind the
    graph's back, through `.numpy()`, `.data` or an array of another library that shares them, are
    noticed too. It holds in the thread that enters it; everything runs several times slower.
    """
    return Setting(anomaly=True)


def observe(observer: Observer) -> Setting:
    """Return a context in which `observer(op, raw arguments, raw result)` sees every call."""
    return Setting(observer=observer)


def standing_in(stand_in: StandIn) -> Setting:
    """Return a context in which `stand_in(op, raw arguments, parameters)` computes for every op."""
    return Setting(stand_in=stand_in)


def is_grad_enabled() -> bool:
    """Tell whether ops are being recorded."""
    return current.get().grad
