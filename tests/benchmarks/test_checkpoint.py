"""How long a checkpoint holds a training up: `pytest -m slow tests/benchmarks`."""

import os
import statistics

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.train import CheckpointSaved


@pytest.mark.slow
def test_ten_million_parameters_with_adam_are_saved_within_a_second(tmp_path, capsys):
    """Parameters, two moments, and after a best epoch the best weights, twice: 50 M numbers."""
    tg.seed(0)
    wide = 2230
    model = layers.Sequential(*(layers.Dense(wide, wide) for _ in range(2)), layers.Dense(wide, 10))
    assert sum(parameter.size for parameter in model.parameters()) > 9.9e6
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((16, wide)).astype(np.float32), rng.integers(0, 10, 16)
    saved = []
    trainer = tg.Trainer(
        model,
        optim.Adam(model.parameters(), 1e-5),
        F.cross_entropy,
        callbacks=[lambda event: saved.append(event) if isinstance(event, CheckpointSaved) else 0],
        folder=tmp_path,
        save_every=0,
        keep=2,
        display="off",
    )
    trainer.fit((x, y), (x, y), epochs=6, batch_size=8)
    within = [event.seconds for event in saved if not event.best][2:]
    best = [event.seconds for event in saved if event.best][1:]
    with capsys.disabled():
        print(
            f"\na checkpoint of 10 M parameters with Adam: {statistics.median(within):.2f} s; "
            f"with new best weights: {statistics.median(best):.2f} s; load {os.getloadavg()[0]:.1f}"
        )
    assert statistics.median(within) < 1.0
    assert statistics.median(best) < 1.0
