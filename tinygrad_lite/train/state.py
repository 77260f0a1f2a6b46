"""The state of a Trainer: what a resume needs to go on as if nothing had happened, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.checkpoint import describe_if_possible
from tinygrad_lite.errors import CheckpointError, message
from tinygrad_lite.kernels.threads import get_num_threads
from tinygrad_lite.train import random_state
from tinygrad_lite.train.callbacks import Callback
from tinygrad_lite.train.progress import Progress
from tinygrad_lite.version import __version__

if TYPE_CHECKING:
    from tinygrad_lite.train.loop import Trainer


_KEYS = {"model", "extra", "progress", "loaders", "random", "callbacks", "parts", "surroundings"}


def gather(trainer: Trainer) -> dict[str, Any]:
    """Return the state of a Trainer between two steps."""
    modules = dict(trainer.model.named_modules())
    return {
        "about": describe_if_possible(trainer.model),
        "surroundings": _surroundings(),
        "model": trainer.model.state_dict(),
        "extra": {path: extra for path, m in modules.items() if (extra := m.get_extra_state())},
        "progress": trainer.progress.state_dict(),
        "loaders": trainer.positions,
        "random": random_state.capture(),
        "callbacks": {name: callback.state_dict() for name, callback in _callbacks(trainer)},
        "parts": {name: part.state_dict() for name, part in _parts(trainer)},
    }


def restore(trainer: Trainer, state: Mapping[str, Any]) -> list[str]:
    """Bring a Trainer to a state; return what may make the rest differ, in sentences.

    Raises:
        CheckpointError: it is of another model, or of a Trainer with other parts.
    """
    _check_fits(trainer, state)
    model = trainer.model
    model.load_state_dict(state["model"])
    for path, module in model.named_modules():
        if path in state["extra"]:
            module.set_extra_state(state["extra"][path])
    for name, part in _parts(trainer):
        part.load_state_dict(state["parts"][name])
    trainer.progress = Progress.from_state(state["progress"])
    notes = []
    callbacks = dict(_callbacks(trainer))
    for name, remembered in state["callbacks"].items():
        if name in callbacks:
            callbacks[name].load_state_dict(remembered)
        elif remembered:
            notes.append(f"the run began with a callback {name}, which is not there any more")
    for name, loader in trainer.loaders.items():
        if name in state["loaders"]:
            loader.load_state_dict(state["loaders"][name])
    trainer.positions = dict(state["loaders"])
    random_state.restore(state["random"])
    now = _surroundings()
    notes += [
        f"the run began with {name} {value}, and goes on with {now[name]}: the last bits of its "
        "numbers may differ"
        for name, value in state["surroundings"].items()
        if now[name] != value
    ]
    return notes


def _check_fits(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Raise CheckpointError if a state is none of a Trainer, or of one with other parts."""
    if not state.keys() >= _KEYS:
        raise CheckpointError(
            message(
                "Trainer",
                "the checkpoint is of no training",
                fix="resume from the folder of a run, or from one of its `checkpoints`",
            )
        )
    own, kept = dict(_parts(trainer)).keys(), state["parts"].keys()
    if own != kept:
        there, here = sorted(kept - own), sorted(own - kept)
        raise CheckpointError(
            message(
                "Trainer",
                "the checkpoint is of a Trainer with other parts: "
                f"{', '.join(there) or 'nothing'} there, {', '.join(here) or 'nothing'} here",
                fix="resume with the optimiser, schedules and options that the run began with",
            )
        )
    saved = state["model"]
    for name, array in trainer.model.state_dict().items():
        if name in saved and saved[name].dtype != array.dtype:
            raise CheckpointError(
                message(
                    "Trainer",
                    f"{name} is {saved[name].dtype} in the checkpoint, {array.dtype} here",
                    fix=f'model.astype("{saved[name].dtype}") before the optimiser is made',
                )
            )


class Savepoint:
    """What a forward pass may change, as it was before: to go back if the pass comes to nothing.

    That is running statistics, what layers remember, what metrics counted, and the random
    generators: NumPy's and Python's only if the training is known to draw from them, as reading
    them takes time.

    Args:
        trainer: whose pass it is.
        everything: whether to remember NumPy's and Python's generators.
    """

    def __init__(self, trainer: Trainer, everything: bool) -> None:
        self._random = random_state.capture(everything)
        self._buffers = [(buffer, buffer.data.copy()) for buffer in trainer.buffers]
        self._extra = [(m, deepcopy(m.get_extra_state())) for m in trainer.stateful]
        self._counted = [
            (metric, {name: copy(getattr(metric, name)) for name in metric.totals})
            for metric in trainer.metrics
        ]

    def drew_globally(self) -> bool:
        """Tell whether NumPy's or Python's generator, which it remembers, was drawn from since."""
        return random_state.differs_globally(self._random)

    def roll_back(self) -> None:
        """Go back."""
        random_state.restore(self._random)
        for buffer, data in self._buffers:
            buffer.data = data.copy()
        for module, extra in self._extra:
            module.set_extra_state(deepcopy(extra))
        for metric, counted in self._counted:
            for name, value in counted.items():
                setattr(metric, name, copy(value))


def _parts(trainer: Trainer) -> Iterator[tuple[str, Any]]:
    """Yield what has a state of its own and must be there again, by name."""
    for i, schedule in enumerate(trainer.schedules, 1):
        yield f"schedule {i} {type(schedule).__name__}", schedule
    for name, optimizer in trainer.optimizers.items():  # whose rates are as they were left
        yield f"{name} {type(optimizer).__name__}", optimizer
    for metric in trainer.metrics:
        yield f"metric {metric.name}", metric
    if trainer.ema is not None:
        yield "ema", trainer.ema
    yield "best weights", trainer.best_weights


def _callbacks(trainer: Trainer) -> Iterator[tuple[str, Callback]]:
    """Yield the callbacks that have a state, by class name and place among those of the class."""
    count: dict[str, int] = {}
    for callback in trainer.callbacks:
        if isinstance(callback, Callback):
            kind = type(callback).__name__
            count[kind] = count.get(kind, 0) + 1
            yield f"{kind} {count[kind]}", callback


def _surroundings() -> dict[str, str]:
    """Return what the last bits of a result depend on beside the state."""
    return {
        "tinygrad_lite": __version__,
        "NumPy": np.__version__,
        "threads": str(get_num_threads()),
    }
