"""Pooling: kernel, reference and naive loops agree, in values, gradients and errors."""

from contextlib import nullcontext
from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import kernels

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
FACES = pytest.mark.parametrize("face", [nullcontext, tg.reference])
DTYPES = pytest.mark.parametrize("dtype", TOLERANCE)
SHAPES = [
    (2, 1, 5, 5),
    (1, 2, 6, 4),
    (1, 1, 7, 2),
    (1, 1, 1, 1),
    (0, 2, 4, 4),
    (2, 0, 4, 5),
    (1, 1, 9, 8),
]


def leaf(data):
    return tg.Tensor.make(data).requires_grad_()


def weights(y):
    return np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)


def fits(shape, kernel, stride, padding, dilation, ceil_mode):
    """Whether there are windows, and each has a place in the image."""
    image = np.zeros((1, 1, *shape[2:]))
    windows = list(naive._windows(image, kernel, stride, padding, dilation, ceil_mode))
    return windows and all(inside for _, inside, _ in windows)


def numbers(rng, shape):
    """Many of them equal, some infinite."""
    x = rng.integers(0, 6, shape).astype("float64")
    x[x == 5] = -np.inf
    return x


@FACES
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 3, (1, 2)])
@pytest.mark.parametrize("kernel", [1, 2, 3, (1, 3), (3, 2)])
def test_max_pool2d_of_any_geometry(rng, kernel, dilation, ceil_mode, face):
    met = 0
    for stride, padding, shape in product([1, 2, 3, (1, 2)], [0, 1, (1, 0)], SHAPES):
        options = (kernel, stride, padding, dilation, ceil_mode)
        x = leaf(numbers(rng, shape))
        with face():
            if not _allowed(kernel, padding, dilation):
                with pytest.raises(tg.ArgumentError, match="more than half of a window"):
                    F.max_pool2d(x, *options)
                continue
            if not fits(shape, *options):
                with pytest.raises(tg.ShapeError, match="does not fit"):
                    F.max_pool2d(x, *options)
                continue
            y, places = F.max_pool2d(x, *options, return_indices=True)
            alone = F.max_pool2d(x, *options)
            alone.backward(weights(alone))
        met += 1
        if x.size:
            np.testing.assert_array_equal(y.data, naive.max_pool2d(x.data, *options))
            np.testing.assert_array_equal(places.data, naive.max_pool2d_indices(x.data, *options))
        np.testing.assert_array_equal(alone.data, y.data)
        assert places.dtype == np.int64
        expected = naive.max_pool2d_gradient(weights(alone), x.data, *options)
        np.testing.assert_allclose(x.grad.data, expected, rtol=0, atol=1e-12)
    assert met >= 4


def _allowed(kernel, padding, dilation=1):
    (kh, kw), (ph, pw), (dh, dw) = map(naive._pair, (kernel, padding, dilation))
    return 2 * ph <= (kh - 1) * dh + 1 and 2 * pw <= (kw - 1) * dw + 1


@FACES
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("kernel", [1, 2, 3, (1, 3), (3, 2)])
def test_avg_pool2d_of_any_geometry(rng, kernel, ceil_mode, count_include_pad, face):
    met = 0
    for stride, padding, shape in product([1, 2, 3, (1, 2)], [0, 1, (1, 0)], SHAPES):
        options = (kernel, stride, padding, ceil_mode, count_include_pad)
        if not _allowed(kernel, padding) or not fits(shape, *options[:3], 1, ceil_mode):
            with pytest.raises((tg.ArgumentError, tg.ShapeError), match="avg_pool2d"):
                F.avg_pool2d(leaf(np.zeros(shape)), *options)
            continue
        met += 1
        x = leaf(rng.standard_normal(shape))
        with face():
            y = F.avg_pool2d(x, *options)
            y.backward(weights(y))
        if x.size:
            np.testing.assert_allclose(y.data, naive.avg_pool2d(x.data, *options), atol=1e-12)
        expected = naive.avg_pool2d_gradient(weights(y), x.data, *options)
        np.testing.assert_allclose(x.grad.data, expected, rtol=0, atol=1e-12)
    assert met >= 4


POOLS = {
    "max_pool2d": (naive.max_pool2d, naive.max_pool2d_gradient),
    "avg_pool2d": (naive.avg_pool2d, naive.avg_pool2d_gradient),
}
# the last two are large enough for several threads
SIZES = [((2, 3, 4, 4), 2, None), ((1, 2, 5, 7), (2, 3), (1, 2)), ((1, 1, 7, 7), 2, 3)]
LARGE = [((5, 3, 64, 65), 2, None), ((3, 5, 64, 65), 3, 2)]


