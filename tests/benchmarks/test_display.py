"""What the live display costs a small MLP: `pytest -m slow tests/benchmarks/test_display.py -s`.

Runs with and without a display differ by some percent for other reasons, more than the display
takes; so what it takes is counted where it is taken: in the calls of the listener, and in the
thread that draws, by the clock of each thread. Reading the clock at each step counts, too.
"""

import contextlib
import os
import subprocess
import sys
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


WHOLE_RUNS = """
import statistics, sys, time
import tinygrad_lite as tg
from tinygrad_lite import plugins
from tinygrad_lite.train.recipe import digits_trainer, load, noisy_loader

def seconds(display, epochs=120):
    tg.seed(0)
    trainer = digits_trainer(plugins.models.get("dnn")(), data, epochs, display)
    loader, begin = noisy_loader(data), time.perf_counter()
    trainer.fit(loader, test, epochs)
    return time.perf_counter() - begin

data, test = load(None)
seconds("live", 5), seconds("off", 5)
ratios = []
for i in range(14):
    order = ("live", "off") if i % 2 else ("off", "live")
    taken = {display: seconds(display) for display in order}
    ratios.append(taken["live"] / taken["off"] - 1)
with open(sys.argv[1], "w") as file:
    print(*statistics.quantiles(ratios), file=file)
"""


@pytest.mark.slow
def test_whole_runs_with_the_display_take_less_than_3_percent_longer(tmp_path):
    """Live and off in turns, in a terminal of 100 by 30; wants a quiet machine."""
    pty = pytest.importorskip("pty")
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", "CI": ""}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", WHOLE_RUNS, str(tmp_path / "quartiles")]
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    with contextlib.suppress(OSError):  # where the terminal ends
        while os.read(ours, 1 << 16):
            pass
    assert child.wait() == 0
    low, median, high = map(float, (tmp_path / "quartiles").read_text().split())
    print(f"with the display {median:+.1%} (quartiles {low:+.1%} and {high:+.1%})")
    assert median < 0.03
