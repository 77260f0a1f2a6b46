"""How numbers, durations and metrics are written, and with which characters."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tinygrad_lite.train.events import CheckpointFailed, FitEnded, StepSkipped, Warned

COMPILING = "compiling kernels (once on this machine; the next run starts at once)"
_PERCENT = re.compile(r"(val_)?(accuracy|precision|recall|f1|top)\w*")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Glyphs:
    """The characters that drawings consist of.

    Attributes:
        unicode: whether characters beyond ASCII can be written.
        star: marks the best epoch.
        warning: stands before a warning.
        dot: stands between two numbers.
        bar: what is done, its tip, and what is left of a progress bar.
        box: corners from the upper left clockwise, horizontal and vertical line.
        heights: from low to high.
        cut: stands for what there was no room for.
    """

    unicode: bool
    star: str
    warning: str
    dot: str
    bar: tuple[str, str, str]
    box: tuple[str, str, str, str, str, str]
    heights: str
    cut: str


UNICODE = Glyphs(
    True, "★", "▲", "·", ("━", "╸", "─"), ("╭", "╮", "╯", "╰", "─", "│"), "▁▂▃▄▅▆▇█", "…"
)
ASCII = Glyphs(
    False, "*", "!", "|", ("#", "#", "."), ("+", "+", "+", "+", "-", "|"), "_.-=+*#", "~"
)


def glyphs_of(encoding: str | None) -> Glyphs:
    """Return the characters that can be written in `encoding`."""
    try:
        "★▲·━╸╭│▁█…⣿".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def encodable(text: str, encoding: str | None) -> str:
    """Return `text` with `?` for the characters that `encoding` does not have."""
    encoding = encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)


def printable(text: str) -> str:
    """Return `text`, which users wrote, as one line without control characters."""
    return _CONTROL.sub("", text.replace("\n", " ").replace("\t", " "))


def label_of(metric: str) -> str:
    """Return what a metric, which users may have named, is called in a table."""
    name = metric.removeprefix("val_")
    return printable(name if name == metric else f"val {name}")


def write_metric(name: str, value: float) -> str:
    """Write a metric as people say it: accuracies as percentages."""
    if _PERCENT.fullmatch(name) and 0 <= value <= 1:
        return f"{100 * value:.2f}%"
    return write_number(value)


def write_number(value: float) -> str:
    """Write a number in six characters or a few more."""
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
    return f"{value:.2e}"


def write_short(value: float) -> str:
    """Write a number in at most seven characters, for tables."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.3g}" if 1e-2 <= abs(value) < 1e4 else f"{value:.0e}"


def write_rate(value: float) -> str:
    """Write how many samples a second there are."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def write_count(count: int, unit: str) -> str:
    """Write how many there are of something: 1 epoch, 1,000 steps."""
    return f"{count:,} {unit}{'' if count == 1 else 's'}"


def write_bytes(size: float) -> str:
    """Write an amount of memory."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def write_seconds(seconds: float) -> str:
    """Write a duration: 0.4s, 12s, 3m05s, 2h10m, 3d04h."""
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    for size, large, small, part in ((86400, "d", "h", 3600), (3600, "h", "m", 60)):
        if whole >= size:
            return f"{whole // size}{large}{whole % size // part:02}{small}"
    return f"{whole // 60}m{whole % 60:02}s" if whole >= 60 else f"{whole}s"


def ending(event: FitEnded) -> str:
    """Say how the run ended."""
    how = "failed after" if event.failed else "finished in"
    how = "interrupted after" if event.interrupted else how
    return f"{how} {write_seconds(event.seconds)}"


def warning_of(event: StepSkipped | CheckpointFailed | Warned) -> str:
    """Say what an event warns of."""
    match event:
        case StepSkipped():
            place = f"step {event.step} of epoch {event.epoch}"
            return f"{place} left out: {event.problem}; {event.left} more may be"
        case CheckpointFailed():
            return f"not saved to {event.path}: {event.reason}"
    return event.text
