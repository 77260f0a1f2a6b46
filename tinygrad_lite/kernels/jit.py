"""How kernels are compiled: the decorator, the cache that survives, the notice while it happens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from tinygrad_lite.kernels import _listeners


def _cache_folder() -> str:
    """Return a folder of its own for this version of the kernels' sources.

    Numba's cache notices an edit only in the file that defines a function, not in files that it
    imports; a name made from all the sources does.
    """
    sources = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sources.update(path.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tinygrad_lite"
    )
    return os.path.join(base, "kernels-" + sources.hexdigest()[:16])


_CACHE = _cache_folder()
config: Any = numba.config


# sums may be reordered, so that they vectorise; NaN and infinity keep their meaning
_REORDERED = {"reassoc", "contract", "nsz"}


def kernel(function: Callable[..., Any] | None = None, *, exact: bool = False) -> Any:
    """Compile on first use for each dtype, with a persistent cache, without the GIL.

    An `exact` kernel rounds after every operation, in the order in which it is written, as NumPy
    does: its result is the same bit by bit whether it runs or NumPy in its place.
    """
    if function is None:
        return partial(kernel, exact=exact)
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": set() if exact else _REORDERED,
    }
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # nowhere to write: compile without a cache
        return numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = before


class _Notice(event.Listener):
    """Tells the listeners which kernel is being compiled."""

    def on_start(self, event: Any) -> None:
        name = event.data["dispatcher"].py_func
        if name.__module__.startswith("tinygrad_lite.kernels"):
            for listener in list(_listeners):
                listener(f"{name.__module__.rpartition('.')[2]}.{name.__name__}")

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Notice())
