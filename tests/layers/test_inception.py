"""Inception against its branches, written out in naive loops."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import layers

CLOSE = {"rtol": 0, "atol": 1e-10}
WIDTHS = (3, 2, 4, 3, 5, 2, 1)  # in, 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection
PLAN = [("branch1.0",), ("branch2.0", "branch2.2"), ("branch3.0", "branch3.2"), ("branch4.1",)]


def relu(x):
    return np.where(x > 0, x, 0.0)


def oracle(x, state):
    """The branches, one after the other; a filter of k×k sees a border of k // 2 zeros."""
    branches = []
    for number, names in enumerate(PLAN):
        y = naive.max_pool2d(x, 3, 1, 1) if number == 3 else x
        for name in names:
            w, b = state[f"{name}.weight"], state[f"{name}.bias"]
            y = relu(naive.conv(y, w, b, padding=w.shape[-1] // 2))
        branches.append(y)
    return np.concatenate(branches, axis=1)


@pytest.mark.parametrize("size", [(5, 4), (1, 1), (2, 7)])
def test_values(rng, size):
    layer, x = layers.Inception(*WIDTHS).astype("float64"), rng.standard_normal((2, 3, *size))
    y = layer(x)
    assert y.shape == (2, 2 + 3 + 2 + 1, *size)
    np.testing.assert_allclose(y.data, oracle(x, layer.state_dict()), **CLOSE)


def test_shapes_of_the_weights():
    shapes = {name: a.shape for name, a in layers.Inception(*WIDTHS).state_dict().items()}
    assert {name: shape for name, shape in shapes.items() if name.endswith("weight")} == {
        "branch1.0.weight": (2, 3, 1, 1),
        "branch2.0.weight": (4, 3, 1, 1),
        "branch2.2.weight": (3, 4, 3, 3),
        "branch3.0.weight": (5, 3, 1, 1),
        "branch3.2.weight": (2, 5, 5, 5),
        "branch4.1.weight": (1, 3, 1, 1),
    }


def test_gradients_reach_every_branch(rng):
    """Each gets its own channels of the gradient, and x the sum of all."""
    layer = layers.Inception(*WIDTHS).astype("float64")
    x = tg.tensor(rng.standard_normal((2, 3, 4, 5)), requires_grad=True)
    g = rng.standard_normal((2, 8, 4, 5))
    layer(x).backward(tg.tensor(g))
    whole, total = x.grad.data, 0.0
    for name, first, last in [("1", 0, 2), ("2", 2, 5), ("3", 5, 7), ("4", 7, 8)]:
        branch = getattr(layer, f"branch{name}")
        found = {n: p.grad.data for n, p in branch.named_parameters()}
        branch.zero_grad()
        x.zero_grad()
        branch(x).backward(tg.tensor(g[:, first:last]))
        for n, p in branch.named_parameters():
            np.testing.assert_allclose(found[n], p.grad.data, **CLOSE)
        total = total + x.grad.data
    np.testing.assert_allclose(whole, total, **CLOSE)


def test_it_begins_as_suits_a_relu():
    """Values neither grow nor shrink, but for the maxima of the last branch."""
    layer = layers.Inception(64, 64, 64, 64, 64, 64, 64)
    x = tg.randn(4, 64, 16, 16)
    squares = (layer(x)[:, :, 4:-4, 4:-4].data ** 2).mean(axis=(0, 2, 3)).reshape(4, 64)
    np.testing.assert_allclose(squares.mean(axis=1)[:3], 1, rtol=0.15)
    assert all((p.data == 0).all() for n, p in layer.named_parameters() if n.endswith("bias"))
