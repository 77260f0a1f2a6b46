"""What ends a run before its time costs at most the current step."""

import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.train.runs import Stop, assert_same, at_step, data, disturb, loader, mlp, trainer
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim, storage
from tinygrad_lite.data import DataLoader
from tinygrad_lite.errors import DivergenceError
from tinygrad_lite.optim import schedules
from tinygrad_lite.train import (
    BatchValidated,
    Callback,
    CheckpointFailed,
    CheckpointSaved,
    EpochEnded,
    FitEnded,
    StepEnded,
    StepSkipped,
    checkpoints,
)
from tinygrad_lite.train.logs import read

ROOT = Path(__file__).parents[2]
VAL = data(9, seed=1)
EPOCHS = 3


def whole_run(folder, **options):
    whole = trainer(folder / "whole", **options)
    whole.fit(loader(), VAL, epochs=EPOCHS)
    return whole


def resumed(folder, **options):
    disturb()
    again = trainer(folder, **options)
    again.fit(loader(), VAL, epochs=EPOCHS, resume=True)
    return again


def saved_steps(folder):
    """Steps that were done at the last checkpoint; None if there is none."""
    path = checkpoints.find(folder)
    return None if path is None else storage.read_state(path)["progress"]["total"]


def when(matches, act):
    """A callback that acts at the first event for which `matches` is true."""
    done = []

    def listen(event):
        if not done and matches(event):
            done.append(event)
            act()

    return listen


def is_step(total):
    return lambda event: isinstance(event, StepEnded) and event.total == total


def send(*signals):
    return lambda: [signal.raise_signal(number) for number in signals]


# -- signals --------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _handlers_are_restored():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("step", [1, 4, 5, 6, 10])
def test_ctrl_c_ends_after_the_step_and_the_script_goes_on(tmp_path, step):
    seen = []
    broken = trainer(tmp_path / "a", callbacks=[when(is_step(step), send(signal.SIGINT))])
    broken.callbacks.append(seen.append)
    history = broken.fit(loader(), VAL, epochs=EPOCHS)
    assert history.interrupted
    assert history.reason == "Ctrl-C"
    assert max(event.total for event in seen if isinstance(event, StepEnded)) == step
    assert saved_steps(tmp_path / "a") == step
    ended = seen[-1]
    assert isinstance(ended, FitEnded)
    assert (ended.interrupted, ended.reason) == (True, "Ctrl-C")
    assert ended.checkpoint == history.checkpoint == str(checkpoints.find(tmp_path / "a"))
    assert ended.resume == f"fit(..., resume={str(tmp_path / 'a')!r})"
    assert read(tmp_path / "a").state == "interrupted"
    assert_same(resumed(tmp_path / "a"), whole_run(tmp_path))


def test_ctrl_c_without_a_folder():
    broken = trainer(callbacks=[when(is_step(2), send(signal.SIGINT))])
    history = broken.fit(loader(), VAL, epochs=EPOCHS)
    assert history.interrupted
    assert history.checkpoint is None


def test_ctrl_c_twice_raises_and_still_saves(tmp_path):
    seen = []
    twice = when(is_step(4), send(signal.SIGINT, signal.SIGINT))
    broken = trainer(tmp_path / "a", callbacks=[seen.append, twice])
    with pytest.raises(KeyboardInterrupt):
        broken.fit(loader(), VAL, epochs=EPOCHS)
    assert saved_steps(tmp_path / "a") == 4
    assert (seen[-1].interrupted, seen[-1].reason) == (True, "KeyboardInterrupt")
    assert_same(resumed(tmp_path / "a"), whole_run(tmp_path))


