"""Activations where random numbers do not look: far away, at kinks, on Scalars."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.ops.tables.activation import TABLE
from tinygrad_lite import functional as F

ALONG_AN_AXIS = {"softmax", "log_softmax", "softmin", "glu", "maxout"}
# of one number, with the parameters that must be given
POINTWISE = {name: {} for name in TABLE if name not in {*ALONG_AN_AXIS, "prelu"}}
POINTWISE["threshold"] = {"threshold": 0.5, "value": -2.0}
POINTWISE["tanh"] = POINTWISE["erf"] = POINTWISE["erfc"] = {}
FAR = [-1000.0, -800.0, -100.0, -30.0, 0.0, 30.0, 100.0, 800.0, 1000.0]


def function(name):
    return getattr(F, name, None) or getattr(tg, name)


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_finite_far_away(name, dtype):
    """Values, gradients, and the gradients of gradients."""
    x = tg.tensor(FAR, dtype, requires_grad=True)
    y = function(name)(x, **POINTWISE[name])
    y.sum().backward(create_graph=True)
    gradient, x.grad = x.grad, None
    gradient.sum().backward() if gradient.requires_grad else None
    for values in (y, gradient, x.grad):
        assert values is None or np.isfinite(values.data).all()


@pytest.mark.parametrize("name", POINTWISE)
@pytest.mark.parametrize("number", [-1.3, 0.0, 0.7, 25.0])
def test_of_a_scalar(name, number):
    """First and second order, as of a Tensor."""
    found = []
    for x in (tg.Scalar(number), tg.tensor(number, "float64", requires_grad=True)):
        y = function(name)(x, **POINTWISE[name])
        y.backward(create_graph=True)
        gradient, x.grad = x.grad, None
        if gradient.requires_grad:
            (gradient * 2.0).backward()
        found.append([0.0 if v is None else v.item() for v in (y, gradient, x.grad)])
    assert found[0] == pytest.approx(found[1], rel=1e-14, abs=1e-300)


def test_prelu_of_scalars():
    x, weight = tg.Scalar(-2.0), tg.tensor(np.array([0.3]), requires_grad=True)
    y = F.prelu(tg.tensor([x]), tg.tensor(weight.scalars()))
    y.backward()
    assert (float(y), x.grad.item(), weight.grad.item()) == pytest.approx((-0.6, 0.3, -2.0))


@pytest.mark.parametrize("name", sorted(ALONG_AN_AXIS - {"maxout", "glu"}))
def test_large_numbers_along_an_axis(name):
    x = tg.tensor([[1000.0, -1000.0, 999.0]], requires_grad=True)
    y = function(name)(x)
    y.backward([[1.0, 2.0, 3.0]])
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()


def test_gelu_keeps_its_digits_in_the_tail():
    """Where Φ is nearly 0: as 1 + erf it would lose all digits."""
    y = F.gelu(tg.tensor(np.array([-9.0])))
    assert y.item() == pytest.approx(-9 * math.erfc(9 / 2**0.5) / 2, rel=1e-14)


def test_maxout_takes_neighbours():
    y = F.maxout(tg.tensor([[1.0, 5.0, 3.0, 2.0, 4.0, 0.0]]), 3)
    assert y.tolist() == [[5.0, 4.0]]


KINKS = [
    ("relu", {}, 0.0, 0.0),
    ("leaky_relu", {}, 0.0, 0.01),
    ("elu", {"alpha": 0.7}, 0.0, 0.7),
    ("celu", {"alpha": 0.7}, 0.0, 1.0),
    ("selu", {}, 0.0, 1.7580993408473766),
    ("relu6", {}, 6.0, 0.0),
    ("hardtanh", {}, -1.0, 0.0),
    ("hardtanh", {}, 1.0, 0.0),
    ("hardsigmoid", {}, 3.0, 0.0),
    ("hardswish", {}, 3.0, 1.0),
    ("hardswish", {}, -3.0, 0.0),
    ("hardshrink", {}, 0.5, 0.0),
    ("softshrink", {}, 0.5, 0.0),
    ("softshrink", {}, -0.5, 0.0),
    ("threshold", {"threshold": 0.5, "value": 1.0}, 0.5, 0.0),
    ("softsign", {}, 0.0, 1.0),
]


@pytest.mark.parametrize(("name", "params", "at", "expected"), KINKS)
def test_gradients_at_kinks(name, params, at, expected):
    x = tg.tensor(at, "float64", requires_grad=True)
    function(name)(x, **params).backward()
    assert x.grad.item() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("name", sorted({name for name, *_ in KINKS} | {"gelu", "mish", "silu"}))
def test_nan_stays_nan(name):
    """A function that hid a nan would hide a divergence."""
    params = {"threshold": 0.5, "value": 1.0} if name == "threshold" else {}
    assert np.isnan(function(name)(tg.tensor(np.nan), **params).item())


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("axis", [0, 1])
def test_of_nothing_is_nothing(name, axis):
    x = tg.zeros((0, 3), requires_grad=True)
    y = function(name)(x, axis=axis)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3)
