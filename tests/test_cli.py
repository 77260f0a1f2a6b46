"""The command line as a user meets it: in a process of its own, by output and exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.published import cifar_batches, images, write_archive, write_idx_folder, write_png
from tests.train.logs.story import run, tell
from tinygrad_lite.train.logs import JSONL

ROOT = Path(__file__).parent.parent


def call(*arguments, cwd=None, script=None, **environment):
    start = [str(script)] if script else ["-m", "tinygrad_lite.cli"]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def usage_error(result, *fragments):
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


def failure(result, *fragments):
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    for fragment in fragments:
        assert fragment in result.stderr


def test_run_by_name_prints_a_line_an_epoch():
    result = call("run", "dnn", "--epochs", 2, "--plain")
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("epoch")] == [
        "1/2",
        "2/2",
    ]


def test_a_seed_repeats_a_run():
    accuracies = [call("run", "dnn", "--epochs", 1, "--seed", s).stdout for s in (3, 3, 4)]
    first, second, other = (
        text.split("val_accuracy")[1].split()[0] + text.split("loss")[1] for text in accuracies
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("name", ["mlp", "lenet", "rnn", "lstm", "gru"])
def test_run_by_path_from_another_folder(tmp_path, name, script):
    path = ROOT / f"examples/{name}.py"
    result = (
        call("--epochs", 1, "--plain", cwd=tmp_path, script=path)
        if script
        else call("run", path, "--epochs", 1, "--plain", cwd=tmp_path)
    )
    assert result.returncode == 0, result.stderr
    assert "epoch 1/1" in result.stdout


def test_run_a_config(tmp_path):
    config = tmp_path / "net.toml"
    config.write_text(
        '[model]\nname = "sequential"\nmodules = [{name = "flatten"}, '
        '{name = "dense", in_features = 64, out_features = 10}]\n'
    )
    result = call("run", config, "--epochs", 1, "--plain")
    assert result.returncode == 0, result.stderr
    assert "Sequential: 650 parameters" in result.stdout


def test_list_names_what_is_registered_and_by_whom():
    result = call("list")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    for row in (
        ["dense", "tinygrad_lite"],
        ["adam", "tinygrad_lite"],
        ["cnn", "tinygrad_lite"],
        ["digits", "tinygrad_lite"],
    ):
        assert any(line[:2] == row for line in lines), row


def test_list_one_kind():
    result = call("list", "optim")
    assert "adamw" in result.stdout
    assert "dense" not in result.stdout


def test_list_says_of_an_example_what_it_teaches():
    words = " ".join(call("list", "models").stdout.split())
    assert "gru tinygrad_lite GRU: what the LSTM does, with one memory and two gates." in words


def test_an_example_of_several_models_is_told_which():
    result = call("run", "resnet18", "--size", 32, "--batch", 2, "--plain")
    assert result.returncode == 0, result.stderr
    assert "11,689,512" in result.stdout
    assert "One step on 2 random images of (3, 32, 32):" in result.stdout
    assert "--model" not in call("run", "resnet18", "--help").stdout
    path = ROOT / "examples/resnet.py"
    result = call("--model", "resnet34", "--size", 32, "--plain", script=path)
    assert "21,797,672" in result.stdout, result.stderr
    words = " ".join(call("list", "models").stdout.split())
    assert "resnet34 tinygrad_lite ResNet-34: 16 basic blocks" in words
    assert "resnet20 tinygrad_lite ResNet-20: the residual network for images of 32×32" in words


NET = """
[model]
name = "sequential"
modules = [
  { name = "flatten" }, { name = "dense", in_features = %d, out_features = %d }
]
"""


def test_run_on_data_of_ones_own(tmp_path, rng):
    write_idx_folder(tmp_path / "idx", rng, side=12, packed=True)
    write_archive(tmp_path / "cifar-10-binary.tar.gz", cifar_batches(rng)[0])
    net = tmp_path / "net.toml"
    for path, pixels, samples in (("idx", 144, 40), ("cifar-10-binary.tar.gz", 3072, 20)):
        net.write_text(NET % (pixels, 10))
        result = call("run", net, "--epochs", 1, "--plain", "--data", tmp_path / path)
        assert result.returncode == 0, result.stderr
        assert "epoch 1/1" in result.stdout
        assert f"{samples} samples" in result.stdout


def test_run_on_a_folder_of_images(tmp_path, rng):
    pytest.importorskip("PIL")
    for number in range(20):
        dark = number % 2
        pixels = images(rng, 8, 8) // 4 + np.uint8(150 * (not dark))
        write_png(tmp_path / f"pictures/{('light', 'dark')[dark]}/{number}.png", pixels)
    result = call("run", "dnn", "--epochs", 1, "--plain", "--data", tmp_path / "pictures")
    assert result.returncode == 0, result.stderr
    assert "16 samples" in result.stdout
    assert "epoch 1/1" in result.stdout


def test_compare_on_data_of_ones_own(tmp_path, rng):
    write_idx_folder(tmp_path, rng)
    result = call("compare", "dnn", "rnn", "--epochs", 1, "--plain", "--data", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "40 images to learn from, 20 held out" in result.stdout


def test_data_that_does_not_fit_or_is_none(tmp_path, rng):
    write_idx_folder(tmp_path / "idx", rng, side=12)
    misfit = "does not turn images (N, 1, 12, 12) into scores for 10 classes"
    for name, model in (("cnn", "LeNet"), ("lstm", "RowLSTM")):
        result = call("run", name, "--plain", "--data", tmp_path / "idx")
        failure(result, f"{model} {misfit}", "why: ", "a TOML file")
        assert result.stdout == ""
    failure(call("compare", "dnn", "--data", tmp_path / "idx"), f"dnn {misfit}")
    net = tmp_path / "net.toml"
    net.write_text(NET % (144, 9))
    failure(call("run", net, "--data", tmp_path / "idx"), f"Sequential {misfit}")
    (tmp_path / "idx/t10k-images-idx3-ubyte").write_bytes(b"broken")
    failure(call("run", "dnn", "--data", tmp_path / "idx"), "t10k-images", "cannot be read")
    failure(call("run", "dnn", "--data", net), "holds no data of a known format", "IDX")
    usage_error(call("run", "dnn", "--data", tmp_path / "no"), "does not exist")
    usage_error(call("compare", "dnn", "--data", tmp_path / "no"), "does not exist")
    usage_error(call("run", "xor", "--data", tmp_path), "No such option")


def test_a_file_of_several_models_is_told_which():
    shown = "VGG11BatchNorm  10"
    result = call("run", "vgg11_bn", "--plain")
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout
    result = call("run", ROOT / "examples/vgg.py", "--model", "vgg11_bn", "--plain")
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout
    words = " ".join(call("list", "models").stdout.split())
    assert "vgg16 tinygrad_lite VGG-16: thirteen convolutions" in words
    assert "alexnet tinygrad_lite AlexNet: a deep network" in words
    assert "--model" not in call("run", "vgg11", "--help").stdout


def test_help_of_an_example_lists_its_options():
    result = call("run", "cnn", "--help")
    assert result.returncode == 0
    for option in ("--epochs", "--seed", "--plain", "--data"):
        assert option in result.stdout


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["compare", "-h"], ["--version"]]
)
def test_help(arguments):
    result = call(*arguments)
    assert result.returncode == 0
    assert result.stdout


def test_usage_errors_exit_with_2(tmp_path):
    usage_error(call("run", "lsmt"), "no model is called 'lsmt'", "nearest first: lstm")
    usage_error(call("compare", "dnn", "lsmt"), "no model is called 'lsmt'")
    usage_error(
        call("run", "dnn", "--epoch", 3), "No such option", "--epochs", "tinygrad-lite run dnn"
    )
    usage_error(call("run", "dnn", "--epochs", "many"), "'many' is not a valid integer")
    usage_error(call("run", "dnn", "--epochs", 0), "0 is not in the range")
    usage_error(call("run", "dnn", "extra"), "extra")
    usage_error(call("run", "dnn", "--optimizer", "adm"), "'adm' is not one of", "adam")
    usage_error(call("run"), "NAME")
    usage_error(call("traim"), "traim")
    usage_error(call("list", "layer"), "'layer' is not one of")
    usage_error(call("run", tmp_path / "missing.py"), "there is no file")
    broken = tmp_path / "broken.toml"
    broken.write_text("model = [")
    usage_error(call("run", broken), "is no TOML")
    broken.write_text("epochs = 3")
    usage_error(call("run", broken), "has no [model] table")
    broken.write_text('[model]\nname = "desne"\nin_features = 64\n')
    usage_error(call("run", broken), "nothing is registered as 'desne'", "known: dense")
    broken.write_text('[model]\nname = "dense"\nin_features = 64\n')
    usage_error(call("run", broken), "missing a required argument: 'out_features'")
    broken.write_text('[model]\nname = "dense"\nin_features = -1\nout_features = 10\n')
    usage_error(call("run", broken), "in_features=-1 is not possible")
    broken.write_text('[model]\nname = "flatten"\n[trainer]\nepochs = 1\n')
    usage_error(call("run", broken), "only [model] is known, not model, trainer")
    broken.write_text("model = 3\n")
    usage_error(call("run", broken), "has no [model] table")
    usage_error(call("run", "dnn", "--lr", -1), "-1.0 is not in the range")
    usage_error(call("run", "dnn", "--seed", -1), "-1 is not in the range")
    usage_error(call("compare", "dnn", "--seed", -1), "-1 is not in the range")
    usage_error(call("compare", "dnn", "--svg", tmp_path / "no" / "x.svg"), "there is no folder")
    (tmp_path / "empty.py").write_text("x = 1\n")
    usage_error(call("run", tmp_path / "empty.py"), "defines no main()")


def test_failures_exit_with_1_and_explain(tmp_path):
    config = tmp_path / "net.toml"
    config.write_text('[model]\nname = "dense"\nin_features = 7\nout_features = 10\n')
    failure(
        call("run", config), "Dense(in_features=7, out_features=10)", "needs 7 features", "fix:"
    )
    failure(call("compare", "rbm", "--epochs", 1), "rbm does not turn images")


@pytest.mark.parametrize("name", ["lstm", "rbm", "adding", "bidirectional"])
def test_ctrl_c_stops_a_run_at_once_and_exits_with_130(name):
    process = subprocess.Popen(
        [sys.executable, "-m", "tinygrad_lite.cli", "run", name, "--epochs", "1000", "--plain"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not process.stdout.readline().startswith("epoch 2"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted after" in out
    assert "Traceback" not in errors


def test_another_optimiser_by_name():
    result = call("run", "dnn", "--epochs", 1, "--optimizer", "sgd", "--lr", 0.05, "--plain")
    assert result.returncode == 0, result.stderr
    assert call("run", "dnn", "--epochs", 1, "--plain").stdout != result.stdout


def test_a_reader_that_closes_the_pipe_is_no_error():
    line = f"{sys.executable} -m tinygrad_lite.cli list | head -1"
    result = subprocess.run(
        ["bash", "-c", line],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""


def test_an_error_in_the_users_own_file_keeps_its_traceback(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def main():\n    1 / 0\n")
    result = call("run", mine)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
    assert "mine.py" in result.stderr


def test_bench_prints_rows_and_is_plain_in_a_pipe(tmp_path):
    path = tmp_path / "bench.json"
    result = call("bench", "op/add", "--quick", "--json", path, COLUMNS="80")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines() if " µs " in line] == ["add"]
    assert [row["name"] for row in json.loads(path.read_text())["rows"]] == ["op/add"]


def test_bench_as_markdown():
    result = call("bench", "op/add", "--quick", "--markdown")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("| | ours | theirs |")


def test_bench_says_how_to_get_a_missing_rival(tmp_path):
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError\n")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    failure(call("bench", "--vs", "torch", PYTHONPATH=path), "pip install torch")
    usage_error(call("bench", "--vs", "jax"), "'jax' is not 'torch'")
    usage_error(call("bench", "mpl"), "no row is called 'mpl'", "known: mlp")
    usage_error(call("bench", "--json", tmp_path / "no" / "x.json"), "there is no folder")


def test_warmup_leaves_nothing_to_compile(tmp_path):
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        pytest.skip("nothing is compiled here")
    first = call("warmup", NUMBA_CACHE_DIR=str(tmp_path))
    assert first.returncode == 0, first.stderr
    *families, end = first.stdout.splitlines()
    assert {line.split()[0] for line in families} >= {"products", "RNN", "LSTM", "GRU"}
    assert all(" kernels, " in line for line in families)
    assert end.startswith("ready after ")
    again = call("warmup", NUMBA_CACHE_DIR=str(tmp_path)).stdout.splitlines()
    assert all("there already" in line for line in again[:-1])
    program = """if True:
        import tinygrad_lite as tg
        from tinygrad_lite import kernels, layers
        with kernels.compiling(print):
            for batch in (2, 50):
                x, layer = tg.randn(batch, 30, 7), layers.GRU(7, 33, bidirectional=True)
                layer(x, lengths=[3] * batch)[0].sum().backward()
    """
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == ""  # other sizes, lengths and directions compile nothing new


def test_warmup_without_numba():
    told = call("warmup", NUMBA_DISABLE_JIT="1")
    assert (told.returncode, told.stdout.split(":")[0]) == (0, "There is nothing to compile")


@pytest.fixture
def past(tmp_path, monkeypatch):
    """A folder with two runs in it."""
    monkeypatch.delenv("TINYGRAD_LITE_RUNS")
    for name, epochs in (("first", 2), ("second", 3)):
        tell(JSONL(tmp_path / "runs" / name / "log.jsonl"), run(epochs))
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [(), ("runs",), ("list",), ("list", "runs")], ids=lambda a: " ".join(a) or "none"
)
def test_runs_lists_the_runs_of_a_folder(past, arguments):
    result = call("runs", *arguments, cwd=past)
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["run", "first", "second"]


def test_runs_looks_where_the_environment_says(past, tmp_path):
    where = {"TINYGRAD_LITE_RUNS": str(past / "runs")}
    (tmp_path / "elsewhere").mkdir()
    for arguments in ((), ("show", "second"), ("compare", "first", "second")):
        result = call("runs", *arguments, cwd=tmp_path / "elsewhere", **where)
        assert result.returncode == 0, result.stderr
        assert "second" in result.stdout
    assert "no runs" in call("runs", "empty", cwd=tmp_path, **where).stdout


def test_runs_shows_and_compares(past):
    shown = call("runs", "show", "second", cwd=past)
    assert "finished after 3 of 3 epochs" in shown.stdout
    both = call("runs", "compare", "first", "second", "--folder", "runs", cwd=past)
    assert "a first   b second" in both.stdout


def test_runs_refuses_what_is_no_run(past):
    usage_error(call("runs", "show", "secnod", cwd=past), "no run 'secnod'", "second, first")
    usage_error(call("runs", "compare", "first", "first", cwd=past), "two different runs")
    usage_error(call("runs", "compare", "first", cwd=past), "SECOND")
    (past / "runs" / "first" / "log.jsonl").write_text("?\n")
    failure(call("runs", "show", "first", cwd=past), "is no log of a run")
    assert "broken" in call("runs", cwd=past).stdout
