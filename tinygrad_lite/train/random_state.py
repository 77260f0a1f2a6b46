"""The state of every random generator that a training may draw from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tinygrad_lite.ops.random import get_rng_state, set_rng_state


def capture() -> dict[str, Any]:
    """Return where the library's generator, NumPy's global one and Python's stand."""
    version, numbers, gauss = random.getstate()
    return {
        "library": get_rng_state(),
        "numpy": np.random.get_state(legacy=False),
        "python": {"version": version, "numbers": np.array(numbers, np.int64), "gauss": gauss},
    }


def restore(state: dict[str, Any]) -> None:
    """Let all of them go on from where `capture` found them."""
    set_rng_state(state["library"])
    np.random.set_state(state["numpy"])
    python = state["python"]
    random.setstate((python["version"], tuple(python["numbers"].tolist()), python["gauss"]))
