"""Ops of `tinygrad_lite.ops.special`."""

import math

import numpy as np

from tests.ops.strategies import Entry, one

TABLE = {
    "erf": Entry(np.vectorize(math.erf, otypes=[float]), one()),
    "erfc": Entry(np.vectorize(math.erfc, otypes=[float]), one()),
}
