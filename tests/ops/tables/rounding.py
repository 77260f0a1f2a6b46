"""Ops of `tinygrad_lite.ops.rounding`."""

import numpy as np

from tests.ops.strategies import Entry, one, several
from tinygrad_lite import ops

AWKWARD = (np.sqrt(0.1), np.pi)  # no multiples of each other, no halves: nothing jumps there

TABLE = {
    "floor": Entry(np.floor, one(), differentiable=False),
    "ceil": Entry(np.ceil, one(), differentiable=False),
    "trunc": Entry(np.trunc, one(), differentiable=False),
    "rint": Entry(np.rint, one(), differentiable=False),
    "round": Entry(np.round, one(decimals=1), AWKWARD, differentiable=False),
    "floor_divide": Entry(lambda a, b: np.floor(a / b), several(), AWKWARD, differentiable=False),
    "remainder": Entry(lambda a, b: a - b * np.floor(a / b), several(), AWKWARD),
    "fmod": Entry(lambda a, b: a - b * np.trunc(a / b), several(), AWKWARD),
    "divmod": Entry(  # the quotient has no gradient; it is met in test_elementwise.py
        lambda a, b: a - b * np.floor(a / b),
        several(),
        AWKWARD,
        call=lambda a, b: ops.divmod(a, b)[1],
    ),
}
