"""The picture of the curves."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.train.logs.story import epoch_ended, run, small_trainer, started, steps, tell, use
from tinygrad_lite.errors import ArgumentError
from tinygrad_lite.train import EpochEnded, FitEnded
from tinygrad_lite.train.logs import Curves

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture
def path(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    return tmp_path / "curves.png"


def picture(path):
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened.convert("RGB"), int)


def has(pixels, color):
    return (np.abs(pixels - color).sum(axis=2) < 30).sum() > 100


BLUE, ORANGE = (31, 119, 180), (255, 127, 14)  # matplotlib's first two colours


def test_training_and_validation_are_drawn(path):
    tell(Curves(path), run())
    pixels = picture(path)
    assert has(pixels, BLUE)
    assert has(pixels, ORANGE)
    left, right = np.array_split(pixels, 2, axis=1)
    assert has(left, BLUE)  # the loss
    assert has(right, BLUE)  # the accuracy


def test_without_validation_there_is_one_curve(path):
    log = Curves(path)
    log(started())
    tell(log, [EpochEnded(e, {"loss": 1.0 / e}, 1e-2, 1.0, False) for e in (1, 2, 3)])
    log(FitEnded(False, 1.0))
    assert has(picture(path), BLUE)
    assert not has(picture(path), ORANGE)


def test_a_resumed_run_draws_the_epochs_before(path):
    tell(Curves(path), run(epochs=3))
    whole = path.read_bytes()
    tell(Curves(path), run(epochs=3, done=8))
    assert path.read_bytes() == whole


def test_it_is_drawn_after_the_first_epoch_then_seldom_then_at_the_end(path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    drawn = []

    def note(target, content):
        drawn.append(len(log._epochs))
        now[0] += 0.2

    monkeypatch.setattr("tinygrad_lite.train.logs.curves.replace", note)
    log = Curves(path)
    log(started(epochs=30))
    for epoch in range(1, 31):
        now[0] += 1
        log(epoch_ended(epoch))
    assert drawn == [1, 12, 23]  # 0.2 s are 2 % of ten
    log(FitEnded(False, 30.0))
    assert drawn == [1, 12, 23, 30]


@pytest.mark.parametrize(
    "values",
    [
        [np.nan, np.nan, np.nan],
        [np.inf, 1.0, np.nan],
        [1e300, -1e300, 0.0],
        [1.0, 1.0, 1.0],
        [np.float32(1), 2, 3],
    ],
)
def test_whatever_a_metric_is_the_training_goes_on(path, values):
    log = Curves(path)
    log(started(model="$Odd_{"))
    for epoch, value in enumerate(values, 1):
        metrics = {"loss": value, "a$b_{$": value, "精度": value, "_hidden": value}
        log(EpochEnded(epoch, metrics, 1e-2, 1.0, False))
    log(FitEnded(False, 1.0))
    assert picture(path).size


def test_a_run_without_an_epoch_draws_nothing(path):
    tell(Curves(path), [started(), *[e for e in steps(1) if e.total < 3], FitEnded(True, 1.0)])
    assert not path.exists()


def test_pyplot_and_its_windows_are_left_alone(path):
    code = """if True:
        import sys
        from tests.train.logs.story import run, tell
        from tinygrad_lite.train.logs import Curves
        tell(Curves(sys.argv[1]), run())
        print("matplotlib.pyplot" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
    assert path.exists()


def test_a_real_training_is_drawn(path):
    trainer, data = small_trainer()
    use(trainer, Curves(path))
    trainer.fit(data, data, epochs=3, batch_size=16)
    assert has(picture(path), ORANGE)


def test_a_path_that_cannot_be_is_told_once(path, caplog):
    path.write_text("")
    tell(Curves(path / "curves.png"), run())
    assert len(caplog.records) == 1


def test_without_matplotlib_it_is_said_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ArgumentError, match=r"(?s)needs matplotlib.*'tinygrad-lite\[logs\]'"):
        Curves(tmp_path / "curves.png")
