"""Ops of `tinygrad_lite.ops.random`."""

import numpy as np

from tests.ops.strategies import Entry, one

TABLE = {
    "dropout": Entry(lambda x, p, training: x, one(p=0.5, training=False)),
    "bernoulli": Entry(np.ones_like, one(), domain=(1.0, 2.0), differentiable=False),
}
