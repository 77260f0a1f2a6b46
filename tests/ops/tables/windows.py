"""Ops of `tinygrad_lite.ops.pool`."""

import numpy as np
from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry
from tinygrad_lite import functional as F


@st.composite
def pooled(draw, axes=2, mean=False):
    """Images or sequences, and a geometry of windows of which each has a place."""
    kernel = draw(st.tuples(*[st.integers(1, 3)] * axes))
    dilation = draw(st.integers(1, 2)) if not mean else 1
    reach = [(k - 1) * dilation + 1 for k in kernel]
    size = [r + draw(st.integers(0, 2)) for r in reach]
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    params = {"kernel_size": kernel, "padding": padding, "ceil_mode": draw(st.booleans())}
    params["stride"] = draw(st.none() | st.tuples(*[st.integers(1, 3)] * axes))
    if mean:
        params["count_include_pad"] = draw(st.booleans())
    else:
        params["dilation"] = dilation
    return [(draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size)], params


@st.composite
def adapted(draw, axes=2):
    size = draw(st.lists(st.integers(1, 4), min_size=axes, max_size=axes))
    count = draw(st.integers(1, 3) | st.tuples(*[st.integers(1, 3)] * axes))
    return [(draw(st.integers(0, 2)), 1, *size)], {"output_size": count}


def of_sequences(oracle):
    """What an oracle of images makes of sequences."""

    def of_one_row(x, **params):
        outer = {"padding": 0}
        images = {
            name: (outer.get(name, 1), *value) if isinstance(value, tuple) else value
            for name, value in params.items()
        }
        if isinstance(params.get("output_size"), int):
            images["output_size"] = (1, params["output_size"])
        return oracle(x[:, :, None], **images)[:, :, 0]

    return of_one_row


def by_windows(oracle):
    def pool(x, kernel_size, **params):
        if x.size == 0:  # of as many windows as one image has
            return pool(np.zeros((1, *x.shape[1:])), kernel_size, **params)[:0]
        return oracle(x, kernel_size, **params)

    return pool


MAX, AVG = by_windows(naive.max_pool2d), by_windows(naive.avg_pool2d)
SHUFFLED = np.array([5, 0, 3, 1]).reshape(1, 1, 2, 2)

TABLE = {
    "max_pool1d": Entry(of_sequences(MAX), pooled(axes=1)),
    "max_pool2d": Entry(MAX, pooled()),
    "avg_pool1d": Entry(of_sequences(AVG), pooled(axes=1, mean=True)),
    "avg_pool2d": Entry(AVG, pooled(mean=True)),
    "adaptive_avg_pool1d": Entry(of_sequences(naive.adaptive_avg_pool2d), adapted(axes=1)),
    "adaptive_avg_pool2d": Entry(naive.adaptive_avg_pool2d, adapted()),
    "max_unpool2d": Entry(
        lambda x: naive.max_unpool2d(x, np.broadcast_to(SHUFFLED, x.shape), (4, 4)),
        st.tuples(st.integers(0, 2).map(lambda n: [(n, 3, 2, 2)]), st.just({})),
        call=lambda x: F.max_unpool2d(x, np.broadcast_to(SHUFFLED, x.shape), 2),
    ),
}
