"""Convolution: kernel, reference and naive loops agree."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite.ops import conv

TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
FACES = pytest.mark.parametrize("dtype", TOLERANCE)

# (images, filters, stride, padding)
CASES = [
    ((2, 3, 5, 5), (4, 3, 3, 3), 1, 0),
    ((1, 2, 7, 4), (3, 2, 2, 3), 2, 1),
    ((2, 1, 6, 6), (1, 1, 3, 3), (2, 3), (0, 2)),
    ((3, 2, 3, 3), (2, 2, 3, 3), 1, 0),
    ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0),
    ((2, 2, 4, 9), (2, 2, 1, 4), 3, (2, 0)),
    ((1, 3, 5, 8), (2, 3, 5, 1), (1, 4), 2),  # rows and columns that no window reaches
    ((0, 2, 5, 5), (3, 2, 3, 3), 1, 1),
]
GEOMETRY = pytest.mark.parametrize(("images", "filters", "stride", "padding"), CASES)


def operands(rng, images, filters, dtype="float64"):
    shapes = (images, filters, filters[:1])
    return [tg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]


def run(xs, stride, padding):
    """The value, and the gradients of all operands for a fixed gradient of the value."""
    for x in xs:
        x.grad = None
    y = tg.conv2d(*xs, stride=stride, padding=padding)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    y.backward(g)
    return g, [y.data, *(x.grad.data for x in xs)]


@FACES
@GEOMETRY
def test_kernel_reference_and_naive_agree(rng, images, filters, stride, padding, dtype):
    xs = operands(rng, images, filters, dtype)
    g, kernel = run(xs, stride, padding)
    with tg.reference():
        _, reference = run(xs, stride, padding)
    x, w, b = (x.data.astype("float64") for x in xs)
    oracle = [
        naive.conv2d(x, w, b, stride, padding),
        *naive.conv2d_gradients(g, x, w, stride, padding),
    ]
    for *faces, expected in zip(kernel, reference, oracle, strict=True):
        for face in faces:
            assert face.dtype == dtype
            tolerance = TOLERANCE[dtype] * max(1, np.abs(expected).max(initial=0))
            np.testing.assert_allclose(face, expected, rtol=0, atol=tolerance)


@GEOMETRY
def test_a_memory_layout_of_any_kind_gives_the_same(rng, images, filters, stride, padding):
    xs = operands(rng, images, filters)
    _, expected = run(xs, stride, padding)
    odd = [tg.Tensor.make(np.asfortranarray(x.data)[..., ::-1][..., ::-1]) for x in xs[:2]]
    _, found = run([*(x.requires_grad_() for x in odd), xs[2]], stride, padding)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize(
    ("stride", "padding"), [(1, 0), ((2, 1), 0), (1, (1, 2)), ((2, 1), (1, 2))]
)
def test_second_order(rng, stride, padding):
    xs = operands(rng, (2, 2, 4, 3), (2, 2, 3, 2))
    tg.gradcheck(lambda *xs: tg.conv2d(*xs, stride, padding), xs, order=2)


@pytest.mark.parametrize("member", ["_conv2d", "_conv2d_input", "_conv2d_weight"])
def test_the_ring_closes(rng, member):
    """Each of the three ops differentiates by kernels into the other two."""
    geometry = {"stride": (2, 1), "padding": (1, 0)}
    x, w, g = (rng.standard_normal(s) for s in [(2, 2, 5, 4), (3, 2, 3, 2), (2, 3, 3, 3)])
    arrays, extra = {
        "_conv2d": ((x, w), {}),
        "_conv2d_input": ((g, w), {"size": (5, 4)}),
        "_conv2d_weight": ((g, x), {"kernel": (3, 2)}),
    }[member]
    op = getattr(conv, member)
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    tg.gradcheck(lambda *xs: op(*xs, **geometry, **extra), xs, order=2)


def test_windows_and_overlap_add_are_transposes(rng):
    """<windows x, y> = <x, overlap_add y>."""
    x, y = rng.standard_normal((2, 7, 6)), rng.standard_normal((2, 3, 2, 3, 3))
    left = (conv.windows(x, (3, 3), (2, 3)) * y).sum()
    assert left == pytest.approx((x * conv.overlap_add(y, (7, 6), (2, 3))).sum())


def test_an_image_of_scalars(rng):
    xs = operands(rng, (1, 2, 4, 4), (2, 2, 2, 3))
    g, expected = run(xs, 2, 1)
    for x in xs:
        x.grad = None
    y = tg.conv2d(*(tg.tensor(x.scalars()) for x in xs), 2, 1)
    assert y.dtype == object
    (y * g).sum().backward()
    results = [y.data.astype(float), *(x.grad.data for x in xs)]
    for found, want in zip(results, expected, strict=True):
        np.testing.assert_allclose(found, want, atol=1e-12)
