"""What the live display costs a small MLP: `pytest -m slow tests/benchmarks/test_display.py -s`."""

import os
import time

import numpy as np
import pytest
from rich.console import Console

from tinygrad_lite import plugins
from tinygrad_lite.train import EpochEnded, LayersMeasured, LayerState
from tinygrad_lite.train.console import Live, Region
from tinygrad_lite.train.recipe import digits_trainer, load, noisy_loader

ROUNDS, EPOCHS = 120, 20
LAYERS = tuple(LayerState(f"net.{i}", "Dense", 0.1, 1.0, 1e-3, 0.2) for i in (1, 4, 7))


def follow(events, listener):
    """Train some epochs; return the processor's seconds that it took, of all threads together."""
    begin = time.process_time()
    epochs, looked = 0, begin
    for event in events:
        if listener is not None:
            if time.process_time() - looked > 1:
                looked = time.process_time()
                listener(LayersMeasured(1, 1, 1, LAYERS))
            listener(event)
        epochs += isinstance(event, EpochEnded)
        if epochs == EPOCHS:
            break
    return time.process_time() - begin


@pytest.mark.slow
def test_the_display_costs_less_than_3_percent():
    data, _ = load(None)
    total = 2 * (ROUNDS + 1) * EPOCHS
    trainer = digits_trainer(plugins.models.get("dnn")(), data, total, "off")
    events = trainer.run(noisy_loader(data), epochs=total)
    started = next(events)
    costs = []
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(
            file=nowhere, force_terminal=True, width=200, height=50, color_system="truecolor"
        )
        for i in range(ROUNDS + 1):
            seconds = {}
            for shown in (True, False) if i % 2 else (False, True):
                if shown:
                    with Live(Region(console)) as listener:
                        listener(started)
                        seconds[shown] = follow(events, listener)
                else:
                    seconds[shown] = follow(events, None)
            costs.append(seconds[True] / seconds[False] - 1)
    low, median, high = np.quantile(costs[1:], [0.25, 0.5, 0.75])  # the first one also compiles
    print(f"the display costs {median:.1%}, half of the rounds {low:.1%} to {high:.1%}")
    assert median < 0.03
