"""What a training run reports while it goes on. Displays, logs and callbacks listen to these.

Every event is a frozen dataclass of plain values: `dataclasses.asdict` makes JSON of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_lite.summary import Summary


@dataclass(frozen=True, slots=True)
class FitStarted:
    """A run begins, or goes on after it was resumed.

    Attributes:
        model: class name of the model.
        parameters: how many numbers it learns.
        samples: size of the training set.
        epochs: how many epochs are planned.
        steps: training steps of an epoch.
        done: training steps that were done before; not 0 if the run was resumed.
        history: the epochs that were done before.
        optimizer: class name of the optimiser.
        folder: where checkpoints and logs go; None if nothing is kept.
        summary: what the model consists of; None if it could not be traced.
        higher_is_better: names of the metrics, without `val_`, of which more is better.
        monitor: the metric that decides which epoch is best.
    """

    model: str
    parameters: int
    samples: int
    epochs: int
    steps: int
    done: int = 0
    history: tuple[EpochEnded, ...] = ()
    optimizer: str = ""
    folder: str | None = None
    summary: Summary | None = None
    higher_is_better: tuple[str, ...] = ()
    monitor: str = "val_loss"


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
        loss: of this step's samples.
        lr: learning rate of this step.
        samples: how many this step learned from.
        total: steps since the training began, this one included.
        seconds: duration of the step, without the time that was waited for data.
        waiting: seconds that were waited for data.
    """

    epoch: int
    step: int
    loss: float
    lr: float
    samples: int
    total: int = 0
    seconds: float = 0.0
    waiting: float = 0.0


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """A step made a loss or a gradient that is not finite, and was left out as asked.

    Attributes:
        epoch: counted from 1.
        step: counted from 1 within the epoch.
        problem: what was not finite, in words.
        left: how many more such steps may be left out.
    """

    epoch: int
    step: int
    problem: str
    left: int


@dataclass(frozen=True, slots=True)
class LayerState:
    """How a layer fares at one step.

    Attributes:
        path: dotted path from the model; empty for the model itself.
        kind: class name.
        gradient: Euclidean norm of the gradient of the layer's own parameters.
        weight: Euclidean norm of those parameters.
        update: Euclidean norm of what the step changed, as a multiple of `weight`; about 1e-3 is
            usual.
        dead: share of the layer's units whose activation is 0 for every sample of the batch, from 0
            to 1; None if no rectifier follows the layer.
        largest: the largest absolute gradient of one parameter.
    """

    path: str
    kind: str
    gradient: float
    weight: float
    update: float
    dead: float | None = None
    largest: float = 0.0


@dataclass(frozen=True, slots=True)
class LayersMeasured:
    """A look into the layers was taken, at most one a second; comes before the step's StepEnded.

    Attributes:
        epoch: counted from 1.
        step: counted from 1 within the epoch.
        total: steps since the training began, this one included.
        layers: those that have parameters, in the order in which the model holds them.
    """

    epoch: int
    step: int
    total: int
    layers: tuple[LayerState, ...]


@dataclass(frozen=True, slots=True)
class BatchValidated:
    """One batch of the validation after an epoch is done.

    Attributes:
        epoch: counted from 1.
        step: counted from 1 within the validation.
        steps: batches of the validation.
    """

    epoch: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """One pass over the training set is done, and validated.

    Attributes:
        epoch: counted from 1.
        metrics: means over the epoch: `loss` and the metrics on training batches as they were
            learned from, and the same with `val_` in front on the validation set.
        lr: learning rate of the last step.
        seconds: duration of the training steps, without loading and validation.
        best: whether it is the best epoch so far.
        waiting: seconds that were waited for training data.
        total: steps since the training began.
        matrices: metrics that are no single number, rows of numbers: a confusion matrix.
    """

    epoch: int
    metrics: dict[str, float]
    lr: float
    seconds: float
    best: bool
    waiting: float = 0.0
    total: int = 0
    matrices: dict[str, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """The state of the run is on the disk.

    Attributes:
        path: the folder of the checkpoint.
        total: steps since the training began.
        seconds: how long the training was held up.
        best: whether it is the state after the best epoch so far.
    """

    path: str
    total: int
    seconds: float
    best: bool = False


@dataclass(frozen=True, slots=True)
class CheckpointFailed:
    """The state could not be written; the run goes on, and earlier checkpoints are whole.

    Attributes:
        path: the folder that the checkpoint would have had.
        reason: what the system said.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something is worth knowing, and the run goes on.

    Attributes:
        text: a sentence.
    """

    text: str


@dataclass(frozen=True, slots=True)
class FitEnded:
    """A run is over.

    Attributes:
        interrupted: whether Ctrl-C or SIGTERM ended it before its last epoch.
        seconds: duration of everything, since the run was last started.
        reason: why it ended before its last epoch, in words; empty if it did not.
        best: the best epoch; None if none is known.
        checkpoint: folder of the last checkpoint; None if there is none.
        resume: what to type to go on; None if there is nothing to go on from or to.
        failed: whether an error ended it.
        weights: file of the weights after the best epoch, for `tg.load`; None if there is none.
    """

    interrupted: bool
    seconds: float
    reason: str = ""
    best: EpochEnded | None = None
    checkpoint: str | None = None
    resume: str | None = None
    failed: bool = False
    weights: str | None = None


Event = (
    FitStarted
    | Compiling
    | StepEnded
    | StepSkipped
    | LayersMeasured
    | BatchValidated
    | EpochEnded
    | CheckpointSaved
    | CheckpointFailed
    | Warned
    | FitEnded
)


def best_of(epochs: Sequence[EpochEnded]) -> EpochEnded | None:
    """Return the best epoch: the last that was the best so far; None if none is known."""
    return next((epoch for epoch in reversed(epochs) if epoch.best), None)
