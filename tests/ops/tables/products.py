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


TABLE = {
    "matmul": Entry(np.matmul, multiplied()),
    "linear": Entry(lambda x, w, b=0: x @ w.T + b, affine()),
}
