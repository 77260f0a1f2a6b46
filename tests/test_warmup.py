"""After `tinygrad-lite warmup` nothing is compiled any more, whatever the shapes and layouts."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels, layers, optim
from tinygrad_lite.warmup import FAMILIES

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")

ROOT = Path(__file__).parent.parent


def compiled():
    """All that is compiled by now: (module, kernel, types), and what kernels call.

    Listeners to compilation would not hear of what the cache on the disk has.
    """
    found = set()
    for name, module in [*sys.modules.items()]:
        if name.startswith("tinygrad_lite.kernels."):
            for kernel in vars(module).values():
                if getattr(kernel, "__module__", "") == name:
                    signatures = getattr(kernel, "signatures", ())
                    found |= {(name, kernel.__name__, str(types)) for types in signatures}
    found |= {("jit", "routine", str(n)) for n in range(len(kernels.jit._compiled))}
    return found


def locked(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "as it is": lambda x: x,
    "fortran": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "read-only": locked,
    "backward": lambda x: x[..., ::-1],
    "channels last": lambda x: np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1),
}

# (shape of x, channels, kernel, how): through all kernels
CONVOLUTIONS = [
    ((3, 5, 7, 9), 7, 2, {"stride": (1, 2), "padding": 3, "dilation": 2}),
    ((33, 64, 16, 15), 70, 3, {"padding": 1}),
    ((2, 18, 9, 31), 17, 3, {"padding": 0}),
    ((2, 12, 8, 8), 24, 3, {"groups": 12, "stride": 3}),
    ((2, 12, 8, 8), 24, 5, {"groups": 3, "padding": "same", "bias": False}),
    ((1, 300, 1, 3), 200, 1, {}),
]


def convolve(lay):
    for shape, channels, kernel, how in CONVOLUTIONS:
        layer = layers.Conv2d(shape[1], channels, kernel, **how)
        x = tg.Tensor.make(lay(np.ones(shape, "f"))).requires_grad_()
        y = layer(x)
        y.backward(lay(np.ones(y.shape, "f")))


def pool(lay):
    for size in (9, 100):
        x = tg.Tensor.make(lay(np.ones((3, 4, size, size + 2), "f"))).requires_grad_()
        pools = [F.max_pool2d(x, 2), F.max_pool2d(x, 3, 2, 1), F.avg_pool2d(x, 3, 1)]
        for y in [*pools, F.adaptive_avg_pool2d(x, (3, 2))]:
            y.backward(lay(np.ones(y.shape, "f")))


def normalise(lay):
    for shape in ((5, 3, 4, 5), (64, 70, 6, 5)):
        layer = layers.BatchNorm2d(shape[1])
        for training in (True, False):
            layer.train(training)
            x = tg.Tensor.make(lay(np.ones(shape, "f"))).requires_grad_()
            y = tg.relu(layer(x))
            y.backward(lay(np.ones(y.shape, "f")))


def score(lay):
    for shape in ((3, 7), (130, 990)):
        x = tg.Tensor.make(lay(np.ones(shape, "f"))).requires_grad_()
        F.cross_entropy(x, np.zeros(len(x), int)).backward()


OPTIMIZERS = [
    lambda p: optim.SGD(p, lr=0.1),
    lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    lambda p: optim.Adam(p),
    lambda p: optim.AdamW(p),
    lambda p: optim.RMSprop(p, momentum=0.5, centered=True),
]


def update(lay):
    for make in OPTIMIZERS:
        for sizes in ((3,), (70, 5, 200)):
            layer = layers.Sequential(*[layers.Dense(13, size) for size in sizes])
            parameters = [*layer.parameters()]
            for p in parameters:
                g = np.ones(p.shape, "f")
                p.grad = tg.Tensor.make(lay(g) if g.ndim > 1 else g)
            make(parameters).step()


def new_after_warmup():
    """Print what other shapes, layouts and numbers of threads compile."""
    for family in FAMILIES.values():
        family()
    before = compiled()
    for count in (1, 2, 3):
        tg.set_num_threads(count)
        for lay in LAYOUTS.values():
            for work in (convolve, pool, normalise, score, update):
                work(lay)
    print(sorted(compiled() - before))


def test_nothing_is_compiled_for_a_size_or_layout_never_seen_before():
    done = subprocess.run(
        [sys.executable, "-c", "from tests.test_warmup import new_after_warmup as f; f()"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr or done.stdout


def test_one_thread_and_several_are_left_as_they_were():
    before = tg.get_num_threads()
    FAMILIES["convolution and pooling"]()
    assert tg.get_num_threads() == before
