"""How kernels are loaded, told of, and switched off."""

import sys

import numpy as np
import pytest

from tinygrad_lite import kernels


def test_a_family_that_does_not_exist():
    with pytest.raises(AttributeError, match="no kernels named 'sorting'"):
        _ = kernels.sorting


def test_a_family_whose_own_imports_are_missing_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    for name in [name for name in sys.modules if name.startswith("tinygrad_lite.kernels.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(vars(kernels), "conv", raising=False)
    with pytest.raises(ModuleNotFoundError, match="import of numba"):
        _ = kernels.conv


@pytest.mark.parametrize(("value", "expected"), [("1", False), ("0", True), ("", True)])
def test_the_switch(monkeypatch, value, expected):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    assert kernels.available() is expected


@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
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
