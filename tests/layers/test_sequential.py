"""Sequential: order, names, indexing, configs."""

import json

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers


def test_applies_in_order(rng):
    first, second = layers.Dense(3, 4), layers.Dense(4, 2)
    model, x = layers.Sequential(first, layers.Tanh(), second), rng.standard_normal((5, 3))
    expected = second(np.tanh(first(x)))
    np.testing.assert_array_equal(model(x).data, expected.data)


def test_empty_gives_back_its_input():
    x = tg.ones(2, 3)
    assert layers.Sequential()(x) is x


def test_is_a_list_of_its_parts():
    parts = [layers.Dense(3, 4), layers.ReLU(), layers.Dense(4, 2)]
    model = layers.Sequential(*parts)
    assert len(model) == 3
    assert list(model) == parts
    assert model[0] is parts[0]
    assert model[-1] is parts[2]
    assert model[1:] == parts[1:]
    with pytest.raises(IndexError):
        model[3]


def test_names_are_positions():
    model = layers.Sequential(layers.Dense(3, 4), layers.ReLU(), layers.Dense(4, 2))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    nested = layers.Sequential(layers.Sequential(layers.Dense(1, 1)))
    assert list(nested.state_dict()) == ["0.0.weight", "0.0.bias"]


def test_one_part_used_twice_is_shared():
    shared = layers.Dense(3, 3)
    model = layers.Sequential(shared, layers.Tanh(), shared)
    assert len(model) == 3
    assert len(list(model.parameters())) == 2
    model(np.ones((2, 3))).sum().backward()
    assert shared.weight.grad is not None


def test_train_and_eval_reach_the_parts():
    model = layers.Sequential(layers.Sequential(layers.Dropout()))
    assert model.eval()[0][0].training is False
    assert model.train()[0][0].training is True


def test_config_goes_through_json_and_back():
    model = layers.Sequential(
        layers.Conv2d(1, 2, (3, 2), padding=1), layers.Sequential(layers.ELU(alpha=0.5))
    )
    config = json.loads(json.dumps(model.config()))
    assert config["modules"][1]["modules"] == [{"name": "elu", "alpha": 0.5}]
    rebuilt = tg.build(config)
    assert json.loads(json.dumps(rebuilt.config())) == config
    rebuilt.load_state_dict(model.state_dict())
    x = np.ones((1, 1, 5, 5))
    np.testing.assert_array_equal(rebuilt(x).data, model(x).data)


def test_repr_shows_the_parts():
    model = layers.Sequential(layers.Dense(3, 4), layers.Sequential(layers.ReLU()))
    assert repr(model).splitlines() == [
        "Sequential(",
        "  (0): Dense(3, 4)",
        "  (1): Sequential(",
        "    (0): ReLU()",
        "  )",
        ")",
    ]
