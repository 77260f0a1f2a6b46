"""Ops of `tinygrad_lite.ops.shape`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry, along, listed, one, reduced, several
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
        return [tuple(shape)], {"indices_or_sections": draw(indices), "axis": axis}
    shape[axis] = parts * draw(st.integers(0, 2))
    return [tuple(shape)], {"indices_or_sections": parts, "axis": axis}


@st.composite
def cut_unevenly(draw):
    ((shape,), params) = draw(cut())
    params["indices_or_sections"] = draw(st.integers(1, 4))
    return [shape], params


@st.composite
def padded(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=2))
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    each = st.tuples(*[pair] * len(shape))
    widths = {"pad_width": draw(width | pair | each)}
    if 0 in shape or draw(st.booleans()):
        value = draw(st.sampled_from([0, 1.5, (0.5, 2.0)]))
        return [shape], widths | {"constant_values": value}
    modes = ["edge", "reflect", "symmetric", "wrap"]
    return [shape], widths | {"mode": draw(st.sampled_from(modes))}


@st.composite
def moved(draw):
    shape = draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=3))
    ndim = len(shape)
    if draw(st.booleans()):
        axis = st.integers(-ndim, ndim - 1)
        return [shape], {"source": draw(axis), "destination": draw(axis)}
    count = draw(st.integers(0, ndim))
    axes = st.permutations([*range(ndim)]).map(lambda axes: axes[:count])
    return [shape], {"source": draw(axes), "destination": draw(axes)}


@st.composite
def flipped(draw):
    (shape,), params = draw(reduced(min_side=0))
    return [shape], {"axis": params["axis"]}


@st.composite
def rolled(draw):
    (shape,), params = draw(reduced(min_side=0))
    axis = params["axis"]
    shift = st.integers(-4, 4)
    if isinstance(axis, tuple):
        shift = shift | st.tuples(*[shift] * len(axis))
    return [shape], {"shift": draw(shift), "axis": axis}


def repeated():
    return flipped().filter(lambda call: not isinstance(call[1]["axis"], tuple)).flatmap(counts)


def counts(call):
    (shape,), params = call
    length = int(np.prod(shape)) if params["axis"] is None else shape[params["axis"]]
    count = st.integers(0, 2)
    each = st.lists(count, min_size=length, max_size=length)
    return st.tuples(
        st.just([shape]), (count | each).map(lambda repeats: {"repeats": repeats} | params)
    )


@st.composite
def tiled(draw):
    (shape,), _ = draw(one())
    count = st.integers(0, 2)
    return [shape], {"reps": draw(count | st.lists(count, max_size=4).map(tuple))}


@st.composite
def rotated(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=3))
    axes = draw(st.permutations([*range(len(shape))]))[:2]
    return [shape], {"k": draw(st.integers(-2, 5)), "axes": tuple(axes)}


@st.composite
def triangles(draw, min_dims=1):
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=0, max_side=3))
    return [shape], {"k": draw(st.integers(-3, 3))}


@st.composite
def diagonals(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=3))
    axis1, axis2 = draw(st.permutations([*range(len(shape))]))[:2]
    axis2 -= len(shape) * draw(st.booleans())
    return [shape], {"offset": draw(st.integers(-3, 3)), "axis1": axis1, "axis2": axis2}


def vectors():
    """Vectors and numbers, up to three of them."""
    shapes = st.lists(st.integers(0, 3).map(lambda n: (n,)) | st.just(()), min_size=1, max_size=3)
    params = {"indexing": st.sampled_from(["xy", "ij"]), "sparse": st.booleans()}
    return st.tuples(shapes, st.fixed_dictionaries(params))


@st.composite
def along_first(draw, axis):
    """Operands to be joined along the axis that is the first or second, the only one of vectors."""
    if draw(st.booleans()):
        return draw(st.lists(st.just(()) | st.just((1,)), min_size=1, max_size=3)), {}
    shapes, _ = draw(joined().filter(lambda call: call[1]["axis"] == axis and len(call[0][0]) > 1))
    return shapes, {}


def in_loops(x, k):
    """np.tril, element by element."""
    y = np.zeros(np.broadcast_shapes(x.shape, (x.shape[-1],) * 2 if x.ndim == 1 else x.shape))
    for index in np.ndindex(y.shape):
        if index[-1] - index[-2] <= k:
            y[index] = np.broadcast_to(x, y.shape)[index]
    return y


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
        lambda x, indices_or_sections, axis: np.split(x, indices_or_sections, axis), cut()
    ),
    "array_split": Entry(np.array_split, cut() | cut_unevenly()),
    "unstack": Entry(lambda x, axis: list(np.moveaxis(x, axis, 0)), along()),
    "concat": Entry(listed(np.concatenate), joined(), call=listed(ops.concat)),
    "hstack": Entry(listed(np.hstack), along_first(1), call=listed(ops.hstack)),
    "vstack": Entry(listed(np.vstack), along_first(0), call=listed(ops.vstack)),
    "permute_dims": Entry(np.transpose, permuted()),
    "matrix_transpose": Entry(
        lambda x: np.einsum("...ij->...ji", x), triangles(2).map(lambda call: (call[0], {}))
    ),
    "moveaxis": Entry(
        np.moveaxis, moved(), examples=[([(2, 1, 3)], {"source": (0, 1), "destination": (-1, 0)})]
    ),
    "atleast_1d": Entry(np.atleast_1d, one() | several()),
    "atleast_2d": Entry(np.atleast_2d, one() | several()),
    "broadcast_arrays": Entry(np.broadcast_arrays, several(3)),
    "tile": Entry(np.tile, tiled(), examples=[([(2, 3)], {"reps": (2, 1, 2)})]),
    "repeat": Entry(
        np.repeat, repeated(), examples=[([(2, 3)], {"repeats": [0, 2, 1], "axis": -1})]
    ),
    "meshgrid": Entry(np.meshgrid, vectors()),
    "flip": Entry(np.flip, flipped()),
    "fliplr": Entry(lambda x: x[:, ::-1], triangles(2).map(lambda call: (call[0], {}))),
    "flipud": Entry(lambda x: x[::-1], triangles().map(lambda call: (call[0], {}))),
    "roll": Entry(
        np.roll,
        rolled(),
        examples=[
            ([(2, 3)], {"shift": 1, "axis": None}),
            ([(2, 3)], {"shift": (1, -2), "axis": (0, 1)}),
        ],
    ),
    "rot90": Entry(
        np.rot90, rotated(), examples=[([(2, 3, 2)], {"k": k, "axes": (2, 1)}) for k in range(4)]
    ),
    "tril": Entry(in_loops, triangles()),
    "triu": Entry(
        lambda x, k: np.swapaxes(in_loops(np.swapaxes(x, -1, -2), -k), -1, -2), triangles(2)
    ),
    "diag": Entry(np.diag, triangles().filter(lambda call: len(call[0][0]) < 3)),
    "diagonal": Entry(
        np.diagonal, diagonals(), examples=[([(2, 3, 4)], {"offset": 1, "axis1": 2, "axis2": 0})]
    ),
    "trace": Entry(np.trace, diagonals()),
    "pad": Entry(
        np.pad,
        padded(),
        examples=[
            ([(2, 3)], {"pad_width": ((1, 3), (0, 4)), "mode": mode})
            for mode in ("constant", "edge", "reflect", "symmetric", "wrap")
        ],
    ),
}