@pytest.mark.parametrize(("again", "kept"), [(1, 4), (2, None)])
def test_ctrl_c_again_lets_the_last_checkpoint_be_written(tmp_path, monkeypatch, again, kept):
    """A third one does not."""
    seen, before = [], os.fsync

    def fsync(handle):
        before(handle)
        monkeypatch.undo()
        send(*[signal.SIGINT] * again)()

    def stop():
        send(signal.SIGINT)()
        monkeypatch.setattr(os, "fsync", fsync)  # the next one is that of the checkpoint

    broken = trainer(tmp_path / "a", callbacks=[when(is_step(4), stop), seen.append])
    with pytest.raises(KeyboardInterrupt):
        broken.fit(loader(), VAL, epochs=EPOCHS)
    assert (saved_steps(tmp_path / "a") if checkpoints.find(tmp_path / "a") else None) == kept
    assert isinstance(seen[-1], FitEnded) == (kept is not None)


class Calls:
    """A loss that acts at one of its calls."""

    def __init__(self, at, act):
        self.count, self.at, self.act = 0, at, act

    def __call__(self, outputs, targets):
        self.count += 1
        if self.count == self.at:
            self.act()
        return F.cross_entropy(outputs, targets)


def dropout():
    return layers.Sequential(
        layers.Dense(3, 8), layers.BatchNorm1d(8), layers.Dropout(0.5), layers.Dense(8, 3)
    )


def test_ctrl_c_twice_amid_a_step_takes_it_back(tmp_path):
    loss = Calls(4, send(signal.SIGINT, signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "a", dropout, loss=loss).fit(loader(), VAL, epochs=EPOCHS)
    assert saved_steps(tmp_path / "a") == 3
    assert_same(resumed(tmp_path / "a", model=dropout), whole_run(tmp_path, model=dropout))


def test_ctrl_c_amid_a_step_lets_it_end(tmp_path):
    loss = Calls(4, send(signal.SIGINT))
    assert trainer(tmp_path / "a", loss=loss).fit(loader(), VAL, epochs=EPOCHS).interrupted
    assert saved_steps(tmp_path / "a") == 4


class Sampling(tg.Module):
    """Draws from two generators, also in a validation."""

    def __init__(self):
        self.inner = mlp()

    def forward(self, x):
        return self.inner(x) + float(np.random.random()) + tg.rand(3)


def test_ctrl_c_amid_a_validation(tmp_path):
    act = when(lambda e: isinstance(e, BatchValidated) and e.epoch == 2, send(signal.SIGINT))
    history = trainer(tmp_path / "a", Sampling, callbacks=[act]).fit(
        loader(), DataLoader(VAL, 3), epochs=EPOCHS
    )
    assert history.interrupted
    assert len(history.epochs) == 1
    assert saved_steps(tmp_path / "a") == 10
    again = trainer(tmp_path / "a", Sampling)
    again.fit(loader(), DataLoader(VAL, 3), epochs=EPOCHS, resume=True)
    whole = trainer(tmp_path / "whole", Sampling)
    whole.fit(loader(), DataLoader(VAL, 3), epochs=EPOCHS)
    assert_same(again, whole)


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT)])
@pytest.mark.parametrize("at", range(1, 8))
def test_ctrl_c_amid_a_checkpoint(tmp_path, monkeypatch, at, signals):
    """The first lets it be written; a second leaves the one before, whole."""
    before, count = os.fsync, [0]

    def fsync(handle):
        count[0] += 1
        before(handle)
        if count[0] == at:
            send(*signals)()

    broken = trainer(tmp_path / "a", save_every=0)
    monkeypatch.setattr(os, "fsync", fsync)
    try:
        assert broken.fit(loader(), VAL, epochs=EPOCHS).interrupted
    except KeyboardInterrupt:
        assert len(signals) == 2
    monkeypatch.undo()
    for path in checkpoints.all_of(tmp_path / "a"):
        storage.read_state(path)
    assert_same(resumed(tmp_path / "a", save_every=0), whole_run(tmp_path, save_every=0))
    assert not [*(tmp_path / "a").rglob(".*.beside")]


