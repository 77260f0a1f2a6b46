"""Ops of `tinygrad_lite.ops.embedding`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_lite as tg
from tests.ops.strategies import Entry
from tinygrad_lite import functional as F


@st.composite
def looked_up(draw):
    rows, size = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    labels = draw(hnp.arrays(draw(st.sampled_from(["int64", "uint8"])), shape,
                             elements=st.integers(0, rows - 1)))  # fmt: skip
    return [(rows, size)], {"labels": labels}


def embedding(weight, labels):
    y = np.zeros((*labels.shape, weight.shape[1]))
    for place in np.ndindex(labels.shape):
        y[place] = weight[labels[place]]
    return y


def one_hot(weight, labels):
    y = np.zeros((*labels.shape, len(weight)), int)
    for place in np.ndindex(labels.shape):
        y[(*place, labels[place])] = 1
    return y


TABLE = {
    "F.embedding": Entry(
        embedding, looked_up(), call=lambda weight, labels: F.embedding(labels, weight)
    ),
    "F.one_hot": Entry(
        one_hot,
        looked_up(),
        call=lambda weight, labels: F.one_hot(tg.tensor(labels), len(weight)),
        differentiable=False,
    ),
}
