"""BestWeights: a copy of the weights that a model had after its best epoch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from tinygrad_lite.module import Module
from tinygrad_lite.optim import EMA


class BestWeights:
    """A copy of the weights after the best epoch; the averaged ones where there are such.

    Attributes:
        arrays: the model's state_dict then; None before the first best epoch.
        is_new: whether they are not on the disk yet.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] | None = None
        self.is_new = False

    def keep(self, model: Module, ema: EMA | None) -> None:
        """Keep the weights of a model as they are now."""
        with nullcontext() if ema is None else ema.applied():
            self.arrays = model.state_dict()
        self.is_new = True

    def state_dict(self) -> dict[str, Any]:
        """Return the arrays."""
        return self.arrays or {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.arrays = dict(state) or None
        self.is_new = self.arrays is not None  # what is on the disk may be of a later epoch
