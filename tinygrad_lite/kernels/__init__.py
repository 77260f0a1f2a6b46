"""Numba kernels: ndarray in, ndarray out. Each family is loaded, and compiled, on first use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_listeners: list[Callable[[str], None]] = []


def available() -> bool:
    """Tell whether compiled kernels can run here; if not, ops run through their references."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0") and find_spec("numba") is not None


_COMPILED = available()
_LARGE = 50_000
# below these, in multiplications and in rows, NumPy is quicker
_LARGE_PRODUCT = 1_500_000
_FEW_ROWS = 8


def pays(elements: int) -> bool:
    """Tell whether one pass of a kernel takes less time than NumPy's two, for so many elements."""
    return elements >= _LARGE and _COMPILED


def multiplies(a: Any, b: Any) -> bool:
    """Tell whether the product of two matrices is large enough for `gemm`, else better by NumPy."""
    rows, columns = len(a), b.shape[1]
    return (
        a.size * columns >= _LARGE_PRODUCT
        and min(rows, columns) >= _FEW_ROWS
        and a.dtype is b.dtype
        and a.dtype.char in "fd"
        and len(b) == a.shape[1]
        and _COMPILED
    )


@contextmanager
def compiling(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with the name of each kernel that is compiled inside of the context."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def __getattr__(name: str) -> Any:
    """Load a family of kernels when it is first named."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"no kernels named {name!r}") from None
