"""Ops of `tinygrad_lite.ops.loss`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests import naive
from tests.ops.strategies import UNIT, Entry, one


@st.composite
def labelled(draw):
    n, c = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    target = draw(hnp.arrays(int, n, elements=st.integers(0, c - 1)))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    return [(n, c)], {"target": target, "reduction": reduction}


@st.composite
def pairs(draw):
    (shape,), _ = draw(one(min_side=1))
    return [shape, shape], {"reduction": draw(st.sampled_from(["mean", "sum", "none"]))}


def reduce_loss(losses, reduction):
    return losses if reduction == "none" else getattr(losses, reduction)()


def cross_entropy(logits, target, reduction):
    rows = zip(logits, target, strict=True)
    return reduce_loss(np.array([naive.cross_entropy([r], [t]) for r, t in rows]), reduction)


def binary_cross_entropy(x, t, reduction):
    p = np.vectorize(naive.sigmoid, otypes=[float])(x)
    return reduce_loss(-(t * np.log(p) + (1 - t) * np.log(1 - p)), reduction)


TABLE = {
    "cross_entropy": Entry(cross_entropy, labelled()),
    "mse_loss": Entry(lambda x, t, reduction: reduce_loss((x - t) ** 2, reduction), pairs()),
    "binary_cross_entropy_with_logits": Entry(binary_cross_entropy, pairs(), UNIT),
}