def test_ctrl_c_when_all_is_done_interrupts_nothing(tmp_path):
    act = when(lambda e: isinstance(e, EpochEnded) and e.epoch == EPOCHS, send(signal.SIGINT))
    broken = trainer(tmp_path / "a", callbacks=[act], restore_best=True)
    history = broken.fit(loader(), VAL, epochs=EPOCHS)
    assert (history.interrupted, history.reason) == (False, "")
    assert len(history.epochs) == EPOCHS
    assert read(tmp_path / "a").state == "finished"


def test_sigterm_saves_and_exits(tmp_path):
    broken = trainer(tmp_path / "a", callbacks=[when(is_step(4), send(signal.SIGTERM))])
    with pytest.raises(SystemExit) as caught:
        broken.fit(loader(), VAL, epochs=EPOCHS)
    assert caught.value.code == 143
    assert saved_steps(tmp_path / "a") == 4
    assert read(tmp_path / "a").ended.reason == "SIGTERM"
    assert_same(resumed(tmp_path / "a"), whole_run(tmp_path))


def test_handlers_of_others_are_left_alone():
    received = []
    before = signal.signal(signal.SIGTERM, lambda *_: received.append("mine"))
    ignored = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        act = when(is_step(2), send(signal.SIGTERM, signal.SIGINT))
        history = trainer(callbacks=[act]).fit(loader(), epochs=1)
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, ignored)
    assert received == ["mine"]
    assert not history.interrupted


def test_outside_of_the_main_thread_signals_are_not_touched():
    handlers, found = [], []
    callbacks = [lambda event: handlers.append(signal.getsignal(signal.SIGINT))]
    thread = threading.Thread(
        target=lambda: found.append(trainer(callbacks=callbacks).fit(loader(), epochs=1))
    )
    thread.start()
    thread.join()
    assert len(found[0].epochs) == 1
    assert set(handlers) == {signal.default_int_handler}


SCRIPT = """
import sys, time
from tests.train.runs import loader, trainer
from tinygrad_lite.train import StepEnded

def slow(event):
    if isinstance(event, StepEnded):
        print("step", event.total, flush=True)
        time.sleep(0.05)

history = trainer("run", callbacks=[slow], display=sys.argv[1]).fit(loader(), epochs=1000)
print("after:", history.interrupted, len(history.epochs), flush=True)
"""


