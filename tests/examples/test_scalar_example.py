"""The moons: Scalars learn, and give the gradients that Tensors give."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import scalar


def test_a_few_epochs_reduce_the_loss(capsys):
    accuracy = scalar.main(epochs=4, seed=0, plain=True)
    lines = capsys.readouterr().out.splitlines()
    losses = [float(line.split()[3]) for line in lines if line.startswith("epoch")]
    assert losses[-1] < 0.5 * losses[0]
    assert accuracy > 0.9
    assert lines[0].startswith("337 weights")
    drawing = lines[5:]
    assert len(drawing) == 17
    assert set("".join(drawing)) == set(".+o#")


def test_moons():
    tg.seed(0)
    x, y = scalar.moons(1000)
    assert x.shape == (1000, 2)
    assert (y == 1).sum() == (y == -1).sum() == 500
    radius = np.where(y < 0, np.hypot(*x.T), np.hypot(x[:, 0] - 1, x[:, 1] - 0.5))
    assert radius.mean() == pytest.approx(1.0, abs=0.02)
    assert radius.std() == pytest.approx(0.1, abs=0.02)


def test_gradients_are_those_of_tensors():
    tg.seed(0)
    net = scalar.MLP((2, 4, 3, 1))
    point = [0.3, -0.7]
    net(point).backward()
    x = tg.tensor([point], dtype="float64")
    parameters = []
    for i, layer in enumerate(net.layers):
        w = tg.tensor([[s.data for s in n.w] for n in layer], "float64", requires_grad=True)
        b = tg.tensor([n.b.data for n in layer], "float64", requires_grad=True)
        x = x @ w.T + b
        x = x.relu() if i < 2 else x
        parameters.append((w, b))
    assert x.item() == pytest.approx(net.scores(np.array([point]))[0])
    x.sum().backward()
    for layer, (w, b) in zip(net.layers, parameters, strict=True):
        np.testing.assert_allclose([[s.grad.data for s in n.w] for n in layer], w.grad.numpy())
        np.testing.assert_allclose([n.b.grad.data for n in layer], b.grad.numpy())


def test_it_is_in_the_gallery():
    from tinygrad_lite import plugins

    assert plugins.models.get("scalar") is scalar.MLP
