"""What the tests of the Trainer train, and the loop that one would write without it."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import Dataset
from tinygrad_lite.train import Trainer


def blobs(n=60, seed=0, dtype=np.float32):
    """Two classes that a line almost separates."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    return Dataset((rng.standard_normal((n, 2)) + 2 * y[:, None]).astype(dtype), y)


def net(seed=0, dtype=np.float32):
    """A small network, always the same for a seed."""
    tg.seed(seed)
    return layers.Sequential(layers.Dense(2, 8), layers.ReLU(), layers.Dense(8, 2)).astype(dtype)


def trainer(model=None, lr=0.1, optimizer=optim.SGD, **options):
    model = model or net()
    options = {"loss": F.cross_entropy, "display": "off"} | options
    return Trainer(model, optimizer(model.parameters(), lr=lr), **options)


def batches(data, size):
    """Yield (x, y), in order."""
    for start in range(0, len(data), size):
        yield data.x[start : start + size], data.y[start : start + size]


def assert_same(model, other, **tolerance):
    """Compare all parameters and buffers: bit for bit, or to a tolerance."""
    own, theirs = model.state_dict(), other.state_dict()
    assert own.keys() == theirs.keys()
    for name in own:
        if tolerance:
            np.testing.assert_allclose(own[name], theirs[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(own[name], theirs[name], err_msg=name)
