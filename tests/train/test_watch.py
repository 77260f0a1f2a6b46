"""The look into the layers: its numbers, when it is taken, and that it changes nothing."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.train.hand import assert_same, blobs, net, trainer
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader
from tinygrad_lite.train import FitStarted, LayersMeasured, StepEnded, Trainer, watch


def states(model, x, y, loss=F.cross_entropy, optimizer=None, **options):
    """Return the LayerState of every layer at the first step, by path."""
    seen = []
    optimizer = optimizer or optim.SGD(model.parameters(), lr=0.1)
    ours = Trainer(model, optimizer, loss, callbacks=[seen.append], display="off", **options)
    ours.fit(DataLoader([*zip(x, y, strict=True)], batch_size=len(x)), epochs=1)
    (measured,) = (event for event in seen if isinstance(event, LayersMeasured))
    return {layer.path: layer for layer in measured.layers}


def dead_of(model, x, y=None, loss=None, **options):
    y = np.zeros(len(x), int) if y is None else y
    loss = loss or (lambda outputs, targets: outputs.mean())
    return {path: s.dead for path, s in states(model, x, y, loss, **options).items()}


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# -- numbers --------------------------------------------------------------------------------------


def norm(*arrays):
    return np.sqrt(sum((np.asarray(a, np.float64) ** 2).sum() for a in arrays))


@pytest.mark.parametrize("accumulate", [1, 3])
def test_norms_are_those_of_a_step_by_hand(accumulate):
    data, seen = blobs(12), []
    model, expected = net(), net()
    optimizer = optim.Adam(expected.parameters(), lr=0.01)
    before = expected.state_dict()
    F.cross_entropy(expected(data.x), data.y).backward()
    optimizer.step()

    ours = trainer(model, 0.01, optim.Adam, accumulate=accumulate, callbacks=[seen.append])
    ours.fit(DataLoader(data, batch_size=12 // accumulate), epochs=1)
    (measured,) = (event for event in seen if isinstance(event, LayersMeasured))
    assert (measured.epoch, measured.step, measured.total) == (1, 1, 1)
    assert [(s.path, s.kind) for s in measured.layers] == [("0", "Dense"), ("2", "Dense")]
    for state in measured.layers:
        layer = expected[int(state.path)]
        old = before[f"{state.path}.weight"], before[f"{state.path}.bias"]
        new = layer.weight.data, layer.bias.data
        gradients = layer.weight.grad.data, layer.bias.grad.data
        assert state.weight == pytest.approx(norm(*old), rel=1e-6)
        assert state.gradient == pytest.approx(norm(*gradients), rel=1e-5)
        assert state.largest == pytest.approx(max(np.abs(g).max() for g in gradients), rel=1e-5)
        moved = norm(*[n - o for n, o in zip(new, old, strict=True)])
        assert state.update == pytest.approx(moved / norm(*old), rel=1e-4)
    assert measured.layers[1].dead is None
    hidden = np.maximum(data.x @ before["0.weight"].T + before["0.bias"], 0)
    assert measured.layers[0].dead == (hidden == 0).all(axis=0).mean()


def test_the_gradient_is_the_clipped_one_that_the_update_was_made_of():
    data = blobs(8)
    clipped = states(net(), data.x, data.y, clip_norm=1e-3)
    assert norm(*[s.gradient for s in clipped.values()]) == pytest.approx(1e-3, rel=1e-5)


def test_layers_that_are_frozen_or_not_in_use_or_zero():
    class Model(tg.Module):
        def __init__(self):
            self.frozen, self.unused, self.used = (layers.Dense(2, 2) for _ in range(3))
            self.frozen.weight.requires_grad = self.frozen.bias.requires_grad = False
            for p in self.used.parameters():
                p.data = np.zeros_like(p.data)

        def forward(self, x):
            return self.used(self.frozen(x))

    data, model = blobs(8), Model()
    optimizer = optim.SGD([*model.unused.parameters(), *model.used.parameters()], lr=0.1)
    seen = states(model, data.x, data.y, optimizer=optimizer)
    for path in ("frozen", "unused"):
        assert (seen[path].gradient, seen[path].update, seen[path].largest) == (0.0, 0.0, 0.0)
        assert seen[path].weight > 0
    assert (seen["used"].weight, seen["used"].update) == (0.0, 0.0)
    assert seen["used"].gradient > 0


def test_a_shared_weight_belongs_to_the_layer_that_comes_first():
    first, second = layers.Dense(2, 2), layers.Dense(2, 2)
    second.weight = first.weight
    third = layers.Dense(2, 2)
    third.weight, third.bias = first.weight, first.bias
    data, bias = blobs(4), second.bias.data.copy()
    seen = states(layers.Sequential(first, second, third), data.x, data.y)
    assert list(seen) == ["0", "1"]
    assert seen["1"].weight == pytest.approx(norm(bias))
    assert seen["1"].largest == np.abs(second.bias.grad.data).max()


# -- dead units -----------------------------------------------------------------------------------


def kill(layer, units):
    """Give some units of a layer a bias that no input makes up for."""
    layer.bias.data = layer.bias.data.copy()
    layer.bias.data[:] = 50.0
    layer.bias.data[units] = -50.0
    return layer


def test_dead_units_of_dense_layers():
    model = layers.Sequential(
        kill(layers.Dense(3, 8), [1, 4, 5]), layers.ReLU(), layers.Dense(8, 4), layers.Tanh()
    )
    assert dead_of(model, normal(6, 3)) == {"0": 3 / 8, "2": None}


def test_dead_units_of_dense_layers_on_sequences_and_grids():
    for middle in ((5,), (4, 4)):  # a grid is no image: its units are on the last axis
        model = layers.Sequential(kill(layers.Dense(3, 4), [2]), layers.ReLU())
        assert dead_of(model, normal(4, *middle, 3)) == {"0": 0.25}


def test_dead_channels_of_filters_with_and_without_norms():
    for conv, bn, shape in (
        (layers.Conv2d, layers.BatchNorm2d, (4, 2, 8, 8)),
        (layers.Conv1d, layers.BatchNorm1d, (4, 2, 10)),
    ):
        model = layers.Sequential(kill(conv(2, 8, 3), [0, 7]), layers.ReLU())
        assert dead_of(model, normal(*shape)) == {"0": 0.25}
        model = layers.Sequential(conv(2, 8, 3), kill(bn(8), [3]), layers.ReLU())
        assert dead_of(model, normal(*shape)) == {"0": None, "1": 0.125}
        pooled = layers.Sequential(kill(conv(2, 8, 3), [0, 7]), layers.Flatten(), layers.ReLU())
        assert dead_of(pooled, normal(*shape)) == {"0": 0.25}


def test_dead_units_where_a_forward_of_the_users_own_rectifies():
    class Own(tg.Module):
        def __init__(self):
            self.weight = tg.Parameter(np.eye(4, dtype=np.float32)[:, :3])

        def forward(self, x):
            return F.relu(x @ self.weight)

    class Model(tg.Module):
        def __init__(self):
            self.first, self.own = kill(layers.Dense(3, 4), [0]), Own()

        def forward(self, x):
            return self.own(F.relu(self.first(x)) * -1.0 * [1, 1, 1, 1])

    # the first unit is 0 for every sample, and so are all that the minus makes negative
    assert dead_of(Model(), normal(5, 3)) == {"first": 0.25, "own": 1.0}


def test_a_rectifier_before_every_layer_is_nobodys():
    model = layers.Sequential(layers.ReLU(), layers.Dense(3, 2))
    assert dead_of(model, normal(5, 3)) == {"1": None}


def test_a_unit_is_dead_only_if_every_call_and_every_batch_of_the_step_leaves_it_at_0():
    class Twice(tg.Module):
        def __init__(self):
            self.layer = layers.Dense(2, 2)
            self.layer.weight.data = np.eye(2, dtype=np.float32)

        def forward(self, x):
            return F.relu(self.layer(x)) + F.relu(self.layer(-x))

    x = np.float32([[1, -1], [2, -3]])
    assert dead_of(Twice(), x) == {"layer": 0.0}

    model = layers.Sequential(layers.Dense(2, 2, bias=False), layers.ReLU())
    model[0].weight.data = np.eye(2, dtype=np.float32)
    seen = []
    ours = trainer(model, loss=lambda o, y: o.mean(), accumulate=2, callbacks=[seen.append], lr=0.0)
    samples = [(np.float32(row), 0) for row in ([-1, -1], [-1, 1])]
    ours.fit(DataLoader(samples, batch_size=1), epochs=1)
    (measured,) = (event for event in seen if isinstance(event, LayersMeasured))
    assert measured.layers[0].dead == 0.5


def test_each_look_is_for_itself(monkeypatch):
    monkeypatch.setattr(watch, "_LEAST", 0.0)
    monkeypatch.setattr(watch, "_SHARE", np.inf)
    model = layers.Sequential(layers.Dense(2, 2, bias=False), layers.ReLU())
    model[0].weight.data = np.eye(2, dtype=np.float32)
    seen, rows = [], np.float32([[1, -1], [-1, 1]])
    ours = trainer(model, loss=lambda o, y: o.mean(), lr=0.0, callbacks=[seen.append])
    ours.fit(DataLoader((rows, np.zeros(2, int)), batch_size=1), epochs=1)
    assert [e.layers[0].dead for e in seen if isinstance(e, LayersMeasured)] == [0.5, 0.5]


def test_what_follows_a_layer_made_of_layers_is_its_own():
    class Scaled(tg.Module):
        def __init__(self):
            self.inner, self.gain = layers.Dense(3, 4), tg.Parameter(np.float32([1, 1, 1, 0]))

        def forward(self, x):
            return self.inner(x) * self.gain

    model = layers.Sequential(Scaled(), layers.ReLU())
    kill(model[0].inner, [0])
    assert dead_of(model, normal(5, 3)) == {"0": 0.5, "0.inner": None}


# -- when -----------------------------------------------------------------------------------------


def test_a_look_is_taken_at_most_once_a_second(monkeypatch):
    now, seen = [100.0], []
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])

    def tick(event):
        seen.append(event)
        if isinstance(event, StepEnded):
            now[0] += 0.3

    trainer(callbacks=[tick]).fit(blobs(12), epochs=4, batch_size=4)
    assert [e.total for e in seen if isinstance(e, LayersMeasured)] == [1, 5, 9]


def test_a_look_that_takes_long_is_taken_less_often(monkeypatch):
    now, passes = [0.0], [0.25]

    def clock():
        now[0] += passes[0]
        return now[0]

    monkeypatch.setattr(watch.time, "monotonic", clock)
    look = watch.Watch(net())
    assert look.due()
    look.before_update()
    now[0] += 30.0  # of the step itself, which is no part of looking
    look.after_update()
    passes[0] = 0.0
    now[0] += 49.9
    assert not look.due()
    now[0] += 0.2
    assert look.due()


def test_nobody_looks_where_nobody_listens(monkeypatch):
    monkeypatch.setattr(watch.Watch, "forward", None)
    ours = trainer()
    ours.fit(blobs(8), epochs=1)
    assert not [event for event in ours.run(blobs(8)) if isinstance(event, LayersMeasured)]


# -- that it changes nothing ----------------------------------------------------------------------


def convolutional():
    return layers.Sequential(
        layers.Conv2d(1, 4, 3, padding=1),
        layers.BatchNorm2d(4),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(64, 3),
    )


class Recurrent(tg.Module):
    def __init__(self):
        self.lstm, self.head = layers.LSTM(8, 6, returns="last"), layers.Dense(6, 3)

    def forward(self, x):
        return F.relu(self.head(self.lstm(x.reshape(-1, 8, 8))))


@pytest.mark.parametrize("make", [convolutional, Recurrent])
def test_watched_and_unwatched_runs_are_equal_bit_for_bit(make, monkeypatch):
    monkeypatch.setattr(watch, "_LEAST", 0.0)
    monkeypatch.setattr(watch, "_SHARE", np.inf)  # look at every step
    x, y, models, looks = normal(20, 1, 8, 8), np.arange(20) % 3, [], []
    for callbacks in ([], [lambda e: looks.append(e) if isinstance(e, LayersMeasured) else 0]):
        tg.seed(3)
        models.append(make())
        ours = trainer(models[-1], optimizer=optim.Adam, callbacks=callbacks, clip_norm=1.0)
        ours.fit((x, y), (x, y), epochs=3, batch_size=8)
    assert len(looks) == 9
    assert_same(*models)


# -- the summary that a run begins with -----------------------------------------------------------


def started(ours, data, **options):
    seen = []
    ours.callbacks.append(seen.append)
    ours.callbacks.append(lambda e: ours.stop() if isinstance(e, FitStarted) else None)
    ours.fit(data, **options)
    return seen[0]


def test_a_run_begins_with_a_summary():
    tg.seed(0)
    x = normal(4, 1, 8, 8)
    summary = started(trainer(convolutional()), (x, np.arange(4) % 3)).summary
    assert [row.kind for row in summary.rows][1:4] == ["Conv2d", "BatchNorm2d", "ReLU"]


def test_a_model_that_cannot_be_traced_has_none():
    class Moody(tg.Module):
        def __init__(self):
            self.layer = layers.Dense(2, 2)

        def forward(self, x):
            if len(x) < 2:
                raise RuntimeError("alone I do nothing")
            return self.layer(x)

    assert started(trainer(Moody()), blobs(8)).summary is None
    rbm = layers.RBM(2, 2)
    assert (
        started(Trainer(rbm, optim.SGD(rbm.parameters()), display="off"), normal(4, 2)).summary
        is None
    )


def test_tracing_draws_no_random_numbers_and_leaves_no_trace():
    class Noisy(tg.Module):
        def __init__(self):
            self.bn, self.drop, self.head = (
                layers.BatchNorm1d(2),
                layers.Dropout(0.5),
                layers.Dense(2, 2),
            )
            self.own = np.random.default_rng(0)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            noise = self.own.standard_normal(2) + np.random.standard_normal(2)
            return self.head(self.drop(self.bn(x + noise.astype(np.float32))))

    tg.seed(0)
    model = Noisy()
    tg.seed(1)
    np.random.seed(2)
    before = (
        model.state_dict(),
        model.get_extra_state(),
        tg.ops.random.get_rng_state(),
        np.random.get_state()[2],
    )
    summary = started(trainer(model), DataLoader(blobs(8))).summary
    assert summary is not None
    after = (
        model.state_dict(),
        model.get_extra_state(),
        tg.ops.random.get_rng_state(),
        np.random.get_state()[2],
    )
    np.testing.assert_equal(after, before)
    assert model.calls == 0
    assert all(parameter.grad is None for parameter in model.parameters())
