"""Convolution and its transpose: kernel, reference and naive loops agree on every geometry."""

from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import kernels
from tinygrad_lite.ops import conv

# of the largest number
CLOSE = {"float32": 2e-5, "float64": 1e-10}
FACES = pytest.mark.parametrize("dtype", CLOSE)


def operands(rng, images, filters, bias, dtype="float64"):
    shapes = (images, filters, (bias,))
    return [tg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]


def run(function, xs, how):
    """The value, and the gradients of all operands for a fixed gradient of the value."""
    for x in xs:
        x.grad = None
    y = function(*xs, **how)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    y.backward(g)
    return g, [y.data, *(x.grad.data for x in xs)]


def assert_close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, abs(b).max(initial=0)))


def compare(rng, images, filters, dtype="float64", tolerance=None, reference=True, **how):
    """Value and gradients of both faces, and of the naive twin."""
    axes, transposed = len(images) - 2, "output_padding" in how
    name = f"conv{'_transpose' * transposed}"
    bias = filters[1] * how.get("groups", 1) if transposed else filters[0]
    xs = operands(rng, images, filters, bias, dtype)
    g, found = run(getattr(F, f"{name}{axes}d"), xs, how)
    x, w, b = (x.data.astype("float64") for x in xs)
    expected = [
        getattr(naive, name)(x, w, b, **how),
        *getattr(naive, f"{name}_gradients")(g, x, w, **how),
    ]
    assert {a.dtype.name for a in found} == {dtype}
    assert_close(found, expected, tolerance or CLOSE[dtype])
    if reference:
        with tg.reference():
            _, found = run(getattr(F, f"{name}{axes}d"), xs, how)
        assert {a.dtype.name for a in found} == {dtype}
        assert_close(found, expected, tolerance or CLOSE[dtype])


# -- every geometry -------------------------------------------------------------------------------


def fits(size, kernel, padding, dilation):
    return all(n + 2 * padding > dilation * (k - 1) for n, k in zip(size, kernel, strict=True))


SIZES = {
    1: [(1,), (2,), (5,), (8,)],
    2: [(1, 1), (2, 1), (5, 6), (8, 3)],
    3: [(1, 1, 1), (2, 1, 3), (3, 4, 2)],
}
KERNELS = {
    1: [(1,), (2,), (3,), (5,)],
    2: [(1, 1), (3, 3), (2, 3), (5, 4)],
    3: [(1, 1, 1), (2, 1, 3), (3, 3, 3)],
}
# groups: channels of the images, filters
CHANNELS = {1: (2, 3), 2: (4, 2), 3: (3, 6)}


