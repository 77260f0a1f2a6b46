"""Ops of `tinygrad_lite.ops.reduce`."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.strategies import Entry, along, reduced
from tinygrad_lite import ops


@st.composite
def masked(draw, **params):
    """A reduction in which one element at least takes part in each result."""
    (shape,), how = draw(reduced())
    mask = draw(hnp.arrays(bool, draw(st.sampled_from([shape, shape[-1:]]))))
    assume(np.broadcast_to(mask, shape).any(axis=how["axis"]).all())
    return [shape], how | params | {"where": mask}


@st.composite
def running(draw):
    """One operand and an axis, or None."""
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    axes = st.integers(-len(shape), len(shape) - 1) if shape else st.none()
    return [shape], {"axis": draw(st.none() | axes)}


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def ptp(x, axis, keepdims):
    return x.max(axis=axis, keepdims=keepdims) - x.min(axis=axis, keepdims=keepdims)


def with_nan(function, where):
    return lambda x, **how: function(where(x < -1, np.nan, x), **how)


def of_signs(function):
    return lambda x, **how: function(x > 0, **how)


TABLE = {
    "sum": Entry(np.sum, reduced(min_side=0, initial=1.5) | masked()),
    "mean": Entry(np.mean, reduced() | masked()),
    "var": Entry(np.var, reduced(ddof=0) | masked(ddof=0.5) | reduced(correction=0.5)),
    "std": Entry(np.std, along(ddof=1).filter(lambda call: call[0][0][call[1]["axis"]] > 1)),
    "nansum": Entry(with_nan(np.nansum, np.where), reduced(), call=with_nan(ops.nansum, ops.where)),
    "nanmean": Entry(np.nanmean, reduced()),
    "logsumexp": Entry(logsumexp, reduced()),
    "max": Entry(np.max, reduced() | reduced(min_side=0, initial=0.5) | masked(initial=0.5)),
    "min": Entry(np.min, reduced() | reduced(min_side=0, initial=0.5) | masked(initial=0.5)),
    "ptp": Entry(ptp, reduced()),
    "argmax": Entry(np.argmax, reduced(several_axes=False), differentiable=False),
    "argmin": Entry(np.argmin, reduced(several_axes=False), differentiable=False),
    "cumsum": Entry(np.cumsum, running()),
    "cumprod": Entry(np.cumprod, running()),
    "prod": Entry(np.prod, reduced(min_side=0) | masked(initial=1.5)),
    "diff": Entry(np.diff, along(n=0) | along(n=1) | along(n=2)),
    "any": Entry(
        of_signs(np.any), reduced() | masked(), call=of_signs(ops.any), differentiable=False
    ),
    "all": Entry(
        of_signs(np.all), reduced() | masked(), call=of_signs(ops.all), differentiable=False
    ),
    "count_nonzero": Entry(
        of_signs(np.count_nonzero),
        reduced(),
        call=of_signs(ops.count_nonzero),
        differentiable=False,
    ),
}
