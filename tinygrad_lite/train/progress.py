"""How far a training has come; all of it is written into checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tinygrad_lite.train.events import EpochEnded, best_of


@dataclass
class Means:
    """Means of several numbers over batches of different sizes."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, values: Mapping[str, float], count: int) -> None:
        """Add the means over `count` samples."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count
        self.count += count

    def means(self) -> dict[str, float]:
        """Return the means over all samples so far."""
        return {name: total / self.count for name, total in self.sums.items()}


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        total: updates of the weights.
        epoch: the epoch that goes on, or is about to begin, counted from 1.
        step: steps of that epoch that are done.
        means: of the numbers that the steps of that epoch reported.
        lr: learning rate of the last of them.
        seconds: duration of those steps.
        waiting: seconds that they were waited for.
        skipped: steps that were left out, for a loss or gradient that was not finite.
        history: the epochs that are done.
    """

    total: int = 0
    epoch: int = 1
    step: int = 0
    means: Means = field(default_factory=Means)
    lr: float = 0.0
    seconds: float = 0.0
    waiting: float = 0.0
    skipped: int = 0
    history: list[EpochEnded] = field(default_factory=list)

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch so far."""
        return best_of(self.history)

    @property
    def place(self) -> tuple[int, int]:
        """The epoch, and the steps of it that are done; never the same again."""
        return self.epoch, self.step

    def end_step(
        self, means: Mapping[str, float], samples: int, lr: float, seconds: float, waiting: float
    ) -> None:
        """Count a step that is done: what it measured of how many samples, and how long it took."""
        self.total, self.step, self.lr = self.total + 1, self.step + 1, lr
        self.means.add(means, samples)
        self.seconds, self.waiting = self.seconds + seconds, self.waiting + waiting

    def skip_step(self) -> None:
        """Count a step that was left out."""
        self.step, self.skipped = self.step + 1, self.skipped + 1

    def end_epoch(self, ended: EpochEnded) -> None:
        """Go on to the next epoch."""
        self.history.append(ended)
        self.epoch += 1
        self.step, self.means, self.seconds, self.waiting = 0, Means(), 0.0, 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return all of it as numbers, lists and dicts."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        """Return what `state_dict` was called on."""
        known = {f.name: state[f.name] for f in fields(cls)}
        history = [EpochEnded(**epoch) for epoch in state["history"]]
        return cls(**known | {"means": Means(**state["means"]), "history": history})
