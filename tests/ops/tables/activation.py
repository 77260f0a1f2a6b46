"""Ops of `tinygrad_lite.ops.activation`."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry, along, one

# beyond the kinks at 3 and 6, of which random numbers meet none exactly
WIDE = (-4.1, 7.3)


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log(1 + np.exp(x))


def elu(x, alpha):
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def gelu(x, approximate):
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3)))
    return x / 2 * (1 + np.vectorize(math.erf, otypes=[float])(x / 2**0.5))


def relu6(x):
    return np.clip(x, 0, 6)


@st.composite
def grouped(draw, name=None):
    """One operand with an axis that can be cut into pieces, whose number `name` is given."""
    lead, last = draw(st.tuples(*[hnp.array_shapes(min_dims=0, max_dims=1, max_side=2)] * 2))
    pieces, groups = draw(st.integers(1, 3)) if name else 2, draw(st.integers(1, 2))
    shape = (*lead, pieces * groups, *last)
    axis = len(lead) - draw(st.sampled_from([0, len(shape)]))
    return [shape], {"axis": axis} | ({name: pieces} if name else {})


def glu(x, axis):
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def maxout(x, pieces, axis):
    groups = np.split(x, x.shape[axis] // pieces, axis)
    return np.concatenate([g.max(axis=axis, keepdims=True) for g in groups], axis)


@st.composite
def with_slopes(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=2))
    several = len(shape) > 1 and shape[1] and draw(st.booleans())
    return [shape, (shape[1],) if several else draw(st.sampled_from([(), (1,)]))], {}


def prelu(x, weight):
    channels = np.moveaxis(x, 1, -1) if x.ndim > 1 else x
    y = np.where(channels > 0, channels, weight * channels).reshape(channels.shape)
    return np.moveaxis(y, -1, 1) if x.ndim > 1 else y


TABLE = {
    "relu": Entry(lambda x: np.where(x > 0, x, 0), one()),
    "relu6": Entry(relu6, one(), WIDE),
    "leaky_relu": Entry(
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), one(negative_slope=0.2)
    ),
    "prelu": Entry(prelu, with_slopes()),
    "elu": Entry(elu, one(alpha=0.7)),
    "celu": Entry(lambda x, alpha: np.where(x > 0, x, elu(x / alpha, alpha)), one(alpha=0.7)),
    "selu": Entry(lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), one()),
    "sigmoid": Entry(sigmoid, one()),
    "log_sigmoid": Entry(lambda x: np.log(sigmoid(x)), one()),
    "logsigmoid": Entry(lambda x: np.log(sigmoid(x)), one()),
    "softplus": Entry(
        lambda x, beta, threshold: np.where(beta * x > threshold, x, softplus(beta * x) / beta),
        one(beta=1.3, threshold=20.0) | one(beta=2.0, threshold=1.17),
    ),
    "silu": Entry(lambda x: x * sigmoid(x), one()),
    "mish": Entry(lambda x: x * np.tanh(softplus(x)), one()),
    "gelu": Entry(gelu, one(approximate="none") | one(approximate="tanh")),
    "softsign": Entry(lambda x: x / (1 + np.abs(x)), one()),
    "tanhshrink": Entry(lambda x: x - np.tanh(x), one()),
    "hardtanh": Entry(
        lambda x, min_val, max_val: np.clip(x, min_val, max_val), one(min_val=-0.87, max_val=1.17)
    ),
    "hardsigmoid": Entry(lambda x: relu6(x + 3) / 6, one(), WIDE),
    "hardswish": Entry(lambda x: x * relu6(x + 3) / 6, one(), WIDE),
    "hardshrink": Entry(lambda x, lambd: np.where(np.abs(x) > lambd, x, 0), one(lambd=0.87)),
    "softshrink": Entry(
        lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0), one(lambd=0.87)
    ),
    "threshold": Entry(
        lambda x, threshold, value: np.where(x > threshold, x, value), one(threshold=0.87, value=7)
    ),
    "softmax": Entry(softmax, along()),
    "log_softmax": Entry(lambda x, axis: np.log(softmax(x, axis)), along()),
    "softmin": Entry(lambda x, axis: softmax(-x, axis), along()),
    "glu": Entry(glu, grouped()),
    "maxout": Entry(maxout, grouped("pieces")),
}
