"""The restricted Boltzmann machine against sums over all its states."""

import math
from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers

CLOSE = {"rtol": 0, "atol": 1e-10}


def states(n):
    return np.array(list(product((0.0, 1.0), repeat=n)))


def energy(rbm, v, h):
    """E(v, h) in loops."""
    w, b, c = rbm.weight.data, rbm.visible_bias.data, rbm.hidden_bias.data
    total = 0.0
    for i in range(len(v)):
        total -= b[i] * v[i]
    for j in range(len(h)):
        total -= c[j] * h[j]
        for i in range(len(v)):
            total -= h[j] * w[j, i] * v[i]
    return total


def joint(rbm):
    """P(v, h) of every pair of states, (2^n_visible, 2^n_hidden), and log Z."""
    weights = np.array(
        [[math.exp(-energy(rbm, v, h)) for h in states(rbm.n_hidden)]
         for v in states(rbm.n_visible)]
    )  # fmt: skip
    return weights / weights.sum(), math.log(weights.sum())


@pytest.fixture(params=[(4, 3), (3, 4), (2, 1)], ids=str)
def rbm(request, rng):
    return randomised(layers.RBM(*request.param), rng)


def randomised(rbm, rng):
    """Weights large enough for the units to depend on one another."""
    rbm.astype("float64")
    for p in rbm.parameters():
        p.data = rng.standard_normal(p.shape)
    return rbm


def test_energy(rbm):
    pairs = list(product(states(rbm.n_visible), states(rbm.n_hidden)))
    v, h = (np.array(part) for part in zip(*pairs, strict=True))
    expected = [energy(rbm, a, b) for a, b in pairs]
    np.testing.assert_allclose(rbm.energy(v, h).data, expected, **CLOSE)


def test_free_energy_sums_over_all_hidden_states(rbm):
    v = states(rbm.n_visible)
    expected = [
        -math.log(sum(math.exp(-energy(rbm, a, h)) for h in states(rbm.n_hidden))) for a in v
    ]
    np.testing.assert_allclose(rbm.free_energy(v).data, expected, **CLOSE)


def test_free_energy_of_many_units_does_not_overflow():
    rbm = layers.RBM(2, 2)
    rbm.weight.data[...] = 1e4
    assert rbm.free_energy(np.ones((1, 2))).data == pytest.approx(-4e4)


def test_conditional_probabilities(rbm):
    p, _ = joint(rbm)
    v, h = states(rbm.n_visible), states(rbm.n_hidden)
    p_h = (p @ h) / p.sum(axis=1, keepdims=True)
    p_v = (p.T @ v) / p.sum(axis=0)[:, None]
    np.testing.assert_allclose(rbm(v).data, p_h, **CLOSE)
    np.testing.assert_allclose(rbm.visible(h).data, p_v, **CLOSE)


def test_reconstruct(rbm, rng):
    v = rng.random((5, rbm.n_visible))
    np.testing.assert_array_equal(rbm.reconstruct(v).data, rbm.visible(rbm(v)).data)
    assert not np.array_equal(rbm.reconstruct(v).data, v)


def test_log_partition(rbm):
    assert rbm.log_partition() == pytest.approx(joint(rbm)[1], abs=1e-10)


def test_log_partition_of_more_than_twelve_units(rng):
    """With W = 0 it is a product; above 12 units the sum is taken in portions."""
    for sizes in [(13, 14), (14, 13)]:
        rbm = randomised(layers.RBM(*sizes), rng)
        rbm.weight.data[...] = 0
        biases = np.concatenate([rbm.visible_bias.data, rbm.hidden_bias.data])
        assert rbm.log_partition() == pytest.approx(np.log1p(np.exp(biases)).sum(), abs=1e-9)
        rbm.weight.data[...] = 0.3 * rng.standard_normal(rbm.weight.shape)
        # the same machine with its layers exchanged
        mirror = layers.RBM(*reversed(sizes)).astype("float64")
        mirror.load_state_dict(
            {
                "weight": rbm.weight.data.T,
                "visible_bias": rbm.hidden_bias.data,
                "hidden_bias": rbm.visible_bias.data,
            }
        )
        assert rbm.log_partition() == pytest.approx(mirror.log_partition(), abs=1e-9)


