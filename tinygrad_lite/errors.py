"""Errors that explain themselves: what failed, on which operands, on which line, and what to do."""

from __future__ import annotations

import difflib
import linecache
import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any

PACKAGE = __name__.partition(".")[0]


class TinygradLiteError(Exception):
    """Base of every error that this library raises on purpose."""


class ShapeError(TinygradLiteError, ValueError):
    """Operands whose shapes do not go together."""


class DTypeError(TinygradLiteError, TypeError):
    """An operand of the wrong kind of number, or no number at all."""


class ArgumentError(TinygradLiteError, ValueError):
    """An argument outside of what the op or layer accepts."""


class GraphError(TinygradLiteError, RuntimeError):
    """Something the graph cannot do, such as `backward` from a value with no history."""


class GradientError(TinygradLiteError, AssertionError):
    """A gradient rule that disagrees with finite differences."""


class AnomalyError(TinygradLiteError, ArithmeticError):
    """A NaN or an infinity, at the op that made it; see `detect_anomaly`.

    Attributes:
        order: of the vertex whose gradient rule made it, in creation order; 0 in a forward pass.
    """

    order: int = 0


class DataError(TinygradLiteError, ValueError):
    """Data that cannot be trained on: empty, not finite, labels out of range."""


class DownloadError(TinygradLiteError, OSError):
    """A file that no mirror delivers as it was published, or that cannot be written."""


class DivergenceError(TinygradLiteError, ArithmeticError):
    """A training whose loss is no longer a finite number."""


class PluginError(TinygradLiteError, LookupError):
    """A plugin that is unknown, registered twice, or given the wrong arguments."""


class BrokenPluginError(PluginError):
    """A plugin whose package is at fault: it fails to import, or takes another one's name."""


class CheckpointError(TinygradLiteError, OSError):
    """A checkpoint that is damaged, foreign, or does not fit the model."""


# (code, instruction); made under `detect_anomaly`, followed by the call stack and by fingerprints
Origin = tuple[Any, ...]

_OURS, USERS, _COMMAND_LINE = "ours", "the user's", "the command line's"
whose: dict[str, str] = {}  # by file name


def _look_up(frame: FrameType) -> str:
    """Tell, and remember, whose file a frame runs; examples and benchmarks are users' code."""
    module = frame.f_globals.get("__name__") or ""
    package, _, rest = module.partition(".")
    if package == PACKAGE and rest.partition(".")[0] not in ("examples", "bench"):
        owner = _OURS
    else:
        owner = _COMMAND_LINE if module.startswith("click.") else USERS
    whose[frame.f_code.co_filename] = owner
    return owner


def is_ours(frame: FrameType) -> bool:
    """Tell whether a frame runs the library's own code."""
    return _look_up(frame) is _OURS


def user_origin(depth: int = 2) -> Origin | None:
    """Return (code, instruction) of the nearest caller outside of this library, cheaply.

    Args:
        depth: how many frames to skip, all of them known to be the library's.
    """
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        owner = whose.get(code.co_filename) or _look_up(frame)
        if owner is not _OURS:
            # where the command line called, there is no line of the user's
            return (code, frame.f_lasti) if owner is USERS else None
        frame = frame.f_back
    return None


def show_origin(origin: Origin | None) -> str:
    """Return `file.py:12: the line of code` for what `user_origin` returned."""
    if origin is None:
        return "unknown line"
    code, instruction, *_ = origin
    # co_positions has one entry for each two-byte instruction
    lines = [position[0] for position in code.co_positions()]
    number = lines[instruction // 2] or code.co_firstlineno
    text = linecache.getline(code.co_filename, number).strip()
    return f"{code.co_filename}:{number}" + (f": {text:.100}" if text else "")


def describe(value: Any) -> str:
    """Return dtype and shape of an array-like, or the type and value of anything else."""
    value = getattr(value, "data", value) if not hasattr(value, "dtype") else value
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is not None and shape is not None:
        return f"{dtype} {tuple(shape)}"
    text = repr(value)
    return f"{type(value).__name__} " + (text if len(text) <= 60 else text[:59] + "…")


def message(
    subject: str,
    problem: str,
    operands: dict[str, Any] | None = None,
    fix: str = "",
    origin: Origin | None = None,
) -> str:
    """Compose the text of an error.

    Args:
        subject: the op or layer, e.g. `matmul` or `Dense(784, 128)`.
        problem: what is wrong, in one sentence.
        operands: names and values; shown by `describe`.
        fix: one way to put it right.
        origin: the user's line; found from the call stack when not given, and left out where the
            command line called.
    """
    lines = [f"{subject}: {problem}"]
    if operands:
        lines.append(
            "  got: " + ", ".join(f"{name} {describe(value)}" for name, value in operands.items())
        )
    origin = origin or user_origin()
    if origin is not None:
        lines.append("  at:  " + show_origin(origin))
    if fix:
        lines.append(f"  fix: {fix}")
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known names as text, those that resemble `name` first."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=max(1, len(known)), cutoff=0.5)
    return ", ".join(close + [other for other in known if other not in close]) or "none"
