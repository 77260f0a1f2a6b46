"""How kernels are compiled: the decorator, the cache that survives, the notice while it happens."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import carray, prange, types  # type: ignore[attr-defined]
from numba.core import compiler, event
from numba.extending import overload
from numpy import intp

from tinygrad_lite.kernels import _listeners

__all__ = ["carray", "intp", "kernel", "prange", "prepare", "routine"]


def _cache_folder() -> str:
    """Return a folder of its own for this version of the kernels' sources.

    Numba's cache notices an edit only in the file that defines a function, not in files that it
    imports; a name made from all the sources does. The width of vectors is in the code too.
    """
    sources = hashlib.sha256(numba.__version__.encode())
    sources.update(os.environ.get("TINYGRAD_LITE_VECTOR_BYTES", "").encode())
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


def kernel(
    function: Callable[..., Any] | None = None, *, exact: bool = False, parallel: bool = False
) -> Any:
    """Compile on first use for each dtype, with a persistent cache, without the GIL.

    An `exact` kernel rounds after every operation, in the order in which it is written, as NumPy
    does: its result is the same bit by bit whether it runs or NumPy in its place. In a `parallel`
    one, which is called by the leader of a `threads.Team` only, the turns of a `prange` are shared;
    its index is unsigned, and all that is called with it would be compiled for that type again, so
    pass it on as intp(t).
    """
    if function is None:
        return partial(kernel, exact=exact, parallel=parallel)
    options: dict[str, Any] = {"nogil": True, "parallel": parallel, "error_model": "numpy"}
    options["fastmath"] = _fastmath(exact)
    return _cached(partial(numba.njit, **options), function)


def routine(
    arguments: str, *, exact: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function that kernels call be compiled once, and not again inside of each of them.

    `arguments` spells the types: p is a pointer to elements, n a whole number, i a pointer to such,
    b a boolean, d a float64 and q a pointer to such, whatever the elements are; the first is a p.
    An `exact` one rounds as an exact kernel does. Before a kernel that calls it runs, or is loaded,
    `prepare` has to be called.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        external = {}
        for char, dtype in (("f", types.float32), ("d", types.float64)):
            kinds: dict[str, Any] = {"n": types.intp, "b": types.boolean, "d": types.float64}
            pointers = {"p": dtype, "i": types.intp, "q": types.float64}
            kinds |= {letter: types.CPointer(of) for letter, of in pointers.items()}
            signature = types.void(*(kinds[letter] for letter in arguments))
            symbol = f"{function.__module__}.{function.__name__}.{dtype}"
            external[dtype] = types.ExternalFunction(symbol, signature)
            _declared[char].append((function, external[dtype], exact))

        @overload(function)
        def call(first, *others):  # type: ignore[no-untyped-def]  # numba compares signatures
            of_dtype = external[first.dtype]
            return lambda first, *others: of_dtype(first, *others)

        return function

    return declare


_declared: dict[str, list[tuple[Callable[..., Any], Any, bool]]] = {"f": [], "d": []}
_compiled: list[Any] = []  # the code lives as long as what is in here
_one_at_a_time = RLock()


def prepare(dtype: np.dtype[Any]) -> None:
    """Compile the routines that were declared since the last call for this dtype."""
    declared = _declared[dtype.char]
    if not declared:
        return
    with _one_at_a_time:
        while declared:
            function, external, exact = declared[0]
            options: dict[str, Any] = {"error_model": "numpy", "fastmath": _fastmath(exact)}
            decorator = partial(numba.cfunc, external.sig, pipeline_class=_Told, **options)
            compiled = _cached(decorator, function)
            llvm.add_symbol(external.symbol, compiled.address)
            _compiled.append(compiled)
            del declared[0]


def _fastmath(exact: bool) -> set[str]:
    return set() if exact else _REORDERED


def _cached(decorator: Callable[..., Any], function: Callable[..., Any]) -> Any:
    before = config.CACHE_DIR
    config.CACHE_DIR = _CACHE
    try:
        return decorator(cache=True)(function)
    except RuntimeError:  # nowhere to write: compile without a cache
        return decorator()(function)
    finally:
        config.CACHE_DIR = before


def _tell(function: Callable[..., Any]) -> None:
    """Tell the listeners that a kernel is being compiled."""
    module, name = function.__module__ or "", function.__name__
    if module.startswith("tinygrad_lite.kernels") and name != "<lambda>":
        for listener in list(_listeners):
            listener(f"{module.rpartition('.')[2]}.{name}")


class _Notice(event.Listener):
    """Hears of kernels."""

    def on_start(self, event: Any) -> None:
        _tell(event.data["dispatcher"].py_func)

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Notice())


class _Told(compiler.Compiler):  # type: ignore[misc]
    """Compiles a routine, of which Numba makes no event."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        _tell(func)
        return super().compile_extra(func)  # type: ignore[no-untyped-call]
