"""Ops that draw random numbers: their statistics, and that a seed repeats them."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F

DRAWS = {
    "rand": lambda: tg.rand(50),
    "randn": lambda: tg.randn(50),
    "randint": lambda: tg.randint(0, 1000, 50),
    "bernoulli": lambda: tg.bernoulli(tg.full(50, 0.5)),
    "dropout": lambda: tg.dropout(tg.ones(50)),
    "dropout1d": lambda: F.dropout1d(tg.ones(1, 50, 2)),
    "dropout2d": lambda: F.dropout2d(tg.ones(1, 50, 2, 2)),
    "alpha_dropout": lambda: F.alpha_dropout(tg.ones(50), training=True),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_repeats(name):
    draws = []
    for seed in (1, 1, 2):
        tg.seed(seed)
        draws.append(DRAWS[name]().tolist())
    assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_the_gradient(p, dtype):
    x = tg.ones(20_000, dtype=dtype, requires_grad=True)
    y = tg.dropout(x, p)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    assert {*np.unique(y.data).round(5)} == {0, np.asarray(1 / (1 - p), dtype).round(5)}
    assert np.mean(y.data == 0) == pytest.approx(p, abs=0.02)
    np.testing.assert_array_equal(x.grad.data, y.data)  # as x is 1


def test_dropout_at_its_ends():
    x = tg.ones(9)
    assert tg.dropout(x, 0.0) is x
    assert tg.dropout(x, 0.5, training=False) is x
    assert not tg.dropout(x, 1.0).data.any()


def test_dropout_scales_exactly_in_float64():
    y = tg.dropout(tg.ones(50, dtype="float64"), 0.1)
    assert {*y.tolist()} == {0.0, 1 / 0.9}


@pytest.mark.parametrize(
    ("drop", "shape", "axes"),
    [
        (F.dropout1d, (20_000, 3), (1,)),
        (F.dropout1d, (100, 200, 3), (2,)),
        (F.dropout2d, (20_000, 3, 2), (1, 2)),
        (F.dropout2d, (100, 200, 3, 2), (2, 3)),
    ],
)
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_whole_channels_are_dropped(drop, shape, axes, p):
    x = tg.ones(*shape, requires_grad=True)
    y = drop(x, p)
    y.sum().backward()
    np.testing.assert_array_equal(y.data.min(axes), y.data.max(axes))
    channels = y.data.min(axes)
    assert {*channels.ravel().round(5)} == {0, np.float32(1 / (1 - p)).round(5)}
    assert np.mean(channels == 0) == pytest.approx(p, abs=0.015)
    np.testing.assert_array_equal(x.grad.data, y.data)
    if channels.ndim == 2:  # drawn anew for each sample
        assert len(np.unique(channels, axis=0)) == len(channels)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("p", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(p, dtype):
    x = tg.randn(200_000).astype(dtype).requires_grad_()
    y = F.alpha_dropout(x, p, training=True)
    assert y.dtype == dtype
    assert y.data.mean() == pytest.approx(0, abs=0.015)
    assert y.data.std() == pytest.approx(1, abs=0.015)
    lowest, counts = np.unique(y.data, return_counts=True)
    assert counts.max() / y.size == pytest.approx(p, abs=0.01)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data == 0, y.data == lowest[counts.argmax()])


def test_alpha_dropout_at_its_ends():
    x = tg.ones(9)
    assert F.alpha_dropout(x) is x
    assert F.alpha_dropout(x, 0.0, training=True) is x
    assert not F.alpha_dropout(x, 1.0, training=True).data.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bernoulli_draws_with_the_given_probabilities(dtype):
    p = tg.tensor(np.repeat([[0.0], [0.2], [1.0]], 20_000, axis=1), dtype, requires_grad=True)
    draws = tg.bernoulli(p)
    assert draws.dtype == dtype
    assert not draws.requires_grad
    np.testing.assert_allclose(draws.data.mean(axis=1), [0, 0.2, 1], atol=0.01)


def test_rand_and_randn_have_their_distributions():
    uniform, normal, whole = tg.rand(20_000), tg.randn(200, 100), tg.randint(-2, 3, 20_000)
    assert uniform.dtype == normal.dtype == np.float32
    assert 0 <= uniform.data.min() < 0.01 < 0.99 < uniform.data.max() < 1
    assert normal.data.mean() == pytest.approx(0, abs=0.03)
    assert normal.data.std() == pytest.approx(1, abs=0.03)
    assert {*whole.tolist()} == {-2, -1, 0, 1, 2}