def test_log_likelihood(rbm):
    marginal = np.log(joint(rbm)[0].sum(axis=1))
    v = states(rbm.n_visible)
    assert rbm.log_likelihood(v) == pytest.approx(marginal.mean(), abs=1e-10)
    assert rbm.log_likelihood(v[:1]) == pytest.approx(marginal[0], abs=1e-10)


def test_gibbs_reaches_the_machines_distribution(rng):
    """The empirical distribution of 20,000 chains against the exact marginal of v (chi-square)."""
    rbm = randomised(layers.RBM(3, 2), rng)
    exact, count = joint(rbm)[0].sum(axis=1), 20_000
    v = rbm.gibbs(np.zeros((count, 3)), 60).data
    seen = np.bincount((v @ [4, 2, 1]).astype(int), minlength=8)
    chi_square = ((seen - count * exact) ** 2 / (count * exact)).sum()
    assert chi_square < 24.3  # 99.9 % of a chi-square distribution with 7 degrees of freedom


def test_one_gibbs_step_follows_the_transition_probabilities(rng):
    rbm = randomised(layers.RBM(2, 2), rng)
    p, count = joint(rbm)[0], 20_000
    start = 2  # v = (1, 0)
    p_h = p[start] / p[start].sum()
    exact = (p / p.sum(axis=0)) @ p_h
    v = rbm.gibbs(np.tile([1.0, 0.0], (count, 1)), 1).data
    seen = np.bincount((v @ [2, 1]).astype(int), minlength=4)
    assert ((seen - count * exact) ** 2 / (count * exact)).sum() < 16.3  # 99.9 %, 3 degrees


def test_gibbs_without_steps_is_where_it_started():
    rbm, v = layers.RBM(3, 2), np.array([[0.0, 1.0, 0.5]])
    np.testing.assert_array_equal(rbm.gibbs(v, 0).data, v)


def test_samples_are_binary_and_off_the_graph():
    rbm = layers.RBM(3, 2)
    v = rbm.gibbs(tg.full((50, 3), 0.5), 3)
    assert set(np.unique(v.data)) == {0.0, 1.0}
    assert v.dtype == np.float32
    assert not v.requires_grad


@pytest.mark.parametrize("k", [1, 3])
def test_cd_gradient_is_the_difference_of_statistics(rng, k):
    """-(<v h> of the data - <v h> of the dream), in loops."""
    rbm = randomised(layers.RBM(4, 3, k=k), rng)
    data = (rng.random((6, 4)) < 0.5).astype(float)
    tg.seed(3)
    dream = rbm.gibbs(data, k).data
    assert not np.array_equal(dream, data)
    tg.seed(3)
    rbm.contrastive_divergence(data).backward()
    w, b, c = np.zeros((3, 4)), np.zeros(4), np.zeros(3)
    for samples, sign in [(data, -1), (dream, 1)]:
        for v in samples:
            h = [
                1 / (1 + math.exp(-rbm.hidden_bias.data[j] - rbm.weight.data[j] @ v))
                for j in range(3)
            ]
            for i, j in product(range(4), range(3)):
                w[j, i] += sign * v[i] * h[j] / len(samples)
            b += sign * v / len(samples)
            c += sign * np.array(h) / len(samples)
    np.testing.assert_allclose(rbm.weight.grad.data, w, **CLOSE)
    np.testing.assert_allclose(rbm.visible_bias.grad.data, b, **CLOSE)
    np.testing.assert_allclose(rbm.hidden_bias.grad.data, c, **CLOSE)


def test_cd_gradient_in_equilibrium_is_that_of_the_log_likelihood(rng):
    """Long dreams make CD an estimate of -d log P(data)."""
    rbm = randomised(layers.RBM(3, 2, k=40), rng)
    data = np.tile([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], (4000, 1))
    rbm.contrastive_divergence(data).backward()
    p, _ = joint(rbm)
    model = p.T @ states(3)  # <v; h>
    model_vh = states(2).T @ model
    data_vh = rbm(data).data.T @ data / len(data)
    np.testing.assert_allclose(rbm.weight.grad.data, model_vh - data_vh, atol=0.03)


