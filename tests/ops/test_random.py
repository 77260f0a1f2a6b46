"""Ops that draw random numbers: their statistics, and that a seed repeats them."""

import numpy as np
import pytest

import tinygrad_lite as tg

DRAWS = {
    "rand": lambda: tg.rand(50),
    "randn": lambda: tg.randn(50),
    "randint": lambda: tg.randint(0, 1000, 50),
    "bernoulli": lambda: tg.bernoulli(tg.full(50, 0.5)),
    "dropout": lambda: tg.dropout(tg.ones(50)),
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
