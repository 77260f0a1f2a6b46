"""Gradients of every step's state against finite differences in a plain loop, in float64."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.errors import ArgumentError, GraphError
from tinygrad_lite.study import state_gradients

N, T, F, H = 2, 4, 3, 2  # F: features of x


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# a step in which the new h and c are pushed aside, c before h is made of it


def rnn(a, u, h, push):
    return (np.tanh(a + u) + push["h"],)


def lstm(a, u, h, c, push):
    i, f, g, o = np.split(a + u, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g) + push["c"]
    return sigmoid(o) * np.tanh(c) + push["h"], c


def gru(a, u, h, push):
    (ar, az, an), (ur, uz, un) = np.split(a, 3, axis=-1), np.split(u, 3, axis=-1)
    z = sigmoid(az + uz)
    return ((1 - z) * np.tanh(an + sigmoid(ar + ur) * un) + z * h + push["h"],)


KINDS = {layers.RNN: rnn, layers.LSTM: lstm, layers.GRU: gru}


def perturbed_output(layer, x, name="", t=0, push=0.0):
    """The output of a plain loop in which one state, after one step, is pushed aside."""
    for k in range(layer.num_layers):
        sides = []
        for way in ("", "_reverse") if layer.bidirectional else ("",):
            w, u, b, c = (
                getattr(layer, f"{part}_l{k}{way}").numpy()
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            state = [np.zeros((N, H)) for _ in range(2 if isinstance(layer, layers.LSTM) else 1)]
            output = np.zeros((N, T, H))
            for step in reversed(range(T)) if way else range(T):
                a, r = x[:, step] @ w.T + b, state[0] @ u.T + c
                pushes = {s: push * ((name, t) == (f"{s}_l{k}{way}", step)) for s in "hc"}
                state = KINDS[type(layer)](a, r, *state, pushes)
                output[:, step] = state[0]
            sides.append(output)
        x = np.concatenate(sides, axis=-1)
    return x


def by_differences(layer, x, weigh, name, eps=1e-6):
    found = np.zeros((T, N, H))
    for t, n, j in np.ndindex(T, N, H):
        push = np.zeros((N, H))
        push[n, j] = eps
        up, down = (perturbed_output(layer, x, name, t, s * push) for s in (1, -1))
        found[t, n, j] = ((weigh * np.sin(up)).sum() - (weigh * np.sin(down)).sum()) / (2 * eps)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("way", ["kernel", "reference"])
def test_against_finite_differences(rng, kind, num_layers, bidirectional, way):
    layer = kind(F, H, num_layers=num_layers, bidirectional=bidirectional).astype("float64")
    x, weigh = rng.standard_normal((N, T, F)), rng.standard_normal((N, T, H * (1 + bidirectional)))
    np.testing.assert_allclose(layer(x)[0].numpy(), perturbed_output(layer, x), atol=1e-12)
    with tg.reference() if way == "reference" else tg.enable_grad():
        found = state_gradients(layer, x, lambda result: (weigh * tg.sin(result[0])).sum())
    assert [*found] == [
        f"{letter}_l{k}{side}"
        for k in range(num_layers)
        for side in (("", "_reverse") if bidirectional else ("",))
        for letter in ("hc" if kind is layers.LSTM else "h")
    ]
    for name, gradient in found.items():
        expected = by_differences(layer, x, weigh, name)
        np.testing.assert_allclose(gradient, expected, atol=1e-8)


class Reader(tg.Module):
    def __init__(self):
        self.memory = layers.LSTM(F, H)
        self.head = layers.Dense(H, 1)

    def forward(self, x):
        return self.head(self.memory(x)[0][:, -1])


def test_inside_of_a_model_and_nothing_changes(rng):
    model = Reader().astype("float64")
    model.memory.register_forward_hook(lambda *_: seen.append(1))
    before = {**vars(model.memory)}
    x, seen = rng.standard_normal((N, T, F)), []
    found = state_gradients(model, x, lambda y: y.sum())
    assert [*found] == ["memory.h_l0", "memory.c_l0"]
    last = np.broadcast_to(model.head.weight.numpy(), (N, H))
    np.testing.assert_allclose(found["memory.h_l0"][-1], last)
    alone = state_gradients(model.memory, x, lambda result: model.head(result[0][:, -1]).sum())
    for name, gradient in alone.items():
        np.testing.assert_array_equal(gradient, found[f"memory.{name}"])
    assert vars(model.memory) == before
    assert all(p.grad is None for p in model.parameters())
    seen.clear()
    model(x)
    assert seen == [1]


def test_frozen_weights_no_grad_and_states_nobody_looks_at(rng):
    layer = layers.GRU(F, H).astype("float64")
    for p in layer.parameters():
        p.requires_grad_(False)
    x = rng.standard_normal((N, T, F))
    with tg.no_grad():
        found = state_gradients(layer, x, lambda result: result[0][:, 1].sum())["h_l0"]
    np.testing.assert_array_equal(found[1], np.ones((N, H)))
    assert np.abs(found[0]).min() > 0
    np.testing.assert_array_equal(found[2:], 0)


def test_it_is_refused_where_there_is_nothing_to_look_at():
    with pytest.raises(ArgumentError, match="no recurrent layer"):
        state_gradients(layers.Dense(2, 2), tg.ones(1, 2), lambda y: y.sum())
    for loss in (lambda result: result[0], lambda result: tg.tensor(1.0)):
        with pytest.raises(GraphError, match="only a single number"):
            state_gradients(layers.RNN(2, 2), tg.ones(1, 2, 2), loss)
