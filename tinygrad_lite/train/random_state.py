"""The state of every random generator that a training may draw from."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tinygrad_lite.ops.random import get_rng_state, set_rng_state


def capture(everything: bool = True) -> dict[str, Any]:
    """Return where the library's generator stands; NumPy's global one and Python's too, if asked.

    Those two take 0.1 ms to read.
    """
    if not everything:
        return {"library": get_rng_state()}
    version, numbers, gauss = random.getstate()
    return {
        "library": get_rng_state(),
        "numpy": np.random.get_state(legacy=False),
        "python": {"version": version, "numbers": np.array(numbers, np.int64), "gauss": gauss},
    }


def differs_globally(before: dict[str, Any]) -> bool:
    """Tell whether NumPy's or Python's generator was drawn from since `capture`."""
    now = capture()
    return not all(_equal(before[name], now[name]) for name in ("numpy", "python"))


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return all(_equal(value, b[name]) for name, value in a.items())
    return bool(np.all(a == b))


def restore(state: dict[str, Any]) -> None:
    """Let all of them go on from where `capture` found them."""
    set_rng_state(state["library"])
    if "numpy" not in state:
        return
    np.random.set_state(state["numpy"])
    python = state["python"]
    random.setstate((python["version"], tuple(python["numbers"].tolist()), python["gauss"]))
