"""How weights start: distributions, shapes, and that users can draw their own."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.layers import init


@pytest.mark.parametrize("shape", [(300, 200), (40, 30, 5, 4)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_xavier(shape, gain):
    window = math.prod(shape[2:])
    fans = (shape[0] + shape[1]) * window
    bound, deviation = gain * math.sqrt(6 / fans), gain * math.sqrt(2 / fans)
    drawn = init.xavier_uniform(shape, gain)
    assert 0.99 * bound < abs(drawn).max() <= bound * (1 + 1e-6)
    for weights in (drawn, init.xavier_normal(shape, gain)):
        assert (weights.shape, weights.dtype) == (shape, np.float32)
        assert abs(weights.mean()) < 0.02 * deviation
        assert weights.std() == pytest.approx(deviation, rel=0.02)
    assert abs(init.xavier_normal(shape, gain)).max() > 1.1 * bound


def test_xavier_keeps_the_variance():
    """Of values on the way forward, and of gradients on the way back."""
    layer = layers.Dense(400, 400, bias=False)
    layer.weight.data = init.xavier_uniform(layer.weight.shape)
    x = tg.randn(500, 400, requires_grad=True)
    y = layer(x)
    y.backward(tg.randn(500, 400))
    assert y.data.std() == pytest.approx(1, rel=0.05)
    assert x.grad.data.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (1, 1), (4, 3, 2), (1, 5)])
def test_orthogonal(shape):
    drawn = init.orthogonal(shape, gain=2.0)
    assert (drawn.shape, drawn.dtype) == (shape, np.float32)
    matrix = drawn.reshape(shape[0], -1) / 2
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6)


def test_orthogonal_prefers_no_direction():
    """The mean over many rotations is zero, as is that of the diagonal: QR alone would bias it."""
    drawn = np.mean([init.orthogonal((2, 2)) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn, 0, atol=0.05)


@pytest.mark.parametrize("draw", init.BY_NAME.values(), ids=init.BY_NAME)
def test_repeatable(draw):
    tg.seed(5)
    first = draw((4, 4))
    tg.seed(5)
    np.testing.assert_array_equal(first, draw((4, 4)))


def test_weights_of_ones_own():
    layer = layers.LSTM(3, 4)
    layer.weight_ih_l0.data = layers.init.xavier_uniform(layer.weight_ih_l0.shape)
    layer(tg.ones(2, 5, 3))[0].sum().backward()
    assert layer.weight_ih_l0.grad.shape == (16, 3)
