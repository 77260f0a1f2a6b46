"""The recipe by which the classifiers of the gallery learn the handwritten digits."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from tinygrad_lite import functional as F
from tinygrad_lite import plugins
from tinygrad_lite.data import DataLoader, Dataset, digits
from tinygrad_lite.data.transforms import GaussianNoise
from tinygrad_lite.module import Module
from tinygrad_lite.ops.random import seed as set_seed
from tinygrad_lite.optim import schedules
from tinygrad_lite.train.loop import Display, History, Trainer

EPOCHS = 30
BATCH_SIZE = 32
OPTIMIZER = "adam"
LR = 3e-3
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
) -> Trainer:
    """Return a Trainer on a cosine schedule: by default the same budget for every network."""
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
    )


def learn_digits(
    make: Callable[[], Module],
    epochs: int = EPOCHS,
    seed: int = 0,
    optimizer: str = OPTIMIZER,
    lr: float = LR,
    plain: bool = False,
) -> History:
    """Learn the handwritten digits, and show the accuracy on held-out ones.

    Args:
        make: makes a classifier of images (N, 1, 8, 8), after the seed is set.
        epochs: passes over the training images.
        seed: of the initial weights, the order of the images, and dropout.
        optimizer: plugin name of the optimiser.
        lr: its learning rate at the start, from where it falls to 0 along a cosine.
        plain: print one line an epoch even in a terminal.

    Raises:
        PluginError: no optimiser has that name.
        KeyboardInterrupt: Ctrl-C ended the training.
    """
    set_seed(seed)
    train, test = digits()
    model = make()
    trainer = digits_trainer(model, train, epochs, "plain" if plain else "auto", optimizer, lr)
    history = trainer.fit(noisy_loader(train), test, epochs=epochs)
    if history.interrupted:
        raise KeyboardInterrupt
    return history
