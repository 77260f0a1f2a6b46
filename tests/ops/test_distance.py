"""Distances where norms have no derivative, or another one."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F


@pytest.mark.parametrize(
    ("p", "value", "gradient"),
    [
        (0.0, 2.0, [0.0, 0.0, 0.0]),
        (1.0, 7.0, [1.0, -1.0, 0.0]),
        (2.0, 5.0, [0.6, -0.8, 0.0]),
        (3.0, 91 ** (1 / 3), [9 / 91 ** (2 / 3), -16 / 91 ** (2 / 3), 0.0]),
        (np.inf, 4.0, [0.0, -1.0, 0.0]),
        (-np.inf, 0.0, [0.0, 0.0, 0.0]),
    ],
)
def test_the_norm_of_a_difference(p, value, gradient):
    x = tg.tensor(np.array([3.0, -4.0, 0.0]), requires_grad=True)
    y = F.pairwise_distance(x, tg.zeros(3, dtype="float64"), p, eps=0.0)
    y.backward()
    assert y.item() == pytest.approx(value)
    np.testing.assert_allclose(0.0 if x.grad is None else x.grad.data, gradient, atol=1e-15)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, np.inf, -np.inf])
def test_no_difference_has_no_gradient(p):
    x = tg.ones(2, 3, requires_grad=True)
    y = F.pairwise_distance(x, tg.ones(2, 3), p, eps=0.0)
    y.sum().backward(create_graph=True)
    assert y.tolist() == [0.0, 0.0]
    assert x.grad is None or not x.grad.data.any()


def test_equally_far_coordinates_share_the_gradient():
    x = tg.tensor([2.0, -2.0, 1.0], requires_grad=True)
    F.pairwise_distance(x, tg.zeros(3), np.inf, eps=0.0).backward()
    assert x.grad.tolist() == [0.5, -0.5, 0.0]


def test_similarity_of_nothing():
    x = tg.zeros(1, 3, requires_grad=True)
    y = F.cosine_similarity(x, tg.ones(1, 3))
    y.backward([1.0])
    assert y.item() == 0
    assert np.isfinite(x.grad.data).all()


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_similarity_knows_no_lengths(size):
    x = tg.tensor([[size, size], [size, -size], [-2 * size, 0.0]])
    np.testing.assert_allclose(
        F.cosine_similarity(x, tg.ones(3, 2)).data, [1, 0, -(0.5**0.5)], atol=1e-6
    )
