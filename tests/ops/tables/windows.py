"""Ops of `tinygrad_lite.ops.pool`."""

from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry


@st.composite
def images(draw):
    n, c = draw(st.tuples(st.integers(0, 2), st.integers(1, 2)))
    kernel = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    size = [k + draw(st.integers(0, 2)) for k in kernel]
    stride = draw(st.integers(1, 2) | st.tuples(st.integers(1, 2), st.integers(1, 2)))
    return [(n, c, *size)], {"kernel_size": kernel, "stride": draw(st.none() | st.just(stride))}


TABLE = {
    "max_pool2d": Entry(
        lambda x, kernel_size, stride: naive.max_pool2d(x, kernel_size, stride),
        images(),
    ),
    "avg_pool2d": Entry(
        lambda x, kernel_size, stride: naive.avg_pool2d(x, kernel_size, stride),
        images(),
    ),
}
