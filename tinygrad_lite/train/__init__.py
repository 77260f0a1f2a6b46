"""Training: a loop that emits typed events, and the listeners that show them."""

from tinygrad_lite.train import logs
from tinygrad_lite.train.callbacks import Callback
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
from tinygrad_lite.train.history import History
from tinygrad_lite.train.loop import Trainer
from tinygrad_lite.train.lr_finder import LRCurve, find_lr
from tinygrad_lite.train.metrics import Mean, Metric

__all__ = [
    "BatchValidated",
    "Callback",
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
    "Mean",
    "Metric",
    "StepEnded",
    "StepSkipped",
    "Trainer",
    "Warned",
    "find_lr",
    "logs",
]
