"""Ops of `tinygrad_lite.ops.conv`."""

from hypothesis import strategies as st

from tests import naive
from tests.ops.strategies import Entry


@st.composite
def convolved(draw, axes, transposed=False):
    """Images, filters, perhaps a bias; numbers, or one for each axis."""

    def each(least, most):
        number = st.integers(least, most)
        return draw(number | st.tuples(*[number] * axes))

    def listed(value):
        return [value] * axes if isinstance(value, int) else value

    n, outer, inner, groups = draw(st.tuples(*map(st.integers, (0, 1, 1, 1), (2, 2, 2, 2))))
    kernel = listed(each(1, 2))
    params = {"stride": each(1, 2), "padding": each(0, 1), "dilation": each(1, 2)}
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, listed(params["dilation"]), strict=True)]
    border = [2 * p for p in listed(params["padding"])]
    lengths = [draw(st.integers(0, 3 - axes if axes > 1 else 2)) for _ in kernel]
    if transposed:
        steps = zip(listed(params["stride"]), listed(params["dilation"]), strict=True)
        params["output_padding"] = tuple(draw(st.integers(0, max(step) - 1)) for step in steps)
        # what is cut off leaves something
        all_of_each = zip(lengths, reach, border, strict=True)
        lengths = [max(1 + m, 1 + p - k + 1) for m, k, p in all_of_each]
        bias, shape = inner * groups, (n, outer * groups, *lengths)
    else:
        if draw(st.booleans()):
            params |= {"padding": draw(st.sampled_from(["same", "valid"])), "stride": 1}
            border = [0] * axes
        all_of_each = zip(lengths, reach, border, strict=True)
        lengths = [max(1, m + k - p) for m, k, p in all_of_each]
        bias, shape = outer * groups, (n, inner * groups, *lengths)
    shapes = [shape, (outer * groups, inner, *kernel), (bias,)]
    return shapes[: 2 + draw(st.booleans())], params | {"groups": groups}


TABLE = {f"conv{axes}d": Entry(naive.conv, convolved(axes)) for axes in (1, 2, 3)}
TABLE |= {
    f"conv_transpose{axes}d": Entry(naive.conv_transpose, convolved(axes, transposed=True))
    for axes in (1, 2)
}
