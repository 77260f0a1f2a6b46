"""Runs as their events tell them, made up for the tests of logs."""

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train import (
    BatchValidated,
    CheckpointFailed,
    CheckpointSaved,
    Compiling,
    EpochEnded,
    FitEnded,
    FitStarted,
    LayersMeasured,
    LayerState,
    StepEnded,
    StepSkipped,
    Warned,
)

STEPS = 4  # of an epoch


def epoch_ended(epoch, steps=STEPS, best=None):
    """Validation is best in the second epoch."""
    val = abs(epoch - 2.0) + 0.5
    metrics = {"loss": 1.0 / epoch, "accuracy": 1 - 0.5 / epoch}
    metrics |= {"val_loss": val, "val_accuracy": 0.9 - val / 10}
    is_best = epoch <= 2 if best is None else best
    return EpochEnded(epoch, metrics, 1e-2, 0.25, is_best, 0.125, epoch * steps)


def started(epochs=3, done=0, **others):
    fields = {
        "model": "MLP",
        "parameters": 1234,
        "samples": 100,
        "epochs": epochs,
        "steps": STEPS,
        "done": done,
        "history": tuple(epoch_ended(e) for e in range(1, 1 + done // STEPS)),
        "optimizer": "Adam",
        "higher_is_better": ("accuracy",),
    }
    return FitStarted(**(fields | others))


def steps(epochs=3, done=0):
    """The steps and the ends of the epochs, after `done` steps."""
    for total in range(done + 1, epochs * STEPS + 1):
        epoch, step = (total - 1) // STEPS + 1, (total - 1) % STEPS + 1
        yield StepEnded(epoch, step, 1.0 / total, 1e-2, 25, total, 0.0005, 0.0)
        if step == STEPS:
            yield epoch_ended(epoch)


def run(epochs=3, done=0, **others):
    yield started(epochs, done, **others)
    yield from steps(epochs, done)
    yield FitEnded(False, 1.5, best=epoch_ended(2))


def tell(log, events):
    for event in events:
        log(event)


def one_of_each():
    """Every kind of event, with something in every field."""
    model = layers.Sequential(layers.Dense(3, 2), layers.ReLU())
    summary = model.summary((3,))
    nan, inf = float("nan"), float("inf")
    state = LayerState("0", "Dense", 0.5, 2.0, 1e-3, 0.25, 0.1)
    nowhere = LayerState("", "MLP", nan, inf, -inf)
    last = EpochEnded(
        2, {"loss": nan, "val_loss": inf}, -inf, 0.5, True, 0.1, 8, {"confusion": [[3.0, nan]]}
    )
    return [
        FitStarted(
            "MLP",
            8,
            100,
            3,
            4,
            8,
            (last,),
            "Adam",
            "runs/a",
            summary,
            ("accuracy",),
            "val_accuracy",
        ),
        Compiling("gemm"),
        StepSkipped(3, 1, "the loss is nan", 4),
        LayersMeasured(3, 1, 9, (state, nowhere)),
        StepEnded(3, 1, 0.1, 1e-3, 32, 9, 0.000251, 0.00001),
        StepEnded(3, 2, nan, inf, 32, 10, 0.5, 0.25),
        BatchValidated(3, 1, 2),
        EpochEnded(3, {"loss": 0.5}, 1e-3, 0.5, False, 0.1, 12, {}),
        CheckpointSaved("runs/a/12", 12, 0.01, True),
        CheckpointFailed("runs/a/12", "No space left on device"),
        Warned('a "sentence" – of two\nlines'),
        FitEnded(True, 12.5, "Ctrl-C", last, "runs/a/12", "fit(resume='runs/a')"),
    ]


def use(trainer, *logs):
    """Let logs listen to a Trainer."""
    trainer.callbacks += logs


def small_trainer(**others):
    """A Trainer of a small network, on data that it can learn, with the data."""
    rng = tg.tensor([[float(i % 2), float(i % 3)] for i in range(48)])
    labels = [i % 2 for i in range(48)]
    model = layers.Sequential(layers.Dense(2, 8), layers.ReLU(), layers.Dense(8, 2))
    trainer = tg.Trainer(
        model,
        tg.optim.Adam(model.parameters(), lr=1e-2),
        loss=tg.functional.cross_entropy,
        metrics=["accuracy"],
        display="off",
        **others,
    )
    return trainer, (rng.numpy(), labels)
