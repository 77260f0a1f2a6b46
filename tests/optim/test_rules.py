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


def nadam(x, grads, lr, betas, eps, weight_decay, momentum_decay):
    m = v = 0.0
    mu = [betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(grads) + 2)]
    for t, g in enumerate(grads, start=1):
        g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        m_hat = mu[t + 1] * m / (1 - math.prod(mu[1 : t + 2]))
        m_hat += (1 - mu[t]) * g / (1 - math.prod(mu[1 : t + 1]))
        x = x - lr * m_hat / (math.sqrt(v / (1 - betas[1] ** t)) + eps)
    return x


def radam(x, grads, lr, betas, eps, weight_decay):
    m = v = 0.0
    limit = 2 / (1 - betas[1]) - 1
    for t, g in enumerate(grads, start=1):
        g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        step = m / (1 - betas[0] ** t)
        rho = limit - 2 * t * betas[1] ** t / (1 - betas[1] ** t)
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            step *= r * math.sqrt(1 - betas[1] ** t) / (math.sqrt(v) + eps)
        x = x - lr * step
    return x


def adagrad(x, grads, lr, lr_decay, weight_decay, initial_accumulator_value, eps):
    total = initial_accumulator_value
    for t, g in enumerate(grads):
        g = g + weight_decay * x
        total += g**2
        x = x - lr / (1 + t * lr_decay) * g / (math.sqrt(total) + eps)
    return x


def adadelta(x, grads, lr, rho, eps, weight_decay):
    v = u = 0.0
    for g in grads:
        g = g + weight_decay * x
        v = rho * v + (1 - rho) * g**2
        delta = math.sqrt(u + eps) / math.sqrt(v + eps) * g
        u = rho * u + (1 - rho) * delta**2
        x = x - lr * delta
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


@given(seeds, rates, st.tuples(shares, shares), decays, st.sampled_from([0.0, 4e-3, 0.5]))
def test_nadam(seed, lr, betas, weight_decay, momentum_decay):
    options = {"lr": lr, "betas": betas, "eps": 1e-3, "weight_decay": weight_decay}
    compare(optim.NAdam, nadam, options | {"momentum_decay": momentum_decay}, seed)


@given(seeds, rates, st.tuples(shares, st.floats(0.5, 0.999)), decays)
def test_radam(seed, lr, betas, weight_decay):
    options = {"lr": lr, "betas": betas, "eps": 1e-3, "weight_decay": weight_decay}
    compare(optim.RAdam, radam, options, seed)


@given(seeds, rates, st.sampled_from([0.0, 0.3]), decays, st.sampled_from([0.0, 0.5]))
def test_adagrad(seed, lr, lr_decay, weight_decay, start):
    options = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": 1e-3}
    compare(optim.Adagrad, adagrad, options | {"initial_accumulator_value": start}, seed)


@given(seeds, rates, shares, st.sampled_from([1e-6, 1e-2]), decays)
def test_adadelta(seed, lr, rho, eps, weight_decay):
    options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
    compare(optim.Adadelta, adadelta, options, seed)


EVERY = [
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adam, {"weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    (optim.NAdam, {"weight_decay": 0.1}),
    (optim.RAdam, {"weight_decay": 0.1, "betas": (0.9, 0.8)}),
    (optim.Adagrad, {"weight_decay": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    (optim.Adadelta, {"weight_decay": 0.1}),
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
        if name.startswith("state") and not name.endswith(("step", "mu_product")):
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
        (
            optim.NAdam,
            {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}
            | {"momentum_decay": 4e-3},
        ),
        (optim.RAdam, {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}),
        (
            optim.Adagrad,
            {"lr": 1e-2, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0}
            | {"eps": 1e-10},
        ),
        (optim.Adadelta, {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0}),
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
