"""Ops of `tinygrad_lite.ops.reduce`."""

import numpy as np

from tests.ops.strategies import Entry, along, reduced


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


TABLE = {
    "sum": Entry(np.sum, reduced(min_side=0)),
    "mean": Entry(np.mean, reduced()),
    "var": Entry(np.var, reduced(ddof=0)),
    "std": Entry(np.std, along(ddof=1).filter(lambda call: call[0][0][call[1]["axis"]] > 1)),
    "max": Entry(np.max, reduced()),
    "min": Entry(np.min, reduced()),
    "argmax": Entry(np.argmax, reduced(several_axes=False), differentiable=False),
    "argmin": Entry(np.argmin, reduced(several_axes=False), differentiable=False),
    "logsumexp": Entry(logsumexp, reduced()),
}