@contextmanager
def script(folder, display="off"):
    """A process that trains until it is told to end, once its first steps are done."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, display],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while process.stdout.readline().strip() != "step 3":
            assert process.poll() is None, process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
@pytest.mark.parametrize("display", ["off", "plain"])
def test_a_script_that_gets_ctrl_c(tmp_path, display):
    with script(tmp_path, display) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "after: True 0" in out
    assert saved_steps(tmp_path / "run") >= 3


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_a_script_that_gets_sigterm(tmp_path):
    with script(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "after" not in out
    assert "Traceback" not in err
    assert saved_steps(tmp_path / "run") >= 3


# -- numbers that are not finite ------------------------------------------------------------------


class Log(tg.Module):
    def forward(self, x):
        return tg.log(x)


class Root(tg.Module):
    def forward(self, x):
        return tg.sqrt(F.relu(x))


def with_layer(layer):
    def model():
        net = layers.Sequential(
            layers.Dense(3, 8),
            layers.BatchNorm1d(8),
            layers.Dropout(0.5),
            layer(),
            layers.Dense(8, 3),
        )

        class Outer(tg.Module):
            def __init__(self):
                self.net = net

            def forward(self, x):
                return self.net(x)

        return Outer()

    return model


@pytest.mark.parametrize(
    ("layer", "problem", "op"),
    [(Log, "the loss is nan", "log"), (Root, "a gradient of shape", "sqrt")],
    ids=["forward", "backward"],
)
def test_the_first_bad_op_and_layer_are_named(layer, problem, op):
    ours = trainer(model=with_layer(layer))
    before = ours.state_dict()
    with pytest.raises(DivergenceError, match=problem) as caught, np.errstate(all="ignore"):
        ours.fit(loader(), epochs=1)
    text = "\n".join(caught.value.__notes__)
    assert f"first at: net.3 ({layer.__name__})" in text
    assert op in text
    after = ours.state_dict()
    for name, array in before["model"].items():
        assert array.tobytes() == after["model"][name].tobytes(), name  # running statistics too
    assert ours.optimizer.state_dict().keys() == before["parts"]["optimizer SGD"].keys()


def nan_at(*steps):
    """A loss that is NaN at some of its calls on training batches."""
    count = [0]

    def loss(outputs, targets):
        usual = F.cross_entropy(outputs, targets)
        if not usual.requires_grad:
            return usual
        count[0] += 1
        return usual * np.nan if count[0] in steps else usual

    return loss


def test_a_bad_step_is_not_taken_and_the_error_says_how_to_go_on(tmp_path):
    seen = []
    broken = trainer(tmp_path / "a", dropout, loss=nan_at(8, 9), callbacks=[seen.append])
    with pytest.raises(DivergenceError, match="loss is nan; the weights are those before") as error:
        broken.fit(loader(), VAL, epochs=EPOCHS)
    path = checkpoints.find(tmp_path / "a")
    assert f"  resume: {seen[-1].resume}" in error.value.__notes__
    assert seen[-1].checkpoint == str(path)
    assert seen[-1].resume == f"fit(..., resume={str(tmp_path / 'a')!r}, lr=...)"
    assert seen[-1].reason.startswith("DivergenceError: Trainer: the loss is nan")
    assert saved_steps(tmp_path / "a") == 7
    assert_same(resumed(tmp_path / "a", model=dropout), whole_run(tmp_path, model=dropout))


def test_without_a_checkpoint_the_error_names_none():
    with pytest.raises(DivergenceError) as caught:
        trainer(loss=nan_at(1, 2)).fit(loader())
    assert "resume" not in "\n".join(getattr(caught.value, "__notes__", ()))


def test_a_few_bad_steps_are_left_out_as_asked():
    seen = []
    ours = trainer(loss=nan_at(2, 4), skip_nonfinite=2, callbacks=[seen.append])
    ours.fit(loader(), epochs=1)
    assert [(e.step, e.left) for e in seen if isinstance(e, StepSkipped)] == [(2, 1), (4, 0)]
    assert [e.step for e in seen if isinstance(e, StepEnded)] == [1, 3, 5]
    assert ours.progress.total == 3
    with pytest.raises(DivergenceError):
        trainer(loss=nan_at(2, 3, 4, 5), skip_nonfinite=2).fit(loader())


def test_a_step_left_out_changes_nothing(tmp_path):
    """The run is that on the other batches."""
    x, y = data()
    ours = trainer(model=dropout, loss=nan_at(3), skip_nonfinite=1)
    ours.fit(DataLoader((x, y), 4), epochs=1)
    rest = trainer(model=dropout)
    others = np.r_[0:8, 12:20]
    rest.fit(DataLoader((x[others], y[others]), 4), epochs=1)
    for name, array in rest.model.state_dict().items():
        assert array.tobytes() == ours.model.state_dict()[name].tobytes(), name


def test_bad_data_is_named_by_its_place_in_the_data_set(tmp_path):
    x, y = data()
    samples = [(row, int(label)) for row, label in zip(x, y, strict=True)]
    samples[13] = (np.full(3, np.inf, np.float32), 0)
    broken = trainer(tmp_path)
    named = pytest.raises(tg.DataError, match="13 of the data set, holds NaN or infinity")
    with named, np.errstate(all="ignore"):
        broken.fit(loader(samples), epochs=1)
    assert saved_steps(tmp_path) == (broken.progress.total or None)


def own_step(then, optimizers=1):
    """A Trainer whose step updates the weights itself, and then does something else."""
    tg.seed(0)
    model = mlp()
    optimizer = optim.SGD(model.parameters(), 0.1)
    count = [0]

    def step(x, y):
        count[0] += 1
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return then(count[0], loss.item())

    made = {"a": optimizer, "b": optim.SGD(model.parameters(), 0.1)}
    return partial(
        tg.Trainer,
        model,
        optimizer if optimizers == 1 else made,
        training_step=step,
        display="off",
        monitor="loss",
    )


@pytest.mark.parametrize("optimizers", [1, 2])
def test_a_step_of_the_users_own_that_fails_after_its_update_is_not_saved(tmp_path, optimizers):
    def then(count, loss):
        if count == 3:
            raise Stop
        return loss

    for save_every, steps in ((0, 2), (30, None)):
        folder = tmp_path / str(save_every)
        with pytest.raises(Stop):
            own_step(then, optimizers)(folder=folder, save_every=save_every).fit(loader())
        assert saved_steps(folder) == steps


def test_a_step_of_the_users_own_that_diverges_claims_nothing_about_the_weights(tmp_path):
    ours = own_step(lambda count, loss: loss if count < 3 else float("nan"))
    with pytest.raises(DivergenceError, match="has updated the weights itself") as caught:
        ours(folder=tmp_path, skip_nonfinite=9).fit(loader())
    assert "those before" not in str(caught.value)
    assert saved_steps(tmp_path) is None


# -- the disk -------------------------------------------------------------------------------------


def full(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_lets_the_run_go_on_and_loses_nothing(tmp_path, monkeypatch, caplog):
    seen = []

    def fill_up(event):
        if is_step(4)(event):
            monkeypatch.setattr(os, "fsync", full)

    ours = trainer(tmp_path / "a", save_every=0, callbacks=[fill_up, seen.append])
    history = ours.fit(loader(), VAL, epochs=EPOCHS)
    monkeypatch.undo()
    assert len(history.epochs) == EPOCHS
    failed = [event for event in seen if isinstance(event, CheckpointFailed)]
    assert len(failed) == (15 - 3) + EPOCHS + 1  # steps, epochs, and the last one again
    assert {event.reason for event in failed} == {"No space left on device"}
    assert history.checkpoint.endswith("step-00000003")
    assert [path.name for path in checkpoints.all_of(tmp_path / "a")] == [
        f"step-0000000{step}" for step in (1, 2, 3)
    ]
    assert not [*(tmp_path / "a").rglob(".*.beside")]
    again = resumed(tmp_path / "a", save_every=0)
    assert_same(again, ours)
    assert_same(again, whole_run(tmp_path, save_every=0))


def test_what_a_full_disk_refused_is_written_when_there_is_space(tmp_path, monkeypatch):
    """Also the best weights, which were new at a time when they could not be written."""
    ours = trainer(tmp_path / "a", save_every=0)
    ours.callbacks.append(when(is_step(1), lambda: monkeypatch.setattr(os, "fsync", full)))
    ours.callbacks.append(when(lambda e: isinstance(e, FitEnded), monkeypatch.undo))
    last = when(
        lambda e: isinstance(e, CheckpointFailed) and "epoch-0003" in e.path, monkeypatch.undo
    )
    ours.callbacks.append(last)
    history = ours.fit(loader(), VAL, epochs=EPOCHS)
    assert saved_steps(tmp_path / "a") == 15
    assert history.checkpoint.endswith("step-00000015-epoch-0003")
    best = tg.load(tmp_path / "a" / "best.safetensors").state_dict()
    for name, array in ours.best_weights.arrays.items():
        assert array.tobytes() == best[name].tobytes()


def test_an_old_checkpoint_that_cannot_be_deleted_is_one_more(tmp_path, monkeypatch):
    monkeypatch.setattr(storage.shutil, "rmtree", full)
    seen = []
    trainer(tmp_path, save_every=0, keep=1, callbacks=[seen.append]).fit(loader(), epochs=1)
    assert not [event for event in seen if isinstance(event, CheckpointFailed)]
    monkeypatch.undo()
    trainer(tmp_path).fit(loader(), epochs=1, resume=True)
    assert len([*(tmp_path / "checkpoints").iterdir()]) == 1


LIMITED = """
import logging, resource, sys
from tests.train.runs import loader, trainer
from tinygrad_lite.train import CheckpointFailed, StepEnded

