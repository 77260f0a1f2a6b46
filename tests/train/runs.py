"""Small trainings that are broken off and resumed, and how two of them are compared."""

import random

import numpy as np

import tinygrad_lite as tg
from tests.train.kills import differences
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader
from tinygrad_lite.train import StepEnded, Trainer

SAMPLES, BATCH = 20, 4  # five steps an epoch


class Stop(Exception):
    """What a test breaks a training off with."""


def data(count=SAMPLES, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((count, 3)).astype(np.float32), rng.integers(0, 3, count)


def mlp():
    return layers.Sequential(layers.Dense(3, 8), layers.Tanh(), layers.Dense(8, 3))


def trainer(folder=None, model=mlp, optimizer=None, schedule=None, **options):
    """A Trainer in a folder; `optimizer` and `schedule` are functions that make them."""
    for seed in (tg.seed, np.random.seed, random.seed):
        seed(3)
    model = model()
    optimizer = (optimizer or (lambda p: optim.SGD(p, 0.1, momentum=0.9)))(model.parameters())
    options = {
        "loss": F.cross_entropy,
        "schedule": None if schedule is None else schedule(optimizer),
        "display": "off",
        "folder": folder,
    } | options
    return Trainer(model, optimizer, **options)


def loader(samples=None, **options):
    return DataLoader(data() if samples is None else samples, BATCH, shuffle=True, **options)


def broken_at(event):
    """A callback that breaks the training off at the first event that is like `event`."""

    def stop(now):
        if event(now):
            raise Stop

    return stop


def at_step(total):
    return broken_at(lambda event: isinstance(event, StepEnded) and event.total == total)


def disturb():
    """Draw from all generators, as whatever runs between two sessions may."""
    tg.randn(3)
    np.random.random(3)
    random.random()


def assert_same(one, other):
    """Two Trainers are in the same state to the bit, but for times."""
    found = [*differences(one.state_dict(), other.state_dict())]
    assert not found, found
