"""Normalisation: both faces agree; running statistics; what has no variance."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels
from tinygrad_lite.modes import observe

CALLS = {
    "layer_norm": lambda x, w, b: F.layer_norm(x.swapaxes(1, 2), 6, w, b),
    "group_norm": lambda x, w, b: F.group_norm(x, 2, w, b),
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "instance_norm": lambda x, w, b: F.instance_norm(x, None, None, w, b),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", ["none", "weight", "bias", "both"])
@pytest.mark.parametrize("name", CALLS)
def test_kernel_and_reference_agree(rng, name, affine, dtype):
    data = 3 * rng.standard_normal((4, 6, 5)) + 1
    weights = [
        rng.standard_normal(6) if affine in (n, "both") else None for n in ("weight", "bias")
    ]
    answers = []
    for context in (tg.enable_grad(), tg.reference()):
        x, w, b = (
            None if a is None else tg.tensor(a, dtype, requires_grad=True) for a in (data, *weights)
        )
        with context:
            y = CALLS[name](x, w, b)
        y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
        answers.append([y, *(p.grad for p in (x, w, b) if p is not None)])
    for kernel, reference in zip(*answers, strict=True):
        assert kernel.dtype == reference.dtype == dtype
        atol = 1e-12 if dtype == "float64" else 2e-5
        np.testing.assert_allclose(kernel.data, reference.data, atol=atol)


@pytest.mark.skipif(not kernels.available(), reason="without kernels references run")
@pytest.mark.parametrize("name", CALLS)
def test_one_op_on_the_graph(name):
    """Training does not walk over the ten ops of the reference."""
    x, w, b = tg.rand(4, 6, 5), tg.ones(6, requires_grad=True), tg.zeros(6, requires_grad=True)
    seen = []
    with observe(lambda op, args, y: seen.append(op.name)):
        CALLS[name](x, w, b)
    assert [s for s in seen if s not in ("reshape", "swapaxes", "pick")] == [name]


@pytest.mark.parametrize("name", CALLS)
def test_a_large_mean_costs_no_digits(rng, name):
    data = rng.standard_normal((4, 6, 5))
    near, far = (CALLS[name](tg.tensor(data + shift), None, None) for shift in (0.0, 1e6))
    np.testing.assert_allclose(far.data, near.data, atol=1e-8)


@pytest.mark.parametrize("kind", [np.array, tg.tensor])
@pytest.mark.parametrize("reference", [False, True])
def test_running_statistics_move_in_place(rng, kind, reference):
    data = rng.standard_normal((4, 3, 5))
    mean, var = kind(np.zeros(3)), kind(np.ones(3))
    x = tg.tensor(data, requires_grad=True)
    with tg.reference() if reference else tg.enable_grad():
        F.batch_norm(x, mean, var, training=True, momentum=0.25)
    per_channel = data.swapaxes(0, 1).reshape(3, 20)
    np.testing.assert_allclose(np.asarray(mean), 0.25 * per_channel.mean(1))
    np.testing.assert_allclose(np.asarray(var), 0.75 + 0.25 * per_channel.var(1, ddof=1))


def test_evaluation_uses_and_keeps_the_running_statistics():
    mean, var = np.array([1.0, 2.0]), np.array([4.0, 9.0])
    x = tg.tensor([[3.0, 8.0]], requires_grad=True)
    y = F.batch_norm(x, mean, var, tg.tensor([1.0, 10.0]), tg.tensor([0.0, 1.0]), eps=0.0)
    y.sum().backward()
    np.testing.assert_allclose(y.data, [[1.0, 21.0]], rtol=1e-6)
    np.testing.assert_allclose(x.grad.data, [[0.5, 10 / 3]], rtol=1e-6)
    assert (mean.tolist(), var.tolist()) == ([1.0, 2.0], [4.0, 9.0])


def test_running_statistics_of_scalars(rng):
    data = rng.standard_normal((4, 2))
    found = []
    for x in (tg.tensor(data), tg.tensor(tg.tensor(data, requires_grad=True).scalars())):
        running = [np.zeros(2), np.ones(2)]
        F.batch_norm(x, *running, training=True)
        found.append(running)
    np.testing.assert_allclose(*found, rtol=1e-14)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_normalize_leaves_zeros(p):
    x = tg.zeros(2, 3, requires_grad=True)
    y = F.normalize(x, p)
    y.sum().backward()
    assert not y.data.any()
    assert np.isfinite(x.grad.data).all()


def test_constant_features_have_a_finite_gradient():
    x = tg.ones(2, 3, requires_grad=True)
    y = F.layer_norm(x, 3)
    y.backward(np.array([[1.0, 2.0, 3.0]] * 2))
    assert not y.data.any()
    np.testing.assert_allclose(x.grad.data, [[-(1e5**0.5), 0, 1e5**0.5]] * 2, rtol=1e-5)
