"""Ops of `tinygrad_lite.ops.elementwise`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import POSITIVE, Entry, one, several
from tinygrad_lite import ops


@st.composite
def chosen(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=2))
    condition, *operands = shapes.input_shapes
    return operands, {"condition": draw(hnp.arrays(bool, condition))}


def finite(x, nan):
    return np.where(x == x, x, nan)


TABLE = {
    "add": Entry(np.add, several()),
    "subtract": Entry(np.subtract, several()),
    "multiply": Entry(np.multiply, several()),
    "divide": Entry(np.divide, several(), POSITIVE),
    "power": Entry(np.power, several(), POSITIVE),
    "positive": Entry(np.positive, one()),
    "negative": Entry(np.negative, one()),
    "reciprocal": Entry(lambda x: 1 / x, one(), POSITIVE),
    "absolute": Entry(np.absolute, one()),
    "sign": Entry(np.sign, one(), differentiable=False),
    "copysign": Entry(lambda a, b: np.where(b < 0, -abs(a), abs(a)), several()),
    "heaviside": Entry(lambda x, m: np.where(x == 0, m, 1.0 * (x > 0)), several()),
    "square": Entry(np.square, one()),
    "sqrt": Entry(np.sqrt, one(), POSITIVE),
    "cbrt": Entry(lambda x: x ** (1 / 3), one(), POSITIVE),
    "maximum": Entry(np.maximum, several()),
    "minimum": Entry(np.minimum, several()),
    "fmax": Entry(np.fmax, several()),
    "fmin": Entry(np.fmin, several()),
    "exp": Entry(np.exp, one()),
    "exp2": Entry(lambda x: 2**x, one()),
    "expm1": Entry(np.expm1, one()),
    "log": Entry(np.log, one(), POSITIVE),
    "log2": Entry(np.log2, one(), POSITIVE),
    "log10": Entry(np.log10, one(), POSITIVE),
    "log1p": Entry(np.log1p, one(), POSITIVE),
    "logaddexp": Entry(lambda a, b: np.log(np.exp(a) + np.exp(b)), several()),
    "logaddexp2": Entry(lambda a, b: np.log2(2**a + 2**b), several()),
    "astype": Entry(lambda x, dtype: x.astype(dtype), one(dtype="float64")),
    "equal": Entry(np.equal, several(), differentiable=False),
    "not_equal": Entry(np.not_equal, several(), differentiable=False),
    "less": Entry(np.less, several(), differentiable=False),
    "less_equal": Entry(np.less_equal, several(), differentiable=False),
    "greater": Entry(np.greater, several(), differentiable=False),
    "greater_equal": Entry(np.greater_equal, several(), differentiable=False),
    "where": Entry(
        lambda a, b, condition: np.where(condition, a, b),
        chosen(),
        call=lambda a, b, condition: ops.where(condition, a, b),
    ),
    "clip": Entry(np.clip, one(a_min=-1, a_max=1.5)),
    "nan_to_num": Entry(finite, one(nan=2.0)),
}
