"""Module: finding parameters, state, configs, calls."""

import copy

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers


class Affine(tg.Module):
    def __init__(self, size, *, scale=1.0):
        self.weight = tg.Parameter(tg.full((size, size), scale))
        self.seen = tg.Buffer(np.zeros(1))
        self.name = "not a member"

    def forward(self, x, power=1):
        return (x @ self.weight) ** power


class Nested(tg.Module):
    """Members in lists, tuples and dicts, one shared, and one below another Module."""

    def __init__(self):
        self.first = Affine(1)
        self.many = [Affine(2), (Affine(3), tg.Parameter([1.0]))]
        self.named = {"a": Affine(4), "again": self.first}
        self.tied = self.first.weight
        self.head = layers.Sequential(layers.Dense(1, 2), layers.ReLU(), layers.Dense(2, 1))


NAMES = [
    "tied",
    "many.0.weight",
    "many.1.0.weight",
    "many.1.1",
    "named.a.weight",
    "head.0.weight",
    "head.0.bias",
    "head.2.weight",
    "head.2.bias",
]


def test_parameters_are_found_wherever_they_are_each_once():
    model = Nested()
    names = [name for name, _ in model.named_parameters()]
    # the shared one goes by the first path; a Module's own come before those below it
    assert sorted(names) == sorted(NAMES)
    assert len({id(p) for p in model.parameters()}) == len(names)
    assert [n for n, _ in model.named_buffers()] == [
        f"{path}.seen" for path in ("first", "many.0", "many.1.0", "named.a")
    ]
    assert sum(isinstance(m, Affine) for m in model.modules()) == 4
    assert dict(model.named_modules())["head.2"] is model.head[2]


def test_a_parameter_requires_a_gradient_and_a_buffer_does_not():
    model = Affine(2)
    model(tg.ones(1, 2)).sum().backward()
    assert model.weight.grad.tolist() == [[1, 1], [1, 1]]
    assert model.seen.grad is None
    model.zero_grad()
    assert model.weight.grad is None


def test_state_goes_from_one_module_to_another():
    source, target = Nested(), Nested()
    state = source.state_dict()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    target.load_state_dict(state)
    for name, array in target.state_dict().items():
        np.testing.assert_array_equal(array, state[name])
    state["tied"][:] = 5  # copies: neither model notices
    assert source.tied.item() == target.tied.item() == 1
    assert target.first.weight is target.tied  # still shared


def test_loading_keeps_dtypes_and_takes_tensors():
    model = Affine(1)
    model.load_state_dict({"weight": tg.tensor([[7.0]], "float64"), "seen": np.array([2])})
    assert model.weight.item() == 7
    assert model.weight.dtype == np.float32


def test_loading_a_part_changes_only_that():
    model = Affine(1)
    model.load_state_dict({"weight": np.array([[7.0]]), "other": np.zeros(1)}, strict=False)
    assert model.weight.item() == 7


