"""What a training run reports while it goes on. Displays and logs listen to these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FitStarted:
    """A run begins.

    Attributes:
        model: class name of the model.
        parameters: how many numbers it learns.
        samples: size of the training set.
        epochs: how many epochs are planned.
        steps: training steps of an epoch.
    """

    model: str
    parameters: int
    samples: int
    epochs: int
    steps: int


@dataclass(frozen=True, slots=True)
class Compiling:
    """A kernel is being compiled, which happens once on a machine; the run waits for it."""

    kernel: str


@dataclass(frozen=True, slots=True)
class StepEnded:
    """One update of the weights is done.

    Attributes:
        epoch: counted from 1.
        step: counted from 1 within the epoch.
        loss: of this step's batch.
        lr: learning rate of this step.
        samples: size of the batch.
    """

    epoch: int
    step: int
    loss: float
    lr: float
    samples: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """One pass over the training set is done, and validated.

    Attributes:
        epoch: counted from 1.
        metrics: means over the epoch: `loss` and the metrics on training batches as they were
            learned from, and the same with `val_` in front on the validation set.
        lr: learning rate of the last step.
        seconds: duration of the training steps, without loading and validation.
        best: whether the validation loss is the lowest so far.
    """

    epoch: int
    metrics: dict[str, float]
    lr: float
    seconds: float
    best: bool


@dataclass(frozen=True, slots=True)
class FitEnded:
    """A run is over.

    Attributes:
        interrupted: whether Ctrl-C ended it before its last epoch.
        seconds: duration of everything.
    """

    interrupted: bool
    seconds: float


Event = FitStarted | Compiling | StepEnded | EpochEnded | FitEnded
