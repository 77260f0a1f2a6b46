"""History: what a run measured."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_lite.train.events import EpochEnded


@dataclass
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
        """Return the course of a metric over the epochs, e.g. `history["val_accuracy"]`."""
        return [epoch.metrics[metric] for epoch in self.epochs]

    @property
    def best(self) -> EpochEnded | None:
        """The best epoch, by the metric that the Trainer monitors; None if that is not known."""
        return next((epoch for epoch in reversed(self.epochs) if epoch.best), None)
