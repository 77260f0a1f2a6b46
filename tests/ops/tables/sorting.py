"""Ops of `tinygrad_lite.ops.sorting`."""

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry, along, reduced
from tinygrad_lite import ops


@st.composite
def best(draw):
    (shape,), how = draw(along())
    k = draw(st.integers(0, shape[how["axis"]]))
    return [shape], how | {"k": k, "largest": draw(st.booleans())}


def topk(x, k, axis, largest):
    ordered = np.sort(-x if largest else x, axis).swapaxes(axis, 0)[:k].swapaxes(axis, 0)
    return -ordered if largest else ordered


flat = reduced(several_axes=False).map(lambda call: (call[0], {"axis": None}))

TABLE = {
    "sort": Entry(np.sort, along() | flat),
    "argsort": Entry(np.argsort, along() | flat, differentiable=False),
    "topk": Entry(  # the indices have no gradient; they are met in test_reduce.py
        topk, best(), call=lambda x, **how: ops.topk(x, **how)[0]
    ),
    "median": Entry(np.median, reduced()),
}
