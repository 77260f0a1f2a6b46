"""The drawing of the learning-rate finder's curve."""

import io

import numpy as np
import pytest
from rich.console import Console

from tinygrad_lite.study import show_lr_curve
from tinygrad_lite.train import LRCurve


def drawn(curve, width):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(show_lr_curve(curve, height=5))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 72])
def test_what_is_drawn(width):
    lrs = np.geomspace(1e-4, 1.0, 9)
    loss = np.array([4.0, 4.0, 3.5, 1.0, 0.5, 0.0, 6.0, 7.0, 1e9])
    text = drawn(LRCurve(lrs, loss, loss), width)
    lines = text.splitlines()
    assert lines[-1] == "suggested: 1.0e-03 (falls fastest at 1.0e-03, lowest at 3.2e-02)"
    assert lines[0].startswith("6 ┤")  # as far above the first one as may be; 7 and 1e9 are cut off
    assert any("-4" in line and "log10 of the learning rate" in line for line in lines)
    assert max(map(len, lines)) <= width


def test_a_loss_that_is_flat():
    text = drawn(LRCurve(np.array([0.1, 1.0]), np.ones(2), np.ones(2)), 60)
    assert "suggested: 1.0e-02" in text
