"""TensorBoard's own reader finds what was written."""

import sys

import pytest

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
from tinygrad_lite.errors import ArgumentError
from tinygrad_lite.train import FitEnded, LayersMeasured, StepEnded
from tinygrad_lite.train.logs import TensorBoard


@pytest.fixture
def scalars():
    """Read a folder as TensorBoard does: by tag, the steps and the values."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard is not installed",
    )

    def read(folder):
        found = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        return {
            tag: {entry.step: entry.value for entry in found.Scalars(tag)}
            for tag in found.Tags()["scalars"]
        }

    return read


@pytest.fixture
def clock(monkeypatch):
    """A time in which every look at it takes a second, so that every step is shown."""
    now = [1000.0]

    def look():
        now[0] += 1
        return now[0]

    monkeypatch.setattr("time.time", look)
    return now


def close(found, expected):
    assert found.keys() == expected.keys()
    assert list(found.values()) == pytest.approx(list(expected.values()))


def test_steps_and_epochs_are_found_with_their_tags(tmp_path, scalars, clock):
    tell(TensorBoard(tmp_path), run())
    found = scalars(tmp_path)
    assert {*found} == {
        "step/loss",
        "step/lr",
        "step/samples_per_second",
        "train/loss",
        "train/accuracy",
        "val/loss",
        "val/accuracy",
    }
    totals = range(1, 3 * STEPS + 1)
    close(found["step/loss"], {total: 1.0 / total for total in totals})
    close(found["step/lr"], dict.fromkeys(totals, 1e-2))
    close(found["step/samples_per_second"], dict.fromkeys(totals, 25 / 0.0005))
    for name in ("loss", "accuracy"):
        for group, key in (("train", name), ("val", f"val_{name}")):
            expected = {e * STEPS: epoch_ended(e).metrics[key] for e in (1, 2, 3)}
            close(found[f"{group}/{name}"], expected)


def test_layers_are_found(tmp_path, scalars):
    (measured,) = (event for event in one_of_each() if isinstance(event, LayersMeasured))
    tell(TensorBoard(tmp_path), [started(), measured, FitEnded(False, 1.0)])
    found = scalars(tmp_path)
    close(found["gradient/0"], {9: 0.5})
    close(found["weight/0"], {9: 2.0})
    close(found["update/0"], {9: 1e-3})
    close(found["dead/0"], {9: 0.25})
    assert found["weight/MLP"] == {9: float("inf")}  # the model itself has no path
    assert "dead/MLP" not in found


def test_a_resumed_run_goes_on_where_it_was(tmp_path, scalars, clock):
    log = TensorBoard(tmp_path)
    tell(log, [started(), *(e for e in steps() if e.total <= 6)])
    tell(log, [StepEnded(2, total, 99.0, 1e-2, 25, total) for total in (7, 8)])
    log(epoch_ended(2))
    tell(TensorBoard(tmp_path), run(done=6))
    assert len([*tmp_path.iterdir()]) == 2
    found = scalars(tmp_path)
    close(found["step/loss"], {total: 1.0 / total for total in range(1, 3 * STEPS + 1)})
    assert [*found["val/loss"]] == [4, 8, 12]


def test_a_resumed_run_hides_later_steps_before_it_makes_any(tmp_path, scalars, clock):
    tell(TensorBoard(tmp_path), run())
    tell(TensorBoard(tmp_path), [started(done=6)])
    assert [*scalars(tmp_path)["step/loss"]] == [*range(1, 7)]


def test_a_new_run_replaces_its_own_files_and_no_others(tmp_path, scalars, clock):
    other = tmp_path / "events.out.tfevents.1.elsewhere"
    other.write_bytes(b"")
    tell(TensorBoard(tmp_path), run(epochs=3))
    tell(TensorBoard(tmp_path), run(epochs=1))
    assert [*scalars(tmp_path)["step/loss"]] == [*range(1, STEPS + 1)]
    assert other.exists()
    assert len([*tmp_path.iterdir()]) == 2


def test_at_most_ten_steps_a_second_are_shown(tmp_path, scalars, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    log = TensorBoard(tmp_path)
    log(started())
    for total in range(1, 1001):  # two seconds
        now[0] += 0.002
        log(StepEnded(1, total, 1.0 / total, 1e-2, 10 + total % 2, total, 0.001, 0.001))
    written = scalars(tmp_path)["step/loss"]
    assert 9 <= len(written) <= 20  # of the first second
    log(FitEnded(True, 2.0))
    found = scalars(tmp_path)
    assert 18 <= len(found["step/loss"]) <= 21
    rates = [*found["step/samples_per_second"].values()][1:]
    assert rates == pytest.approx([10.5 / 0.002] * len(rates), rel=1e-2)  # of all steps between


def test_the_clock_may_be_put_back(tmp_path, scalars, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    log = TensorBoard(tmp_path)
    log(started())
    now[0] -= 3600
    log(StepEnded(1, 1, 0.5, 1e-2, 25, 1))
    assert scalars(tmp_path)["step/loss"] == {1: 0.5}


def test_steps_that_took_no_time_have_no_speed(tmp_path, scalars, clock):
    tell(TensorBoard(tmp_path), [started(), StepEnded(1, 1, 0.5, 1e-2, 25, 1), epoch_ended(1)])
    found = scalars(tmp_path)
    assert found["step/loss"] == {1: 0.5}
    assert "step/samples_per_second" not in found


def test_a_torn_file_is_read_up_to_the_tear(tmp_path, scalars, clock):
    tell(TensorBoard(tmp_path), run())
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-200])
    assert scalars(tmp_path)["step/loss"]


def test_a_folder_that_cannot_be_is_told_once(tmp_path, caplog, scalars):
    (tmp_path / "file").write_text("")
    tell(TensorBoard(tmp_path / "file"), run())
    assert len(caplog.records) == 1
    assert "TensorBoard" in caplog.text


def test_a_real_training_is_shown(tmp_path, scalars):
    trainer, data = small_trainer()
    use(trainer, TensorBoard(tmp_path))
    trainer.fit(data, data, epochs=2, batch_size=16)
    assert {"step/loss", "train/accuracy", "val/accuracy"} <= {*scalars(tmp_path)}


def test_without_tensorboard_it_is_said_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ArgumentError, match=r"(?s)needs TensorBoard.*'tinygrad-lite\[logs\]'"):
        TensorBoard(tmp_path)
