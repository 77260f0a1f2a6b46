"""Which weights decay."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers, optim
from tinygrad_lite.errors import ArgumentError


class Net(tg.Module):
    def __init__(self):
        self.conv = layers.Conv2d(1, 4, 3)
        self.norm = layers.BatchNorm2d(4)
        self.embedding = layers.Dense(4, 5, bias=False)
        self.head = layers.Dense(4, 5)
        self.head.weight = self.embedding.weight  # shared
        self.scale = tg.Parameter(2.0)


def names_of(model, groups):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [(g["weight_decay"], [names[id(p)] for p in g["params"]]) for g in groups]


REST = ["scale", "conv.bias", "norm.weight", "norm.bias", "head.bias"]


def test_matrices_and_filters_decay():
    net = Net()
    assert names_of(net, optim.decay_groups(net, 0.1)) == [
        (0.1, ["conv.weight", "embedding.weight"]),
        (0.0, REST),
    ]


@pytest.mark.parametrize(
    "skip", [["embedding.*"], "embedding.*", lambda name, p: p.shape == (5, 4) and "emb" in name]
)
def test_others_can_be_kept_too(skip):
    net = Net()
    (decay, kept) = names_of(net, optim.decay_groups(net, 0.1, skip))
    assert decay == (0.1, ["conv.weight"])
    assert sorted(kept[1]) == sorted(["embedding.weight", *REST])


def test_an_optimizer_takes_them():
    net = Net()
    optimizer = optim.SGD(optim.decay_groups(net, 0.1), lr=0.5)
    before = net.state_dict()
    for parameter in net.parameters():
        parameter.grad = tg.zeros(parameter.shape)
    optimizer.step()
    for name, parameter in net.named_parameters():
        factor = 0.95 if parameter.ndim > 1 else 1.0
        np.testing.assert_allclose(parameter.data, factor * before[name], rtol=1e-6)


def test_a_group_without_parameters_is_left_out():
    net = layers.BatchNorm1d(3)
    (only,) = optim.decay_groups(net, 0.1)
    assert only["weight_decay"] == 0.0


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: optim.decay_groups(Net(), 0.1, ["embeding.*"]), "no parameter's name fits 'embe"),
        (lambda: optim.decay_groups([tg.Parameter([1.0])], 0.1), "needs a Module"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ArgumentError, match=text) as error:
        call()
    assert "fix:" in str(error.value)