@FACES
@DTYPES
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "read-only"])
@pytest.mark.parametrize(("shape", "kernel", "stride"), [*SIZES, *LARGE])
@pytest.mark.parametrize("name", POOLS)
def test_dtypes_and_layouts(rng, name, shape, kernel, stride, layout, dtype, face):
    value, gradient = POOLS[name]
    data = rng.standard_normal(shape).astype(dtype)
    data = np.asfortranarray(data) if layout == "fortran" else data
    data.flags.writeable = layout != "read-only"
    x = leaf(data)
    with face():
        y = getattr(F, name)(x, kernel, stride)
        y.sum().backward()  # whose gradient is read-only or not contiguous, perhaps
        x.grad = None
        y = getattr(F, name)(x, kernel, stride)
        y.backward(weights(y))
    assert y.dtype == x.grad.dtype == dtype
    np.testing.assert_allclose(y.data, value(data, kernel, stride), atol=TOLERANCE[dtype])
    expected = gradient(weights(y), data, kernel, stride)
    np.testing.assert_allclose(x.grad.data, expected, atol=TOLERANCE[dtype])


@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_operands_of_any_layout_compile_nothing_new(rng):
    x = rng.standard_normal((1, 2, 6, 6)).astype("float32")
    for data in (x, np.asfortranarray(x), np.broadcast_to(x[:, :1], x.shape)):
        for pool in (F.max_pool2d, F.avg_pool2d):
            for kernel in (2, 3, 6):
                pool(leaf(data), kernel).sum().backward()
    family = vars(kernels.pool).values()
    compiled = [f.signatures for f in family if hasattr(f, "signatures")]
    assert max(len({s[0] if len(s) < 3 else s[2] for s in found}) for found in compiled) <= 2


# -- maxima ---------------------------------------------------------------------------------------


@FACES
@DTYPES
@pytest.mark.parametrize("kernel", [2, 3])
def test_nan_is_above_all(rng, kernel, dtype, face):
    x = numbers(rng, (3, 2, 6, 9))
    x[rng.random(x.shape) < 0.15] = np.nan
    x[rng.random(x.shape) < 0.1] = np.inf
    x = leaf(x.astype(dtype))
    for stride in (kernel, 1):
        with face():
            y, places = F.max_pool2d(x, kernel, stride, return_indices=True)
            alone = F.max_pool2d(x, kernel, stride)
            alone.backward(weights(y))
        assert np.isnan(y.data).any()
        np.testing.assert_array_equal(y.data, naive.max_pool2d(x.data, kernel, stride))
        np.testing.assert_array_equal(alone.data, y.data)
        expected = naive.max_pool2d_indices(x.data, kernel, stride)
        np.testing.assert_array_equal(places.data, expected)
        expected = naive.max_pool2d_gradient(weights(y), x.data, kernel, stride)
        np.testing.assert_allclose(x.grad.data, expected, atol=1e-6)
        x.grad = None


@FACES
@pytest.mark.parametrize("padding", [0, 1])
def test_equal_maxima_send_all_to_the_first(padding, face):
    x = tg.full((1, 1, 2, 2), -np.inf, requires_grad=True)
    with face():
        F.max_pool2d(x, 2, padding=padding).sum().backward()
    one = [[[[1.0, 0.0], [0.0, 0.0]]]]
    assert x.grad.tolist() == (one if padding == 0 else [[[[1.0, 1.0], [1.0, 1.0]]]])


def test_indices_are_not_on_the_graph(rng):
    x = leaf(rng.standard_normal((1, 2, 4, 4)))
    y, places = F.max_pool2d(x, 2, return_indices=True)
    assert not places.requires_grad
    y.backward(weights(y))
    expected, x.grad = x.grad, None
    F.max_pool2d(x, 2).backward(weights(y))
    np.testing.assert_array_equal(x.grad.data, expected.data)
    raw = F.max_pool2d(x.data, 2, return_indices=True)
    assert [type(part) for part in raw] == [np.ndarray] * 2


# -- means ----------------------------------------------------------------------------------------


@FACES
@DTYPES
@pytest.mark.parametrize("size", [1, 2, 3, 8, (1, 3), (None, 2), (4, None), None, [2, 1]])
@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (1, 2, 7, 5), (1, 1, 1, 1), (0, 2, 4, 4)])
def test_adaptive_avg_pool2d(rng, shape, size, dtype, face):
    x = leaf(rng.standard_normal(shape).astype(dtype))
    with face():
        y = F.adaptive_avg_pool2d(x, size)
        y.backward(weights(y))
    expected = naive.adaptive_avg_pool2d(x.data.astype("float64"), size)
    np.testing.assert_allclose(y.data, expected, atol=TOLERANCE[dtype])
    assert y.dtype == x.grad.dtype == dtype
    # the map is linear: <y, w> = <x, gradient>
    assert (y.data * weights(y)).sum() == pytest.approx((x.data * x.grad.data).sum(), abs=1e-5)


@FACES
def test_what_no_window_takes_does_no_harm(face):
    """Neither its value, nor NaN and infinity beside a window."""
    x = np.ones((1, 1, 3, 3))
    x[..., 2] = np.nan
    x[..., 2, :] = np.inf
    with face():
        assert F.avg_pool2d(tg.tensor(x), 2).tolist() == [[[[1.0]]]]


