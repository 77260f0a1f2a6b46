"""JSONL: what a line says, when it is written, what a resumed run leaves of the log."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, fields
from math import isnan
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.logs.story import (
    STEPS,
    epoch_ended,
    one_of_each,
    run,
    small_trainer,
    started,
    steps,
    tell,
    use,
)
from tinygrad_lite.train import (
    BatchValidated,
    CheckpointSaved,
    EpochEnded,
    FitEnded,
    StepEnded,
    StepSkipped,
    Warned,
)
from tinygrad_lite.train.events import Event
from tinygrad_lite.train.logs import JSONL, jsonl, read

ROOT = Path(__file__).parent.parent.parent.parent
WORDS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def strict(text):
    """Parse JSON as everybody else does, without Python's NaN."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def lines(path):
    return [strict(text) for text in path.read_text().splitlines()]


def same(written, value):
    """Compare what a line says with what an event held."""
    if isinstance(value, dict):
        return written.keys() == value.keys() and all(same(written[k], v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return len(written) == len(value) and all(map(same, written, value))
    if isinstance(value, float):
        number = float(written)
        return number == value or (isnan(number) and isnan(value))
    return written == value


@pytest.fixture
def clock(monkeypatch):
    """The time, which stands still until a test moves it."""
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    return now


def test_the_examples_are_of_every_kind():
    assert {type(event) for event in one_of_each()} == set(get_args(Event))


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_a_line_says_all_that_the_event_does(event):
    text = jsonl.line(1234.5678, event)
    assert text.count("\n") == 1
    said = strict(text)
    assert said.pop("event") == type(event).__name__
    assert said.pop("time") == 1234.568
    told = asdict(event)
    if told.get("summary"):
        assert [row["kind"] for row in said["summary"]["rows"]] == ["Sequential", "Dense", "ReLU"]
    assert same(said, told)


NUMBERS = st.one_of(
    st.floats(), st.floats(width=32).map(np.float32), st.floats().map(np.float64), st.integers()
)


@given(NUMBERS, NUMBERS, st.integers(1, 10**9), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_step_is_written_to_nine_digits_and_durations_to_the_microsecond(
    loss, lr, total, seconds, waiting
):
    with np.errstate(all="ignore"):
        said = strict(jsonl.line(12.25, StepEnded(2, 3, loss, lr, 32, total, seconds, waiting)))
    assert said.keys() == {"event", "time", *(f.name for f in fields(StepEnded))}
    for name, value in (("loss", loss), ("lr", lr)):
        assert float(said[name]) == pytest.approx(float(value), rel=1e-8, abs=0, nan_ok=True)
        assert not isinstance(value, np.float32) or same(np.float32(said[name]), value)
    assert (said["epoch"], said["step"], said["samples"], said["total"]) == (2, 3, 32, total)
    assert said["time"] == 12.25
    assert abs(said["seconds"] - seconds) <= 1e-6
    assert abs(said["waiting"] - waiting) <= 1e-6


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.float64(0.5), np.array(0.5), np.array([0.5, np.nan]), 3, "text"]
)
def test_no_value_of_a_metric_stops_a_training(value):
    said = strict(jsonl.line(1.0, EpochEnded(1, {"mine": value}, 1e-3, 1.0, False)))
    expected = value.tolist() if hasattr(value, "tolist") else value
    assert same(said["metrics"]["mine"], expected)
    odd = strict(jsonl.line(1.0, EpochEnded(1, {"mine": object}, 1e-3, 1.0, False)))
    assert odd["metrics"]["mine"] == str(object)


def test_steps_are_written_once_a_second(tmp_path, clock):
    path = tmp_path / "log.jsonl"
    log = JSONL(path)
    log(started())
    assert len(lines(path)) == 1
    for i in range(1, 8):
        clock[0] += 0.25
        log(StepEnded(1, i, 0.5, 1e-3, 1, i))
        assert len(lines(path)) == (1 if i < 4 else 5)
    clock[0] += 0.25
    log(StepEnded(1, 8, 0.5, 1e-3, 1, 8))
    assert [entry["time"] for entry in lines(path)][1:] == [1000 + i / 4 for i in range(1, 9)]


@pytest.mark.parametrize(
    "event",
    [
        event
        for event in one_of_each()
        if isinstance(event, EpochEnded | CheckpointSaved | StepSkipped | Warned | FitEnded)
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_matters_is_written_at_once_after_what_came_before(event, tmp_path, clock):
    path = tmp_path / "log.jsonl"
    log = JSONL(path)
    tell(log, [started(), StepEnded(1, 1, 0.5, 1e-3, 1, 1)])
    clock[0] += 0.1
    log(event)
    assert [e["event"] for e in lines(path)] == ["FitStarted", "StepEnded", type(event).__name__]


def test_nothing_waits_when_the_clock_was_put_back(tmp_path, clock):
    path = tmp_path / "log.jsonl"
    log = JSONL(path)
    log(started())
    clock[0] -= 3600
    log(StepEnded(1, 1, 0.5, 1e-3, 1, 1))
    assert len(lines(path)) == 2


def test_short_epochs_are_written_ten_times_a_second(tmp_path, clock):
    path = tmp_path / "log.jsonl"
    log = JSONL(path)
    log(started())
    for i in range(1, 30):
        clock[0] += 1 / 64  # exact in binary
        log(epoch_ended(i))
        assert len(lines(path)) == 1 + i - i % 7


def test_a_validation_writes_nothing_and_keeps_the_file_fresh(tmp_path, clock):
    path = tmp_path / "log.jsonl"
    log = JSONL(path)
    tell(log, [started(), StepEnded(1, 1, 0.5, 1e-3, 1, 1), BatchValidated(1, 1, 9)])
    assert len(lines(path)) == 1
    os.utime(path, (0, 0))
    clock[0] += 1
    log(BatchValidated(1, 2, 9))
    assert [e["event"] for e in lines(path)] == ["FitStarted", "StepEnded"]
    clock[0] += 1
    os.utime(path, (0, 0))
    log(BatchValidated(1, 3, 9))
    assert path.stat().st_mtime > 0
    assert len(lines(path)) == 2


def test_a_new_run_replaces_the_log(tmp_path, clock):
    log = JSONL(tmp_path / "log.jsonl")
    tell(log, [started(), CheckpointSaved("runs/a/0", 0, 0.1), *steps(3)])
    log(StepEnded(4, 1, 0.5, 1e-3, 25, 13))  # not written yet
    tell(log, run(epochs=1))
    assert [e["event"] for e in lines(log.path)] == [
        "FitStarted",
        *["StepEnded"] * STEPS,
        "EpochEnded",
        "FitEnded",
    ]


@given(st.integers(0, 3 * STEPS), st.data())
def test_a_resumed_log_tells_each_step_and_epoch_once(tmp_path_factory, killed, data):
    """However far the first process came, and wherever its last checkpoint was."""
    path = tmp_path_factory.mktemp("run") / "log.jsonl"
    log = JSONL(path)
    log(started())
    for event in steps():
        if event.total > killed:
            break
        if isinstance(event, StepEnded):
            log(StepSkipped(event.epoch, event.step, "tried before", 3))
        log(event)
    log(Warned("the end of the first process"))
    done = data.draw(st.integers(0, killed))
    tell(JSONL(path), run(done=done))
    told = lines(path)
    totals = [e["total"] for e in told if e["event"] == "StepEnded"]
    assert totals == [*range(1, 3 * STEPS + 1)]
    assert [e["epoch"] for e in told if e["event"] == "EpochEnded"] == [1, 2, 3]
    assert sum(e["event"] == "FitStarted" for e in told) == (1 if done == 0 else 2)
    assert [e["step"] for e in told if e["event"] == "StepSkipped"] == [
        (total - 1) % STEPS + 1 for total in range(1, done + 1)
    ]
    assert not [e for e in told if e["event"] == "Warned"]
    assert len(read(path).epochs) == 3


def test_a_resumed_run_without_its_log_begins_one(tmp_path):
    path = tmp_path / "log.jsonl"
    tell(JSONL(path), run(done=2 * STEPS))
    assert [epoch.epoch for epoch in read(path).epochs] == [1, 2, 3]
    path.write_bytes(b'no JSON\n[1]\n{"total": "text"}\n')
    tell(JSONL(path), run(done=2 * STEPS))
    assert lines(path)[0]["event"] == "FitStarted"


def test_a_real_training_is_logged(tmp_path):
    trainer, data = small_trainer()
    use(trainer, JSONL(tmp_path / "log.jsonl"))
    history = trainer.fit(data, data, epochs=2, batch_size=16)
    told = read(tmp_path)
    assert told.state == "finished"
    assert told.epochs == history.epochs
    assert told.steps["loss"].shape == (6,)
    assert told.started.model == "Sequential"


FOREVER = """
import sys
from tests.train.logs.story import started
from tinygrad_lite.train import StepEnded
from tinygrad_lite.train.logs import JSONL, jsonl
jsonl.APART = 0.0
log = JSONL(sys.argv[1])
log(started())
total = 0
while True:
    total += 1
    log(StepEnded(1, total, 0.5, 1e-3, 1, total))
    if total == 50_000:
        print("far enough", flush=True)
"""


def test_of_steps_that_come_fast_fifty_a_second_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "APART", 0.02)
    now = [1000.0]
    monkeypatch.setattr(jsonl.time, "time", lambda: now[0])
    log = JSONL(tmp_path / "log.jsonl")
    log(started())
    for total in range(1, 101):
        now[0] += 0.006
        log(StepEnded(1, total, 0.5, 0.1, 32, total))
    log(FitEnded(False, 1.0))
    assert read(tmp_path).steps["total"].tolist() == [*range(1, 101, 4)]


@pytest.mark.parametrize("after", [0.0, 0.37, 1.1])
def test_kill_leaves_a_log_that_lacks_at_most_the_last_second(tmp_path, after):
    path = tmp_path / "log.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", FOREVER, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with process:
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        killed = time.time()
    told = read(path)
    assert told.state == "running"  # nobody can tell yet
    totals = told.steps["total"]
    assert totals.tolist() == [*range(1, len(totals) + 1)]
    last = told.steps["time"][-1] if len(totals) else told.begun
    assert killed - last < 2  # a second, and what a busy machine adds
    tell(JSONL(path), run(done=2 * STEPS))
    assert read(path).state == "finished"


def test_every_truncation_can_be_read(tmp_path):
    path = tmp_path / "log.jsonl"
    tell(JSONL(path), run(epochs=1))
    content = path.read_bytes()
    for size in range(content.index(b"\n") + 1, len(content), 3):
        path.write_bytes(content[:size])
        told = read(path)
        assert told.ended is None
        whole = content[:size].rpartition(b"\n")[0]
        assert len(told.steps["loss"]) == whole.count(b'"StepEnded"')
