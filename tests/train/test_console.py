"""Which display there is where, and what a pipe, a log and a notebook get."""

import io
import re
import sys
from types import SimpleNamespace

import pytest

from tests.train.recorded import Clock, run, started, states
from tinygrad_lite.train import (
    BatchValidated,
    CheckpointFailed,
    Compiling,
    EpochEnded,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
    StepSkipped,
    Warned,
)
from tinygrad_lite.train import console as face
from tinygrad_lite.train.console import notebook
from tinygrad_lite.train.console.words import (
    ASCII,
    UNICODE,
    ending,
    glyphs_of,
    label_of,
    write_bytes,
    write_count,
    write_metric,
    write_rate,
    write_seconds,
    write_short,
)

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


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in ("CI", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


def plain(capsys, events, clock=None):
    listener = face.Plain(clock or Clock())
    for event in events:
        listener(event)
    return capsys.readouterr().out.splitlines()


def test_plain_is_one_line_an_epoch_without_escape_codes(capsys):
    lines = plain(capsys, RUN)
    assert lines == [
        "LeNet: 1,234 parameters, 100 samples, 2 epochs of 3 steps",
        face.COMPILING,
        "epoch 1/2  loss 0.6000  accuracy 50.00%  val_loss 0.5000  val_accuracy 75.00%  "
        "lr 1.00e-03  1.50s  best",
        "epoch 2/2  loss 0.4000  accuracy 70.00%  val_loss 0.7000  val_accuracy 70.00%  "
        "lr 1.00e-04  1.50s",
        "best epoch 1/2  loss 0.6000  accuracy 50.00%  val_loss 0.5000  val_accuracy 75.00%",
        "finished in 3.2s",
    ]


def test_a_long_epoch_has_a_line_every_ten_seconds_that_says_all(capsys):
    clock = Clock()
    listener = face.Plain(clock)
    listener(started(epochs=2, steps=100))
    for step in range(1, 61):
        clock.now += 0.5
        listener(StepEnded(1, step, 0.25, 1e-3, 32))
    for step in range(1, 31):
        clock.now += 0.5
        listener(BatchValidated(1, step, 40))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "epoch 1/2  step 20/100  loss 0.2500  lr 1.00e-03  64 samples/s  eta 1m30s",
        "epoch 1/2  step 40/100  loss 0.2500  lr 1.00e-03  64 samples/s  eta 1m20s",
        "epoch 1/2  step 60/100  loss 0.2500  lr 1.00e-03  64 samples/s  eta 1m10s",
        "epoch 1/2  validating, batch 20/40",
    ]


def test_plain_tells_what_went_wrong(capsys):
    sick = states(1)[0]
    sick = type(sick)("conv", "Conv2d", float("nan"), 1.0, 1e-3)
    lines = plain(
        capsys,
        [
            started(epochs=9, steps=9),
            LayersMeasured(1, 2, 2, (sick,)),
            LayersMeasured(1, 3, 3, (sick,)),
            StepSkipped(1, 3, "the loss is nan", 4),
            CheckpointFailed("runs/x", "No space left on device"),
            Warned("two\nlines"),
            FitEnded(True, 70.0, "Ctrl-C", None, "runs/x/step-3", "trainer.fit(resume=...)"),
        ],
    )
    assert lines[1:] == [
        "warning: epoch 1/9  step 2/9  conv: gradient holds NaN or infinity; lower the learning "
        "rate, or set clip_norm=1.0",
        "warning: step 3 of epoch 1 left out: the loss is nan; 4 more may be",
        "warning: not saved to runs/x: No space left on device",
        "warning: two lines",
        "checkpoint: runs/x/step-3",
        "to go on: trainer.fit(resume=...)",
        "interrupted after 1m10s: Ctrl-C",
    ]


@pytest.mark.parametrize(
    ("environment", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_plain_has_colours_only_if_forced(capsys, monkeypatch, environment, colored):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    lines = plain(capsys, RUN)
    assert ("\x1b" in "".join(lines)) is colored
    if colored:
        assert lines[2].startswith("\x1b[32mepoch 1/2")
        assert lines[2].endswith("\x1b[0m")
        assert not re.search(r"\x1b\[[^m]*[A-Za-ln-z]", "".join(lines))  # nothing moves


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "utf-8"])
def test_every_encoding_can_be_written(monkeypatch, encoding):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", file)
    listener = face.Plain()
    listener(FitStarted("Netz_层_ü", 1, 1, 1, 1))
    assert file.buffer.getvalue().decode(encoding).startswith("Netz_")


