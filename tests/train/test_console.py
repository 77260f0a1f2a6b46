"""What a run looks like in a terminal and in a pipe."""

import io
import re

import pytest
from rich.console import Console

from tinygrad_lite.train import Compiling, EpochEnded, FitEnded, FitStarted, StepEnded
from tinygrad_lite.train import console as face

RUN = [
    FitStarted("LeNet", 1234, 100, 2, 3),
    Compiling("conv.forward"),
    Compiling("conv.weight_gradient"),
    *(StepEnded(1, step, 1.0 / step, 1e-3, 32) for step in (1, 2, 3)),
    EpochEnded(
        1, {"loss": 0.6, "accuracy": 0.5, "val_loss": 0.5, "val_accuracy": 0.75}, 1e-3, 1.5, True
    ),
    *(StepEnded(2, step, 0.2, 1e-4, 32) for step in (1, 2, 3)),
    EpochEnded(
        2, {"loss": 0.4, "accuracy": 0.7, "val_loss": 0.7, "val_accuracy": 0.7}, 1e-4, 1.5, False
    ),
    FitEnded(False, 3.21),
]


def plain(capsys):
    listener = face.Plain()
    for event in RUN:
        listener(event)
    return capsys.readouterr().out


def live(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    with face.Live(console) as listener:
        for event in RUN:
            listener(event)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())


def test_plain_is_one_line_an_epoch_without_escape_codes(capsys):
    text = plain(capsys)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "LeNet: 1,234 parameters, 100 samples, 2 epochs of 3 steps"
    assert lines[1] == face.COMPILING
    assert lines[2] == (
        "epoch 1/2  loss 0.6000  accuracy 50.00%  val_loss 0.5000  val_accuracy 75.00%  "
        "lr 1.00e-03  1.50s  best"
    )
    assert not lines[3].endswith("best")
    assert lines[4] == "finished in 3.2s"
    assert len(lines) == 5


def test_live_keeps_the_epoch_table_and_marks_the_best():
    text = live(100)
    assert text.count(face.COMPILING) == 1
    rows = [line for line in text.splitlines() if "1.50s" in line]
    assert len(rows) == 2
    assert "★" in rows[0]
    assert "★" not in rows[1]
    assert "best epoch 1: loss 0.6000" in text.replace("\n", " ")


@pytest.mark.parametrize("width", [40, 60, 100, 200])
def test_live_rows_fit_the_width_and_keep_what_matters(width):
    rows = [line for line in live(width).splitlines() if "1.50s" in line]
    assert rows
    assert all(len(row) <= width for row in rows)
    assert "val loss" in live(width)


@pytest.mark.parametrize(
    ("tty", "term", "expected"),
    [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)],
)
def test_when_it_draws(monkeypatch, tty, term, expected):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", type("Out", (), {"isatty": lambda self: tty})())
    assert face.is_live() is expected


def test_an_interrupted_run_says_so():
    assert face.ending(FitEnded(True, 2.0)) == "interrupted after 2.0s"
