"""Kernels of large dense layers against NumPy, bit by bit."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 2), (0, 3), (3, 0)])
def test_outer(rng, shape, dtype):
    a, b = (rng.standard_normal(n).astype(dtype) for n in shape)
    found = kernels.dense.outer(a, b)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, a[:, None] * b)
    np.testing.assert_array_equal(kernels.dense.outer(a[::-1], b[::-1]), found[::-1, ::-1])


def gradient_of_one_row(size):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((1, size)).astype("float32"))
    w = tg.tensor(rng.standard_normal((300, size)).astype("float32"), requires_grad=True)
    y = tg.linear(x, w)
    y.backward(np.ones((1, 300)))
    return x, w


@pytest.mark.parametrize("size", [100, 300])  # below and above what a kernel takes
def test_the_weight_gradient_of_one_row(size):
    x, w = gradient_of_one_row(size)
    np.testing.assert_allclose(w.grad.data, np.broadcast_to(x.data, (300, size)), rtol=1e-6)


def test_the_kernel_is_reached(monkeypatch):
    called = []
    monkeypatch.setattr(
        kernels.dense, "outer", lambda a, b: called.append("outer") or a[:, None] * b
    )
    gradient_of_one_row(300)
    gradient_of_one_row(100)
    assert called == ["outer"]
