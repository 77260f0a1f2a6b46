"""Past runs as they are listed, drawn again and compared."""

import io
import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.train.logs.story import epoch_ended, run, started, steps, tell
from tinygrad_lite.errors import ArgumentError, DataError
from tinygrad_lite.study import runs
from tinygrad_lite.train import EpochEnded, FitEnded, StepEnded
from tinygrad_lite.train.logs import JSONL, jsonl, read


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four runs, each begun an hour after the one before, and a broken log."""
    monkeypatch.setattr("time.localtime", time.gmtime)
    now = [1_700_000_000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    stories = {
        "zebra": run(),
        "deep/net": [started(parameters=99), *steps(2), FitEnded(True, 75.0)],
        "nan": [started(), *steps(1), FitEnded(False, 1.0, "the loss is nan", resume="type this")],
        "cut": [started(epochs=50), *steps(2)],
    }
    for name, events in stories.items():
        now[0] += 3600
        log = JSONL(tmp_path / name / "log.jsonl")
        for event in events:
            now[0] += 0.5
            log(event)
        os.utime(log.path, (now[0], now[0]))
    now[0] += 1e6
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "log.jsonl").write_text("what is this\n")
    return tmp_path


def printed(show, width=120, color=None, environ=None):
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color is not None,
        color_system=color,
        highlight=False,
        _environ=environ or {},
    )
    show(console)
    return console.file.getvalue()


def table(text):
    return [line.split() for line in text.splitlines()]


def test_runs_are_listed_the_latest_last(folder):
    text = printed(lambda console: runs.list_runs(folder, console))
    head, *rows = table(text)
    assert head == ["run", "state", "epochs", "best", "model", "began", "took"]
    assert [row[:3] for row in rows[:4]] == [
        ["zebra", "finished", "3/3"],
        ["deep/net", "interrupted", "2/3"],
        ["nan", "stopped", "1/3"],
        ["cut", "killed", "2/50"],
    ]
    assert rows[0][3:] == ["val_accuracy", "85.00%", "@", "2", "MLP", *rows[0][-3:]]
    assert rows[0][-1] == "8.0s"
    assert rows[4][:2] == ["bad", "broken"]
    assert "bad: " in text
    assert "see its line 1" in text.replace("\n", " ")


@pytest.mark.parametrize("width", [15, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("color", [None, "truecolor"])
def test_tables_fit_the_terminal_and_keep_what_matters_most(folder, width, color):
    (folder / "bad" / "log.jsonl").unlink()
    listed = printed(lambda console: runs.list_runs(folder, console), width)
    assert max(map(len, listed.splitlines())) <= width
    assert len(listed.splitlines()) == 5
    assert "zebra" in listed
    assert ("finished" in listed) == (width >= 40)
    assert ("val_accuracy" in listed) == (width >= 60)
    assert ("began" in listed) == (width >= 80)
    epochs = printed(
        lambda console: runs.show_run(read(folder / "zebra"), "zebra", console), width, color
    )
    if color is None:
        assert max(map(len, epochs.splitlines())) <= width
    assert ("val_loss" in epochs) or width < 40


def test_no_escape_code_is_written_but_to_a_terminal(folder):
    def show(console):
        runs.list_runs(folder, console)
        runs.show_run(read(folder / "zebra"), "zebra", console)
        runs.compare_runs({n: read(folder / n) for n in ("zebra", "nan")}, console)

    assert "\x1b" not in printed(show)
    assert "\x1b" in printed(show, color="truecolor")
    uncolored = printed(show, color="truecolor", environ={"NO_COLOR": "1"})
    assert "\x1b[3" not in uncolored
    assert "\x1b[38" not in uncolored


def test_a_pipe_gets_whole_lines(folder, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    runs.list_runs(folder)
    assert "took" in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "40")
    runs.list_runs(folder)
    assert "took" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nowhere", "empty", "[odd]"])
def test_no_runs_is_no_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    text = printed(lambda console: runs.list_runs(tmp_path / name, console), width=500)
    assert text.startswith(f"There are no runs in {tmp_path / name} yet.")
    assert "Trainer has folder=" in text


def test_only_broken_runs_are_listed_too(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "log.jsonl").write_bytes(b"")
    assert "broken" in printed(lambda console: runs.list_runs(tmp_path, console))


def test_a_folder_that_is_itself_a_run(folder):
    found, _ = runs.find_runs(folder / "zebra")
    assert [*found] == ["zebra"]


def test_a_run_shows_its_epochs_its_curves_and_how_it_went(folder):
    text = printed(lambda console: runs.show_run(read(folder / "zebra"), "zebra", console))
    rows = table(text)
    assert rows[0] == ["epoch", *epoch_ended(1).metrics, "lr", "time"]
    assert rows[2] == ["2", "0.5000", "75.00%", "0.5000", "85.00%", "1.00e-02", "250ms", "best"]
    assert [row[-1] == "best" for row in rows[1:4]] == [False, True, False]
    assert "a loss   b val_loss" in text
    assert "a accuracy   b val_accuracy" in text
    assert "zebra: MLP, 1,234 parameters, 100 samples, Adam" in text
    assert "finished after 3 of 3 epochs, began 2023-11-14 23:13, took 8.0s" in text
    assert "best: val_accuracy 85.00% @ 2" in text


def test_it_says_why_a_run_stopped_and_how_to_resume(folder):
    text = printed(lambda console: runs.show_run(read(folder / "nan"), "nan", console), width=200)
    assert "stopped after 1 of 3 epochs (the loss is nan)" in text
    assert text.rstrip().endswith("resume with: type this")
    assert "a loss" in text  # of the steps
    assert " step " in text


def test_many_epochs_are_thinned_and_the_best_is_kept(tmp_path):
    log = JSONL(tmp_path / "log.jsonl")
    tell(log, [started(epochs=200)])
    tell(log, [epoch_ended(e, best=e in (1, 37)) for e in range(1, 201)])
    log(FitEnded(False, 1.0))
    brief = printed(lambda console: runs.show_run(read(tmp_path), "many", console))
    shown = [int(row[0]) for row in table(brief) if row and row[-1] in ("250ms", "best")]
    assert shown == [1, *range(10, 31, 10), 37, *range(40, 201, 10)]
    assert "22 of 200 epochs; --all shows the others" in brief
    whole = printed(lambda console: runs.show_run(read(tmp_path), "many", console, all=True))
    assert len([row for row in table(whole) if row and row[-1] in ("250ms", "best")]) == 200
    assert "--all" not in whole


def test_a_run_that_has_only_begun_is_shown(tmp_path):
    tell(JSONL(tmp_path / "log.jsonl"), [started(optimizer="")])
    text = printed(lambda console: runs.show_run(read(tmp_path), "new", console))
    assert "running after 0 of 3 epochs" in text
    assert "unknown optimiser" in text


def test_the_steps_of_a_long_first_epoch_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "APART", 0.0)
    log = JSONL(tmp_path / "log.jsonl")
    log(started())
    tell(log, [StepEnded(1, i, 1.0 / i, 1e-2, 25, i) for i in range(1, 5001)])
    log(FitEnded(True, 1.0))
    text = printed(lambda console: runs.show_run(read(tmp_path), "long", console))
    last = next(line for line in text.splitlines() if " step " in line).split()[-1]
    assert 4990 <= int(last) <= 5000


def test_two_runs_side_by_side(folder):
    pair = {name: read(folder / name) for name in ("zebra", "deep/net")}
    text = printed(lambda console: runs.compare_runs(pair, console))
    rows = table(text)
    assert rows[0] == ["settings", "that", "differ"]
    assert rows[1] == ["zebra", "deep/net"]
    assert rows[2] == ["parameters", "1,234", "99"]
    assert rows[3] == []
    assert ["state", "finished", "interrupted"] in rows
    assert ["epochs", "done", "3", "2"] in rows
    assert ["best", "val_loss", "0.5000", "@", "2", "0.5000", "@", "2"] in rows
    assert ["best", "accuracy", "83.33%", "@", "3", "75.00%", "@", "2"] in rows
    assert "a zebra   b deep/net" in text


def test_equal_settings_are_said_to_be(folder):
    pair = {name: read(folder / name) for name in ("zebra", "nan")}
    text = printed(lambda console: runs.compare_runs(pair, console))
    assert "No setting that is logged differs." in text


def test_runs_that_share_nothing_are_compared_as_far_as_can_be(tmp_path):
    metrics = {"energy": float("nan"), "loss": float("inf")}
    others = [EpochEnded(epoch, metrics, 1e-2, 1.0, False) for epoch in (1, 2)]
    others.append(FitEnded(False, 1.0))
    tell(JSONL(tmp_path / "a" / "log.jsonl"), [started()])
    tell(JSONL(tmp_path / "b" / "log.jsonl"), [started(), *others])
    tell(JSONL(tmp_path / "c" / "log.jsonl"), [started(), *others])
    for first, second in ("ab", "bc", "ac"):
        pair = {name: read(tmp_path / name) for name in (first, second)}
        text = printed(lambda console, pair=pair: runs.compare_runs(pair, console))
        assert (["best", "energy", "-", "-"] in table(text)) == (first + second == "bc")


def test_a_run_is_found_by_name_or_path(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for name in ("deep/net", str(folder / "deep/net"), str(folder / "deep/net/log.jsonl")):
        assert runs.open_run(name, folder).started.parameters == 99
    with pytest.raises(ArgumentError, match=r"no run 'zebar' in .*nearest first: zebra"):
        runs.open_run("zebar", folder)
    with pytest.raises(ArgumentError, match="none"):
        runs.open_run("missing", Path("nowhere"))
    with pytest.raises(DataError, match="damaged"):
        runs.open_run("bad", folder)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0123, "12ms"), (1, "1.0s"), (60, "1m00s"), (90000, "1d01h")],
)
def test_durations(seconds, text):
    assert runs._duration(seconds) == text
