"""Ops of `tinygrad_lite.ops.distance`."""

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry

SHAPES = [[(3,), (3,)], [(2, 3), (3,)], [(2, 1), (2, 2)], [(0, 2), (0, 2)], [(1, 2, 2), (2, 2)]]


@st.composite
def pairs(draw):
    # not ±inf: the differences of evenly spaced numbers are tied (test_distance has them)
    p = draw(st.sampled_from([0.5, 1.0, 2.0, 2.5]))
    params = {"p": p, "eps": 0.01, "keepdim": draw(st.booleans())}
    return draw(st.sampled_from(SHAPES)), params


def pairwise_distance(x1, x2, p, eps, keepdim):
    return np.linalg.norm(x1 - x2 + eps, p, axis=-1, keepdims=keepdim)


def cosine_similarity(x1, x2, axis, eps):
    dot, lengths = (x1 * x2).sum(axis=axis), [(x**2).sum(axis=axis) ** 0.5 for x in (x1, x2)]
    return dot / (np.maximum(lengths[0], eps) * np.maximum(lengths[1], eps))


@st.composite
def directions(draw):
    shapes, axis = draw(
        st.sampled_from(
            [
                ([(3,), (3,)], 0),
                ([(2, 3), (2, 3)], 1),
                ([(2, 1), (2, 2)], -2),
                ([(0, 2), (0, 2)], 1),
                ([(1, 2, 2), (3, 2, 1)], 1),
            ]
        )
    )
    return shapes, {"axis": axis, "eps": draw(st.sampled_from([1e-8, 1.3]))}


TABLE = {
    "F.pairwise_distance": Entry(pairwise_distance, pairs()),
    "F.cosine_similarity": Entry(cosine_similarity, directions()),
}
