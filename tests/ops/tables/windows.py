"""Ops of `tinygrad_lite.ops.conv` and `pool`."""

from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry


@st.composite
def images(draw, filters=True):
    n, c, o = draw(st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(1, 2)))
    kernel = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    size = [k + draw(st.integers(0, 2)) for k in kernel]
    stride = draw(st.integers(1, 2) | st.tuples(st.integers(1, 2), st.integers(1, 2)))
    if not filters:
        return [(n, c, *size)], {"kernel_size": kernel, "stride": draw(st.none() | st.just(stride))}
    padding = draw(st.integers(0, 1) | st.tuples(st.integers(0, 1), st.integers(0, 2)))
    shapes = [(n, c, *size), (o, c, *kernel), (o,)][: 2 + draw(st.booleans())]
    return shapes, {"stride": stride, "padding": padding}


TABLE = {
    "conv2d": Entry(naive.conv2d, images()),
    "max_pool2d": Entry(
        lambda x, kernel_size, stride: naive.max_pool2d(x, kernel_size, stride),
        images(filters=False),
    ),
    "avg_pool2d": Entry(
        lambda x, kernel_size, stride: naive.avg_pool2d(x, kernel_size, stride),
        images(filters=False),
    ),
}
