"""Ops of `tinygrad_lite.ops.shape`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry, listed, one
from tinygrad_lite import ops


@st.composite
def reshaped(draw):
    sides = draw(st.lists(st.integers(0, 3), max_size=3))
    shape = draw(st.permutations(sides))
    if 0 not in shape and shape:
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return [tuple(sides)], {"shape": tuple(shape)}


@st.composite
def permuted(draw):
    (shape,), _ = draw(one())
    axes = draw(st.none() | st.permutations([*range(len(shape))]))
    if axes:
        axes = [a - len(shape) * draw(st.booleans()) for a in axes]
    return [shape], {"axes": axes}


@st.composite
def swapped(draw):
    shape = draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=3))
    axis = st.integers(-len(shape), len(shape) - 1)
    return [shape], {"axis1": draw(axis), "axis2": draw(axis)}


@st.composite
def broadcast(draw):
    (shape,), _ = draw(one())
    lead = draw(st.lists(st.integers(0, 2), max_size=2))
    tail = [draw(st.integers(0, 3)) if n == 1 else n for n in shape]
    return [shape], {"shape": (*lead, *tail)}


@st.composite
def expanded(draw):
    (shape,), _ = draw(one())
    ndim = len(shape) + 2
    axis = st.integers(-ndim, ndim - 1)
    pairs = st.tuples(axis, axis).filter(lambda p: p[0] % ndim != p[1] % ndim)
    return [shape], {"axis": draw(st.integers(-len(shape) - 1, len(shape)) | pairs)}


@st.composite
def squeezed(draw):
    (shape,), _ = draw(one())
    ones = [i - len(shape) * draw(st.booleans()) for i, n in enumerate(shape) if n == 1]
    return [shape], {"axis": draw(st.sampled_from([None, tuple(ones), *ones]))}


@st.composite
def joined(draw, same=False):
    shape = list(draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=2)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    shapes = []
    for _ in range(draw(st.integers(1, 3))):
        shape[axis] = shape[axis] if same else draw(st.integers(0, 2))
        shapes.append(tuple(shape))
    return shapes, {"axis": axis}


@st.composite
def cut(draw):
    shape = list(draw(hnp.array_shapes(max_dims=3, max_side=3)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    parts = draw(st.integers(1, 3))
    indices = st.lists(st.integers(0, shape[axis]), max_size=2).map(sorted)
    if draw(st.booleans()):
        return [tuple(shape)], {"sections": draw(indices), "axis": axis}
    shape[axis] = parts * draw(st.integers(0, 2))
    return [tuple(shape)], {"sections": parts, "axis": axis}


@st.composite
def padded(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=2))
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    each = st.tuples(*[pair] * len(shape))
    value = draw(st.sampled_from([0, 1.5]))
    return [shape], {"pad_width": draw(width | pair | each), "constant_values": value}


TABLE = {
    "reshape": Entry(np.reshape, reshaped()),
    "ravel": Entry(np.ravel, one()),
    "transpose": Entry(np.transpose, permuted()),
    "swapaxes": Entry(np.swapaxes, swapped()),
    "broadcast_to": Entry(np.broadcast_to, broadcast()),
    "expand_dims": Entry(np.expand_dims, expanded()),
    "squeeze": Entry(np.squeeze, squeezed()),
    "concatenate": Entry(listed(np.concatenate), joined(), call=listed(ops.concatenate)),
    "stack": Entry(listed(np.stack), joined(same=True), call=listed(ops.stack)),
    "split": Entry(
        lambda x, sections, axis: np.split(x, sections, axis),
        cut(),
        call=lambda x, sections, axis: tuple(ops.split(x, sections, axis)),
    ),
    "pad": Entry(np.pad, padded()),
}
