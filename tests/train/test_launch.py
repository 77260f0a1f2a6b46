"""Runs of the command line: where they are kept, and how one goes on."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.test_cli import ROOT, call, usage_error
from tinygrad_lite.storage import read_state
from tinygrad_lite.train import launch

SETTINGS = ["--epochs", "4", "--plain"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYGRAD_LITE_RUNS", "runs")


def run(*arguments, **environment):
    return call("run", *arguments, **environment)


def weights(folder):
    """All that a run's last checkpoint says of its training."""
    state = read_state(max(Path(folder, "checkpoints").iterdir()))
    arrays = {k: v.tobytes() for part in ("model", "parts") for k, v in flat(state[part])}
    history = [(e["metrics"], e["best"], e["lr"]) for e in state["progress"]["history"]]
    return arrays, history


def flat(state, path=""):
    for name, value in state.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}/{name}")
        elif isinstance(value, np.ndarray):
            yield f"{path}/{name}", value


def stopped(name, number, *settings):
    """Start a run in the background, and end it with a signal after its first epoch."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "tinygrad_lite.cli", "run", name, *settings]
    child = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not child.stdout.readline().startswith("epoch 1/"):
        assert child.poll() is None
    child.send_signal(number)
    rest, errors = child.communicate(timeout=60)
    assert "Traceback" not in errors
    return child.returncode, rest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(number, code):
    many = ["--epochs", "40", "--plain"]
    run("dnn", *many, "--folder", "whole")
    returncode, output = stopped("dnn", number, *many)
    assert returncode == code
    command = re.search(r"tinygrad-lite run dnn --resume", output)
    assert command, output
    assert not launch.read(Path("runs/dnn-1")).is_done
    again = run("dnn", "--resume")
    assert again.returncode == 0, again.stderr
    assert "epoch 40/40" in again.stdout  # the settings are those that it began with
    assert "epoch 1/40" not in again.stdout
    assert weights("runs/dnn-1") == weights("whole")


def test_what_is_kept_and_where(tmp_path):
    for _ in range(2):
        assert run("dnn", *SETTINGS).returncode == 0
    for name in ("dnn-1", "dnn-2"):
        assert {path.name for path in Path("runs", name).iterdir()} == {
            "best.safetensors",
            "checkpoints",
            "log.jsonl",
            "run.json",
        }
    assert launch.read(Path("runs/dnn-1")) == launch.Launch(
        "dnn",
        {
            "epochs": 4,
            "seed": 0,
            "optimizer": "adam",
            "lr": 3e-3,
            "plain": True,
            "data": None,
            "log": "",
        },
        is_done=True,
    )
    assert type(tg.load("runs/dnn-1/best.safetensors")).__name__ == "DNN"


def test_the_folder_is_the_users_choice():
    assert run("dnn", *SETTINGS, "--folder", "mine/first").returncode == 0
    assert Path("mine/first/run.json").is_file()
    assert not Path("runs").exists()
    usage_error(
        run("dnn", *SETTINGS, "--folder", "mine/first"), "holds a run already: use --resume mine"
    )
    usage_error(run("dnn", "--folder", "other", "--resume"), "--folder is where a new run goes")


def test_training_on_with_more_epochs_and_another_rate():
    run("dnn", *SETTINGS)
    more = run("dnn", "--resume", "runs/dnn-1", "--epochs", 6, "--lr", 0.0)
    assert [line.split()[1] for line in more.stdout.splitlines() if line.startswith("epoch")] == [
        "5/6",
        "6/6",
    ]
    assert "lr 0.00e+00" in more.stdout
    assert launch.read(Path("runs/dnn-1")).settings["lr"] == 0.0


def test_nothing_to_go_on_with():
    usage_error(run("dnn", "--resume"), "no run of dnn in runs waits to be resumed")
    run("dnn", *SETTINGS)
    Path("runs/broken").mkdir()
    Path("runs/broken/run.json").write_text("{")
    usage_error(run("dnn", "--resume"), "no run of dnn in runs waits to be resumed")
    result = run("dnn", "--resume", "runs/broken")
    assert result.returncode == 1
    assert "runs/broken holds no run of the command line" in result.stderr


def test_a_disk_that_keeps_nothing_stops_nobody():
    Path("runs").write_text("a file, where the folder of runs should be")
    result = run("dnn", *SETTINGS)
    assert result.returncode == 0, result.stderr
    assert "nothing of this run is kept" in result.stderr
    assert "epoch 4/4" in result.stdout


def test_further_logs():
    assert run("dnn", *SETTINGS, "--log", "csv").returncode == 0
    assert len(Path("runs/dnn-1/log.csv").read_text().splitlines()) == 5
    result = run("dnn", *SETTINGS, "--log", "cvs")
    assert result.returncode == 1
    assert "no log is called 'cvs'" in result.stderr
    assert [path.name for path in Path("runs").iterdir()] == ["dnn-1"]  # it never began


def test_an_example_of_two_networks_skips_what_is_done():
    whole = run("rbm", "--epochs", 2, "--plain", "--folder", "whole").stdout
    run("rbm", "--epochs", 2, "--plain")
    file = Path("runs/rbm-1/run.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"is_done": False}))
    for part in Path("runs/rbm-1/softmax/checkpoints").iterdir():
        part.rename(part.with_name(f"aside-{part.name}"))
    again = run("rbm", "--resume").stdout
    assert again.splitlines()[-1] == whole.splitlines()[-1]
    assert weights("runs/rbm-1/rbm") == weights("whole/rbm")
    assert weights("runs/rbm-1/softmax") == weights("whole/softmax")


def test_the_latest_of_several_goes_on():
    for number in (1, 2, 3):
        launch.Launch("dnn", {}, is_done=number == 3).write(Path(f"runs/dnn-{number}"))
        time.sleep(0.01)
    assert launch.unfinished("dnn") == Path("runs/dnn-2")
    assert launch.unfinished("cnn") is None
    assert launch.new_folder("some/where/dnn.toml") == Path("runs/dnn-4")
    assert launch.resume_command(Path("runs/dnn-2")) == "tinygrad-lite run dnn --resume"
    assert launch.resume_command(Path("runs/dnn-1/100/rnn")) == (
        "tinygrad-lite run dnn --resume runs/dnn-1"
    )
    Path(launch.FILE).write_text('{"speed": 3}')  # somebody else's, above all of ours
    launch.Launch("my net.toml", {}).write(Path("runs/my net-1"))
    assert launch.resume_command(Path("runs/my net-1")) == (
        "tinygrad-lite run 'my net.toml' --resume"
    )
    assert launch.resume_command(Path("elsewhere")) == "fit(..., resume='elsewhere')"


def test_what_diverged_goes_on_at_another_rate():
    launch.Launch("dnn", {"lr": 0.1}).write(Path("runs/dnn-1"))
    launch.Launch("adding", {"length": 100}).write(Path("runs/adding-1"))
    assert launch.resume_command(Path("runs/dnn-1"), True) == (
        "tinygrad-lite run dnn --resume --lr ..."
    )
    assert launch.resume_command(Path("runs/adding-1"), True) == (
        "tinygrad-lite run adding --resume"
    )
