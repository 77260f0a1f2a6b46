"""Training: a loop that emits typed events, and the listeners that show them."""

from tinygrad_lite.train.events import (
    BatchValidated,
    CheckpointFailed,
    CheckpointSaved,
    Compiling,
    EpochEnded,
    Event,
    FitEnded,
    FitStarted,
    LayersMeasured,
    LayerState,
    StepEnded,
    StepSkipped,
    Warned,
)
from tinygrad_lite.train.loop import History, Trainer
from tinygrad_lite.train.lr_finder import LRCurve, find_lr

__all__ = [
    "BatchValidated",
    "CheckpointFailed",
    "CheckpointSaved",
    "Compiling",
    "EpochEnded",
    "Event",
    "FitEnded",
    "FitStarted",
    "History",
    "LRCurve",
    "LayerState",
    "LayersMeasured",
    "StepEnded",
    "StepSkipped",
    "Trainer",
    "Warned",
    "find_lr",
]
