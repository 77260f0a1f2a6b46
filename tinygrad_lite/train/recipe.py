"""The recipe by which the classifiers of the gallery learn the digits, or other images."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from pathlib import Path
from typing import Any

from tinygrad_lite import functional as F
from tinygrad_lite import plugins
from tinygrad_lite.data import DataLoader, Dataset, digits, read
from tinygrad_lite.data.transforms import GaussianNoise
from tinygrad_lite.errors import ArgumentError, TinygradLiteError, nearest
from tinygrad_lite.modes import no_grad, reference
from tinygrad_lite.module import Module
from tinygrad_lite.ops.random import seed as set_seed
from tinygrad_lite.optim import schedules
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train import logs
from tinygrad_lite.train.history import History
from tinygrad_lite.train.logs.log import Log
from tinygrad_lite.train.loop import Display, Trainer

EPOCHS = 30
BATCH_SIZE = 32
OPTIMIZER = "adam"
LR = 3e-3
LOGS: dict[str, Callable[[Path], Log]] = {
    "csv": lambda folder: logs.CSV(folder / "log.csv"),
    "png": lambda folder: logs.Curves(folder / "curves.png"),
    "tensorboard": lambda folder: logs.TensorBoard(folder),
}
NOISE = 0.1  # standard deviation; pixels are from 0 to 1


def noisy_loader(train: Dataset) -> DataLoader:
    """Return batches of images with a little noise, which is new each time they are drawn."""
    return DataLoader(train, BATCH_SIZE, shuffle=True, transform=GaussianNoise(NOISE))


def digits_trainer(
    model: Module,
    train: Dataset,
    epochs: int,
    display: Display,
    optimizer: str = OPTIMIZER,
    lr: float = LR,
    **options: Any,
) -> Trainer:
    """Return a Trainer on a cosine schedule: by default the same budget for every network.

    Args:
        model: a classifier.
        train: what it learns from.
        epochs: after which the learning rate is 0.
        display: see `Trainer`.
        optimizer: plugin name.
        lr: learning rate at the start.
        options: further ones of the Trainer.
    """
    descent = plugins.optim.get(optimizer)(model.parameters(), lr=lr)
    steps = epochs * ceil(len(train) / BATCH_SIZE)
    return Trainer(
        model,
        descent,
        loss=F.cross_entropy,
        metrics=["accuracy"],
        schedule=schedules.Cosine(descent, steps),
        clip_norm=1.0,
        display=display,
        **options,
    )


def load(path: str | None) -> tuple[Dataset, Dataset]:
    """Return (train, test) of the digits, or of the images at `path`."""
    return digits() if path is None else read(path)


def check_classifies(model: object, name: str, data: Dataset) -> None:
    """Try the model on an image.

    Raises:
        ArgumentError: it does not turn the images into a score for each class.
    """
    x, y = data.arrays
    classes, why = 1 + int(y.max(initial=-1)), ""
    try:
        with no_grad(), reference():  # no kernel is compiled for this
            outputs = model.eval()(x[:1]) if isinstance(model, Module) else None
    except TinygradLiteError as error:
        outputs, why = None, f"\n  why: {str(error).splitlines()[0]}"
    if not isinstance(outputs, Tensor) or outputs.ndim != 2 or outputs.shape[1] < classes:
        shape = ", ".join(map(str, x.shape[1:]))
        raise ArgumentError(
            f"{name} does not turn images (N, {shape}) into scores for {classes} classes{why}\n"
            "  fix: take a model made for such images; `tinygrad-lite run` trains any that is "
            "described in a TOML file"
        )


def learn_digits(
    make: Callable[[], Module],
    epochs: int = EPOCHS,
    seed: int = 0,
    optimizer: str = OPTIMIZER,
    lr: float = LR,
    plain: bool = False,
    data: str | None = None,
    log: str = "",
    folder: str | None = None,
) -> History:
    """Learn the handwritten digits, or other images, and show the accuracy on held-out ones.

    Args:
        make: makes a classifier of the images, (N, 1, 8, 8) the digits, after the seed is set.
        epochs: passes over the training images.
        seed: of the initial weights, the order of the images, and dropout.
        optimizer: plugin name of the optimiser.
        lr: its learning rate at the start, from where it falls to 0 along a cosine.
        plain: print one line an epoch even in a terminal.
        data: folder of images to learn in place of the digits; see `tg.data.read`.
        log: further logs to keep in `folder`, of csv, tensorboard and png, with commas between.
        folder: where the run is kept, and gone on with if there is one already.

    Raises:
        PluginError: no optimiser has that name.
        DataError: there are no images at `data`, or they are broken.
        ArgumentError: the model is not made for these images, or there is no such log.
        KeyboardInterrupt: Ctrl-C ended the training.
    """
    set_seed(seed)
    train, test = load(data)
    model = make()
    if data is not None:
        check_classifies(model, type(model).__name__, train)
    display: Display = "plain" if plain else "auto"
    options = {"folder": folder, "callbacks": [] if folder is None else logs_in(Path(folder), log)}
    trainer = digits_trainer(model, train, epochs, display, optimizer, lr, **options)
    kept = folder is not None
    history = trainer.fit(noisy_loader(train), test, epochs, resume=kept, lr=lr if kept else None)
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def logs_in(folder: Path, names: str) -> list[Log]:
    """Return logs in a folder, by their names with commas between.

    Raises:
        ArgumentError: a name is none of `LOGS`.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in LOGS:
            raise ArgumentError(
                f"no log is called {name!r}\n  fix: use some of {nearest(name, LOGS)}"
            )
    return [LOGS[name](folder) for name in wanted]