@FACES
@pytest.mark.parametrize("divisor", [1, 3, -2])
def test_divisor_override(rng, divisor, face):
    x = rng.standard_normal((1, 2, 5, 4))
    with face():
        y = F.avg_pool2d(tg.tensor(x), 2, 1, 1, divisor_override=divisor)
    expected = naive.avg_pool2d(x, 2, 1, 1, divisor_override=divisor)
    np.testing.assert_allclose(y.data, expected, atol=1e-12)


# -- sequences, Scalars, second order -------------------------------------------------------------

SEQUENCES = [
    (lambda x: F.max_pool1d(x, 3, 2, 1, 1), lambda x: F.max_pool2d(x, (1, 3), (1, 2), (0, 1))),
    (lambda x: F.max_pool1d(x, (2,), dilation=2), lambda x: F.max_pool2d(x, (1, 2), dilation=2)),
    (
        lambda x: F.max_pool1d(x, 2, ceil_mode=True),
        lambda x: F.max_pool2d(x, (1, 2), 2, 0, 1, True),
    ),
    (lambda x: F.avg_pool1d(x, 2, [3], (1,)), lambda x: F.avg_pool2d(x, (1, 2), 3, (0, 1))),
    (
        lambda x: F.avg_pool1d(x, 3, 2, 1, True, False),
        lambda x: F.avg_pool2d(x, (1, 3), (1, 2), (0, 1), True, False),
    ),
    (lambda x: F.adaptive_avg_pool1d(x, 3), lambda x: F.adaptive_avg_pool2d(x, (1, 3))),
]


@FACES
@pytest.mark.parametrize(("pool", "of_images"), SEQUENCES)
def test_a_sequence_is_an_image_of_one_row(rng, pool, of_images, face):
    x = rng.standard_normal((2, 3, 7))
    one, two = leaf(x), leaf(x[:, :, None])
    with face():
        y, z = pool(one), of_images(two)
        y.backward(weights(y))
        z.backward(weights(y)[:, :, None])
    np.testing.assert_array_equal(y.data, z.data[:, :, 0])
    np.testing.assert_array_equal(one.grad.data, two.grad.data[:, :, 0])


def test_places_in_a_sequence():
    y, places = F.max_pool1d(tg.tensor([[[1.0, 4.0, 2.0, 3.0]]]), 2, return_indices=True)
    assert (y.tolist(), places.tolist()) == ([[[4.0, 3.0]]], [[[1, 3]]])


CALLS = {
    "max": lambda x: F.max_pool2d(x, (2, 3), 1, 1, (2, 1), ceil_mode=True),
    "max of fours": lambda x: F.max_pool2d(x, 2),
    "max with places": lambda x: F.max_pool2d(x, 3, 2, return_indices=True)[0],
    "avg": lambda x: F.avg_pool2d(x, 3, 2, 1, True, False),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
    "global": lambda x: F.adaptive_avg_pool2d(x, 1),
    "unpool": lambda x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=(4, 5)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_second_order(rng, name):
    x = leaf(rng.permutation(40).reshape(1, 2, 4, 5) / 7)
    tg.gradcheck(lambda x: CALLS[name](x) ** 2, [x], order=2)


@pytest.mark.parametrize("name", CALLS)
def test_an_image_of_scalars(rng, name):
    x = leaf(rng.standard_normal((1, 2, 4, 5)))
    whole = CALLS[name](x)
    (whole**2).sum().backward()
    expected, x.grad = x.grad, None
    parts = CALLS[name](tg.tensor(x.scalars()))
    (parts**2).sum().backward()
    assert parts.shape == whole.shape
    np.testing.assert_allclose(x.grad.data, expected.data, atol=1e-12)


# -- the way back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "geometry"), [((2, 3, 6, 4), (2,)), ((1, 2, 7, 7), (3, 2, 1))])
def test_unpooling_puts_maxima_back(rng, shape, geometry):
    x = leaf(rng.standard_normal(shape))
    y, places = F.max_pool2d(x, *geometry, return_indices=True)
    z = F.max_unpool2d(y, places, *geometry, output_size=shape)
    np.testing.assert_array_equal(z.data, naive.max_unpool2d(y.data, places.data, shape[2:]))
    z.backward(weights(z))
    taken = np.isin(np.arange(shape[2] * shape[3]), places.data[0, 0]).reshape(shape[2:])
    assert ((x.grad.data[0, 0] != 0) == taken).all()


def test_of_two_at_one_place_the_last_one_stays():
    x = leaf(np.array([[[[1.0, 2.0]]]]))
    y = F.max_unpool2d(x, np.zeros((1, 1, 1, 2), int), 1)
    y.backward(weights(y))
    assert (y.tolist(), x.grad.tolist()) == ([[[[2.0, 0.0]]]], [[[[0.0, 1.0]]]])


def test_without_indices_numbers_go_to_the_corners():
    x = tg.tensor([[[[1.0, 2.0]]]])
    y = F.max_unpool2d(x, None, 2)
    assert y.tolist() == [[[[1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]
    assert F.max_unpool2d(x, None, 3, 2, 1).tolist() == [[[[1.0, 2.0, 0.0]]]]
    assert F.max_unpool2d(x, None, 2, output_size=(3, 3)).shape == (1, 1, 3, 3)
