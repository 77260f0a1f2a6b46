"""Adding, copying and looking ahead: right tasks, right baselines, and networks that learn."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.examples import adding, bidirectional, copy_memory, sequences
from tinygrad_lite.tensor import asarray

ROOT = Path(__file__).parents[2]


# -- what they share ------------------------------------------------------------------------------


def test_a_cell_told_to_remember_keeps_for_up_to_its_span():
    lstm = layers.LSTM(2, 500)
    sequences.remember(lstm, 101)
    i, f = lstm.bias_ih_l0.data[:500], lstm.bias_ih_l0.data[500:1000]
    np.testing.assert_array_equal(i, -f)
    keep = 1 / (1 - 1 / (1 + np.exp(-f)))  # steps until 1/e, where nothing is put in
    assert 2 <= keep.min() < 4
    assert 98 < keep.max() <= 101
    assert (lstm.bias_hh_l0.data[:1000] == 0).all()
    assert (lstm.bias_hh_l0.data[1000:] != 0).all()


@pytest.mark.parametrize("both", [False, True])
def test_a_reader_answers_at_each_step(both):
    reader = sequences.Reader("gru", 3, 4, 2, bidirectional=both)
    assert reader(tg.randn(5, 6, 3)).shape == (5, 6, 2)


def test_cross_entropy_is_the_mean_over_steps():
    outputs, targets = tg.randn(3, 4, 5), np.arange(12).reshape(3, 4) % 5
    each = [
        F.cross_entropy(outputs[n, t], asarray(targets[n, t])).item()
        for n in range(3)
        for t in range(4)
    ]
    loss = sequences.cross_entropy(outputs, asarray(targets)).item()
    assert loss == pytest.approx(np.mean(each), rel=1e-5)


def test_a_race_is_fair_and_ends_where_it_is_won(capsys):
    def task(n):
        x = tg.randn(n, 2, 2).numpy()
        return x, x[:, :, :1]

    def make(name):
        return sequences.Reader(name, hidden=8)

    def run(*networks):
        options = {"loss": F.mse_loss, "epochs": 3, "plain": True, "lr": 0.02}
        return sequences.race(make, task, 0, 0.02, networks, **options)

    def score(outcome):
        return outcome.loss, outcome.steps, outcome.solved

    lstm, gru = run("lstm", "gru")
    assert score(gru) == score(*run("gru"))  # company changes nothing
    for outcome in (lstm, gru):
        assert outcome.steps in (100, 200, 300)
        assert outcome.solved == (outcome.loss < 0.02)
        assert outcome.solved or outcome.steps == 300
    sequences.show_outcomes("title", "loss", ("none", 1.0), [lstm, gru], True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert [line.split()[0] for line in out.splitlines()[-3:]] == ["none", "lstm", "gru"]


def test_progress_is_silent_in_a_pipe(capsys):
    assert list(sequences.track(range(3), 3, "label", False)) == [0, 1, 2]
    assert capsys.readouterr().out == ""


# -- adding ---------------------------------------------------------------------------------------


def test_additions():
    x, y = adding.additions(200, 11)
    assert x.shape == (200, 11, 2)
    assert y.shape == (200, 1)
    assert x.dtype == y.dtype == np.float32
    for (numbers, marks), (total,) in zip(x.swapaxes(1, 2), y, strict=True):
        first, second = np.flatnonzero(marks)
        assert first < 5 <= second
        assert total == pytest.approx(numbers[first] + numbers[second])
    assert (x[..., 0] >= 0).all()
    assert (x[..., 0] < 1).all()
    assert len(np.unique(x[..., 1].argmax(axis=1))) == 5


def test_the_baseline_of_adding():
    _, y = adding.additions(100_000, 4)
    assert ((y - 1) ** 2).mean() == pytest.approx(adding.BASELINE, rel=0.02)


def test_short_sums_are_learned(capsys):
    tg.seed(0)
    net = adding.Adder("gru", hidden=16)
    history = sequences.learn(net, lambda n: adding.additions(n, 6), F.mse_loss, 4, True)
    assert history["val_loss"][-1] < 0.05 * adding.BASELINE
    assert history["loss"] == sorted(history["loss"], reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lstm_and_gru_add_where_the_rnn_does_not(seed):
    for outcomes in adding.main(seed=seed, plain=True).values():
        rnn, lstm, gru = outcomes
        assert lstm.solved
        assert gru.solved
        assert max(lstm.loss, gru.loss) < adding.ENOUGH
        assert rnn.loss > 0.9 * adding.BASELINE


# -- copying --------------------------------------------------------------------------------------


def test_copies():
    x, y = copy_memory.copies(50, span=3, delay=4)
    assert x.shape == (50, 10, 10)
    assert (x.sum(axis=-1) == 1).all()
    read = x.argmax(axis=-1)
    assert (read[:, 7] == copy_memory.SIGNAL).all()
    assert (read[:, [3, 4, 5, 6, 8, 9]] == 0).all()
    assert set(np.unique(read[:, :3])) == set(range(1, 9))
    np.testing.assert_array_equal(y[:, -3:], read[:, :3])
    assert (y[:, :-3] == 0).all()


def test_the_baseline_of_copying_is_reached_by_blanks_and_guesses():
    _, y = copy_memory.copies(10, span=3, delay=4)
    odds = np.full((10, 10, 9), 1e-30)  # float32 has no smaller log worth the name
    odds[:, :7, 0] = 1
    odds[:, 7:, 1:] = 1 / 8
    loss = sequences.cross_entropy(tg.tensor(np.log(odds)), asarray(y)).item()
    assert loss == pytest.approx(copy_memory.baseline(3, 4), rel=1e-5)


def test_recall_counts_symbols_only():
    targets = np.array([[0, 0, 3, 4]])
    outputs = np.eye(9)[[[1, 1, 3, 5]]]
    assert copy_memory.recalled(outputs, targets) == 0.5


def test_a_short_copy_is_learned():
    tg.seed(0)
    net = copy_memory.Copier(hidden=32)
    loss = sequences.cross_entropy
    history = sequences.learn(net, lambda n: copy_memory.copies(n, 1, 2), loss, 2, True, lr=0.02)
    assert history["val_loss"][-1] < 0.1 * copy_memory.baseline(1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lstm_and_gru_copy_where_the_rnn_does_not(seed):
    rnn, lstm, gru = copy_memory.main(seed=seed, plain=True)
    assert lstm.solved
    assert gru.solved
    assert rnn.loss > 0.9 * copy_memory.baseline()


# -- looking ahead --------------------------------------------------------------------------------


def test_coins():
    x, y = bidirectional.coins(40, 7)
    assert x.shape == (40, 7, 1)
    assert set(np.unique(x)) == {-1, 1}
    for coins, answers in zip(x[..., 0], y, strict=True):
        assert (answers == (list(coins).count(1) > list(coins).count(-1))).all()


@pytest.mark.parametrize("length", [1, 3, 5])
def test_the_floor_is_that_of_all_sequences(length):
    """Go through every sequence, and count the endings of every beginning."""
    everything = list(itertools.product((0, 1), repeat=length))
    entropy = accuracy = 0.0
    for sequence in everything:
        for t in range(1, length + 1):
            same = [other for other in everything if other[:t] == sequence[:t]]
            p = np.mean([sum(other) > length / 2 for other in same])
            won = sum(sequence) > length / 2
            entropy -= np.log(p if won else 1 - p)
            accuracy += max(p, 1 - p)
    steps = len(everything) * length
    assert bidirectional.floor(length) == pytest.approx((entropy / steps, accuracy / steps))


def test_only_two_directions_get_below_the_floor(capsys):
    results = bidirectional.main(epochs=2, plain=True)
    entropy, accuracy = bidirectional.floor()
    assert results["one direction"]["loss"] > entropy - 0.01
    assert results["one direction"]["accuracy"] < accuracy + 0.01
    assert results["both"]["accuracy"] > 0.95
    out = capsys.readouterr().out
    assert "best without the future" in out
    assert "\x1b" not in out


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_one_direction_reaches_the_floor_and_two_go_through(seed):
    results = bidirectional.main(seed=seed, plain=True)
    entropy, accuracy = bidirectional.floor()
    assert results["one direction"]["loss"] == pytest.approx(entropy, abs=0.005)
    assert results["one direction"]["accuracy"] == pytest.approx(accuracy, abs=0.01)
    assert results["both"]["accuracy"] > 0.999


# -- on the command line --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adding", "copy", "charlm", "bidirectional", "sunspots"])
def test_they_are_in_the_gallery(name):
    model = tg.plugins.models.get(name)
    assert callable(sys.modules[model.__module__].main)
