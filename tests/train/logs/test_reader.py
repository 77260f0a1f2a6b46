"""What is read back from a log, and what is refused."""

import json
import os

import numpy as np
import pytest

from tests.train.logs.story import STEPS, epoch_ended, one_of_each, run, started, steps, tell
from tinygrad_lite.errors import DataError
from tinygrad_lite.train import EpochEnded, FitEnded, FitStarted, StepEnded
from tinygrad_lite.train.logs import JSONL, jsonl, read


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.jsonl"


def write(path, *events, begin=100.0):
    """Write events a second apart."""
    path.write_text("".join(jsonl.line(begin + i, event) for i, event in enumerate(events)))


def test_a_run_is_read_as_it_was(path):
    tell(JSONL(path), run())
    for told in (read(path), read(path.parent), read(str(path))):
        assert told.path == path
        assert told.started == started()
        assert told.epochs == [epoch_ended(e) for e in (1, 2, 3)]
        assert told.best == epoch_ended(2)
        assert told.ended == FitEnded(False, 1.5, best=epoch_ended(2))
        assert told.state == "finished"
        assert told.steps["total"].tolist() == [*range(1, 3 * STEPS + 1)]
        assert told.steps["loss"] == pytest.approx([1.0 / i for i in range(1, 3 * STEPS + 1)])
        assert (told.steps["seconds"] == 0.0005).all()


@pytest.mark.parametrize("kind", [FitStarted, EpochEnded, FitEnded])
def test_every_field_comes_back(path, kind):
    (event,) = (event for event in one_of_each() if isinstance(event, kind))
    write(path, *([] if kind is FitStarted else [started(), epoch_ended(1)]), event)
    told = read(path)
    found = {FitStarted: told.started, EpochEnded: told.epochs[-1], FitEnded: told.ended}[kind]
    assert repr(found) == repr(event)  # NaN is not equal to itself
    assert found.__class__ is kind


def test_a_log_of_every_event_is_read(path):
    write(path, *one_of_each())
    told = read(path)
    assert [epoch.epoch for epoch in told.epochs] == [2, 3]
    assert told.steps["loss"][0] == 0.1
    assert np.isnan(told.steps["loss"][1])
    assert told.steps["lr"][1] == np.inf
    assert told.state == "interrupted"


@pytest.mark.parametrize(
    ("end", "age", "state"),
    [
        ([FitEnded(False, 1.0)], 0, "finished"),
        ([FitEnded(True, 1.0)], 0, "interrupted"),
        ([FitEnded(True, 1.0, "SIGTERM")], 0, "interrupted"),
        ([FitEnded(False, 1.0, "this is enough")], 0, "stopped"),
        ([FitEnded(False, 1.0, "the loss is nan", failed=True)], 0, "failed"),
        ([], 0, "running"),
        ([], 3600, "killed"),
        ([FitEnded(True, 1.0), started(done=4)], 3600, "killed"),
        ([FitEnded(True, 1.0), started(done=4), FitEnded(False, 1.0)], 0, "finished"),
    ],
)
def test_how_it_ended(path, end, age, state):
    write(path, started(), *steps(1), *end)
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    assert read(path).state == state


def test_pauses_are_no_duration(path):
    first = [started(), *steps(1)]  # 6 lines, a second apart
    second = [started(done=4), StepEnded(2, 1, 0.5, 1e-3, 25, 5)]
    write(path, *first)
    text = path.read_text()
    write(path, *second, begin=5000.0)
    path.write_text(text + path.read_text())
    for with_steps in (True, False):
        told = read(path, steps=with_steps)
        assert told.begun == 100.0
        assert told.seconds == 5.0 + 1.0


def test_without_steps_all_else_is_the_same(path):
    tell(JSONL(path), run())
    whole, brief = read(path), read(path, steps=False)
    assert {name: column.size for name, column in brief.steps.items()} == dict.fromkeys(
        whole.steps, 0
    )
    for name in ("started", "epochs", "ended", "begun", "seconds", "state"):
        assert getattr(brief, name) == getattr(whole, name)


def test_logs_of_other_versions_are_read(path):
    """A field that is not known yet is left out, one that was not known then has its default."""
    write(path, started(), *steps(1))
    entries = [json.loads(text) for text in path.read_text().splitlines()]
    entries[0]["mood"] = "good"
    del entries[0]["monitor"]
    entries.insert(1, {"event": "Danced", "time": 100.5})
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    told = read(path)
    assert told.started == started()
    assert len(told.epochs) == 1


GOOD = '{"event": "Warned", "time": 1.0, "text": ""}'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b'{"event": "Fit', "it is empty"),
        (b"no JSON\n", "line 1"),
        (b"\xff\xfe\n", "line 1"),
        (b"[]\n", "line 1"),
        (b'"text"\n', "line 1"),
        (b"[" * 100_000 + b"\n", "line 1"),
        (b'{"event": "FitStarted", "time": 1.0}\n', "line 1"),
        (b'{"event": "FitStarted"}\n', "line 1"),
        (GOOD.encode() + b"\n", "line 1"),
        (
            jsonl.line(1, started(history=(epoch_ended(1),)))
            .encode()
            .replace(b'{"loss"', b'3, "a": {"loss"'),
            "line 1",
        ),
        (jsonl.line(1, started()).encode() + b"torn {\n" + GOOD.encode() + b"\n", "line 2"),
        (jsonl.line(1, started()).encode() + b'{"event": "EpochEnded", "time": 2}\n', "line 2"),
        (jsonl.line(1, started()).encode() + b'{"event": "StepEnded", "time": 2}\n', "line 2"),
        (
            jsonl.line(1, started(model="x", history=()))
            .encode()
            .replace(b'"history": []', b'"history": 3'),
            "line 1",
        ),
    ],
)
def test_a_file_that_is_no_log_is_refused(path, content, problem):
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"is no log of a run, or is damaged: .*{problem}"):
        read(path)


def test_a_file_that_is_not_there_is_missing(path):
    with pytest.raises(FileNotFoundError):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(path.parent)
