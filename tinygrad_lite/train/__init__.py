"""Training: a loop that emits typed events, and the listeners that show them."""

from tinygrad_lite.train.events import (
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    StepEnded,
)
from tinygrad_lite.train.loop import History, Trainer

__all__ = [
    "Compiling",
    "EpochEnded",
    "Event",
    "FitEnded",
    "FitStarted",
    "History",
    "StepEnded",
    "Trainer",
]
