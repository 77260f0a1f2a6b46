"""Ops of `tinygrad_lite.ops.norm`."""

import math

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry
from tinygrad_lite import functional as F

EPS = 0.03


def standard(part):
    """The numbers with mean 0 and variance 1, in two passes over them."""
    numbers = part.ravel().tolist()
    mean = math.fsum(numbers) / len(numbers)
    variance = math.fsum((v - mean) ** 2 for v in numbers) / len(numbers)
    return (part - mean) / (variance + EPS) ** 0.5


def each(f, x, axes):
    """Apply `f` to every part of x at equal places along `axes`."""
    y = np.empty(x.shape)
    for place in np.ndindex(*(x.shape[a] for a in axes)):
        index = [slice(None)] * x.ndim
        for axis, i in zip(axes, place, strict=True):
            index[axis] = i
        y[tuple(index)] = f(x[tuple(index)])
    return y


def by_channel(parameter, x):
    """A parameter (C,) along axis 1 of x."""
    return np.reshape(parameter, (-1, *[1] * (x.ndim - 2)))


@st.composite
def last_axes(draw, parameters=2):
    lead = draw(st.sampled_from([(), (2,), (0,), (1, 2)]))
    shape = draw(st.sampled_from([(3,), (1,), (2, 2)]))
    given = draw(st.integers(0, parameters))
    plain = shape[0] if len(shape) == 1 and draw(st.booleans()) else shape
    return [(*lead, *shape), *[shape] * given], {"normalized_shape": plain, "eps": EPS}


def layer_norm(x, weight=1, bias=0, *, normalized_shape, eps):
    inner = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    return each(standard, x, range(x.ndim - inner)) * weight + bias


def rms_norm(x, weight=1, *, normalized_shape, eps):
    inner = 1 if isinstance(normalized_shape, int) else len(normalized_shape)

    def scaled(part):
        return part / ((part**2).sum() / part.size + EPS) ** 0.5

    return each(scaled, x, range(x.ndim - inner)) * weight


@st.composite
def channels(draw, shapes, **params):
    shape = draw(st.sampled_from(shapes))
    return [shape, *[shape[1:2]] * draw(st.sampled_from([0, 1, 2]))], params | {"eps": EPS}


def batch_norm(x, weight=1, bias=0, *, eps):
    return each(standard, x, [1]) * by_channel(weight, x) + by_channel(bias, x)


def instance_norm(x, weight=1, bias=0, *, eps):
    return each(standard, x, [0, 1]) * by_channel(weight, x) + by_channel(bias, x)


def group_norm(x, weight=1, bias=0, *, num_groups, eps):
    groups = np.split(x, num_groups, axis=1)
    y = np.concatenate([each(standard, g, [0]) for g in groups], axis=1)
    return y * by_channel(weight, x) + by_channel(bias, x)


@st.composite
def responses(draw):
    shape = draw(st.sampled_from([(1, 3, 2), (2, 1, 1), (0, 2, 1), (1, 4, 1, 2)]))
    size = draw(st.integers(1, 5))
    return [shape], {"size": size, "alpha": 0.7, "beta": 0.6, "k": 1.3}


def local_response_norm(x, size, alpha, beta, k):
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        start = c - size // 2
        near = [x[:, i] ** 2 for i in range(start, start + size) if 0 <= i < x.shape[1]]
        y[:, c] = x[:, c] / (k + alpha * sum(near) / size) ** beta
    return y


@st.composite
def vectors(draw):
    shape, axis = draw(st.sampled_from([((3,), 0), ((2, 3), 1), ((2, 3), -2), ((2, 0), 0)]))
    p = draw(st.sampled_from([1.0, 2.0, 2.5, math.inf]))
    return [shape], {"p": p, "axis": axis, "eps": draw(st.sampled_from([1e-12, 50.0]))}


def normalize(x, p, axis, eps):
    def scaled(vector):
        return vector / max(np.linalg.norm(vector, p), eps)

    return np.apply_along_axis(scaled, axis, x) if x.size else x


BATCHES = [(2, 1), (3, 2), (1, 2, 2), (2, 2, 1, 2)]
IMAGES = [(1, 1, 2), (2, 2, 2), (0, 2, 2), (1, 2, 2, 1)]

TABLE = {
    "F.layer_norm": Entry(
        layer_norm,
        last_axes(),
        call=lambda x, *affine, normalized_shape, eps: F.layer_norm(
            x, normalized_shape, *affine, eps=eps
        ),
    ),
    "F.rms_norm": Entry(
        rms_norm,
        last_axes(parameters=1),
        call=lambda x, *affine, normalized_shape, eps: F.rms_norm(
            x, normalized_shape, *affine, eps=eps
        ),
    ),
    "F.batch_norm": Entry(
        batch_norm,
        channels(BATCHES),
        call=lambda x, *affine, eps: F.batch_norm(x, None, None, *affine, training=True, eps=eps),
    ),
    "F.instance_norm": Entry(
        instance_norm,
        channels(IMAGES),
        call=lambda x, *affine, eps: F.instance_norm(x, None, None, *affine, eps=eps),
    ),
    "F.group_norm": Entry(
        group_norm,
        channels([(1, 2), (2, 4), (0, 2, 1), (1, 2, 2)], num_groups=2)
        | channels([(1, 3), (2, 1, 2)], num_groups=1),
        call=lambda x, *affine, num_groups, eps: F.group_norm(x, num_groups, *affine, eps=eps),
    ),
    "F.local_response_norm": Entry(local_response_norm, responses()),
    "F.normalize": Entry(normalize, vectors()),
}
