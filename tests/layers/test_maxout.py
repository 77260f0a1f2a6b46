"""Maxout against its definition, unit by unit."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import layers

CLOSE = {"rtol": 0, "atol": 1e-10}


@pytest.mark.parametrize("pieces", [1, 2, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_values(rng, pieces, bias):
    layer = layers.Maxout(4, 3, pieces, bias).astype("float64")
    weight = layer.affine.weight.data.reshape(pieces, 3, 4)
    shift = layer.affine.bias.data.reshape(pieces, 3) if bias else np.zeros((pieces, 3))
    x = rng.standard_normal((6, 4))
    expected = [
        [max(np.dot(weight[j, i], row) + shift[j, i] for j in range(pieces)) for i in range(3)]
        for row in x
    ]
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)
    np.testing.assert_allclose(layer(x.reshape(2, 3, 4)).data.reshape(6, 3), expected, **CLOSE)
    np.testing.assert_allclose(layer(x[0]).data, expected[0], **CLOSE)


@pytest.mark.parametrize("options", [{}, {"stride": (2, 1), "padding": 1, "bias": False}], ids=str)
def test_values_of_images(rng, options):
    layer = layers.Maxout2d(2, 3, (2, 3), 4, **options).astype("float64")
    weight, bias = layer.affine.weight.data, layer.affine.bias
    x = rng.standard_normal((2, 2, 5, 4))
    how = {name: value for name, value in options.items() if name != "bias"}
    y = naive.conv(x, weight, None if bias is None else bias.data, **how)
    expected = [[y[n, i::3].max(axis=0) for i in range(3)] for n in range(2)]
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


def test_the_gradient_goes_to_the_piece_that_won(rng):
    layer = layers.Maxout(3, 2, pieces=3).astype("float64")
    x = tg.tensor(rng.standard_normal((1, 3)), requires_grad=True)
    g = rng.standard_normal((1, 2))
    layer(x).backward(tg.tensor(g))
    weight = layer.affine.weight.data.reshape(3, 2, 3)
    scores = weight @ x.data[0] + layer.affine.bias.data.reshape(3, 2)
    winners = scores.argmax(axis=0)
    expected, slopes = np.zeros((3, 2, 3)), np.zeros(3)
    for unit, winner in enumerate(winners):
        expected[winner, unit] = g[0, unit] * x.data[0]
        slopes += g[0, unit] * weight[winner, unit]
    np.testing.assert_allclose(layer.affine.weight.grad.data, expected.reshape(6, 3), **CLOSE)
    np.testing.assert_allclose(x.grad.data[0], slopes, **CLOSE)


def test_a_unit_of_two_pieces_can_be_a_relu_or_an_absolute_value():
    layer = layers.Maxout(1, 2)
    layer.affine.weight.data = np.array([[1.0], [1.0], [0.0], [-1.0]], np.float32)
    layer.affine.bias.data = np.zeros(4, np.float32)
    x = np.array([[-2.0], [0.0], [3.0]], np.float32)
    assert layer(x).tolist() == [[0.0, 2.0], [0.0, 0.0], [3.0, 3.0]]
