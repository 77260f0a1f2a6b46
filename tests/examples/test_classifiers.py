"""The five classifiers of the digits: what they consist of, and how well they do."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite.train.recipe import learn_digits

# name: (parameters by hand, held-out accuracy that every seed must reach)
NETS = {
    "dnn": (64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10, 0.965),
    "cnn": (None, 0.985),
    "rnn": (128 * (8 + 128 + 2) + 128 * 10 + 10, 0.96),
    "lstm": (4 * 128 * (8 + 128 + 2) + 128 * 10 + 10, 0.96),
    "gru": (3 * 128 * (8 + 128 + 2) + 128 * 10 + 10, 0.96),
}


@pytest.mark.parametrize("name", NETS)
def test_a_few_epochs_teach_most_digits(name, capsys):
    history = learn_digits(tg.plugins.models.get(name), epochs=4, plain=True)
    assert history["val_accuracy"][-1] > 0.8
    assert f"{tg.plugins.models.get(name).__name__}: " in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in NETS if NETS[name][0]])
def test_parameters(name):
    model = tg.plugins.models.get(name)()
    assert sum(p.size for p in model.parameters()) == NETS[name][0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", NETS)
def test_default_settings_reach_the_bar(name, seed):
    history = learn_digits(tg.plugins.models.get(name), seed=seed, plain=True)
    assert history["val_accuracy"][-1] >= NETS[name][1]
