"""RBMs: features worth more than chance, and a likelihood near the best that there is."""

import itertools

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.data import digits
from tinygrad_lite.examples import bars_and_stripes, rbm


def test_digits_in_a_few_epochs(capsys):
    assert rbm.main(epochs=5, seed=0, plain=True) > 0.8  # 95 % after 30
    out = capsys.readouterr().out
    assert "\x1b" not in out
    for part in ("Held-out digits", "one way up and down", "Dreams", "filters", "held-out digits:"):
        assert part in out
    assert max(map(len, out.splitlines())) <= 100


def test_patterns_are_the_thirty():
    data = bars_and_stripes.patterns()
    assert len(np.unique(data, axis=0)) == len(data) == 2**4 + 2**4 - 2
    for image in data.reshape(-1, 4, 4):
        assert (image == image[:, :1]).all() or (image == image[:1]).all()


def test_bars_and_stripes(capsys):
    assert bars_and_stripes.main(seed=0, plain=True) >= -np.log(30) - 0.3
    assert "30 of the 30 patterns" in capsys.readouterr().out


def likelihood_by_brute_force(model, data):
    """Sum exp(-E(v, h)) over every pair of a visible and a hidden state, nothing factorised."""
    w, b, c = (p.data.astype(float) for p in (model.weight, model.visible_bias, model.hidden_bias))

    def states(n):
        return np.array(list(itertools.product((0.0, 1.0), repeat=n)))

    def joint(v, h):
        return np.exp(v @ b + h @ c + h @ w @ v)

    hidden = states(model.n_hidden)
    z = sum(joint(v, h) for v in states(model.n_visible) for h in hidden)
    return np.mean([np.log(sum(joint(v, h) for h in hidden) / z) for v in data])


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(6, 3), (3, 6), (4, 4)])
def test_log_likelihood_against_brute_force(rng, n_visible, n_hidden):
    model = layers.RBM(n_visible, n_hidden)
    for parameter in model.parameters():
        parameter.data = rng.standard_normal(parameter.shape).astype(np.float32)
    data = rng.integers(0, 2, (5, n_visible)).astype(np.float32)
    expected = likelihood_by_brute_force(model, data)
    assert model.log_likelihood(data) == pytest.approx(expected, abs=1e-5)


def test_probabilities_of_all_sixteen_pixel_images_sum_to_one(rng):
    model = bars_and_stripes.BarsAndStripesRBM()
    model.weight.data = rng.standard_normal((16, 16)).astype(np.float32)
    images = ((np.arange(2**16)[:, None] >> np.arange(16)) & 1).astype(np.float32)
    with tg.no_grad():
        log_p = -model.free_energy(images).numpy().astype(float) - model.log_partition()
    assert np.exp(log_p).sum() == pytest.approx(1.0, abs=1e-4)
    assert model.log_likelihood(images) == pytest.approx(log_p.mean(), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_default_settings_reach_the_bar(seed):
    assert rbm.main(seed=seed, plain=True) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_ahead_of_scikit_learn_at_the_same_budget(seed):
    """Same hidden units, epochs, batches, and softmax; the best of its learning rates counts."""
    network = pytest.importorskip("sklearn.neural_network")
    train, test = digits()
    x, x_test = train.x.reshape(-1, 64), test.x.reshape(-1, 64)
    scores = []
    for rate in (0.01, 0.06, 0.1):
        theirs = network.BernoulliRBM(
            200, learning_rate=rate, batch_size=32, n_iter=30, random_state=seed
        ).fit(x)
        features, features_test = (
            theirs.transform(part).astype(np.float32) for part in (x, x_test)
        )
        tg.seed(seed)
        softmax, measures = layers.Dense(200, 10), {"loss": tg.functional.cross_entropy}
        rbm.learn(softmax, (features, train.y), 0.05, 30, True, **measures)
        scores.append((softmax(features_test).numpy().argmax(axis=1) == test.y).mean())
    assert rbm.main(seed=seed, plain=True) > max(scores)
