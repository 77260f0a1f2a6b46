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


TABLE = {
    "add": Entry(np.add, several()),
    "subtract": Entry(np.subtract, several()),
    "multiply": Entry(np.multiply, several()),
    "divide": Entry(np.divide, several(), POSITIVE),
    "power": Entry(np.power, several(), POSITIVE),
    "negative": Entry(np.negative, one()),
    "absolute": Entry(np.absolute, one()),
    "sign": Entry(np.sign, one(), differentiable=False),
    "square": Entry(np.square, one()),
    "sqrt": Entry(np.sqrt, one(), POSITIVE),
    "maximum": Entry(np.maximum, several()),
    "minimum": Entry(np.minimum, several()),
    "exp": Entry(np.exp, one()),
    "expm1": Entry(np.expm1, one()),
    "log": Entry(np.log, one(), POSITIVE),
    "log1p": Entry(np.log1p, one(), POSITIVE),
    "sin": Entry(np.sin, one()),
    "cos": Entry(np.cos, one()),
    "tanh": Entry(np.tanh, one()),
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
}
