"""Trainings killed with SIGKILL at random moments, resumed, and compared with undisturbed ones.

`python -m tests.train.kills 200` runs the full series. Half of the kills come from outside, after
a random time; the other half at a random call to the file system, before it, after it, or, of the
arrays of a checkpoint, half-way. A training is killed once to four times. It writes a checkpoint
after every step and epoch, so most of the kills hit one that is being written or deleted.
"""

import argparse
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import checkpoint, kernels, layers, optim, storage
from tinygrad_lite import functional as F
from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.data.transforms import GaussianNoise
from tinygrad_lite.train import Trainer, checkpoints
from tinygrad_lite.train.logs import jsonl, read

EPOCHS = 3
OPTIONS = {"display": "off", "save_every": 0.0, "keep": 2}
TIMES = {"seconds", "waiting"}
jsonl.APART = 0.0  # every step is told, however fast they come


# -- what is trained ------------------------------------------------------------------------------


def images(count):
    rng = np.random.default_rng(count)
    x = rng.standard_normal((count, 1, 6, 6)).astype(np.float32)
    return Dataset(x, rng.integers(0, 3, count))


def conv(folder):
    """Batch norm, dropout, noise, Adam, a schedule, EMA, accumulation, metrics, best weights."""
    model = layers.Sequential(
        layers.Conv2d(1, 3, 3, padding=1),
        layers.BatchNorm2d(3),
        layers.ReLU(),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(108, 3),
    )
    optimizer = optim.Adam(model.parameters(), 1e-2)
    trainer = Trainer(
        model,
        optimizer,
        F.cross_entropy,
        ["accuracy", "f1"],
        schedule=optim.schedules.Cosine(optimizer, 20),
        clip_norm=1.0,
        accumulate=2,
        ema=0.9,
        restore_best=True,
        folder=folder,
        **OPTIONS,
    )
    train = DataLoader(images(52), 8, shuffle=True, transform=GaussianNoise(0.1))
    return trainer, train, images(20)


class Drawn:
    """Samples that draw from NumPy's and Python's own generators, as a user's code may."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        flip = np.random.random(self.samples.shape[1]) < 0.05 * random.random()
        return np.abs(self.samples[index] - flip).astype(np.float32)


def rbm(folder):
    """Persistent chains, momentum, and samples that draw from the global generators."""
    data = (np.random.default_rng(0).random((40, 12)) > 0.5).astype(np.float32)
    model = layers.RBM(12, 5, persistent=True)
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.5)
    return (
        Trainer(model, optimizer, folder=folder, **OPTIONS),
        DataLoader(Drawn(data), 7, True),
        data,
    )


class Last(tg.Module):
    """The class of a sequence, by its last state."""

    def __init__(self):
        self.gru = layers.GRU(2, 4, returns="last")
        self.out = layers.Dense(4, 2)

    def forward(self, x):
        return self.out(self.gru(x))


def recurrent(folder):
    """A GRU, RMSprop, and a schedule by epochs that looks at the loss."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 5, 2)).astype(np.float32), rng.integers(0, 2, 40)
    model = Last()
    optimizer = optim.RMSprop(model.parameters(), 3e-2)
    schedule = optim.schedules.Plateau(optimizer, patience=0)
    trainer = Trainer(
        model, optimizer, F.cross_entropy, ["accuracy"], schedule, folder=folder, **OPTIONS
    )
    return trainer, DataLoader((x, y), 8, shuffle=True), (x[:10], y[:10])


KINDS = (conv, rbm, recurrent)


def train(kind, folder):
    """Begin a run, or go on with it, as a script would that is simply started again."""
    for seed in (tg.seed, random.seed, np.random.seed):
        seed(3)
    trainer, data, val = kind(folder)
    trainer.fit(data, val, epochs=EPOCHS, resume=True)


# -- killing --------------------------------------------------------------------------------------


def calls():
    """Yield (module, name) of all that touches the disk while a run is kept."""
    import safetensors.numpy

    yield safetensors.numpy, "save_file"
    for name in ("fsync", "mkdir", "open", "rename", "replace", "rmdir", "unlink", "write"):
        yield os, name