logging.disable()
failed = []

def limit(event):
    failed.extend([event.reason] if isinstance(event, CheckpointFailed) else [])
    if isinstance(event, StepEnded) and event.total == 4:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))

history = trainer("run", save_every=0, callbacks=[limit]).fit(loader(), epochs=3)
assert len(history.epochs) == 3
print(len(failed), *set(failed))
"""


@pytest.mark.skipif(os.name == "nt", reason="needs limits on the size of files")
@pytest.mark.parametrize("limit", [0, 300, 2000])
def test_a_disk_that_is_full_for_real(tmp_path, limit):
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[0]) == 12 + 3 + 1
    assert "arge" in ended.stdout  # File too large
    assert saved_steps(tmp_path / "run") == 3
    whole = trainer(tmp_path / "whole")
    whole.fit(loader(), epochs=3)
    again = trainer(tmp_path / "run")
    again.fit(loader(), epochs=3, resume=True)
    assert_same(again, whole)


def test_a_place_that_cannot_be_written_to(tmp_path, caplog):
    """A file stands where the folder should be, which stops even the superuser."""
    (tmp_path / "file").write_text("mine")
    seen = []
    ours = trainer(tmp_path / "file" / "run", callbacks=[seen.append])
    with caplog.at_level(logging.WARNING):
        history = ours.fit(loader(), VAL, epochs=2)
    assert len(history.epochs) == 2
    assert history.checkpoint is None
    (failed,) = [event for event in seen if isinstance(event, CheckpointFailed)]
    assert failed.reason == "Not a directory"
    assert seen[-1].resume is None
    assert "goes on without this log" in caplog.text
    assert (tmp_path / "file").read_text() == "mine"


class Unwritable(Callback):
    def __call__(self, event):
        pass

    def state_dict(self):
        return {"seen": {1, 2}}


def test_a_state_that_cannot_be_written_down_is_told(tmp_path):
    seen = []
    trainer(tmp_path, callbacks=[Unwritable(), seen.append]).fit(loader(), epochs=1)
    (failed,) = [event for event in seen if isinstance(event, CheckpointFailed)]
    assert "callbacks.Unwritable 1.seen is a set" in failed.reason
    assert "\n" not in failed.reason


# -- exceptions -----------------------------------------------------------------------------------


class Torn:
    """Samples of which one cannot be read."""

    def __init__(self, bad):
        self.bad = bad

    def __len__(self):
        return 20

    def __getitem__(self, index):
        if index == self.bad:
            raise OSError("torn")
        return data()[0][index], int(data()[1][index])


def test_a_sample_that_cannot_be_read_is_named(tmp_path):
    broken = trainer(tmp_path / "a", dropout)
    with pytest.raises(tg.DataError, match="sample 13 cannot be read: OSError: torn"):
        broken.fit(loader(Torn(13)), VAL, epochs=EPOCHS)
    assert saved_steps(tmp_path / "a") == broken.progress.total > 0
    assert_same(resumed(tmp_path / "a", model=dropout), whole_run(tmp_path, model=dropout))


def failing_metric(at):
    count = [0]

    def metric(outputs, targets):
        count[0] += 1
        if count[0] == at:
            raise Stop
        return float(outputs.mean())

    return metric


def stop():
    raise Stop


@pytest.mark.parametrize(
    ("broken", "step"),
    [
        (lambda: {"callbacks": [at_step(7)]}, 7),
        (lambda: {"loss": Calls(8, stop)}, 6),  # one of the calls was the validation's
        (lambda: {"loss": Calls(6, stop)}, 5),  # that is in the validation
        (lambda: {"metrics": ["accuracy", "confusion_matrix", failing_metric(8)]}, 6),
        (lambda: {"metrics": ["accuracy", "confusion_matrix", failing_metric(6)]}, 5),
    ],
    ids=["callback", "loss", "loss in validation", "metric", "metric in validation"],
)
def test_whatever_fails_the_state_before_it_is_saved(tmp_path, broken, step):
    options = broken()
    with pytest.raises(Stop):
        trainer(tmp_path / "a", dropout, **options).fit(loader(), VAL, epochs=EPOCHS)
    assert saved_steps(tmp_path / "a") == step
    mended = {"model": dropout}
    if "metrics" in options:
        mended["metrics"] = ["accuracy", "confusion_matrix", failing_metric(0)]
        mended["metrics"][2].__name__ = "metric"
    assert_same(resumed(tmp_path / "a", **mended), whole_run(tmp_path, **mended))


def test_a_display_that_fails(tmp_path, monkeypatch):
    from tinygrad_lite.train import console

    heard = []

    @contextmanager
    def broken_display(kind):
        def show(event):
            heard.append(event)
            if isinstance(event, StepEnded):
                stop()
            if isinstance(event, FitEnded | CheckpointSaved):
                raise ValueError("this must not hide what went wrong first")

        yield show

    monkeypatch.setattr(console, "console", broken_display)
    seen = []
    with pytest.raises(Stop):
        trainer(tmp_path / "a", display="plain", callbacks=[seen.append]).fit(loader(), VAL)
    assert isinstance(seen[-1], FitEnded)
    assert seen[-1].reason == "Stop"
    assert isinstance(heard[-1], StepEnded)
    assert saved_steps(tmp_path / "a") == 1
    assert read(tmp_path / "a").ended.reason == "Stop"
    assert_same(resumed(tmp_path / "a"), whole_run(tmp_path))


class BreakingSGD(optim.SGD):
    """Breaks when it has changed one parameter of several."""

    def update(self, parameter, grad, state, group):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 4 * 3 + 2:
            raise Stop
        super().update(parameter, grad, state, group)


def breaking_schedule(optimizer):
    class Breaking(schedules.Step):
        def step(self, metric=None):
            if self.count == 1:
                raise Stop
            super().step(metric)

    return Breaking(optimizer, 1)


@pytest.mark.parametrize("save_every", [0, 30])
def test_half_an_update_is_never_saved(tmp_path, save_every):
    make = lambda parameters: BreakingSGD(parameters, 0.1, momentum=0.9)
    seen = []
    ours = trainer(tmp_path, optimizer=make, save_every=save_every, callbacks=[seen.append])
    with pytest.raises(Stop):
        ours.fit(loader(), VAL)
    assert saved_steps(tmp_path) == (None if save_every else 3)
    assert seen[-1].checkpoint == (None if save_every else str(checkpoints.find(tmp_path)))


@pytest.mark.parametrize(
    ("unit", "save_every", "steps"),
    [("step", 0, 1), ("epoch", 0, 10), ("step", 30, None), ("epoch", 30, None)],
)
def test_half_an_end_of_an_epoch_is_never_saved(tmp_path, unit, save_every, steps):
    ours = trainer(tmp_path, schedule=breaking_schedule, schedule_by=unit, save_every=save_every)
    with pytest.raises(Stop):
        ours.fit(loader(), VAL)
    assert saved_steps(tmp_path) == steps
    names = [path.name for path in checkpoints.all_of(tmp_path)]
    assert "step-00000010-epoch-0002" not in names


def test_asking_whether_it_is_enough_may_fail(tmp_path):
    def until(epoch):
        raise Stop

    with pytest.raises(Stop):
        trainer(tmp_path / "a").fit(loader(), VAL, epochs=EPOCHS, until=until)
    assert saved_steps(tmp_path / "a") == 5
    assert_same(resumed(tmp_path / "a"), whole_run(tmp_path))


def test_a_trainer_can_be_used_after_all_of_it(tmp_path):
    ours = trainer(callbacks=[at_step(2)])
    with pytest.raises(Stop):
        ours.fit(loader())
    ours.callbacks.clear()
    assert len(ours.fit(loader(), VAL, epochs=1).epochs) == 1
