"""Ops of `tinygrad_lite.ops.linalg`.

Operands are made well-conditioned, with spectra whose gaps are wide, inside of the call: the
functions are checked as they stand in a user's graph, after an op that makes matrices symmetric
where they must be.
"""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry, reduced
from tinygrad_lite.ops import linalg

UNIT = (-0.9, 1.0)
LEAD = st.sampled_from([(), (), (), (2,), (2,), (1, 2), (0,)])
SIDE = st.sampled_from([2, 3, 1, 2, 3, 0])
SQUARE = [([(3, 3)], {}), ([(2, 2, 2)], {})]
SYSTEMS = [([(3, 3), (3,)], {}), ([(2, 2), (3, 2, 1)], {}), ([(2, 2, 2), (2, 3)], {})]
RECTANGULAR = [*SQUARE, ([(3, 2)], {}), ([(2, 3)], {}), ([(2, 1, 3)], {})]


@st.composite
def square(draw, **params):
    n = draw(SIDE)
    return [(*draw(LEAD), n, n)], {name: draw(value) for name, value in params.items()}


@st.composite
def rectangular(draw, **params):
    shape = (*draw(LEAD), draw(SIDE), draw(SIDE))
    return [shape], {name: draw(value) for name, value in params.items()}


@st.composite
def systems(draw):
    ((shape,), _) = draw(square())
    *lead, n, _ = shape
    columns = draw(st.integers(0, 2))
    b = draw(st.sampled_from([(n,), (n, columns), (*lead, n, columns), (*lead, 1, n, 1)]))
    return [shape, b], {}


@st.composite
def normed(draw):
    if draw(st.booleans()):
        (shape,), params = draw(reduced())
        return [shape], params
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    axes = draw(st.permutations([*range(len(shape))]))
    keepdims = draw(st.booleans())
    if len(shape) == 1 or draw(st.booleans()):
        axis = draw(st.sampled_from([axes[0], axes[0] - len(shape)]))
        order = draw(st.sampled_from([None, 1, 2, 3, 0.5, 2.5, -1, np.inf, -np.inf]))
    else:
        axis = tuple(axes[:2])
        order = draw(st.sampled_from([None, "fro", "nuc", 1, 2, -1, -2, np.inf, -np.inf]))
    if len(shape) == np.size(axis) and draw(st.booleans()):
        axis = None
    return [shape], {"ord": order, "axis": axis, "keepdims": keepdims}


def regular(a):
    """Far from singular: the diagonal outweighs the rest of each row."""
    return a + 4.0 * np.eye(a.shape[-1])


def separate(a):
    """Symmetric, with eigenvalues about 5, 9, 13."""
    return 0.5 * (a + np.swapaxes(a, -1, -2)) + np.diag(4.0 * np.arange(a.shape[-1]) + 5.0)


def tall(a):
    """Of full rank, with singular values far apart."""
    return a + 4.0 * np.eye(*a.shape[-2:]) * (1.0 + np.arange(a.shape[-1]))


def on(make, f):
    return lambda a, *args, **params: f(make(a), *args, **params)


def entry(make, name, calls, oracle=None, **fields):
    oracle = oracle or getattr(np.linalg, name)
    call = on(make, getattr(linalg, name))
    return Entry(on(make, oracle), calls, UNIT, call=call, scalars=False, **fields)


def cholesky(a, upper=False):
    """Row by row (Cholesky & Banachiewicz)."""
    y = np.zeros_like(a)
    for i in range(a.shape[-1]):
        for j in range(i + 1):
            rest = a[..., i, j] - (y[..., i, :j] * y[..., j, :j]).sum(-1)
            y[..., i, j] = np.sqrt(rest) if i == j else rest / y[..., j, j]
    return np.swapaxes(y, -1, -2) if upper else y


def det(a):
    """Laplace's expansion along the first row."""
    if not a.shape[-1]:
        return np.ones(a.shape[:-2])
    minors = (np.delete(a[..., 1:, :], j, -1) for j in range(a.shape[-1]))
    return sum((-1) ** j * a[..., 0, j] * det(minor) for j, minor in enumerate(minors))


def power(a, n):
    y = np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for _ in range(abs(n)):
        y = y @ (np.linalg.inv(a) if n < 0 else a)
    return y


def slogdet(a):
    return np.sign(det(a)), np.log(abs(det(a)))


def solve(a, b):
    return np.linalg.inv(a) @ b


def svd(a, full_matrices, compute_uv):
    return np.linalg.svd(a, full_matrices=False, compute_uv=compute_uv)


def norm(x, ord=None, axis=None, keepdims=False):
    if ord is None:  # over any number of axes, where NumPy has two at most
        return np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))
    return np.linalg.norm(x, ord, axis, keepdims)


TABLE = {
    "linalg.inv": entry(regular, "inv", square(), examples=SQUARE),
    "linalg.solve": entry(regular, "solve", systems(), solve, examples=SYSTEMS),
    "linalg.pinv": entry(tall, "pinv", rectangular(), examples=RECTANGULAR),
    "linalg.det": entry(regular, "det", square(), det, examples=SQUARE),
    "linalg.slogdet": entry(regular, "slogdet", square(), slogdet, examples=SQUARE),
    "linalg.matrix_power": entry(regular, "matrix_power", square(n=st.integers(-3, 5)), power),
    "linalg.cholesky": entry(
        separate, "cholesky", square(upper=st.booleans()), cholesky, examples=SQUARE
    ),
    "linalg.eigh": entry(separate, "eigh", square(UPLO=st.sampled_from("LU")), examples=SQUARE),
    "linalg.eigvalsh": entry(
        separate, "eigvalsh", square(UPLO=st.sampled_from("LU")), examples=SQUARE
    ),
    "linalg.qr": entry(
        tall, "qr", rectangular(mode=st.sampled_from(["reduced", "r"])), examples=RECTANGULAR
    ),
    "linalg.svd": entry(
        tall,
        "svd",
        rectangular(full_matrices=st.just(False), compute_uv=st.booleans()),
        svd,
        examples=[
            (shapes, {"full_matrices": False, "compute_uv": True}) for shapes, _ in RECTANGULAR
        ],
    ),
    "linalg.svdvals": entry(tall, "svdvals", rectangular(), examples=RECTANGULAR),
    # Scalars go through norms without singular values; see test_linalg
    "linalg.norm": Entry(norm, normed(), scalars=False),
}