def test_every_line_is_flushed(monkeypatch):
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=False)
    monkeypatch.setattr(sys, "stdout", file)
    listener = face.Plain()
    for i, event in enumerate([RUN[0], RUN[6]], 1):
        listener(event)
        assert file.buffer.getvalue().count(b"\n") == i


@pytest.mark.parametrize(
    ("tty", "environment", "expected"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": ""}, False),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (True, {"TERM": "xterm", "CI": "false"}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
        (False, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
    ids=str,
)
def test_when_it_draws(monkeypatch, tty, environment, expected):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: tty))
    assert face.is_live() is expected


@pytest.mark.parametrize("legacy", [True, False])
def test_an_old_console_of_windows_gets_lines(monkeypatch, legacy):
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(face, "Console", lambda: SimpleNamespace(legacy_windows=legacy))
    monkeypatch.delenv("TERM", raising=False)
    monkeypatch.setattr(face.os, "name", "nt")
    assert face.is_live() is not legacy


@pytest.mark.parametrize("display", ["auto", "plain"])
def test_a_pipe_gets_lines(capsys, display):
    with face.console(display) as listener:
        assert isinstance(listener, face.Plain)


class Output:
    """A notebook's output that is updated in place."""

    def __init__(self):
        self.pages = []

    def update(self, page):
        self.pages.append(page)


@pytest.fixture
def ipython(monkeypatch):
    """IPython with a kernel, as in a notebook."""
    output = Output()
    shown = []

    def display(page, display_id):
        shown.append(page)
        return output

    modules = {
        "IPython": SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())),
        "IPython.display": SimpleNamespace(HTML=str, display=display),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return SimpleNamespace(output=output, shown=shown)


def test_a_notebook_has_one_output_that_is_updated(ipython, capsys):
    clock = Clock()
    with face.console("auto") as listener:
        assert isinstance(listener.screen, face.Notebook)
        for event in run(clock):
            listener(event)
            listener.draw()
    assert len(ipython.shown) == 1
    middle, last = ipython.output.pages[len(ipython.output.pages) // 2], ipython.output.pages[-1]
    assert "samples/s" in middle
    assert "samples/s" not in last
    assert "finished in" in last
    assert last.count("★") >= 2
    assert "<span style=" in last
    assert capsys.readouterr().out == ""


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace())
    )
    assert not notebook.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not notebook.in_notebook()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (9.96, "10s"), (59.6, "1m00s"), (3599.7, "1h00m"),
     (7830, "2h10m"), (86400 * 3 + 3600 * 4, "3d04h")],
)  # fmt: skip
def test_durations(seconds, text):
    assert write_seconds(seconds) == text


def test_labels():
    names = ("loss", "val_loss", "interval_score", "val_my\nown")
    assert [*map(label_of, names)] == ["loss", "val loss", "interval_score", "val my own"]


def test_numbers():
    assert write_metric("accuracy", 0.5) == "50.00%"
    assert write_metric("val_top_5_accuracy", 1.0) == "100.00%"
    assert write_metric("f1", 0.123456) == "12.35%"
    assert write_metric("perplexity", 123.456) == "123.5"
    assert write_metric("loss", 1e-5) == "1.00e-05"
    assert write_metric("loss", float("nan")) == "nan"
    assert [write_short(x) for x in (0, 1.5, 1e-3, 1e6)] == ["0", "1.5", "1e-03", "1e+06"]
    assert [write_rate(x) for x in (12345.6, 1.234)] == ["12,346", "1.2"]
    assert [write_bytes(x) for x in (2.5e6, 1.26e9)] == ["2 MB", "1.3 GB"]


@pytest.mark.parametrize(
    ("encoding", "glyphs"),
    [("utf-8", UNICODE), ("UTF-16", UNICODE), ("cp1252", ASCII), ("cp437", ASCII),
     ("ascii", ASCII), ("no such code", ASCII), (None, ASCII)],
)  # fmt: skip
def test_characters_are_those_of_the_encoding(encoding, glyphs):
    assert glyphs_of(encoding) is glyphs


def test_an_interrupted_run_says_so():
    assert ending(FitEnded(True, 2.0)) == "interrupted after 2.0s"
    assert ending(FitEnded(True, 2.0, failed=True)) == "interrupted after 2.0s"


def test_a_run_that_failed_is_not_said_to_be_finished():
    assert ending(FitEnded(False, 2.0, failed=True)) == "failed after 2.0s"


def test_one_is_no_plural():
    assert [write_count(n, "step") for n in (0, 1, 2000)] == ["0 steps", "1 step", "2,000 steps"]
