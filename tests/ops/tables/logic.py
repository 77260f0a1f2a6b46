"""Ops of `tinygrad_lite.ops.logic`, none of which has a gradient."""

from functools import partial

import numpy as np

import tinygrad_lite as tg
from tests.ops.strategies import Entry, one, several
from tinygrad_lite import ops

question = partial(Entry, differentiable=False)


def of_signs(name, operands):
    """A function of booleans, called with whether its operands are positive."""

    def call(module):
        return lambda *xs: getattr(module, name)(*(x > 0 for x in xs))

    return question(call(np), operands, call=call(ops))


def close(a, b, rtol):
    return abs(a - b) <= 1e-8 + rtol * abs(b)


TABLE = {
    "isfinite": question(np.isfinite, one()),
    "isinf": question(np.isinf, one()),
    "isnan": question(np.isnan, one()),
    "signbit": question(np.signbit, one()),
    "logical_and": of_signs("logical_and", several()),
    "logical_or": of_signs("logical_or", several()),
    "logical_xor": of_signs("logical_xor", several()),
    "logical_not": of_signs("logical_not", one()),
    "bitwise_and": of_signs("bitwise_and", several()),
    "bitwise_or": of_signs("bitwise_or", several()),
    "bitwise_xor": of_signs("bitwise_xor", several()),
    "invert": of_signs("invert", one()),
    "isclose": question(close, several(rtol=0.5)),
    "allclose": question(
        lambda a, b, rtol: np.all(close(a, b, rtol)),
        several(rtol=0.5),
        call=lambda a, b, rtol: tg.tensor(ops.allclose(a, b, rtol)),
    ),
}
