"""A shorter series of `python -m tests.train.kills 200`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_trainings_that_were_killed_end_as_if_nothing_had_happened():
    # in a process of its own, that has no threads yet, as it forks
    command = [sys.executable, "-m", "tests.train.kills", "8"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert "8 of 8 trainings, killed " in ended.stdout
