"""What the live display costs a small MLP: `pytest -m slow tests/benchmarks/test_display.py -s`.

Runs with and without a display differ by some percent for other reasons, more than the display
takes; so what it takes is counted where it is taken: in the calls of the listener, and in the
thread that draws, by the clock of each thread. Reading the clock at each step counts, too.
"""

import os
import time

import pytest
from rich.console import Console

from tinygrad_lite import plugins
from tinygrad_lite.train import LayersMeasured, LayerState
from tinygrad_lite.train.console import Live, Region
from tinygrad_lite.train.recipe import digits_trainer, load, noisy_loader

WARM_UP, STEPS = 1000, 15_000
LAYERS = tuple(LayerState(f"net.{i}", "Dense", 0.1, 1.0, 1e-3, 0.2) for i in (1, 4, 7))


class Timed:
    """A function, and the seconds of the processor that its calls took."""

    def __init__(self, function):
        self.function, self.seconds = function, 0.0

    def __call__(self, *args):
        begin = time.thread_time()
        self.function(*args)
        self.seconds += time.thread_time() - begin


@pytest.mark.slow
def test_the_display_costs_less_than_3_percent():
    data, _ = load(None)
    trainer = digits_trainer(plugins.models.get("dnn")(), data, 1000, "off")
    events = trainer.run(noisy_loader(data), data[:100], epochs=1000)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(
            file=nowhere, force_terminal=True, width=200, height=50, color_system="truecolor"
        )
        with Live(Region(console)) as display:
            display(next(events))
            for _, event in zip(range(WARM_UP), events, strict=False):  # kernels, caches
                display(event)
            call, draw = Timed(display), Timed(display.draw)
            display.draw = draw
            begin, looked = time.process_time(), 0.0
            for _, event in zip(range(STEPS), events, strict=False):
                if time.perf_counter() - looked > 1:
                    looked = time.perf_counter()
                    call(LayersMeasured(1, 1, 1, LAYERS))
                call(event)
            total = time.process_time() - begin
    cost = call.seconds + draw.seconds
    print(
        f"of a step of {1e6 * (total - cost) / STEPS:.0f} µs the display takes "
        f"{cost / (total - cost):.1%}: {call.seconds / (total - cost):.1%} to take note of events, "
        f"{draw.seconds / (total - cost):.1%} to draw"
    )
    assert cost / (total - cost) < 0.03
