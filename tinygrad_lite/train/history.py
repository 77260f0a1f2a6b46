"""History: what a run measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan

from tinygrad_lite.errors import ArgumentError, message, nearest
from tinygrad_lite.train.events import EpochEnded, best_of


@dataclass(repr=False)
class History:
    """What a run measured.

    Attributes:
        epochs: one EpochEnded for each epoch that was completed, also before the run was resumed.
        interrupted: whether Ctrl-C or SIGTERM ended it.
        reason: why it ended before its last epoch, in words; empty if it did not.
        checkpoint: folder of the last checkpoint; None if there is none.
    """

    epochs: list[EpochEnded] = field(default_factory=list)
    interrupted: bool = False
    reason: str = ""
    checkpoint: str | None = None

    def __getitem__(self, metric: str) -> list[float]:
        """Return the course of a metric over the epochs, e.g. `history["val_accuracy"]`.

        It is nan in epochs that did not measure it, as those before a resume with validation.

        Raises:
            ArgumentError: none did.
        """
        known = dict.fromkeys(name for epoch in self.epochs for name in epoch.metrics)
        if self.epochs and metric not in known:
            raise ArgumentError(
                message(
                    "History",
                    f"{metric!r} was not measured",
                    fix=f"use one of: {nearest(metric, known)}",
                )
            )
        return [epoch.metrics.get(metric, nan) for epoch in self.epochs]

    def __repr__(self) -> str:
        last = self.epochs[-1].metrics if self.epochs else {}
        numbers = ", ".join(f"{name}={value:.4g}" for name, value in last.items())
        unit = "epoch" if len(self.epochs) == 1 else "epochs"
        return f"History({len(self.epochs)} {unit}{': ' if last else ''}{numbers})"

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch, by the metric that the Trainer monitors; None if that is not known."""
        return best_of(self.epochs)
