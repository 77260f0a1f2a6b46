"""Pooling against naive loops, values and gradients."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive

CASES = [
    ((2, 3, 4, 4), 2, None),
    ((1, 2, 5, 7), 2, None),  # a last row and column that no window reaches
    ((2, 1, 5, 6), (2, 3), (1, 2)),  # windows that overlap
    ((1, 1, 7, 7), 2, 3),  # gaps between windows
    ((1, 2, 3, 3), 3, 1),
    ((0, 2, 4, 4), 2, None),
]
POOLS = {
    "max_pool2d": (naive.max_pool2d, naive.max_pool2d_gradient),
    "avg_pool2d": (naive.avg_pool2d, naive.avg_pool2d_gradient),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize(("shape", "kernel", "stride"), CASES)
@pytest.mark.parametrize("name", POOLS)
def test_values_and_gradients(rng, name, shape, kernel, stride, contiguous, dtype):
    value, gradient = POOLS[name]
    data = rng.standard_normal(shape).astype(dtype)
    x = tg.Tensor.make(data if contiguous else np.asfortranarray(data)).requires_grad_()
    y = getattr(tg, name)(x, kernel, stride)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    y.backward(g)
    assert y.dtype == x.grad.dtype == dtype
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(y.data, value(x.data, kernel, stride), atol=tolerance)
    np.testing.assert_allclose(x.grad.data, gradient(g, x.data, kernel, stride), atol=tolerance)


def test_equal_maxima_send_all_to_the_first():
    x = tg.ones(1, 1, 2, 2, requires_grad=True)
    tg.max_pool2d(x, 2).backward([[[[3.0]]]])
    assert x.grad.tolist() == [[[[3.0, 0.0], [0.0, 0.0]]]]


@pytest.mark.parametrize("name", POOLS)
def test_an_image_of_scalars(rng, name):
    x = tg.tensor(rng.standard_normal((1, 2, 4, 5)), requires_grad=True)
    pool = getattr(tg, name)
    (pool(x, (2, 3), 1) ** 2).sum().backward()
    expected, x.grad = x.grad, None
    (pool(tg.tensor(x.scalars()), (2, 3), 1) ** 2).sum().backward()
    np.testing.assert_allclose(x.grad.data, expected.data)