@pytest.mark.parametrize(
    ("state", "part"),
    [
        ({"weight": np.zeros((1, 1))}, "seen: missing"),
        ({"weight": np.zeros((1, 1)), "seen": np.zeros(1), "w": 0}, "w: unknown"),
        ({"weight": np.zeros((2, 2)), "seen": np.zeros(1)}, "weight: is (2, 2) there, (1, 1) here"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, part):
    model = Affine(1)
    with pytest.raises(tg.CheckpointError) as caught:
        model.load_state_dict(state)
    assert part in str(caught.value)
    assert "Affine(1)" in str(caught.value)
    assert model.weight.item() == 1


def test_astype_train_and_eval_reach_every_module():
    model = Nested()
    assert model.astype("float64") is model
    assert {p.dtype for p in model.parameters()} == {np.dtype("float64")}
    assert not any(m.training for m in model.eval().modules())
    assert all(m.training for m in model.train().modules())


def test_calls_take_arrays_lists_and_names():
    model = Affine(2, scale=2.0)
    for x in (np.ones((1, 2)), np.ones((1, 2), "float32"), [[1.0, 1.0]], tg.ones(1, 2)):
        y = model(x)
        assert y.dtype == np.float32
        assert y.tolist() == [[4, 4]]
    assert model(tg.ones(1, 2), power=2).tolist() == [[16, 16]]
    assert model(power=2, x=[[1.0, 1.0]]).tolist() == [[16, 16]]


def test_a_recurrent_state_goes_in_by_name_as_a_tuple_or_a_list():
    lstm = layers.LSTM(2, 3)
    x = tg.ones(1, 2, 2)
    _, state = lstm(x)
    expected = lstm(x, state)[0].tolist()
    assert lstm(x, state=state)[0].tolist() == expected
    assert lstm(x, [*state])[0].tolist() == expected
    assert lstm(x, tuple(s.detach().numpy() for s in state))[0].tolist() == expected


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Nested defines no forward"):
        Nested()(1)


def test_an_error_inside_tells_the_modules_around_it():
    class Model(tg.Module):
        def __init__(self):
            self.inner = layers.Dense(3, 2)

        def forward(self, x):
            return self.inner(x)

    with pytest.raises(tg.ShapeError) as caught:
        Model()(tg.ones(1, 4))
    assert str(caught.value).startswith("Dense(3, 2): ")
    assert caught.value.__notes__ == ["  in:  Model()"]


def test_repr():
    assert repr(Affine(2, scale=0.5)) == "Affine(2, scale=0.5)"
    assert repr(layers.Sequential(layers.Dense(1, 2), layers.ReLU())) == (
        "Sequential(\n  (0): Dense(1, 2)\n  (1): ReLU()\n)"
    )


def test_deepcopy_is_independent():
    model = Nested()
    other = copy.deepcopy(model)
    other.tied.data += 1
    assert other.first.weight is other.tied
    assert model.tied.item() == 1
    assert [n for n, _ in other.named_parameters()] == [n for n, _ in model.named_parameters()]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dense(3, 2),
        lambda: layers.Dense(3, out_features=2, bias=False),
        lambda: layers.Conv2d(1, 2, (3, 2), padding=1),
        lambda: layers.GRU(np.int64(2), 3, bidirectional=True),
        lambda: layers.Sequential(layers.Dense(2, 2), layers.Sequential(layers.ReLU())),
        lambda: layers.Sequential(),
    ],
)
def test_build_is_the_inverse_of_config(make):
    model = make()
    again = tg.build(model.config())
    assert again.config() == model.config()
    assert {n: p.shape for n, p in again.named_parameters()} == {
        n: p.shape for n, p in model.named_parameters()
    }


def test_a_module_without_a_plugin_name_has_no_config():
    with pytest.raises(tg.PluginError, match="Affine has no plugin name"):
        Affine(1).config()

    class Child(layers.Dense):  # would be rebuilt as its parent
        pass

    with pytest.raises(tg.PluginError, match="Child has no plugin name"):
        Child(1, 1).config()


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({}, "with the name of a layer or model"),
        ({"size": 3}, "this is {'size': 3}"),
        ({"name": "dens", "in_features": 1}, "dense"),
        ({"name": "dense", "in_features": 1}, "missing a required argument: 'out_features'"),
        ({"name": "dense", "in_features": 1, "out_features": 1, "activation": "relu"}, "takes: "),
    ],
)
def test_configs_that_cannot_be_built(config, part):
    with pytest.raises(tg.PluginError) as caught:
        tg.build(config)
    assert part in str(caught.value)


def test_a_model_that_shares_its_name_with_a_layer_is_rebuilt_as_itself():
    model = tg.plugins.models.get("rbm")()
    assert model.config()["kind"] == "models"
    assert type(tg.build(model.config())) is type(model)
    assert type(tg.build({"name": "rbm", "n_visible": 4, "n_hidden": 3})) is tg.layers.RBM


def test_an_unknown_kind_is_refused():
    with pytest.raises(tg.PluginError, match="'layer' is no kind of module"):
        tg.build({"name": "dense", "kind": "layer"})


@pytest.mark.parametrize("config", [None, "dense", {}, {"name": 3}, {"in_features": 2}])
def test_something_that_is_no_config(config):
    with pytest.raises(tg.PluginError, match="a config is a dict with the name"):
        tg.build(config)
