"""What the large networks of the gallery share: to show their layers, and take a step of training.

To learn from 1.2 million photographs takes days; whether a network is the published one, and what a
step of it costs, is seen at once.
"""

import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import optim
from tinygrad_lite.ops.random import generator
from tinygrad_lite.train.console import compilation_told


class Step(NamedTuple):
    """What a step of training was like."""

    loss: float
    seconds: float
    peak: float  # the most memory that the process ever held, in GB; 0 where nobody tells


def peak_memory() -> float:
    """Return the most memory that this process ever held, in GB; 0 where nobody tells."""
    if sys.platform == "win32":
        return 0.0
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def one_step(
    model_factory: Callable[[], tg.Module],
    shape: tuple[int, int, int, int] = (1, 3, 224, 224),
    classes: int = 1000,
    loss: Callable[[Any, tg.Tensor], tg.Tensor] = F.cross_entropy,
    lr: float = 0.01,
    seed: int = 0,
    plain: bool = False,
) -> Step:
    """Print the layers of a classifier, then take one step of SGD on random images.

    Args:
        model_factory: makes the network, after the seed is set.
        shape: of the batch of images, (N, C, H, W).
        classes: how many there are to tell apart.
        loss: a function of what the network returns and the labels.
        lr: learning rate; the momentum is 0.9.
        seed: of weights, images and labels.
        plain: print no colours.

    Raises:
        ArgumentError: there is no image in the batch.
    """
    if shape[0] < 1:
        raise tg.ArgumentError(f"one_step: a batch of {shape[0]} images\n  fix: take 1 or more")
    tg.seed(seed)
    console = Console(color_system=None if plain else "auto", highlight=False)
    model = model_factory()
    summary = model.summary(shape[1:])
    console.print(str(summary), soft_wrap=True)
    images = tg.randn(*shape)
    labels = tg.asarray(generator().integers(0, classes, shape[0]))
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    console.print(f"\nOne step on {shape[0]} random images of {shape[1:]}:")
    with compilation_told(console):
        loss(model(images), labels).backward()  # a rehearsal, so that the clock sees no compiler
    start = time.perf_counter()
    optimizer.zero_grad()
    value = loss(model(images), labels)
    value.backward()
    optimizer.step()
    step = Step(value.item(), time.perf_counter() - start, peak_memory())
    console.print(
        f"loss {step.loss:.3f} (guessing has log {classes} = {np.log(classes):.3f}), "
        f"time {step.seconds:.2f} s, peak memory {step.peak:.2f} GB"
    )
    return step