@pytest.mark.parametrize("axes", SIZES)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", CHANNELS)
def test_every_combination(rng, axes, stride, padding, dilation, groups):
    """Images smaller than the kernel, of one place, of odd and even sizes; depthwise ones."""
    c, o = CHANNELS[groups]
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    met = 0
    for size, kernel in product(SIZES[axes], KERNELS[axes]):
        if fits(size, kernel, padding, dilation):
            compare(rng, (2, c, *size), (o, c // groups, *kernel), **how)
            met += 1
    assert met


@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("groups", CHANNELS)
def test_every_combination_transposed(rng, axes, stride, padding, dilation, groups):
    o, c = CHANNELS[groups]
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    met = 0
    for size, kernel, more in product(SIZES[axes], KERNELS[axes], range(max(stride, dilation))):
        made = [
            (n - 1) * stride - 2 * padding + dilation * (k - 1) + more + 1
            for n, k in zip(size, kernel, strict=True)
        ]
        if min(made) > 0:
            images, filters = (2, c, *size), (c, o // groups, *kernel)
            compare(rng, images, filters, output_padding=more, **how)
            met += 1
    assert met


# images, filters, and what differs from one axis to the other
UNEVEN = [
    ((2, 3, 5, 5), (4, 3, 3, 3), {}),
    ((1, 2, 7, 4), (3, 2, 2, 3), {"stride": 2, "padding": 1}),
    ((2, 1, 6, 6), (1, 1, 3, 3), {"stride": (2, 3), "padding": (0, 2)}),
    ((2, 2, 4, 9), (2, 2, 1, 4), {"stride": 3, "padding": (2, 0)}),
    # rows and columns that no window reaches, or that only zeros do
    ((1, 3, 5, 8), (2, 3, 5, 1), {"stride": (1, 4), "padding": 2}),
    ((1, 1, 1, 1), (1, 1, 1, 1), {"stride": 9, "padding": 3}),
    ((1, 2, 9, 9), (2, 2, 2, 2), {"stride": 8}),
    ((1, 2, 1, 2), (3, 2, 5, 4), {"stride": (1, 3), "padding": (5, 4), "dilation": (2, 1)}),
    ((2, 4, 7, 8), (6, 2, 3, 2), {"stride": (1, 2), "dilation": (2, 3), "groups": 2}),
    ((2, 2, 5, 6), (3, 2, 2, 4), {"padding": "same"}),
    ((2, 2, 5, 1), (2, 1, 4, 2), {"padding": "same", "dilation": (1, 3), "groups": 2}),
    ((2, 2, 5, 6), (3, 2, 2, 4), {"padding": "valid", "stride": 2}),
    ((1, 2, 4, 3, 5), (3, 2, 2, 3, 1), {"stride": (1, 2, 3), "padding": (0, 2, 1)}),
    ((1, 2, 4, 3, 5), (4, 1, 2, 1, 2), {"dilation": (3, 1, 2), "padding": "same", "groups": 2}),
    ((2, 2, 4, 3), (2, 3, 3, 2), {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)}),
    ((2, 4, 3, 5), (4, 1, 2, 3), {"dilation": (2, 3), "output_padding": (0, 2), "groups": 4}),
    # nothing of some copies, and of some places, is left
    ((1, 2, 2, 9), (2, 1, 2, 1), {"stride": 3, "padding": (2, 7), "output_padding": (2, 1)}),
]
EMPTY = [
    ((0, 2, 5, 5), (3, 2, 3, 3), {"padding": 1}),
    ((0, 4, 5), (2, 2, 3), {"groups": 2, "stride": 2}),
    ((0, 64, 8, 8), (64, 64, 3, 3), {"padding": 1}),
    ((0, 2, 5, 5), (2, 3, 3, 3), {"stride": 2, "output_padding": 1}),
    ((0, 1, 2, 3, 4), (2, 1, 2, 2, 2), {}),
]


@FACES
@pytest.mark.parametrize(("images", "filters", "how"), [*UNEVEN, *EMPTY], ids=str)
def test_geometries_that_differ_between_axes(rng, images, filters, how, dtype):
    compare(rng, images, filters, dtype, **how)


# -- sizes that meet every way of computing -------------------------------------------------------

WIDTHS = (1, 3, 16, 17, 33, 64, 70)


@FACES
@pytest.mark.parametrize("filters", WIDTHS)
@pytest.mark.parametrize("channels", WIDTHS)
@pytest.mark.parametrize("kernel", [1, 3])
def test_channels_of_many_numbers(rng, channels, filters, kernel, dtype):
    images = (2, channels, 9, 6)
    how = {"padding": kernel // 2, "reference": False, "tolerance": ROUGH[dtype]}
    compare(rng, images, (filters, channels, kernel, kernel), dtype, **how)


# single precision, Winograd's included
ROUGH = {"float32": 1e-4, "float64": 1e-10}
LARGE = [
    ((2, 64, 33, 32), (64, 64, 3, 3), {"padding": 1}),
    ((1, 70, 31, 33), (65, 70, 3, 3), {"padding": 1}),
    ((3, 64, 14, 14), (128, 64, 3, 3), {}),
    ((2, 128, 7, 8), (64, 128, 3, 3), {"padding": 2}),
    ((1, 64, 13, 12), (64, 64, 3, 3), {"padding": (0, 3)}),
    ((2, 64, 17, 16), (70, 64, 3, 3), {"padding": 1, "stride": 2}),
    ((2, 64, 17, 16), (70, 64, 3, 3), {"padding": 2, "dilation": 2}),
    ((2, 128, 12, 11), (128, 64, 3, 3), {"padding": 1, "groups": 2}),
    ((9, 64, 4, 4), (64, 64, 3, 3), {"padding": "same"}),
    ((2, 3, 33, 33), (32, 3, 3, 3), {"padding": 1}),
    ((2, 32, 32, 33), (33, 32, 3, 3), {"padding": 1}),
    ((2, 3, 33, 32), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
    ((1, 3, 67, 64), (17, 3, 11, 11), {"padding": 2, "stride": 4}),
    ((2, 32, 13, 13), (64, 16, 5, 5), {"padding": 2, "groups": 2}),
    ((3, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    ((3, 6, 14, 14), (16, 6, 5, 5), {}),
    ((2, 64, 16, 15), (128, 64, 1, 1), {}),
    ((2, 70, 17, 16), (33, 70, 1, 1), {"stride": 2}),
    ((2, 16, 9, 9), (17, 16, 1, 1), {"padding": 1}),
    ((2, 16, 7, 33), (33, 16, 1, 7), {"padding": "same"}),
    ((2, 16, 33, 7), (33, 16, 7, 1), {"padding": "same"}),
    ((2, 64, 16, 15), (64, 1, 3, 3), {"padding": 1, "groups": 64}),
    ((2, 70, 17, 16), (70, 1, 3, 3), {"padding": 1, "stride": 2, "groups": 70}),
    ((2, 33, 9, 8), (99, 1, 5, 5), {"padding": 2, "groups": 33}),
    ((2, 17, 12, 33), (34, 1, 3, 3), {"padding": 2, "dilation": 2, "groups": 17}),
    ((2, 128, 5, 5), (128, 4, 3, 3), {"padding": 1, "groups": 32}),
    ((3, 33, 33), (64, 33, 3), {"padding": 1}),
    ((3, 64, 1000), (17, 64, 9), {"padding": 4, "stride": 3}),
    ((2, 64, 100), (64, 1, 5), {"padding": "same", "groups": 64}),
    ((2, 3, 8, 17, 16), (33, 3, 3, 3, 3), {"padding": 1}),
    ((1, 64, 5, 6, 7), (64, 64, 3, 3, 3), {"padding": 1}),
    ((2, 64, 5, 6, 7), (33, 64, 1, 3, 3), {"padding": (0, 1, 1)}),
    ((2, 64, 8, 7), (64, 33, 4, 4), {"stride": 2, "padding": 1, "output_padding": 0}),
    ((2, 64, 16, 15), (64, 70, 3, 3), {"padding": 1, "output_padding": 0}),
    ((2, 33, 9), (33, 17, 5), {"stride": 3, "output_padding": 2}),
]


@FACES
@pytest.mark.parametrize(("images", "filters", "how"), LARGE, ids=str)
def test_large_shapes(rng, images, filters, how, dtype):
    compare(rng, images, filters, dtype, ROUGH[dtype], **how)


@FACES
@pytest.mark.parametrize("height", range(1, 34))
def test_sizes_of_many_numbers(rng, height, dtype):
    """3 x 3 of as many channels as Winograd's algorithm pays for, and of few."""
    for channels, filters in [(64, 64), (3, 17)]:
        images, how = (1, channels, height, 34 - height), {"padding": 1, "reference": False}
        compare(rng, images, (filters, channels, 3, 3), dtype, ROUGH[dtype], **how)


@pytest.mark.parametrize("threads", [1, 2])
def test_many_images_among_threads(rng, threads):
    before = tg.get_num_threads()
    tg.set_num_threads(threads)
    try:
        for channels, filters, groups in [(3, 16, 1), (16, 33, 1), (64, 64, 1), (32, 32, 32)]:
            images, shape = (33, channels, 9, 8), (filters, channels // groups, 3, 3)
            how = {"padding": 1, "groups": groups, "reference": False}
            compare(rng, images, shape, "float32", 1e-4, **how)
    finally:
        tg.set_num_threads(before)


# -- layouts --------------------------------------------------------------------------------------


def backwards(a):
    return np.asfortranarray(a)[..., ::-1][..., ::-1]


def spread(a):
    """With a stride of its own along each axis, inside of a larger array."""
    whole = np.zeros([2 * n + 1 for n in a.shape], a.dtype)
    view = whole[tuple(slice(1, 2 * n + 1, 2) for n in a.shape)]
    view[...] = a
    return view


def locked(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def channels_last(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 1, -1)), -1, 1) if a.ndim > 1 else a


@FACES
@pytest.mark.parametrize("lay", [backwards, spread, locked, channels_last])
@pytest.mark.parametrize(("images", "filters", "how"), [*UNEVEN, *LARGE[4:8]], ids=str)
def test_a_memory_layout_of_any_kind_gives_the_same(rng, images, filters, how, lay, dtype):
    transposed = "_transpose" * ("output_padding" in how)
    function = getattr(F, f"conv{transposed}{len(images) - 2}d")
    bias = filters[1] * how.get("groups", 1) if transposed else filters[0]
    xs = operands(rng, images, filters, bias, dtype)
    _, expected = run(function, xs, how)
    odd = [tg.Tensor.make(lay(x.data)).requires_grad_() for x in xs]
    y = function(*odd, **how)
    y.backward(lay(np.cos(np.arange(y.size)).reshape(y.shape)))
    assert_close([y.data, *(x.grad.data for x in odd)], expected, CLOSE[dtype])


@pytest.mark.parametrize("how", [{}, {"padding": 1, "stride": 2}], ids=str)
def test_a_gradient_that_is_one_number_in_memory(rng, how):
    xs = operands(rng, (2, 3, 6, 5), (4, 3, 3, 3), 4)
    y = F.conv2d(*xs, **how)
    y.sum().backward()
    x, w, _ = (x.data for x in xs)
    expected = naive.conv_gradients(np.ones(y.shape), x, w, **how)
    assert_close([x.grad.data for x in xs], expected, 1e-12)


def test_operands_are_left_as_they_are(rng):
    xs = operands(rng, (2, 64, 6, 5), (64, 64, 3, 3), 64)
    before = [x.data.copy() for x in xs]
    run(F.conv2d, xs, {"padding": 1})
    for x, same in zip(xs, before, strict=True):
        np.testing.assert_array_equal(x.data, same)


# -- the ring, and what it stands on --------------------------------------------------------------

GEOMETRIES = {
    1: ((2, 4, 5), (4, 2, 2), {"stride": (2,), "padding": (1,), "dilation": (2,)}),
    2: ((2, 2, 4, 3), (4, 1, 3, 2), {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}),
    3: (
        (1, 2, 2, 3, 2),
        (2, 1, 2, 2, 1),
        {"stride": (1, 2, 1), "padding": (0, 1, 1), "dilation": (1, 2, 1)},
    ),
}


@pytest.mark.parametrize("member", ["", "_input", "_weight"])
@pytest.mark.parametrize("axes", GEOMETRIES)
def test_the_ring_closes(rng, axes, member):
    """Each of the three ops differentiates by kernels into the other two, and by its reference."""
    images, filters, how = GEOMETRIES[axes]
    how = how | {"groups": 2}
    x, w = rng.standard_normal(images), rng.standard_normal(filters)
    g = rng.standard_normal(naive.conv(x, w, **how).shape)
    args, extra = {
        "": ((x, w), {"size": g.shape[2:]}),
        "_input": ((g, w), {"size": images[2:]}),
        "_weight": ((g, x), {"kernel": filters[2:]}),
    }[member]
    op = getattr(conv, f"_conv{axes}d{member}")
    assert op.name == f"conv{axes}d{member}"
    xs = [tg.tensor(a, requires_grad=True) for a in args]
    tg.gradcheck(lambda *xs: op(*xs, **how, **extra), xs, order=2)
    dx, dw, _ = naive.conv_gradients(g, x, w, **how)
    expected = {"": naive.conv(x, w, **how), "_input": dx, "_weight": dw}[member]
    np.testing.assert_allclose(op(*args, **how, **extra), expected, atol=1e-12)


def test_the_gradient_of_the_bias(rng):
    for shape in [(2, 3, 4), (2, 3, 4, 1), (1, 2, 3, 1, 2)]:
        g = tg.tensor(rng.standard_normal(shape), requires_grad=True)
        expected = g.data.sum(axis=(0, *range(2, g.ndim)))
        np.testing.assert_allclose(conv._channel_sum(g).data, expected, atol=1e-12)
        tg.gradcheck(conv._channel_sum, [g], order=2)


@pytest.mark.skipif(not kernels.available(), reason="there are no kernels")
def test_kernels_do_the_work_both_ways(rng):
    """Nothing but ops of the ring runs, unless the reference is asked for."""
    seen = []
    xs = operands(rng, (2, 2, 5, 4), (3, 2, 3, 3), 3)
    with tg.modes.observe(lambda op, args, result: seen.append(op.name)):
        run(F.conv2d, xs, {"stride": 2, "padding": 1})
    assert seen[0] == "conv2d"
    assert {*seen[1:]} <= {"conv2d_input", "conv2d_weight", "channel_sum"}


@pytest.mark.parametrize(
    ("axes", "transposed"), [(1, False), (2, False), (3, False), (1, True), (2, True)]
)
def test_second_order(rng, axes, transposed):
    images, filters, how = GEOMETRIES[axes]
    if transposed:
        images = (images[0], filters[0], *[2] * axes)
        how = how | {"output_padding": (1, *[0] * (axes - 1))}
    name = f"conv{'_transpose' * transposed}{axes}d"
    bias = filters[1] * 2 if transposed else filters[0]
    xs = operands(rng, images, filters, bias)
    tg.gradcheck(lambda *xs: getattr(F, name)(*xs, **how, groups=2), xs, order=2)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation"),
    [
        ((7, 6), (3, 3), (2, 3), None),
        ((7, 6), (2, 3), (1, 2), (4, 1)),
        ((9,), (3,), (2,), (2,)),
        ((3, 4, 5), (1, 2, 3), (2, 1, 1), (2, 3, 1)),
    ],
)
def test_windows_and_overlap_add_are_transposes(rng, size, kernel, stride, dilation):
    """<windows x, y> = <x, overlap_add y>."""
    x = rng.standard_normal((2, *size))
    patches = conv.windows(x, kernel, stride, dilation)
    steps = zip(size, kernel, stride, dilation or (1, 1, 1), strict=False)
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in steps]
    assert patches.shape == (2, *counts, *kernel)
    y = rng.standard_normal(patches.shape)
    right = (x * conv.overlap_add(y, size, stride, dilation)).sum()
    assert (patches * y).sum() == pytest.approx(right)


# -- the faces that users meet --------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_keeps_the_size_and_has_its_odd_zero_behind(rng, axes, dilation):
    for k, n in product(range(1, 5), (1, 2, 5)):
        x, w = rng.standard_normal((1, 1, *[n] * axes)), np.ones((1, 1, *[k] * axes))
        y = getattr(F, f"conv{axes}d")(x, w, padding="same", dilation=dilation)
        assert y.shape == x.shape
        total = dilation * (k - 1)
        widths = [(0, 0), (0, 0), *[(total // 2, total - total // 2)] * axes]
        expected = naive.conv(np.pad(x, widths), w, dilation=dilation)
        np.testing.assert_allclose(y, expected, atol=1e-12)


def test_a_transpose_is_one(rng):
    """<conv x, y> = <x, conv_transpose y>, of the smallest size that x may have."""
    for stride, padding, dilation in product((1, 2, 3), (0, 1), (1, 2)):
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}
        x, w = rng.standard_normal((2, 4, 9, 8)), rng.standard_normal((6, 2, 3, 2))
        y = F.conv2d(x, w, **how)
        over = [
            (n + 2 * padding - dilation * (k - 1) - 1) % stride
            for n, k in zip(x.shape[2:], w.shape[2:], strict=True)
        ]
        g = rng.standard_normal(y.shape)
        back = F.conv_transpose2d(g, w, output_padding=tuple(over), **how)
        assert back.shape == x.shape
        assert (y * g).sum() == pytest.approx((x * back).sum())


SCALARS = [
    ((1, 2, 4, 4), (2, 2, 2, 3), {"stride": 2, "padding": 1}),
    ((1, 2, 3, 2), (4, 1, 2, 2), {"padding": "same", "groups": 2}),
    ((2, 2, 4), (2, 1, 2), {"dilation": 2, "groups": 2}),
    ((1, 1, 2, 2, 2), (1, 1, 2, 1, 2), {"padding": 1}),
    ((1, 2, 2, 3), (2, 1, 2, 2), {"stride": 2, "output_padding": 1, "groups": 2}),
]


@pytest.mark.parametrize(("images", "filters", "how"), SCALARS, ids=str)
def test_an_image_of_scalars(rng, images, filters, how):
    transposed = "_transpose" * ("output_padding" in how)
    function = getattr(F, f"conv{transposed}{len(images) - 2}d")
    bias = filters[1] * how.get("groups", 1) if transposed else filters[0]
    xs = operands(rng, images, filters, bias)
    g, expected = run(function, xs, how)
    for x in xs:
        x.grad = None
    y = function(*(tg.tensor(x.scalars()) for x in xs), **how)
    assert y.dtype == object
    (y * g).sum().backward()
    assert_close([y.data.astype(float), *(x.grad.data for x in xs)], expected, 1e-12)


def test_numbers_may_be_numpys_and_lists(rng):
    x, w = rng.standard_normal((1, 2, 5, 5)), rng.standard_normal((2, 1, 3, 3))
    how = {"stride": np.int64(2), "padding": [1, np.int32(0)], "groups": np.int64(2)}
    np.testing.assert_array_equal(
        F.conv2d(x, w, **how), F.conv2d(x, w, stride=2, padding=(1, 0), groups=2)
    )


def test_raw_arrays_and_mixed_operands(rng):
    x, w, b = (rng.standard_normal(s) for s in [(1, 2, 4, 4), (3, 2, 3, 3), (3,)])
    expected = naive.conv(x, w, b)
    assert type(F.conv2d(x, w, b)) is np.ndarray
    for args in [(tg.tensor(x), w, b), (x, tg.tensor(w), b), (x, w, tg.tensor(b))]:
        y = F.conv2d(*args)
        assert type(y) is tg.Tensor
        np.testing.assert_allclose(y.data, expected, atol=1e-12)