def test_the_gradient_of_the_free_energy(rng):
    rbm = randomised(layers.RBM(3, 2), rng)
    v = tg.tensor(rng.random((2, 3)), requires_grad=True)
    tg.gradcheck(lambda v, *_: rbm.free_energy(v), [v, *rbm.parameters()])
    h = tg.tensor(rng.random((2, 2)), requires_grad=True)
    tg.gradcheck(lambda v, h, *_: rbm.energy(v, h), [v, h, *rbm.parameters()])


def test_training_raises_the_likelihood_and_ignores_labels():
    rbm, data = layers.RBM(4, 3), np.array([[1, 1, 0, 0], [0, 0, 1, 1]] * 5, np.float32)
    before = rbm.log_likelihood(data)
    for _ in range(150):
        rbm.zero_grad()
        rbm.training_step(data, np.arange(10)).backward()
        for p in rbm.parameters():
            p.data -= 0.5 * p.grad.data
    assert rbm.log_likelihood(data) > before + 0.5
    assert rbm.log_likelihood(data) < math.log(0.5) + 1e-6


class TestPersistentChains:
    def test_go_on_where_they_ended(self, rng, monkeypatch):
        rbm = randomised(layers.RBM(4, 3, k=2, persistent=True), rng)
        starts, ends = record_gibbs(rbm, monkeypatch)
        data = (rng.random((5, 4)) < 0.5).astype(float)
        for _ in range(3):
            rbm.contrastive_divergence(data)
        np.testing.assert_array_equal(starts[0], data)
        np.testing.assert_array_equal(starts[1], ends[0])
        np.testing.assert_array_equal(starts[2], ends[1])

    def test_a_smaller_batch_keeps_the_other_chains(self, rng, monkeypatch):
        rbm = randomised(layers.RBM(4, 3, persistent=True), rng)
        starts, ends = record_gibbs(rbm, monkeypatch)
        data = (rng.random((5, 4)) < 0.5).astype(float)
        for batch in (data, data[:2], data):
            rbm.contrastive_divergence(batch)
        np.testing.assert_array_equal(starts[1], ends[0][:2])
        np.testing.assert_array_equal(starts[2], np.concatenate([ends[1], ends[0][2:]]))

    def test_a_larger_batch_starts_anew(self, rng, monkeypatch):
        rbm = randomised(layers.RBM(4, 3, persistent=True), rng)
        starts, _ = record_gibbs(rbm, monkeypatch)
        data = (rng.random((5, 4)) < 0.5).astype(float)
        rbm.contrastive_divergence(data[:2])
        rbm.contrastive_divergence(data)
        np.testing.assert_array_equal(starts[1], data)

    def test_follow_the_dtype(self):
        rbm = layers.RBM(4, 3, persistent=True)
        rbm.contrastive_divergence(np.ones((2, 4)))
        assert rbm.astype("float64").contrastive_divergence(np.ones((2, 4))).dtype == np.float64

    def test_without_them_every_dream_starts_from_the_data(self, rng, monkeypatch):
        rbm = randomised(layers.RBM(4, 3), rng)
        starts, _ = record_gibbs(rbm, monkeypatch)
        data = (rng.random((5, 4)) < 0.5).astype(float)
        for _ in range(2):
            rbm.contrastive_divergence(data)
        np.testing.assert_array_equal(starts, [data, data])


def record_gibbs(rbm, monkeypatch):
    """Return lists that collect where each dream starts and ends."""
    starts, ends, gibbs = [], [], rbm.gibbs

    def recording(v, steps):
        end = gibbs(v, steps)
        starts.append(v.data.copy())
        ends.append(end.data.copy())
        return end

    monkeypatch.setattr(rbm, "gibbs", recording)
    return starts, ends
