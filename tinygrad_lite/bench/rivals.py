"""Getting at the other side."""

from __future__ import annotations

import os
from typing import Any

from tinygrad_lite.errors import ArgumentError

_COUNTS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # in the order in which OpenBLAS looks


def threads() -> int:
    """Return how many threads products run on here: every core, or what the environment says."""
    given = [os.environ[name] for name in _COUNTS if os.environ.get(name, "").isdecimal()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(int(given[0]), cores or 1) if given and int(given[0]) else cores or 1


def torch() -> Any:
    """Return PyTorch, set to as many threads as we have.

    Raises:
        ArgumentError: it is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ArgumentError(
            "bench: PyTorch is not installed, so there is nothing to compare with\n"
            "  fix: pip install torch, or leave out --vs torch"
        ) from error
    torch.set_num_threads(threads())
    return torch
