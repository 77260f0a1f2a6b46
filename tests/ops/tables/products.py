"""Ops of `tinygrad_lite.ops.products`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry
from tinygrad_lite import ops


@st.composite
def multiplied(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_side=2))
    return list(shapes.input_shapes), {}


@st.composite
def affine(draw):
    lead = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=2))
    n, m = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    return [(*lead, n), (m, n), (m,)][: 2 + draw(st.booleans())], {}


def shapes(max_dims=2, min_dims=0):
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=2)


@st.composite
def dotted(draw):
    a, b = list(draw(shapes())), list(draw(shapes(3)))
    if a and b:
        a[-1] = b[max(len(b) - 2, 0)]
    return [tuple(a), tuple(b)], {}


@st.composite
def inner(draw):
    a, b = draw(shapes()), draw(shapes())
    return [a, (*b[:-1], a[-1]) if a and b else b], {}


@st.composite
def any_two(draw, min_dims=0):
    return [draw(shapes(min_dims=min_dims)), draw(shapes(min_dims=min_dims))], {}


def alike():
    return shapes().map(lambda shape: ([shape, shape], {}))


@st.composite
def along_one_axis(draw, length=None):
    n = draw(st.integers(0, 3)) if length is None else length
    axis = draw(st.integers(-2, 1))
    a, b = ([draw(st.sampled_from([1, 2]))] * 2 for _ in range(2))
    a[axis] = b[axis] = n
    return [tuple(a), tuple(b)], {"axis": axis}


@st.composite
def contracted(draw):
    sides = draw(st.lists(st.integers(0, 2), max_size=2))
    free_a, free_b = (draw(st.lists(st.integers(1, 2), max_size=1)) for _ in range(2))
    n = len(sides)
    if draw(st.booleans()):
        return [(*free_a, *sides), (*sides, *free_b)], {"axes": n}
    orders = [draw(st.permutations([*range(n + len(free))])) for free in (free_a, free_b)]
    operands, axes = [], []
    for order, free in zip(orders, (free_a, free_b), strict=True):
        together = [*sides, *free]
        operands.append(tuple(together[k] for k in order))
        axes.append([order.index(k) - len(order) * draw(st.booleans()) for k in range(n)])
    if n == 1 and draw(st.booleans()):
        axes = [axis[0] for axis in axes]
    return operands, {"axes": tuple(axes)}


EINSUMS = [
    ("ij,jk->ik", "ij jk"),
    ("ij,jk", "ij jk"),
    ("ba", "ba"),
    ("ii", "ii"),
    ("ii->i", "ii"),
    ("iij->ji", "iij"),
    ("iii->", "iii"),
    ("ij->", "ij"),
    ("ij,k->i", "ij k"),
    ("ij,kk->j", "ij kk"),
    ("i,i,i->i", "i i i"),
    ("ij,jk,kl->il", "ij jk kl"),
    ("ij,ij->ij", "ij ij"),
    ("i,j->ji", "i j"),
    (",i->i", " i"),
    ("bij, bjk -> bik", "bij bjk"),
    ("...ij,...jk->...ik", "xij xjk"),
    ("...ij,...jk->...ik", "xij jk"),
    ("...i,...i", "i xi"),
    ("i...->...", "ixy"),
    ("i...,...i->i...", "ixy xyi"),
    ("i...,i...->...", "iy ixy"),
    ("...ii->...i", "xii"),
    ("...->...", ""),
    ("...,...", "x yx"),
]


def sized(subscripts, labels, sides):
    return [tuple(sides[c] for c in term) for term in labels.split(" ")], {"subscripts": subscripts}


@st.composite
def summed(draw):
    subscripts, labels = draw(st.sampled_from(EINSUMS))
    return sized(subscripts, labels, {label: draw(st.integers(0, 3)) for label in labels})


@st.composite
def summed_with_broadcasting(draw):
    """A label of length 1 in one operand."""
    n = draw(st.integers(2, 3))
    operands = draw(st.permutations([(2, 1), (n, 2)]))
    terms = ["ij" if shape == (2, 1) else "jk" for shape in operands]
    return operands, {"subscripts": ",".join(terms) + "->" + draw(st.sampled_from(["ik", "", "j"]))}


def einsum(*xs, subscripts):
    return np.einsum(subscripts, *xs)


def kron(a, b):
    ndim = max(a.ndim, b.ndim)
    a, b = (x.reshape((1,) * (ndim - x.ndim) + x.shape) for x in (a, b))
    y = np.empty(np.multiply(a.shape, b.shape))
    for index in np.ndindex(y.shape):
        of_a, of_b = np.divmod(index, np.maximum(b.shape, 1)) if ndim else ((), ())
        y[index] = a[tuple(of_a)] * b[tuple(of_b)]
    return y


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
    "dot": Entry(np.dot, dotted(), examples=[([(2, 3), (2, 3, 2)], {}), ([(2, 3), (3,)], {})]),
    "inner": Entry(np.inner, inner()),
    "outer": Entry(np.outer, any_two()),
    "vdot": Entry(np.vdot, alike()),
    "vecdot": Entry(lambda a, b, axis: (a * b).sum(axis), along_one_axis()),
    "cross": Entry(np.cross, along_one_axis(3)),
    "kron": Entry(kron, any_two(), examples=[([(2, 1), (3, 2)], {}), ([(2,), (2, 2)], {})]),
    "tensordot": Entry(
        np.tensordot,
        contracted(),
        examples=[
            ([(2, 3, 2), (3, 2)], {"axes": ((0, 1), (-1, 0))}),
            ([(2, 3), (2,)], {"axes": 0}),
            ([(2, 1, 3), (1, 3, 2)], {"axes": 2}),
            ([(2, 3), (2, 3)], {"axes": (0, 0)}),
        ],
    ),
    "einsum": Entry(
        einsum,
        summed() | summed_with_broadcasting(),
        call=lambda *xs, subscripts: ops.einsum(subscripts, *xs),
        examples=[
            *(sized(*names, {c: 2 + (c in "jkx") for c in names[1]}) for names in EINSUMS),
            ([(2, 1), (3, 2)], {"subscripts": "ij,jk->ik"}),
            ([(1, 2), (3, 3)], {"subscripts": "ij,ii->j"}),
        ],
    ),
    "matmul": Entry(np.matmul, multiplied()),
    "F.bilinear": Entry(bilinear, two_sided()),
    "linear": Entry(lambda x, w, b=0: x @ w.T + b, affine()),
}
