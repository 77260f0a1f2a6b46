"""How many threads kernels use, and the one pool, Numba's, in which they run.

A second pool at work beside it would take its processors away: after each of its products NumPy's
BLAS waits for the next one by spinning. So once our own products are loaded, NumPy's BLAS keeps to
one thread.
"""

from __future__ import annotations

import os
import threading
from typing import Any

_chosen: int | None = None


def get_num_threads() -> int:
    """Return how many threads a kernel may use.

    What `set_num_threads` asked for; else what NUMBA_NUM_THREADS or OMP_NUM_THREADS say, the lower
    of the two; else the number of processors that this process may use.
    """
    return _chosen or _USUAL


def set_num_threads(count: int) -> None:
    """Let kernels use so many threads from now on; 1 runs everything in the thread that calls.

    Raises:
        ValueError: `count` is no whole number from 1 on.
    """
    global _chosen
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"set_num_threads: {count!r} is no whole number from 1 on")
    _chosen = count


def _usual() -> int:
    asked = [os.environ.get(name, "") for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS")]
    numbers = [int(text) for text in asked if text.isdigit() and int(text)]
    if hasattr(os, "sched_getaffinity"):
        return min(numbers, default=len(os.sched_getaffinity(0)))
    return min(numbers, default=os.cpu_count() or 1)


_USUAL = _usual()


def keep_blas_to_one_thread() -> None:
    """Leave the processors to the pool."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


class Team:
    """A context that tells how many threads may share the work: `with Team(wanted) as count`.

    One, the thread that calls, where another thread's kernel has the pool, or in a forked child:
    threads do not survive a fork.
    """

    _pool = threading.Lock()
    _started = False

    def __init__(self, wanted: int) -> None:
        """Ask for so many threads."""
        self._wanted = wanted

    def __enter__(self) -> int:
        self._holds = self._wanted > 1 and self._pool.acquire(blocking=False)
        if not self._holds:
            return 1
        if not Team._started:
            self._start()
        return self._wanted

    def __exit__(self, *_: Any) -> None:
        if self._holds:
            self._pool.release()

    @classmethod
    def _start(cls) -> None:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=cls._leave)
        cls._started = True

    @classmethod
    def _leave(cls) -> None:
        """Let nobody have the pool in this process any more."""
        cls._pool = threading.Lock()
        cls._pool.acquire()
