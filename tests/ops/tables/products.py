"""Ops of `tinygrad_lite.ops.products`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry


@st.composite
def multiplied(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_side=2))
    return list(shapes.input_shapes), {}


@st.composite
def affine(draw):
    lead = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    n, m = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return [(*lead, n), (m, n), (m,)][: 2 + draw(st.booleans())], {}


@st.composite
def two_sided(draw):
    lead = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    n, m, o = draw(st.tuples(*[st.integers(1, 2)] * 3))
    return [(*lead, n), (*lead, m), (o, n, m), (o,)][: 3 + draw(st.booleans())], {}


def bilinear(x1, x2, w, b=0):
    y = [[((u @ part) * v).sum() for part in w] for u, v in zip(_rows(x1), _rows(x2), strict=True)]
    return np.reshape(y, (*x1.shape[:-1], len(w))) + b


def _rows(x):
    return x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


TABLE = {
    "matmul": Entry(np.matmul, multiplied()),
    "F.bilinear": Entry(bilinear, two_sided()),
    "linear": Entry(lambda x, w, b=0: x @ w.T + b, affine()),
}
