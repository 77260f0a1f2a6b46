"""RTRL finds, forward in time, what backpropagation through time finds backward."""

import gc
import tracemalloc

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.ops.cells import gru_cell, lstm_cell, rnn_cell
from tinygrad_lite.study import rtrl_gradient, rtrl_steps

N, T, F, H = 2, 7, 3, 4  # F: features of x
KINDS = {  # the cell, its gates, the parts of its state, the sequence function
    "rnn": (rnn_cell, 1, 1, tg.rnn),
    "lstm": (lstm_cell, 4, 2, tg.lstm),
    "gru": (gru_cell, 3, 1, tg.gru),
}


def setting(rng, kind, hidden=H, steps=T):
    cell, gates, parts, function = KINDS[kind]
    shapes = [(gates * hidden, F), (gates * hidden, hidden), (gates * hidden,), (gates * hidden,)]
    weights = [rng.standard_normal(shape) for shape in shapes]
    state = [rng.standard_normal((N, hidden)) for _ in range(parts)]
    return cell, rng.standard_normal((N, steps, F)), state, weights, function


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_is_what_bptt_finds(rng, kind):
    cell, x, state, weights, function = setting(rng, kind)
    y = rng.standard_normal((N, T, H))
    total, gradients = rtrl_gradient(
        cell, x, state, weights, lambda h, t: ((h - y[:, t]) ** 2).sum()
    )
    params = [tg.tensor(w, requires_grad=True) for w in weights]
    loss = ((function(tg.tensor(x), *map(tg.tensor, state), *params)[0] - y) ** 2).sum()
    loss.backward()
    assert total == pytest.approx(loss.item(), abs=1e-10)
    for found, param in zip(gradients, params, strict=True):
        np.testing.assert_allclose(found, param.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_has_the_gradient_of_its_own_loss(rng, kind):
    cell, x, state, weights, function = setting(rng, kind)
    for t, step in enumerate(rtrl_steps(cell, x, state, weights, lambda h, t: (h**2).sum())):
        params = [tg.tensor(w, requires_grad=True) for w in weights]
        outputs, *_ = function(tg.tensor(x[:, : t + 1]), *map(tg.tensor, state), *params)
        (outputs[:, t] ** 2).sum().backward()
        for found, param in zip(step.gradients, params, strict=True):
            np.testing.assert_allclose(found, param.grad.numpy(), atol=1e-10)
        np.testing.assert_allclose(step.state[0], outputs[:, t].data, atol=1e-12)


def test_the_influence_is_how_the_state_answers_to_each_weight(rng):
    cell, x, state, weights, _ = setting(rng, "gru")

    def last(weights):
        *_, step = rtrl_steps(cell, x, state, weights, lambda h, t: h.sum())
        return step

    influence, eps = last(weights).influence, 1e-6
    flat = np.concatenate([w.ravel() for w in weights])
    ends = np.cumsum([w.size for w in weights])[:-1]
    for place in rng.choice(flat.size, 10, replace=False):
        ends_at = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[place] += sign * eps
            parts = [
                p.reshape(w.shape) for p, w in zip(np.split(moved, ends), weights, strict=True)
            ]
            ends_at.append(last(parts).state[0])
        expected = (ends_at[0] - ends_at[1]) / (2 * eps)
        np.testing.assert_allclose(influence[..., place], expected, atol=1e-7)


def test_a_linear_cell_of_ones_own(rng):
    """Of s_t = w s_(t-1) + x_t with x = 1, 0, 0 …: s_t = w^t, and the derivative is t w^(t-1)."""
    x, w = np.zeros((1, 6, 1)), 0.9
    x[:, 0] = 1
    steps = rtrl_steps(
        lambda x, s, w: (w * s + x,), x, [np.zeros((1, 1))], [np.array(w)], lambda h, t: h.sum()
    )
    for t, step in enumerate(steps):
        assert step.loss == pytest.approx(w**t)
        assert step.gradients[0] == pytest.approx(t * w ** (t - 1))


def test_no_step_is_ever_gone_back_over(rng):
    """The state that a step starts from never hangs on an earlier step, whatever the cell uses."""
    _, x, state, weights, _ = setting(rng, "rnn")
    depths, tracked = [], tg.ones(1, dtype="float64", requires_grad=True)

    def cell(x, h, w, u, b, c):
        depth, stack = 0, [h]
        while stack:
            depth += 1
            stack += stack.pop().parents
        depths.append(depth)
        return tg.tanh(tg.linear(x, w, b) + tg.linear(h, u, c)) * tracked

    [*_] = rtrl_steps(cell, x, state, weights, lambda h, t: h.sum())
    assert len(set(depths)) <= 2  # with the graph of one step, and without


def test_it_costs_what_it_says(rng):
    """Memory does not grow with time; the influence is N H W numbers."""
    peaks = []
    for steps in (5, 40):
        cell, x, state, weights, _ = setting(rng, "rnn", hidden=8, steps=steps)
        [*rtrl_steps(cell, x[:, :2], state, weights, lambda h, t: h.sum())]  # warm
        gc.collect()
        gc.freeze()  # so that collecting is quick
        tracemalloc.start()
        for step in rtrl_steps(cell, x, state, weights, lambda h, t: h.sum()):
            assert step.influence.shape == (N, 8, sum(w.size for w in weights))
            gc.collect()  # what waits for the collector is no memory of the past
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        gc.unfreeze()
    assert peaks[1] - peaks[0] < 35 * step.influence.nbytes / 5  # far from one for each more step
