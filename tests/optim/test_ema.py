"""The average of weights against its closed form, and what it leaves as it was."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import layers, optim
from tinygrad_lite.errors import ArgumentError, CheckpointError, GraphError


def make_model():
    tg.seed(0)
    return layers.Sequential(layers.Dense(3, 4), layers.BatchNorm1d(4), layers.Dense(4, 2))


def wander(model, steps, each, seed=0):
    """Change the weights, as training does, and call `each` after every change."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.data += rng.normal(size=parameter.shape).astype(np.float32)
        each()


@given(st.floats(0.0, 0.999), st.booleans(), st.integers(0, 30))
def test_closed_form(decay, warmup, steps):
    parameter = tg.Parameter(np.array([2.0, -1.0]), "float64")
    ema = optim.EMA([parameter], decay, warmup)
    values = np.random.default_rng(0).normal(size=(steps + 1, 2))
    values[0] = parameter.data
    decays = [min(decay, (1 + t) / (10 + t)) if warmup else decay for t in range(steps)]
    for value in values[1:]:
        parameter.data[...] = value
        ema.update()
    # every value with the share that it came in by, times what all later steps kept of it
    shares = [1.0, *(1 - d for d in decays)]
    expected = sum(
        share * np.prod(decays[t:]) * value
        for t, (share, value) in enumerate(zip(shares, values, strict=True))
    )
    with ema.applied():
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-9, atol=1e-12)
    assert ema.count == steps


def test_weights_that_stand_still_are_their_average_to_the_bit():
    model = make_model()
    before = model.state_dict()
    ema = optim.EMA(model, 0.7)
    for _ in range(20):
        ema.update()
    with ema.applied():
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])


def test_applied_gives_back_the_very_arrays():
    model = make_model()
    ema = optim.EMA(model, 0.5)
    wander(model, 3, ema.update)
    arrays = [parameter.data for parameter in model.parameters()]
    values = model.state_dict()
    with ema.applied():
        assert all((p.data != a).any() for p, a in zip(model.parameters(), arrays, strict=True))
    assert all(p.data is a for p, a in zip(model.parameters(), arrays, strict=True))
    with pytest.raises(KeyError), ema.applied():
        raise KeyError
    assert all(p.data is a for p, a in zip(model.parameters(), arrays, strict=True))
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, values[name])


def test_buffers_are_the_model_s_own():
    model = make_model()
    ema = optim.EMA(model)
    model(tg.randn(8, 3))
    running = {name: buffer.data.copy() for name, buffer in model.named_buffers()}
    assert running
    with ema.applied():
        for name, buffer in model.named_buffers():
            np.testing.assert_array_equal(buffer.data, running[name])


def test_a_graph_made_before_is_differentiated_with_the_trained_weights():
    x = tg.Parameter([3.0])
    ema = optim.EMA([x], 0.5)
    x.data += 2.0
    y = (x * x).sum()
    ema.update()
    with ema.applied():
        y.backward()
    assert x.grad.tolist() == [10.0]


def test_an_update_is_told_to_graphs_that_read_the_average():
    x = tg.Parameter([3.0])
    ema = optim.EMA([x], 0.5)
    with ema.applied():
        y = (x * x).sum()
    x.data += 1.0
    ema.update()
    with pytest.raises(GraphError, match="changed in place"):
        y.backward()


def test_shared_parameters_are_averaged_once():
    x = tg.Parameter([1.0], "float64")
    ema = optim.EMA([x, x], 0.5)
    x.data += 1.0
    ema.update()
    assert ema.state_dict() == {"count": 1, "average.0": [1.5]}


def test_copy_to():
    model, other = make_model(), make_model().astype("float64")
    ema = optim.EMA(model, 0.5)
    wander(model, 3, ema.update)
    trained = model.state_dict()
    with ema.applied():
        averages = [parameter.data.copy() for parameter in model.parameters()]
    ema.copy_to(other)
    for parameter, average in zip(other.parameters(), averages, strict=True):
        assert parameter.dtype == np.float64
        np.testing.assert_array_equal(parameter.data, average)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, trained[name])
    ema.copy_to(model)
    wander(model, 1, lambda: None)  # the copies are the model's own
    with ema.applied():
        for parameter, average in zip(model.parameters(), averages, strict=True):
            np.testing.assert_array_equal(parameter.data, average)


@pytest.mark.parametrize("stop", [0, 5])
def test_resume_is_bit_exact(stop):
    model = make_model()
    ema = optim.EMA(model, 0.9, warmup=True)
    wander(model, stop, ema.update, seed=1)
    plain = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in ema.state_dict().items()
    }
    twin = copy.deepcopy(model)
    resumed = optim.EMA(twin, 0.9, warmup=True)
    resumed.load_state_dict(json.loads(json.dumps(plain)))
    wander(model, 5, ema.update, seed=2)
    wander(twin, 5, resumed.update, seed=2)
    assert resumed.count == stop + 5
    with ema.applied(), resumed.applied():
        for a, b in zip(model.parameters(), twin.parameters(), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a.data, b.data)


def test_the_state_is_a_copy():
    x = tg.Parameter([1.0])
    ema = optim.EMA([x], 0.5)
    state = ema.state_dict()
    state["average.0"][0] = 7.0
    assert ema.state_dict()["average.0"] == [1.0]
    ema.load_state_dict(state)
    state["average.0"][0] = 9.0
    assert ema.state_dict()["average.0"] == [7.0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"count": None}, "no count"),
        ({"average.0": None}, "0: missing there"),
        ({"average.0": np.ones(3)}, r"0: is \(3,\) there, \(1,\) here"),
        ({"average.1": np.ones(3)}, "average.1: unknown here"),
    ],
)
def test_state_that_does_not_fit(change, text):
    x = tg.Parameter([1.0])
    ema = optim.EMA([x])
    state = {"count": 3, "average.0": np.array([2.0])} | change
    with pytest.raises(CheckpointError, match=text):
        ema.load_state_dict({k: v for k, v in state.items() if v is not None})
    assert ema.count == 0
    with ema.applied():
        assert x.tolist() == [1.0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: optim.EMA(make_model(), 1.0), "decay=1.0 is not possible"),
        (lambda: optim.EMA(make_model(), float("nan")), "decay=nan is not possible"),
        (lambda: optim.EMA([]), "needs a Module with Parameters"),
        (lambda: optim.EMA(layers.ReLU()), "needs a Module with Parameters"),
        (lambda: optim.EMA(3), "needs a Module with Parameters"),
        (lambda: optim.EMA([tg.tensor([1.0])]), "needs a Module with Parameters"),
        (lambda: optim.EMA(make_model()).copy_to(layers.Dense(3, 4)), "other names or shapes"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ArgumentError, match=text) as error:
        call()
    assert "fix:" in str(error.value)


def test_no_update_while_the_average_is_applied():
    ema = optim.EMA(make_model())
    with ema.applied(), pytest.raises(GraphError, match="the averages are applied"):
        ema.update()
    assert ema.count == 0
