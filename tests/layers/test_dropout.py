"""Dropout: what it leaves, how often, and when it does nothing."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zeroes_with_probability_p_and_keeps_the_mean(p, dtype):
    count = 100_000
    y = layers.Dropout(p)(tg.ones(count, dtype=dtype))
    assert y.dtype == dtype
    np.testing.assert_allclose(np.unique(y.data), [0, 1 / (1 - p)], rtol=1e-6)
    deviation = np.sqrt(p * (1 - p) / count)
    assert abs((y.data == 0).mean() - p) < 4 * deviation
    assert y.data.mean() == pytest.approx(1, abs=4 * deviation / (1 - p))


def test_elements_are_independent():
    zero = layers.Dropout(0.5)(tg.ones(2000, 2)).data == 0
    assert abs(np.corrcoef(zero.T)[0, 1]) < 0.1
    assert abs(np.corrcoef(zero[1:, 0], zero[:-1, 0])[0, 1]) < 0.1


def test_the_gradient_has_the_same_mask():
    x = tg.randn(50, 4, requires_grad=True)
    y = layers.Dropout(0.3)(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, np.where(y.data == 0, 0, 1 / 0.7), rtol=1e-6)


def test_does_nothing_in_evaluation():
    x = tg.randn(5, 4)
    np.testing.assert_array_equal(layers.Dropout(0.9).eval()(x).data, x.data)


@pytest.mark.parametrize(("p", "factor"), [(0.0, 1.0), (1.0, 0.0), (0, 1.0), (1, 0.0)])
def test_the_ends_of_the_range(p, factor):
    x = tg.randn(5, 4, requires_grad=True)
    y = layers.Dropout(p)(x)
    np.testing.assert_array_equal(y.data, factor * x.data)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full((5, 4), factor))
