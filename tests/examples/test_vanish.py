"""Vanishing gradients: what the lesson claims is what the run measures."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.examples import vanish


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_claims(seed):
    found = vanish.measure(steps=100, hidden=16, seed=seed)
    shares = {name: norms[0] / norms[-1] for name, norms in found.items()}
    assert [*found] == ["RNN", "GRU", "LSTM, bias 0", "LSTM, bias 1", "LSTM, bias log 100"]
    assert all(len(norms) == 100 for norms in found.values())
    assert shares["RNN"] < 1e-15
    assert shares["LSTM, bias 0"] < 1e-15
    assert shares["GRU"] < 1e-15
    assert 1e-10 < shares["LSTM, bias 1"] < 1e-5
    assert 0.1 < shares["LSTM, bias log 100"] < 100


def test_the_gate_begins_where_it_is_told():
    layer = vanish.BiasedLSTM(3, 4, forget_bias=2.5)
    bias = layer.bias_ih_l0.numpy() + layer.bias_hh_l0.numpy()
    np.testing.assert_array_equal(bias[4:8], np.float32(2.5))
    assert not (bias[:4] == 2.5).any()
    assert not (bias[8:] == 2.5).any()
    assert isinstance(layer, layers.LSTM)


def test_without_recurrent_weights_an_lstm_keeps_what_its_gate_keeps():
    """Then dc_t / dc_(t-1) is f alone, sigmoid of its bias where the input is zero."""
    layer = vanish.BiasedLSTM(vanish.FEATURES, 5, forget_bias=1.5)
    layer.weight_hh_l0.data[...] = layer.weight_ih_l0.data[...] = 0
    norms = vanish.norms(layer, 30)
    assert vanish.keeps(norms) == pytest.approx(1 / (1 + np.exp(-1.5)))


def test_keeps_and_reach():
    halved = 0.5 ** np.arange(99.0, -1, -1)
    assert vanish.keeps(halved) == pytest.approx(0.5)
    assert vanish.reach(halved) == 24  # 2^-23 is above 1e-7, 2^-24 below
    assert vanish.reach(np.ones(5)) is None


@pytest.mark.parametrize("columns", [60, 100])
def test_what_is_shown(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = vanish.main(steps=60, hidden=8, plain=True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= columns
    rnn = found["RNN"]
    said = " ".join(out.split())
    assert f"first memory gets {rnn[0] / rnn[-1]:.0e}: every step back keeps" in said
    assert "e LSTM, bias log 60" in said
    assert f"LSTM, bias 1 {found['LSTM, bias 1'][0] / found['LSTM, bias 1'][-1]:.1e}" in said


def test_a_memory_that_is_not_lost_is_not_said_to_be(capsys):
    vanish.main(steps=5, hidden=8, plain=True)
    assert "float32" not in capsys.readouterr().out


def test_a_single_step_is_refused():
    with pytest.raises(tg.ArgumentError, match="steps=1"):
        vanish.main(steps=1)
