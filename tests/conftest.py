"""Settings of all tests: Hypothesis tries the same examples in every run."""

import os
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tinygrad_lite as tg

# whoever starts the tests in the background lets them, and what they start, ignore Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random numbers, whichever ran before."""
    tg.seed(0)


@pytest.fixture(autouse=True)
def _runs_kept_apart(monkeypatch, tmp_path_factory):
    """What tests let the command line run is kept where no user looks."""
    monkeypatch.setenv("TINYGRAD_LITE_RUNS", str(tmp_path_factory.getbasetemp() / "runs"))


@pytest.fixture
def rng():
    return np.random.default_rng(0)
