"""Ops of `tinygrad_lite.ops.random`."""

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry, one


def unchanged(*shapes):
    return st.tuples(
        st.sampled_from([[shape] for shape in shapes]), st.just({"p": 0.5, "training": False})
    )


TABLE = {
    "dropout": Entry(lambda x, p, training: x, one(p=0.5, training=False)),
    "F.dropout1d": Entry(lambda x, p, training: x, unchanged((2, 3), (1, 2, 2), (2, 0, 1))),
    "F.dropout2d": Entry(lambda x, p, training: x, unchanged((2, 3, 1), (1, 2, 2, 2))),
    "F.alpha_dropout": Entry(lambda x, p, training: x, one(p=0.5, training=False)),
    "bernoulli": Entry(np.ones_like, one(), domain=(1.0, 2.0), differentiable=False),
}
