"""How kernels are loaded, told of, and switched off."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygrad_lite import kernels

ROOT = Path(__file__).parent.parent.parent
COMPILED = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")


def test_a_family_that_does_not_exist():
    with pytest.raises(AttributeError, match="no kernels named 'sorting'"):
        _ = kernels.sorting


def test_a_family_whose_own_imports_are_missing_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in [name for name in sys.modules if name.startswith("tinygrad_lite.kernels.")]:
        monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(vars(kernels), name.rpartition(".")[2], raising=False)
    with pytest.raises(ModuleNotFoundError, match="import of numba"):
        _ = kernels.conv


@pytest.mark.parametrize(("value", "expected"), [("1", False), ("0", True), ("", True)])
def test_the_switch(monkeypatch, value, expected):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    assert kernels.available() is expected


@COMPILED
def test_listeners_are_told_what_is_compiled_and_only_while_they_listen(monkeypatch, tmp_path):
    from tinygrad_lite.kernels import jit

    monkeypatch.setattr(jit, "_CACHE", str(tmp_path))

    def double(x):
        return x + x

    double.__module__ = "tinygrad_lite.kernels.made_up"
    compiled, told = jit.kernel(double), []
    with kernels.compiling(told.append):
        np.testing.assert_array_equal(compiled(np.ones(2)), [2, 2])
        compiled(np.ones(2))
    compiled(np.ones(2, np.float32))
    assert told == ["made_up.double"]


@pytest.fixture
def routines(monkeypatch, tmp_path):
    """Kernels that call a routine; a list of the names under which things are compiled."""
    from tinygrad_lite.kernels import jit
    from tinygrad_lite.kernels.simd import pointer

    monkeypatch.setattr(jit, "_CACHE", str(tmp_path))

    def double(a, size, halve):
        a = jit.carray(a, size)
        for i in range(size):
            a[i] *= 0.5 if halve else 2

    def once(a):
        double(pointer(a), len(a), False)

    def twice(a):
        double(pointer(a), len(a), False)
        double(pointer(a[1:]), len(a) - 1, True)

    for function in (double, once, twice):
        function.__module__ = "tinygrad_lite.kernels.made_up"
    told = []
    with kernels.compiling(told.append):
        jit.routine("pnb")(double)
        yield jit.kernel(once), jit.kernel(twice), told


@COMPILED
def test_a_routine_is_compiled_before_the_kernels_and_not_again_inside_of_each(routines):
    from tinygrad_lite.kernels import jit

    once, twice, told = routines
    for dtype in (np.float32, np.float64):
        a = np.array([1, 2, 3], dtype)
        jit.prepare(a.dtype)
        jit.prepare(a.dtype)
        once(a)
        np.testing.assert_array_equal(a, [2, 4, 6])
        twice(a)
        np.testing.assert_array_equal(a, [4, 4, 6])
        assert a.dtype == dtype
    assert told == ["made_up.double", "made_up.once", "made_up.twice"] * 2
    for kernel in (once, twice):  # each calls it by its name, and has no copy of it
        for dtype, code in zip(("float32", "float64"), kernel.inspect_llvm().values(), strict=True):
            symbol = f"@tinygrad_lite.kernels.made_up.double.{dtype}("
            assert [line.split()[0] for line in code.splitlines() if symbol in line][
                -1
            ] == "declare"


NOWHERE = """
from numba.core.caching import CompileResultCacheImpl
CompileResultCacheImpl._locator_classes = []
import tinygrad_lite as tg
from tinygrad_lite import kernels, layers
x = tg.ones(2, 3, 4, requires_grad=True)
layers.RNN(4, 5)(x)[0].sum().backward()
print(kernels.recurrent._rnn_backward.stats.cache_path, x.grad.shape)
"""


@COMPILED
def test_kernels_work_without_a_folder_for_the_cache():
    run = subprocess.run(
        [sys.executable, "-c", NOWHERE],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip() == "None (2, 3, 4)", run.stderr
