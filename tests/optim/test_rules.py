"""Every optimiser against its published rule, written out element by element in float64."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import optim

STEPS = 12

rates = st.floats(1e-4, 0.5)
shares = st.floats(0.05, 0.99)
decays = st.sampled_from([0.0, 0.01, 0.3])
seeds = st.integers(0, 2**32 - 1)


def sgd(x, grads, lr, momentum, dampening, weight_decay, nesterov):
    b = None
    for g in grads:
        g = g + weight_decay * x
        if momentum:
            b = g if b is None else momentum * b + (1 - dampening) * g
            g = g + momentum * b if nesterov else b
        x = x - lr * g
    return x


def adam(x, grads, lr, betas, eps, weight_decay, decoupled=False):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        if decoupled:
            x = x - lr * weight_decay * x
        else:
            g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
        x = x - lr * m_hat / (math.sqrt(v_hat) + eps)
    return x


def rmsprop(x, grads, lr, alpha, eps, weight_decay, momentum, centered):
    v = m = b = 0.0
    for g in grads:
        g = g + weight_decay * x
        v = alpha * v + (1 - alpha) * g**2
        m = alpha * m + (1 - alpha) * g
        step = g / (math.sqrt(v - m**2 if centered else v) + eps)
        b = momentum * b + step
        x = x - lr * (b if momentum else step)
    return x


def compare(make, rule, options, seed, shape=(2, 3)):
    """Run STEPS steps of both on the same random gradients."""
    rng = np.random.default_rng(seed)
    start, grads = rng.normal(size=shape), rng.normal(size=(STEPS, *shape))
    parameter = tg.Parameter(start)
    optimizer = make([parameter], **options)
    for grad in grads:
        parameter.grad = tg.tensor(grad)
        optimizer.step()
        np.testing.assert_array_equal(parameter.grad.data, grad)  # read, never written to
    expected = np.empty(shape)
    for i in np.ndindex(shape):
        expected[i] = rule(float(start[i]), [float(g[i]) for g in grads], **options)
    np.testing.assert_allclose(parameter.data, expected, rtol=1e-9, atol=1e-9)


@given(seeds, rates, st.sampled_from([0.0, 0.5, 0.9]), st.sampled_from([0.0, 0.4]), decays)
def test_sgd(seed, lr, momentum, dampening, weight_decay):
    options = {"lr": lr, "momentum": momentum, "dampening": dampening, "nesterov": False}
    compare(optim.SGD, sgd, options | {"weight_decay": weight_decay}, seed)


@given(seeds, rates, shares, decays)
def test_sgd_nesterov(seed, lr, momentum, weight_decay):
    options = {"lr": lr, "momentum": momentum, "dampening": 0.0, "nesterov": True}
    compare(optim.SGD, sgd, options | {"weight_decay": weight_decay}, seed)


@given(seeds, rates, st.tuples(shares, shares), st.sampled_from([1e-8, 1e-3, 0.5]), decays)
def test_adam(seed, lr, betas, eps, weight_decay):
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    compare(optim.Adam, adam, options, seed)


@given(seeds, rates, st.tuples(shares, shares), st.sampled_from([1e-8, 1e-3, 0.5]), decays)
def test_adamw(seed, lr, betas, eps, weight_decay):
    options = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    compare(optim.AdamW, lambda x, g, **o: adam(x, g, **o, decoupled=True), options, seed)


@given(seeds, rates, shares, decays, st.sampled_from([0.0, 0.9]), st.booleans())
def test_rmsprop(seed, lr, alpha, weight_decay, momentum, centered):
    options = {"lr": lr, "alpha": alpha, "weight_decay": weight_decay, "momentum": momentum}
    compare(optim.RMSprop, rmsprop, options | {"eps": 1e-3, "centered": centered}, seed)


EVERY = [
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {"weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("make", "options"), EVERY)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape_stay(make, options, shape, dtype):
    parameter = tg.Parameter(np.full(shape, 2.0), dtype)
    values = parameter.data
    # NumPy's numbers must not widen float32
    optimizer = make([parameter], lr=np.float64(0.1), **options)
    for _ in range(3):
        parameter.grad = tg.tensor(np.full(shape, 0.5), dtype)
        optimizer.step()
    assert parameter.data is values  # in place
    assert values.dtype == dtype
    assert values.shape == shape
    assert (values < 2.0).all()
    for name, value in optimizer.state_dict().items():
        if name.startswith("state") and not name.endswith("step"):
            assert (value.dtype, value.shape) == (np.dtype(dtype), shape)


@pytest.mark.parametrize(
    ("make", "defaults"),
    [
        (
            optim.SGD,
            {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False},
        ),
        (optim.Adam, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}),
        (optim.AdamW, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 1e-2}),
        (
            optim.RMSprop,
            {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0}
            | {"centered": False},
        ),
    ],
)
def test_defaults_are_pytorch_s(make, defaults):
    group = make([tg.Parameter([1.0])]).param_groups[0]
    assert {name: value for name, value in group.items() if name != "params"} == defaults


def test_centred_rmsprop_survives_a_constant_gradient():
    parameter = tg.Parameter(np.ones(50), "float32")
    grad = tg.tensor(np.random.default_rng(0).normal(size=50), "float32")
    optimizer = optim.RMSprop([parameter], lr=1e-6, alpha=0.5, eps=1e-3, centered=True)
    for _ in range(60):
        parameter.grad = grad
        optimizer.step()
    assert np.isfinite(parameter.data).all()