@contextmanager
def counted(at=None, rng=None):
    """Count the calls to the file system in a list of one number; die at the call `at`."""
    count, before = [0], [(module, name, getattr(module, name)) for module, name in calls()]

    def wrap(name, function):
        def call(*args, **kwargs):
            count[0] += 1
            if count[0] != at:
                return function(*args, **kwargs)
            if rng.random() < 0.5:
                function(*args, **kwargs)
                if name == "save_file":  # half of the file
                    os.truncate(args[1], int(rng.integers(os.path.getsize(args[1]))))
            return os.kill(os.getpid(), signal.SIGKILL)

        return call

    for module, name, function in before:
        setattr(module, name, wrap(name, function))
    try:
        yield count
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def in_a_child(work):
    """Return the process id of a fork of this process that does `work`."""
    if child := os.fork():
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def was_killed(child):
    """Wait for a child; tell whether it was killed; raise if it failed by itself."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        raise AssertionError(f"a child ended with code {code}")
    return code != 0


def attempt(kind, folder, rng, seconds, count):
    """Run a training that is to be killed; tell whether it was, before it came to its end."""
    if rng.random() < 0.5:
        child = in_a_child(lambda: train(kind, folder))
        time.sleep(rng.random() * seconds)
        os.kill(child, signal.SIGKILL)
        return was_killed(child)

    def work():
        with counted(1 + int(rng.integers(count)), rng):
            train(kind, folder)

    return was_killed(in_a_child(work))


# -- comparing ------------------------------------------------------------------------------------


def differences(a, b, path=""):
    """Yield where two states differ, but for times."""
    if type(a) is not type(b):
        yield path
    elif isinstance(a, dict):
        for name in a.keys() | b.keys():
            if name not in TIMES:
                both = name in a and name in b
                yield from differences(a[name], b[name], f"{path}.{name}") if both else [path]
    elif isinstance(a, list):
        if len(a) != len(b):
            yield path
        for i, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from differences(one, other, f"{path}.{i}")
    elif isinstance(a, np.ndarray):
        if (a.dtype, a.shape, a.tobytes()) != (b.dtype, b.shape, b.tobytes()):
            yield path
    elif repr(a) != repr(b):
        yield path


def check_what_is_there(folder):
    """Whatever is there after a kill is whole; return how many checkpoints that is."""
    found = checkpoints.all_of(folder)
    for path in found:
        storage.read_state(path)
    best = folder / checkpoints.BEST
    if best.exists():
        checkpoint.read(best)
    return len(found)


def check_same(folder, expected):
    """A run ended as the undisturbed one did, and its log tells of one run."""
    ours, theirs = checkpoints.all_of(folder), checkpoints.all_of(expected)
    ours = ours[-len(theirs) :]  # one more, if the last kill came before it was deleted
    assert [path.name for path in ours] == [path.name for path in theirs]
    for one, other in zip(ours, theirs, strict=True):
        states = storage.read_state(one), storage.read_state(other)
        assert not [*differences(*states)], [*differences(*states)]
    best = [checkpoint.read(run / checkpoints.BEST) for run in (folder, expected)]
    assert not [*differences(best[0][1], best[1][1])]
    leftovers = [*folder.rglob(".*")]
    assert not leftovers, leftovers
    log, whole = read(folder), read(expected)
    assert log.state == "finished"
    timeless = [[replace(e, seconds=0, waiting=0) for e in run.epochs] for run in (log, whole)]
    assert timeless[0] == timeless[1]
    columns = ("total", "epoch", "step", "loss", "lr", "samples")
    steps = [[*zip(*(run.steps[name] for name in columns), strict=True)] for run in (log, whole)]
    assert set(steps[0]) <= set(steps[1])
    assert (np.diff(log.steps["total"]) > 0).all()


def series(trainings, seed, folder):
    """Run so many trainings, each killed at least once; return how many kills there were."""
    rng, kills, valid = np.random.default_rng(seed), 0, 0
    kernels.threads.set_num_threads(1)
    expected, seconds, counts = {}, {}, {}
    for kind in KINDS:
        expected[kind] = folder / f"undisturbed-{kind.__name__}"
        train(kind, folder / "warm-up" / kind.__name__)
        begin = time.perf_counter()
        with counted() as count:
            train(kind, expected[kind])
        seconds[kind], counts[kind] = time.perf_counter() - begin, count[0]
    for i, kind in zip(range(trainings), itertools.cycle(KINDS), strict=False):
        place, own = folder / f"run-{i}", 0
        wanted = 1 + int(rng.integers(4))
        while own < wanted:
            if not attempt(kind, place, rng.spawn(1)[0], seconds[kind], counts[kind]):
                if own:
                    break
                shutil.rmtree(place)  # it was faster; this one does not count
                continue
            own += 1
            valid += check_what_is_there(place)
        assert not was_killed(in_a_child(lambda kind=kind, place=place: train(kind, place)))
        check_same(place, expected[kind])
        shutil.rmtree(place)
        kills += own
        if (i + 1) % 20 == 0 or i + 1 == trainings:
            print(f"{i + 1} trainings, {kills} kills, {valid} valid checkpoints", flush=True)
    return kills


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trainings", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to train; by default a temporary folder")
    options = parser.parse_args()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        kills = series(options.trainings, options.seed, Path(folder))
    print(
        f"{options.trainings} of {options.trainings} trainings, killed {kills} times, ended as if "
        f"nothing had happened, bit for bit ({time.perf_counter() - begin:.0f} s)"
    )


if __name__ == "__main__":
    main()
