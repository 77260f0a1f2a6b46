"""Without compiled kernels everything runs through the reference faces, and learns the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.kernels import threads
from tinygrad_lite.modes import observe

ROOT = Path(__file__).parent.parent


class Reader(tg.Module):
    """Looks at an image with filters, then reads its rows as a sequence."""

    def __init__(self):
        self.conv = layers.Conv2d(1, 2, 3, stride=(1, 2), padding=1)
        self.pool = layers.MaxPool2d((1, 2))
        self.lstm = layers.LSTM(4, 3)
        self.gru = layers.GRU(3, 3)
        self.rnn = layers.RNN(3, 3)
        self.head = layers.Dense(3, 2)

    def forward(self, x):
        maps = self.pool(F.relu(self.conv(x))).transpose(0, 2, 1, 3)
        rows = maps.reshape(x.shape[0], x.shape[2], 4)
        return self.head(self.rnn(self.gru(self.lstm(rows)[0])[0])[0][:, -1])


def learn():
    """Three training steps; the loss and all weights after them, and the ops that ran."""
    tg.seed(0)
    model = Reader().astype("float64")
    x, y = tg.randn(3, 1, 6, 8, dtype="float64"), [0, 1, 1]
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    seen = set()
    with observe(lambda op, args, result: seen.add(op.name)):
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
    state = {name: array.tolist() for name, array in model.state_dict().items()}
    return {"loss": loss.item(), "state": state, "ops": sorted(seen)}


FUSED = {"conv2d", "lstm", "gru", "rnn"}


@pytest.fixture(scope="module")
def compiled():
    return learn()


def check(other, compiled):
    assert {*compiled["ops"]} >= FUSED
    assert not {*other["ops"]} & FUSED
    assert other["loss"] == pytest.approx(compiled["loss"], abs=1e-12)
    for name, array in compiled["state"].items():
        np.testing.assert_allclose(other["state"][name], array, atol=1e-12)


def large():
    """Products and sequences of sizes that kernels share among threads."""
    tg.set_num_threads(2)
    found = {}
    for kind in (layers.RNN, layers.LSTM, layers.GRU):
        tg.seed(0)
        layer, x = kind(16, 64), tg.randn(8, 20, 16, requires_grad=True)
        y = layer(x)[0]
        y.backward(tg.randn(*y.shape))
        found[kind.__name__] = [t.tolist() for t in (y, x.grad, layer.weight_hh_l0.grad)]
    tg.seed(0)
    a, b = tg.randn(300, 200, requires_grad=True), tg.randn(200, 300)
    y = a @ b
    y.backward(tg.randn(300, 300))
    one_row = tg.randn(300, 200, requires_grad=True)
    tg.linear(a[:1], one_row).sum().backward()
    found["products"] = [t.tolist() for t in (y, a.grad, one_row.grad)]
    assert tg.get_num_threads() == 2
    return found


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: optim.Adam(p, lr=0.1),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1),
}


def see():
    """Layers of images, large enough for each kernel, and two steps of each optimiser."""
    found = {}
    for name, make in OPTIMIZERS.items():
        tg.seed(0)
        model = layers.Sequential(
            layers.Conv2d(3, 16, 5, stride=2, padding=2, bias=False),  # the norm would undo it
            layers.BatchNorm2d(16),
            layers.ReLU(),
            layers.Conv2d(16, 16, 3, padding="same"),  # Winograd's
            layers.Conv2d(16, 16, 3, padding=1, groups=16),
            layers.MaxPool2d(2),
            layers.Conv2d(16, 12, 3, dilation=2, padding=2, groups=2),
            layers.MaxPool2d(3, stride=1),
            layers.AvgPool2d(2, ceil_mode=True),
            layers.Flatten(),
            layers.Dense(108, 5),
        ).astype("float64")
        optimizer = make([*model.parameters()])
        x = tg.randn(4, 3, 32, 32, dtype="float64", requires_grad=True)
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), [0, 3, 1, 4]).backward()
            optimizer.step()
        found[name] = [x.grad.tolist(), *(a.tolist() for a in model.state_dict().values())]
    return found


@pytest.mark.parametrize("missing", ["jit", "numba"])
def test_without_jit(compiled, missing, monkeypatch):
    """Switched off, or with no Numba to import."""
    code = "import json, sys;"
    if missing == "numba":
        code += "sys.modules.update(numba=None, llvmlite=None);"
    code += "from tests.test_nojit import large, learn, see;"
    code += "print(json.dumps([learn(), large(), see()]));"
    code += "assert not sys.modules.get('numba')"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment["NUMBA_DISABLE_JIT"] = "1" if missing == "jit" else "0"
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    small, found, seen = json.loads(run.stdout)
    check(small, compiled)
    monkeypatch.setattr(threads, "_chosen", None)
    for name, arrays in large().items():
        for a, b in zip(found[name], arrays, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(b).max())
    for name, arrays in see().items():
        for a, b in zip(seen[name], arrays, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-8)


def test_in_reference_mode(compiled):
    with tg.reference():
        check(learn(), compiled)
