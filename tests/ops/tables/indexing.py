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


@st.composite
def taken(draw):
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    beyond = 0 if mode == "raise" else 3
    elements = st.integers(-n - beyond, n - 1 + beyond)
    indices = draw(hnp.arrays(int, hnp.array_shapes(min_dims=0, max_dims=2), elements=elements))
    return [shape], {"indices": indices, "axis": axis, "mode": mode}


@st.composite
def taken_along(draw):
    shape = draw(hnp.array_shapes(max_dims=3, max_side=3))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    sides = [1] if axis is None else [draw(st.sampled_from([1, side])) for side in shape]
    sides[0 if axis is None else axis] = draw(st.integers(0, 3))
    indices = draw(hnp.arrays(int, sides, elements=st.integers(-n, n - 1)))
    return [shape], {"indices": indices, "axis": axis}


def scatter(x, index, shape):
    out = np.zeros(shape)
    np.add.at(out, index, x)
    return out


TABLE = {
    "getitem": Entry(lambda x, index: x[index], indexed()),
    "scatter": Entry(scatter, scattered()),
    "take": Entry(np.take, taken()),
    "take_along_axis": Entry(np.take_along_axis, taken_along()),
}
