"""How much memory the process has."""

import numpy as np
import pytest

from tinygrad_lite.train.console import memory

resource = pytest.importorskip("resource")  # not on Windows


def test_new_memory_is_seen():
    before = memory.resident()
    if before is None:
        pytest.skip("the system does not say")
    block = np.ones(20_000_000 // 8)
    assert 15e6 < memory.resident() - before < 40e6
    assert memory.peak() >= memory.resident() - 5e6
    del block


def test_where_the_system_does_not_say_there_is_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_STATM", tmp_path / "none")
    assert memory.resident() is None
