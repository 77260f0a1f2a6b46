"""Settings of the tests of logs."""

import pytest

from tinygrad_lite.train.logs import jsonl


@pytest.fixture(autouse=True)
def _every_step_is_told(monkeypatch):
    """However fast they come: the stories of these tests take no time."""
    monkeypatch.setattr(jsonl, "APART", 0.0)
