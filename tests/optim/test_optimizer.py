"""Groups, gradients that are missing, the state of a resume, and every error."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import optim, plugins
from tinygrad_lite.errors import ArgumentError, CheckpointError, ShapeError

EVERY = {
    "sgd": (optim.SGD, {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}),
    "adam": (optim.Adam, {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    "adamw": (optim.AdamW, {"betas": (0.8, 0.95)}),
    "rmsprop": (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    "nadam": (optim.NAdam, {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    "radam": (optim.RAdam, {"betas": (0.8, 0.95), "weight_decay": 0.1}),
    "adagrad": (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    "adadelta": (optim.Adadelta, {"rho": 0.8, "weight_decay": 0.1}),
}


def make_parameters():
    rng = np.random.default_rng(0)
    return [tg.Parameter(rng.normal(size=s), "float32") for s in [(3, 2), (4,), ()]]


def run(optimizer, parameters, steps):
    for step in steps:
        rng = np.random.default_rng(step)
        for parameter in parameters:
            parameter.grad = tg.tensor(rng.normal(size=parameter.shape), "float32")
        optimizer.step()


@pytest.mark.parametrize("name", EVERY)
def test_registered(name):
    assert plugins.optim.get(name) is EVERY[name][0]
    assert EVERY[name][0].plugin_name == name


@pytest.mark.parametrize("name", EVERY)
def test_resume_is_bit_exact(name):
    make, options = EVERY[name]
    straight = make_parameters()
    run(make(straight, lr=0.1, **options), straight, range(20))

    first = make_parameters()
    optimizer = make(first, lr=0.1, **options)
    run(optimizer, first, range(8))
    state = optimizer.state_dict()
    copies = [tg.Parameter(p.data) for p in first]
    run(optimizer, first, range(8, 11))  # what happens later must not reach into the state

    resumed = make(copies, lr=99.0)  # every option comes with the state
    resumed.load_state_dict(state)
    run(resumed, copies, range(8, 20))
    for a, b in zip(straight, copies, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
        assert a.dtype == b.dtype
    run(optimizer, first, range(11, 20))  # nor does the resumed one share memory with it
    for a, b in zip(straight, first, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("name", EVERY)
def test_state_is_plain(name):
    make, options = EVERY[name]
    parameters = make_parameters()
    optimizer = make(parameters, **options)
    run(optimizer, parameters, range(2))
    state = optimizer.state_dict()
    assert any(key.startswith("state.2.") for key in state)
    assert {type(value) for value in state.values()} <= {int, float, bool, np.ndarray}


def test_state_of_numpy_numbers_loads():
    parameters = make_parameters()
    optimizer = optim.Adam(parameters)
    run(optimizer, parameters, range(2))
    state = {
        key: value if isinstance(value, np.ndarray) else np.asarray(value)[()]
        for key, value in optimizer.state_dict().items()
    }
    other = optim.Adam(make_parameters(), lr=1)
    other.load_state_dict(state)
    assert other.param_groups[0]["betas"] == (0.9, 0.999)
    assert type(other.lr) is float


def test_state_replaces_what_was_remembered():
    parameters = make_parameters()
    optimizer = optim.Adam(parameters)
    start = optimizer.state_dict()
    run(optimizer, parameters, range(2))
    optimizer.load_state_dict(start)
    assert optimizer.state_dict().keys() == start.keys()


def test_state_takes_the_dtype_of_the_parameter():
    wide = [tg.Parameter(p.data, "float64") for p in make_parameters()]
    optimizer = optim.Adam(wide)
    for parameter in wide:
        parameter.grad = tg.Parameter(parameter.data)
    optimizer.step()
    other = optim.Adam(make_parameters())
    other.load_state_dict(optimizer.state_dict())
    assert other.state_dict()["state.0.exp_avg"].dtype == np.float32


def test_options_become_plain_numbers():
    group = optim.Adam(one(), lr=np.float64(1), betas=[np.float32(0.5), 0.75]).param_groups[0]
    assert (type(group["lr"]), group["betas"]) == (float, (0.5, 0.75))
    assert type(group["betas"][0]) is float


def test_missing_gradients_are_skipped():
    a, b = tg.Parameter([1.0]), tg.Parameter([1.0])
    optimizer = optim.Adam([a, b], weight_decay=0.1)
    a.grad = tg.tensor([1.0])
    optimizer.step()
    assert a.data != 1.0
    assert b.data == 1.0
    assert not any(key.startswith("state.1") for key in optimizer.state_dict())


def test_zero_grad():
    parameters = make_parameters()
    optimizer = optim.SGD(iter(parameters))
    run(optimizer, parameters, [0])
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in parameters)


def test_groups_have_options_of_their_own():
    a, b, c = (tg.Parameter([1.0], "float64") for _ in range(3))
    groups = [{"params": [a, b], "lr": 0.5}, {"params": c, "weight_decay": 0.2}]
    optimizer = optim.SGD(groups, lr=0.1)
    for parameter in (a, b, c):
        parameter.grad = tg.tensor([1.0], "float64")
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item(), c.item()], [0.5, 0.5, 1 - 0.1 * 1.2])
    assert optimizer.lr == 0.5
    optimizer.lr = np.float32(0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]
    assert type(optimizer.lr) is float


def test_trains_a_layer():
    tg.seed(0)
    layer = tg.layers.Dense(3, 1)
    x, true = tg.randn(64, 3), tg.tensor([[1.0], [-2.0], [0.5]])
    optimizer = optim.AdamW(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((layer(x) - x @ true) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 1e-3 < losses[0]


# -- errors ---------------------------------------------------------------------------------------


def one():
    return [tg.Parameter([1.0])]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: optim.SGD(tg.layers.Dense(1, 1)), "must be an iterable of Parameters"),
        (lambda: optim.SGD([]), "no parameters to optimise"),
        (lambda: optim.SGD([{"lr": 0.1}]), "no parameters to optimise"),
        (lambda: optim.SGD([tg.tensor([1.0], requires_grad=True)]), "item 0 .* is no Parameter"),
        (lambda: optim.SGD([*one(), {"params": one()}]), "item 1 .* is no Parameter"),
        (lambda: optim.SGD([{"params": one(), "rate": 1}]), "unknown option 'rate'"),
        (lambda: optim.SGD(one() * 2), "parameter 1 is listed twice"),
        (lambda: optim.SGD(one(), lr=-0.1), "lr=-0.1 is not possible"),
        (lambda: optim.SGD(one(), lr=float("nan")), "lr=nan is not possible"),
        (lambda: optim.SGD(one(), lr=float("inf")), "lr=inf is not possible"),
        (lambda: optim.SGD(one(), lr="fast"), "lr='fast' is not possible"),
        (lambda: optim.SGD([{"params": one(), "lr": -1}]), "lr=-1 is not possible"),
        (lambda: optim.SGD(one(), momentum=9), "momentum=9 is not possible"),
        (lambda: optim.SGD(one(), weight_decay=-1), "weight_decay=-1 is not possible"),
        (lambda: optim.SGD(one(), dampening=-1), "dampening=-1 is not possible"),
        (lambda: optim.SGD(one(), nesterov=True), "nesterov with momentum=0.0"),
        (
            lambda: optim.SGD(one(), momentum=0.9, dampening=0.1, nesterov=True),
            "nesterov with momentum=0.9, dampening=0.1",
        ),
        (lambda: optim.Adam(one(), betas=(0.9, 1.0)), r"betas=\(0.9, 1.0\) is not possible"),
        (lambda: optim.Adam(one(), betas=(-0.1, 0.9)), "betas=.* is not possible"),
        (lambda: optim.Adam(one(), betas=(0.9,)), "are not two numbers"),
        (lambda: optim.Adam(one(), betas=0.9), "are not two numbers"),
        (lambda: optim.AdamW(one(), eps=-1e-8), "eps=-1e-08 is not possible"),
        (lambda: optim.RMSprop(one(), alpha=1.5), "alpha=1.5 is not possible"),
        (lambda: optim.NAdam(one(), betas=(0.9,)), "are not two numbers"),
        (lambda: optim.NAdam(one(), momentum_decay=-1), "momentum_decay=-1 is not possible"),
        (lambda: optim.RAdam(one(), betas=0.9), "are not two numbers"),
        (lambda: optim.Adagrad(one(), lr_decay=-1), "lr_decay=-1 is not possible"),
        (
            lambda: optim.Adagrad(one(), initial_accumulator_value=-1),
            "initial_accumulator_value=-1 is not possible",
        ),
        (lambda: optim.Adadelta(one(), rho=1.0), "rho=1.0 is not possible"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises(ArgumentError, match=text) as error:
        make()
    assert "fix:" in str(error.value)
    assert "test_optimizer.py" in str(error.value)  # the user's line


def test_a_bad_rate_changes_nothing():
    optimizer = optim.SGD(one(), lr=0.1)
    with pytest.raises(ArgumentError, match="lr=-1"):
        optimizer.lr = -1
    assert optimizer.lr == 0.1


def test_gradient_of_another_shape():
    parameter = tg.Parameter([1.0, 2.0])
    parameter.grad = tg.tensor([1.0])
    with pytest.raises(ShapeError, match="must have the shape of its parameter"):
        optim.SGD([parameter]).step()
    assert parameter.tolist() == [1.0, 2.0]


def test_an_optimizer_without_a_rule():
    class Lazy(optim.Optimizer):
        pass

    parameter = tg.Parameter([1.0])
    parameter.grad = tg.tensor([1.0])
    with pytest.raises(NotImplementedError, match="Lazy defines no update"):
        Lazy([parameter], 0.1).step()


def changed(state, **changes):
    changes = {name.replace("__", "."): value for name, value in changes.items()}
    return {k: v for k, v in (state | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"groups__0__lr": None}, r"groups\.0\.lr: missing there"),
        ({"groups__0__parameters": 7}, r"groups\.0\.parameters: 7 there, 3 here"),
        ({"groups__1__lr": 0.1}, r"groups\.1\.lr: unknown here"),
        ({"state__3__step": 1}, r"state\.3\.step: unknown here"),
        ({"state__x__step": 1}, r"state\.x\.step: unknown here"),
        ({"rubbish": 1}, "rubbish: unknown here"),
        ({"state__1__exp_avg": np.zeros(9)}, r"state\.1\.exp_avg: is \(9,\) there, \(4,\) here"),
    ],
)
def test_state_that_does_not_fit(changes, text):
    parameters = make_parameters()
    optimizer = optim.Adam(parameters, lr=0.1)
    run(optimizer, parameters, range(2))
    state = changed(optimizer.state_dict(), groups__0__eps=0.5, **changes)
    with pytest.raises(CheckpointError, match=text):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["eps"] == 1e-8
    assert optimizer.state_dict()["state.0.step"] == 2
