"""Ops of `tinygrad_lite.ops.indexing`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry


@st.composite
def indexed(draw):
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    arrays = st.integers(1, len(shape)).flatmap(
        lambda n: hnp.integer_array_indices(shape[:n], result_shape=hnp.array_shapes(max_dims=2))
    )
    masks = hnp.arrays(bool, shape) | hnp.arrays(bool, shape[:1])
    mixed = st.tuples(st.just(slice(None)), hnp.arrays(int, 2, elements=st.integers(0, 0)))
    kinds = [basic, arrays, masks] + ([mixed] if len(shape) > 1 else [])
    return [shape], {"index": draw(st.one_of(kinds))}


@st.composite
def scattered(draw):
    (shape,), params = draw(indexed())
    return [np.empty(shape)[params["index"]].shape], params | {"shape": shape}


def scatter(x, index, shape):
    out = np.zeros(shape)
    np.add.at(out, index, x)
    return out


TABLE = {
    "getitem": Entry(lambda x, index: x[index], indexed()),
    "scatter": Entry(scatter, scattered()),
}
