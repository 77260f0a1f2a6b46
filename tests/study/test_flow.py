"""Gradient flow against what one can work out by hand."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.study.flow import Flow, gradient_flow


class Linear(tg.Module):
    """A tanh RNN so close to zero that it is linear: h' = x + w h."""

    def __init__(self, w):
        self.memory = layers.RNN(1, 1, bias=False)
        self.memory.weight_ih_l0.data[:] = 1
        self.memory.weight_hh_l0.data[:] = w

    def forward(self, x):
        return self.memory(x)[0][:, -1]


@pytest.mark.parametrize("w", [0.5, 1.0, 1.1])
def test_over_time_a_linear_rnn_multiplies_by_w_at_every_step(w):
    x = np.full((1, 6, 1), 1e-4, np.float32)
    flow = gradient_flow(Linear(w), tg.tensor(x), tg.zeros(1, 1), lambda y, t: y.sum())
    assert flow.over == "steps"
    np.testing.assert_allclose(flow.norms, [w**k for k in range(5, -1, -1)], rtol=1e-4)
    assert flow.ratio == pytest.approx(w**5, rel=1e-4)


def test_over_layers_it_is_the_norm_of_each_weights_gradient():
    tg.seed(0)
    model = layers.Sequential(layers.Dense(3, 4), layers.ReLU(), layers.Dense(4, 2))
    x, y = tg.randn(5, 3), tg.tensor([0, 1, 0, 1, 1])
    flow = gradient_flow(model, x, y, F.cross_entropy)
    assert all(p.grad is None for p in model.parameters())
    F.cross_entropy(model(x), y).backward()
    expected = [np.linalg.norm(p.grad.data) for p in model.parameters() if p.ndim == 2]
    assert flow.over == "layers"
    np.testing.assert_allclose(flow.norms, expected, rtol=1e-6)


def test_no_gradient_at_the_end_has_no_ratio():
    assert np.isnan(Flow("layers", (1.0, 0.0)).ratio)
