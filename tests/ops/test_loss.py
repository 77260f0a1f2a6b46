"""Losses: fused, reference and naive agree."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def value_and_gradient(logits, target):
    logits.grad = None
    loss = tg.cross_entropy(logits, target)
    loss.backward()
    return loss.item(), logits.grad.data


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (1, 4), (7, 2)])
def test_cross_entropy(rng, shape, dtype):
    data = 3 * rng.standard_normal(shape)
    target = rng.integers(0, shape[1], shape[0])
    logits = tg.tensor(data, dtype, requires_grad=True)
    faces = [value_and_gradient(logits, target)]
    with tg.reference():
        faces.append(value_and_gradient(logits, tg.tensor(target)))
    for value, gradient in faces:
        assert gradient.dtype == dtype
        assert value == pytest.approx(naive.cross_entropy(data, target), abs=TOLERANCE[dtype])
        expected = naive.cross_entropy_gradient(data, target)
        np.testing.assert_allclose(gradient, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("target_type", ["int8", "uint8", "int64", "uint64"])
def test_labels_of_any_integer_type(target_type):
    loss = tg.cross_entropy(tg.zeros(3, 4), np.array([0, 3, 1], target_type))
    assert loss.item() == pytest.approx(np.log(4))


def test_a_certain_mistake_costs_what_it_should():
    logits = tg.tensor([[1000.0, -1000.0]], requires_grad=True)
    loss = tg.cross_entropy(logits, [1])
    loss.backward()
    assert loss.item() == 2000
    assert logits.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("x", [-1000.0, -1.0, 0.0, 1.0, 1000.0])
def test_binary_cross_entropy_is_finite(x):
    logit = tg.tensor([x], requires_grad=True)
    tg.binary_cross_entropy_with_logits(logit, np.array([1])).backward()
    assert logit.grad.item() == pytest.approx(naive.sigmoid(x) - 1, abs=1e-7)


@pytest.mark.parametrize("loss", [tg.mse_loss, tg.binary_cross_entropy_with_logits])
def test_the_target_takes_the_dtype_of_the_prediction(loss):
    x = tg.zeros(2, 3, requires_grad=True)
    y = loss(x, np.ones((2, 3)))
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_logits_of_scalars(rng):
    data, target = rng.standard_normal((3, 4)), np.array([3, 0, 2])
    x = tg.tensor(data, requires_grad=True)
    tg.cross_entropy(tg.tensor(x.scalars()), target).backward()
    np.testing.assert_allclose(x.grad.data, naive.cross_entropy_gradient(data, target), atol=1e-14)
