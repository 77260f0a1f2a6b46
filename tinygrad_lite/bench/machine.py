"""What a measurement depends on: the machine, the versions, and who else was at work."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tinygrad_lite.bench import rivals
from tinygrad_lite.version import __version__


def facts(torch: bool) -> dict[str, str | int]:
    """Return the CPU, the number of threads and the versions of all that takes part."""
    found: dict[str, str | int] = {
        "cpu": _cpu(),
        "threads": rivals.threads(),
        "system": platform.system(),
        "tinygrad-lite": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
    }
    if torch:
        found["PyTorch"] = rivals.torch().__version__
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def keep_freed_memory() -> None:
    """Let the C library keep what either side frees, so that neither pays for new pages later.

    By default glibc returns large blocks to the system at once; a fresh one then costs a fault for
    every 4 KiB, at every step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        trim, from_system = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
        mallopt(trim, 2**31 - 1)
        mallopt(from_system, 2**30)


def watch_others() -> Callable[[], float]:
    """Return a function that tells how many cores others have used on average since now.

    Off Linux it tells 0, as nobody counts.
    """
    start, busy, own = time.perf_counter(), _busy(), time.process_time()

    def others() -> float:
        seconds = time.perf_counter() - start
        return max(0.0, (_busy() - busy) - (time.process_time() - own)) / seconds

    return others


def _busy() -> float:
    """Return the seconds that all cores together have worked since the machine was started."""
    if sys.platform != "linux":
        return 0.0
    with open("/proc/stat", encoding="utf-8") as stat:
        ticks = stat.readline().split()[1:9]
    user, nice, system, _idle, _wait, interrupts, soft, stolen = map(int, ticks)
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")
