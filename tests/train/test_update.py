"""Each option of the Trainer against a loop written by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.train.hand import assert_same, batches, blobs, net, trainer
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader
from tinygrad_lite.optim import schedules
from tinygrad_lite.train import EpochEnded, StepEnded, StepSkipped, Trainer


def by_hand(data, size, epochs=1, lr=0.1, change=lambda parameters: None, loss=F.cross_entropy):
    """Return a net that plain gradient descent has trained; `change` may mend the gradients."""
    model = net()
    for _ in range(epochs):
        for x, y in batches(data, size):
            for parameter in model.parameters():
                parameter.grad = None
            loss(model(x), y).backward()
            change(list(model.parameters()))
            for parameter in model.parameters():
                parameter.data = parameter.data - np.float32(lr) * parameter.grad.data
    return model


# -- accumulate and clip --------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(1, 23), size=st.integers(1, 6), accumulate=st.integers(1, 5))
def test_accumulated_batches_are_one_big_batch(samples, size, accumulate):
    data, sizes = blobs(samples), []
    ours = trainer(accumulate=accumulate)
    note = lambda e: sizes.append(e.samples) if isinstance(e, StepEnded) else None
    ours.callbacks.append(note)
    ours.fit(DataLoader(data, batch_size=size), epochs=2)
    expected = by_hand(data, size * accumulate, epochs=2)
    assert_same(ours.model, expected, rtol=1e-4, atol=1e-6)
    whole, rest = divmod(samples, size * accumulate)
    assert sizes == ([size * accumulate] * whole + [rest] * bool(rest)) * 2


def test_an_accumulated_loss_is_that_of_all_its_samples():
    data, losses = blobs(9), []
    ours = trainer(accumulate=3, lr=0.0, metrics=["accuracy"])
    ours.callbacks.append(lambda e: losses.append(e.loss) if isinstance(e, StepEnded) else None)
    history = ours.fit(DataLoader(data, batch_size=2), epochs=1)
    model = net()
    expected = [F.cross_entropy(model(x), y).item() for x, y in batches(data, 6)]
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    assert history["loss"] == [pytest.approx(F.cross_entropy(model(data.x), data.y).item())]
    right = (model(data.x).data.argmax(axis=1) == data.y).mean()
    assert history["accuracy"] == [pytest.approx(right)]


def scale_to(limit):
    def change(parameters):
        norm = np.sqrt(sum(np.square(p.grad.data.astype(np.float64)).sum() for p in parameters))
        assert norm > limit
        for p in parameters:
            p.grad = tg.tensor(p.grad.data * np.float32(limit / norm))

    return change


def cut_at(limit):
    def change(parameters):
        assert max(np.abs(p.grad.data).max() for p in parameters) > limit
        for p in parameters:
            p.grad = tg.tensor(np.clip(p.grad.data, -limit, limit))

    return change


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({"clip_norm": 0.01}, [scale_to(0.01)]),
        ({"clip_value": 0.005}, [cut_at(0.005)]),
        ({"clip_value": 0.005, "clip_norm": 0.01}, [cut_at(0.005), scale_to(0.01)]),
    ],
)
def test_gradients_are_clipped_each_value_first_and_then_their_norm(options, changes):
    data = blobs(24)
    ours = trainer(lr=1.0, **options)
    ours.fit(DataLoader(data, batch_size=8), epochs=2)
    mend = lambda parameters: [change(parameters) for change in changes]
    assert_same(ours.model, by_hand(data, 8, 2, 1.0, mend), rtol=1e-5, atol=1e-7)


# -- averages and the best epoch ------------------------------------------------------------------


def test_validation_and_best_weights_use_averages_and_the_trained_weights_come_back():
    data, val = blobs(24), blobs(20, seed=1)
    ours = trainer(lr=0.5, ema=0.8, metrics=["accuracy"])
    history = ours.fit(DataLoader(data, batch_size=6), val, epochs=3)

    model = net()
    optimizer, ema = optim.SGD(model.parameters(), lr=0.5), optim.EMA(model, 0.8)
    val_losses, trained, averaged = [], [], []
    for _ in range(3):
        for x, y in batches(data, 6):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            ema.update()
        trained.append(model.state_dict())
        with ema.applied():
            averaged.append(model.state_dict())
            val_losses.append(F.cross_entropy(model(val.x), val.y).item())
    assert history["val_loss"] == pytest.approx(val_losses, rel=1e-6)
    assert_same(ours.model, model)
    assert ours.evaluate(val)["loss"] == pytest.approx(val_losses[-1], rel=1e-6)

    for worst in (False, True):  # more of a metric of one's own may be better
        metric = tg.train.metrics.Mean(lambda o, y: -1.0, higher_is_better=worst)
        again = trainer(lr=0.5, ema=0.8, restore_best=True, metrics=[metric])
        again.fit(DataLoader(data, batch_size=6), val, epochs=3)
        best = averaged[int(np.argmin(val_losses))]
        for name, value in again.model.state_dict().items():
            np.testing.assert_array_equal(value, best[name])
        # what is measured then are these weights, not averages that went on
        assert again.evaluate(val)["loss"] == pytest.approx(min(val_losses), rel=1e-6)


def steered(values, higher_is_better=False, **options):
    """Return (Trainer, weights after each epoch) whose metric `judge` takes these values.

    They are those of validations on 5 samples, one after the other.
    """
    values, weights = iter(values), []
    judge = lambda outputs, targets: next(values) if len(outputs) == 5 else 0.0
    metric = tg.train.metrics.Mean(judge, "judge", higher_is_better)
    ours = trainer(metrics=[metric], monitor="val_judge", **options)
    note = lambda e: weights.append(ours.model.state_dict()) if isinstance(e, EpochEnded) else 0
    ours.callbacks.append(note)
    return ours, weights


@pytest.mark.parametrize(
    ("values", "more", "options", "best", "epochs"),
    [
        ([3.0, 1.0, 2.0, 1.5], False, {}, 2, 4),
        ([3.0, 1.0, 4.0, 1.5], True, {}, 3, 4),
        ([1.0, 1.0, 1.0], False, {}, 1, 3),  # of equal ones the first
        ([1.0, 0.95, 0.85, 0.8], False, {"min_delta": 0.1}, 3, 4),  # 0.95 is not better enough
        ([1.0, 1.1, 1.3, 1.35], True, {"min_delta": 0.2}, 3, 4),
        ([3.0, 1.0, 2.0, 1.5, 0.5], False, {"patience": 2}, 2, 4),
        ([3.0, 1.0, 2.0, 0.5, 0.7, 0.8, 0.1], False, {"patience": 2}, 4, 6),
        ([np.nan, 5.0, np.nan, np.inf, 1.0], False, {"patience": 3}, 5, 5),
        ([np.nan, np.nan, np.nan, 1.0], False, {"patience": 3}, None, 3),
    ],
)
def test_epochs_are_judged_by_the_monitor(values, more, options, best, epochs):
    ours, weights = steered(values, more, restore_best=True, **options)
    history = ours.fit(blobs(8), blobs(5), epochs=len(values), batch_size=4)
    assert len(history.epochs) == epochs
    assert (history.best and history.best.epoch) == best
    kept = weights[best - 1 if best else -1]
    for name, value in ours.model.state_dict().items():
        np.testing.assert_array_equal(value, kept[name])
    assert ("no better val_judge" in history.reason) == (epochs < len(values))


def test_without_restore_best_the_last_weights_stay():
    ours, weights = steered([1.0, 2.0])
    ours.fit(blobs(8), blobs(5), epochs=2)
    for name, value in ours.model.state_dict().items():
        np.testing.assert_array_equal(value, weights[-1][name])


def test_after_restore_best_it_is_the_best_weights_that_are_measured():
    ours, _ = steered([1.0, 2.0], ema=0.5, restore_best=True)
    val = blobs(5)
    history = ours.fit(blobs(8), val, epochs=2, batch_size=4)
    ours.metrics = []
    assert ours.evaluate(val)["loss"] == history["val_loss"][0] != history["val_loss"][1]


def test_a_second_fit_begins_anew():
    ours = trainer(metrics=["confusion_matrix"], restore_best=True)
    stop = lambda e: ours.stop() if isinstance(e, StepEnded) else None
    ours.callbacks.append(stop)
    ours.fit(blobs(8), blobs(8), batch_size=4)
    ours.callbacks.remove(stop)
    (epoch,) = ours.fit(blobs(8), blobs(8), epochs=1).epochs
    assert (epoch.epoch, epoch.total) == (1, 1)
    assert np.sum(epoch.matrices["confusion_matrix"]) == 8  # not what the first one had counted
    ours.monitor, ours.restore_best = "loss", False
    ours.fit(blobs(8), epochs=1)
    assert ours.best_weights.arrays is None


# -- schedules ------------------------------------------------------------------------------------


def rates(ours, epochs=4, val=None):
    """Return the rates of every step of epochs with two steps."""
    seen = []
    ours.callbacks.append(lambda e: seen.append(e.lr) if isinstance(e, StepEnded) else None)
    ours.fit(blobs(8), val, epochs=epochs, batch_size=4)
    return seen


def test_a_schedule_goes_on_by_steps_or_by_epochs():
    for unit, expected in {
        "step": [0.5**i for i in range(8)],
        "epoch": [0.5 ** (i // 2) for i in range(8)],
    }.items():
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=1.0)
        schedule = optim.schedules.Exponential(optimizer, 0.5)
        ours = Trainer(
            model, optimizer, F.cross_entropy, schedule=schedule, schedule_by=unit, display="off"
        )
        assert rates(ours) == pytest.approx(expected)
        assert optimizer.lr == pytest.approx(expected[-1] / 2)


def test_plateau_goes_by_epochs_and_looks_at_the_monitor():
    ours, _ = steered([1.0, 2.0, 2.0, 0.5])
    ours.schedules = [optim.schedules.Plateau(ours.optimizer, 0.1, patience=0)]
    assert rates(ours, val=blobs(5)) == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)


def test_plateau_looks_at_the_loss_where_nothing_is_validated():
    ours = trainer(lr=0.0)
    ours.optimizer.lr = 1e-9  # nothing gets better
    ours.schedules = [optim.schedules.Plateau(ours.optimizer, 0.1, patience=0, threshold=0.01)]
    assert rates(ours, epochs=3) == pytest.approx([1e-9] * 4 + [1e-10] * 2, rel=1e-6)


def test_several_schedules_of_several_optimisers():
    model = net()
    parts = {
        "first": optim.SGD(model[0].parameters(), lr=1.0),
        "last": optim.SGD(model[2].parameters(), lr=0.5),
    }
    ours = Trainer(
        model,
        parts,
        F.cross_entropy,
        schedule=[
            optim.schedules.Exponential(parts["first"], 0.9),
            optim.schedules.Exponential(parts["last"], 0.1),
        ],
        display="off",
    )
    data = blobs(12)
    ours.fit(DataLoader(data, batch_size=4), epochs=1)
    expected = net()
    for i, (x, y) in enumerate(batches(data, 4)):
        expected.zero_grad()
        F.cross_entropy(expected(x), y).backward()
        for layer, rate in ((expected[0], 0.9**i), (expected[2], 0.5 * 0.1**i)):
            for p in layer.parameters():
                p.data = p.data - np.float32(rate) * p.grad.data
    assert_same(ours.model, expected, rtol=1e-5, atol=1e-7)


# -- parameters, dtypes, batches ------------------------------------------------------------------


def test_only_the_groups_that_shall_decay_do():
    model = net()
    groups = optim.decay_groups(model, 0.1)
    optimizer = optim.SGD(groups, lr=0.5)
    Trainer(model, optimizer, F.cross_entropy, display="off").fit(
        DataLoader(blobs(12), batch_size=4), epochs=1
    )

    def decay(parameters):
        for p in parameters:
            if p.ndim > 1:
                p.grad = tg.tensor(p.grad.data + np.float32(0.1) * p.data)

    assert_same(model, by_hand(blobs(12), 4, 1, 0.5, decay), rtol=1e-5, atol=1e-7)


def test_class_weights_are_those_of_the_loss():
    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, weight=np.float32([0.2, 3.0]))

    ours = trainer(loss=loss)
    ours.fit(DataLoader(blobs(12), batch_size=4), epochs=1)

    def weighted(outputs, targets):
        logs = F.log_softmax(outputs)[np.arange(len(targets)), targets]
        weights = np.where(targets == 1, np.float32(3.0), np.float32(0.2))
        return -(logs * weights).sum() / weights.sum()

    assert_same(ours.model, by_hand(blobs(12), 4, loss=weighted), rtol=1e-5, atol=1e-7)


def test_a_model_of_float64_is_trained_in_float64():
    ours = trainer(net(dtype=np.float64))
    ours.fit(DataLoader(blobs(12), batch_size=4), blobs(6), epochs=1)  # on data of float32
    model = net(dtype=np.float64)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches(blobs(12), 4):
        optimizer.zero_grad()
        F.cross_entropy(model(x.astype(np.float64)), y).backward()
        optimizer.step()
    assert all(p.dtype == np.float64 for p in ours.model.parameters())
    assert_same(ours.model, model)


class Both(tg.Module):
    """Adds what two inputs come to."""

    def __init__(self):
        self.a, self.b = layers.Dense(2, 2), layers.Dense(3, 2)

    def forward(self, a, b):
        return self.a(a) + self.b(b)


def test_a_model_of_two_inputs_with_batches_that_the_user_collates(rng):
    a, b = rng.random((9, 2), np.float32), rng.random((9, 3), np.float32)
    y = np.arange(9) % 2
    samples = [{"a": a[i], "b": b[i], "y": y[i]} for i in range(9)]

    def collate(chosen):
        return tuple(np.stack([sample[name] for sample in chosen]) for name in "aby")

    def loader():
        return DataLoader(samples, batch_size=4, collate=collate)

    tg.seed(0)
    model, seen = Both(), []
    ours = Trainer(
        model,
        optim.SGD(model.parameters(), lr=0.1),
        F.cross_entropy,
        ["accuracy"],
        callbacks=[seen.append],
        display="off",
    )
    history = ours.fit(loader(), loader(), epochs=1)
    assert [row.kind for row in seen[0].summary.rows] == ["Both", "Dense", "Dense"]

    tg.seed(0)
    expected = Both()
    optimizer = optim.SGD(expected.parameters(), lr=0.1)
    for i in (0, 4, 8):
        part = slice(i, i + 4)
        optimizer.zero_grad()
        F.cross_entropy(expected(a[part], b[part]), y[part]).backward()
        optimizer.step()
    assert_same(model, expected)
    right = (expected(a, b).data.argmax(axis=1) == y).mean()
    assert history["val_accuracy"] == [pytest.approx(right)]


# -- steps of the user's own ----------------------------------------------------------------------


def test_a_training_step_returns_a_loss_or_a_dict_as_argument_or_method():
    data = blobs(12)
    expected = by_hand(data, 4)

    def as_argument(model):
        return {"training_step": lambda x, y: F.cross_entropy(model(x), y)}

    def as_dict(model):
        def step(x, y):
            loss = F.cross_entropy(model(x), y)
            return {"loss": loss, "twice": loss * 2, "one": np.float32(1), "three": 3}

        return {"training_step": step}

    def as_method(model):
        model.training_step = as_argument(model)["training_step"]
        return {}

    def by_itself(model):
        optimizer = optim.SGD(model.parameters(), lr=0.1)

        def step(x, y):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return {"loss": loss.item()}

        return {"training_step": step}

    for kind in (as_argument, as_dict, as_method, by_itself):
        model = net()
        ours = Trainer(model, optim.SGD(model.parameters(), lr=0.1), display="off", **kind(model))
        history = ours.fit(DataLoader(data, batch_size=4), epochs=1)
        assert_same(model, expected)
        assert ours.updates_itself == (kind is by_itself)
        if kind is as_dict:
            assert history["twice"] == [pytest.approx(2 * history["loss"][0], rel=1e-6)]
            assert (history["one"], history["three"]) == ([1.0], [3.0])


def test_metrics_look_at_the_validation_beside_a_training_step():
    model = net()
    ours = Trainer(
        model,
        optim.SGD(model.parameters(), lr=0.1),
        F.cross_entropy,
        ["accuracy"],
        training_step=lambda x, y: {"loss": F.cross_entropy(model(x), y), "own": 1.0},
        display="off",
    )
    (epoch,) = ours.fit(blobs(12), blobs(12), epochs=1).epochs
    assert set(epoch.metrics) == {"loss", "own", "val_loss", "val_accuracy"}
    assert set(ours.step(next(iter(DataLoader(blobs(4)))))) == {"loss", "own"}


def test_a_validation_step_measures_in_place_of_loss_and_metrics():
    model = net()
    model.validation_step = lambda x, y: {"loss": tg.tensor(2.0), "accuracy": 0.25}
    ours = trainer(model, metrics=["accuracy", "f1"])
    (epoch,) = ours.fit(blobs(12), blobs(12), epochs=1).epochs
    assert set(epoch.metrics) == {"loss", "accuracy", "f1", "val_loss", "val_accuracy"}
    assert (epoch.metrics["val_loss"], epoch.metrics["val_accuracy"]) == (2.0, 0.25)
    assert ours.evaluate(blobs(4)) == {"loss": 2.0, "accuracy": 0.25}


@pytest.mark.parametrize(("name", "best"), [("accuracy", 2), ("mae", 1), ("my_own", 1)])
def test_of_what_a_validation_step_reports_more_is_better_where_its_name_says_so(name, best):
    model, values, seen = net(), iter([1.0, 2.0]), []
    model.validation_step = lambda x, y: {"loss": 0.0, name: next(values)}
    ours = Trainer(
        model,
        optim.SGD(model.parameters(), lr=0.1),
        training_step=lambda x, y: F.cross_entropy(model(x), y),
        monitor=f"val_{name}",
        callbacks=[seen.append],
        display="off",
    )
    history = ours.fit(blobs(8), blobs(8), epochs=2)
    assert history.best.epoch == best
    assert (name in seen[0].higher_is_better) == (best == 2)


def test_a_validation_step_that_is_not_there_is_the_training_step_unless_that_updates_weights():
    rbm = layers.RBM(6, 3)
    data = (np.random.default_rng(0).random((20, 6)) > 0.5).astype(np.float32)
    ours = Trainer(rbm, optim.SGD(rbm.parameters(), lr=0.1), display="off")
    assert len(ours.fit(data, data, epochs=1)["val_loss"]) == 1

    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        return 0.0

    ours = Trainer(model, optimizer, training_step=step, display="off")
    with pytest.raises(tg.ArgumentError, match=r"cannot validate\n[^$]*a validation_step"):
        ours.fit(blobs(8), blobs(8), epochs=1)


def test_a_gan_learns_a_gaussian():
    """Goodfellow et al., 2014, in two dimensions: where a distribution lies, and its spread."""
    tg.seed(0)
    rng = np.random.default_rng(0)
    data = (rng.standard_normal((512, 2)) * [0.5, 1.5] + [3.0, -1.0]).astype(np.float32)

    class GAN(tg.Module):
        def __init__(self):
            self.generator = layers.Dense(2, 2)
            self.discriminator = layers.Sequential(
                layers.Dense(2, 32), layers.LeakyReLU(0.2), layers.Dense(32, 1)
            )

        def sample(self, count):
            return self.generator(tg.randn(count, 2))

    gan = GAN()
    optimizers = {
        "generator": optim.Adam(gan.generator.parameters(), lr=0.02, betas=(0.5, 0.9)),
        "discriminator": optim.Adam(gan.discriminator.parameters(), lr=0.02, betas=(0.5, 0.9)),
    }

    def judged(points, real):
        logits = gan.discriminator(points)
        target = tg.full(logits.shape, float(real))
        return F.binary_cross_entropy_with_logits(logits, target)

    def training_step(real):
        fake = gan.sample(len(real))
        d_loss = judged(real, True) + judged(fake.detach(), False)
        optimizers["discriminator"].zero_grad()
        d_loss.backward()
        optimizers["discriminator"].step()
        g_loss = judged(fake, True)
        optimizers["generator"].zero_grad()
        g_loss.backward()
        optimizers["generator"].step()
        return {"loss": g_loss.item(), "d_loss": d_loss.item()}

    def distance():
        made = gan.sample(2000).data
        return np.abs(made.mean(axis=0) - [3.0, -1.0]).max(), np.abs(
            np.cov(made.T) - np.diag([0.25, 2.25])
        ).max()

    before = distance()
    ours = Trainer(gan, optimizers, training_step=training_step, ema=0.99, display="off")
    history = ours.fit(data, epochs=60, batch_size=64)
    assert set(history.epochs[0].metrics) == {"loss", "d_loss"}
    with ours.ema.applied():
        middle, spread = distance()
    assert before[0] > 2
    assert middle < 0.35
    assert spread < 0.6
    assert history["d_loss"][-1] == pytest.approx(2 * np.log(2), abs=0.25)  # it can only guess


def test_an_rbm_learns():
    tg.seed(0)
    patterns = np.float32([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    data = np.repeat(patterns, 50, axis=0)
    rbm = layers.RBM(6, 4)
    before = rbm.log_likelihood(data)
    Trainer(rbm, optim.SGD(rbm.parameters(), lr=0.2), display="off").fit(data, epochs=150)
    assert before == pytest.approx(-6 * np.log(2), abs=0.05)
    assert rbm.log_likelihood(data) > -1.2  # log ½ = -0.69 is the best there is


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (None, "training_step returned as loss is no single number"),
        ({"accuracy": 1.0}, "training_step returned no loss"),
        ({"loss": 1.0, "name": "abc"}, "returned as name is no single number"),
        ({"loss": 1.0, "all": np.ones(3)}, "returned as all is no single number"),
        (tg.ones(3), "returned as loss is no single number"),
    ],
)
def test_what_a_training_step_cannot_return(returned, problem):
    model = net()
    ours = Trainer(
        model, optim.SGD(model.parameters()), training_step=lambda x, y: returned, display="off"
    )
    with pytest.raises(tg.ArgumentError, match=problem):
        ours.fit(blobs(4), epochs=1)


def test_a_training_step_that_calls_backward_returns_no_tensor():
    model = net()

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    ours = Trainer(model, optim.SGD(model.parameters()), training_step=step, display="off")
    before = model.state_dict()
    with pytest.raises(tg.ArgumentError, match=r"has called backward\(\)[^$]*loss\.item\(\)"):
        ours.fit(blobs(4), epochs=1)
    np.testing.assert_equal(model.state_dict(), before)


def test_nan_in_a_step_that_has_updated_the_weights():
    model, calls = net(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        return {"loss": np.nan}

    ours = Trainer(model, optimizer, training_step=step, skip_nonfinite=3, display="off")
    with pytest.raises(tg.errors.DivergenceError, match="has updated the weights itself"):
        ours.fit(blobs(4), epochs=1)
    assert len(calls) == 1  # neither skipped nor tried again
    assert not ours.is_consistent


# -- what is left out -----------------------------------------------------------------------------


def test_steps_that_are_not_finite_are_left_out_as_if_they_had_not_been():
    """Of batches 0 to 5 the second and the fifth make infinity."""
    model = layers.Sequential(layers.Dense(2, 4), layers.BatchNorm1d(4), layers.Dropout(0.3))
    data, seen, bad = blobs(24), [], {1, 4}
    start = model.state_dict()
    calls = iter(range(100))

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets) * (np.inf if next(calls) in bad else 1.0)

    ours = trainer(model, loss=loss, skip_nonfinite=2, callbacks=[seen.append])
    tg.seed(5)
    ours.fit(DataLoader(data, batch_size=4), epochs=1)
    skipped = [e for e in seen if isinstance(e, StepSkipped)]
    assert [(e.step, e.left) for e in skipped] == [(2, 1), (5, 0)]
    assert all("inf" in e.problem for e in skipped)
    assert [e.step for e in seen if isinstance(e, StepEnded)] == [1, 3, 4, 6]

    other = layers.Sequential(layers.Dense(2, 4), layers.BatchNorm1d(4), layers.Dropout(0.3))
    other.load_state_dict(start)
    optimizer = optim.SGD(other.parameters(), lr=0.1)
    tg.seed(5)
    for i, (x, y) in enumerate(batches(data, 4)):
        if i not in bad:
            optimizer.zero_grad()
            F.cross_entropy(other(x), y).backward()
            optimizer.step()
    assert_same(model, other)

    calls = iter(range(100))
    bad.add(5)
    with pytest.raises(tg.errors.DivergenceError):
        ours.fit(DataLoader(data, batch_size=4), epochs=1)


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "val_loss"])
def test_an_epoch_of_which_all_steps_are_left_out_is_no_best_one(monitor):
    factors = iter([np.nan, np.nan, *[1.0] * 99])
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets) * (next(factors) if model.training else 1.0)

    ours = Trainer(
        model,
        optimizer,
        loss,
        metrics=["accuracy"],
        schedule=schedules.Plateau(optimizer),
        monitor=monitor,
        skip_nonfinite=2,
        display="off",
    )
    history = ours.fit(blobs(8), blobs(8), epochs=3, batch_size=4)
    assert np.isnan(history["loss"]).tolist() == [True, False, False]
    assert history.epochs[0].best == (monitor == "val_loss")  # that was measured


def test_the_first_step_of_the_users_own_may_be_left_out_too():
    model, factors, seen = net(), iter([np.inf, 1.0]), []
    ours = Trainer(
        model,
        optim.SGD(model.parameters(), lr=0.1),
        training_step=lambda x, y: F.cross_entropy(model(x), y) * next(factors),
        skip_nonfinite=1,
        callbacks=[seen.append],
        display="off",
    )
    ours.fit(DataLoader(blobs(8), batch_size=4), epochs=1)
    assert [e.step for e in seen if isinstance(e, StepSkipped)] == [1]
    expected, half = net(), blobs(8)[4:]
    F.cross_entropy(expected(half.x), half.y).backward()
    optim.SGD(expected.parameters(), lr=0.1).step()
    assert_same(model, expected)


@pytest.mark.parametrize("good", [0, 1])
def test_what_breaks_off_a_step_that_updates_weights_leaves_nothing_to_save(good):
    model, calls = net(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if len(calls) > good:
            raise RuntimeError("half done")
        return 0.0

    ours = Trainer(model, optimizer, training_step=step, display="off")
    with pytest.raises(RuntimeError, match="half done"):
        ours.fit(blobs(8), epochs=1, batch_size=4)
    assert not ours.is_consistent


@pytest.mark.parametrize("option", [{}, {"clip_value": 1.0}, {"clip_norm": 1.0}])
def test_a_gradient_that_is_infinite_is_found_whatever_clips_it(option):
    bias = (model := net())[2].bias
    ours = trainer(model, loss=lambda outputs, y: tg.sqrt(bias - bias.detach()).sum(), **option)
    before = ours.model.state_dict()
    with np.errstate(all="ignore"), pytest.raises(tg.errors.DivergenceError, match="a gradient"):
        ours.fit(blobs(4), epochs=1)
    for name, value in ours.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


# -- metrics --------------------------------------------------------------------------------------


def test_all_kinds_of_metrics_in_training_validation_and_evaluation():
    def first(outputs, targets):
        return float(outputs[0, 0])

    data, seen = blobs(10), []
    names = ["accuracy", "f1", "confusion_matrix", first, tg.train.metrics.TopK(1)]
    ours = trainer(lr=0.0, metrics=names, callbacks=[seen.append])
    (epoch,) = ours.fit(DataLoader(data, batch_size=4), data, epochs=1).epochs
    outputs = net()(data.x).data
    guesses = outputs.argmax(axis=1)
    table = [[int(((data.y == i) & (guesses == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    f1 = np.mean([2 * table[i][i] / (sum(table[i]) + table[0][i] + table[1][i]) for i in (0, 1)])
    numbers = {
        "loss": F.cross_entropy(tg.tensor(outputs), data.y).item(),
        "accuracy": (guesses == data.y).mean(),
        "f1": f1,
        "top_1": (guesses == data.y).mean(),
    }
    for name, value in numbers.items():
        assert epoch.metrics[name] == pytest.approx(value, rel=1e-6), name
        assert epoch.metrics[f"val_{name}"] == pytest.approx(value, rel=1e-6), name
    assert epoch.metrics["first"] == pytest.approx(
        (outputs[0, 0] * 4 + outputs[4, 0] * 4 + outputs[8, 0] * 2) / 10, rel=1e-6
    )
    assert epoch.metrics["val_first"] == pytest.approx(outputs[0, 0], rel=1e-6)
    matrices = {name: np.array(m).tolist() for name, m in epoch.matrices.items()}
    assert matrices == {"confusion_matrix": table, "val_confusion_matrix": table}
    measured = ours.evaluate(data, batch_size=3)
    assert set(measured) == {"loss", "accuracy", "f1", "confusion_matrix", "first", "top_1"}
    assert np.array(measured["confusion_matrix"]).tolist() == table
    assert measured["f1"] == pytest.approx(f1)
    assert seen[0].higher_is_better == (
        "accuracy",
        "f1",
        *(["confusion_matrix"] if tg.train.metrics.ConfusionMatrix.higher_is_better else []),
        "first",
        "top_1",
    )


def test_a_step_by_hand_returns_what_it_measured():
    ours, x = trainer(metrics=["accuracy", "confusion_matrix"]), blobs(6)
    batch = next(iter(DataLoader(x, batch_size=6)))
    before = net()(x.x).data
    measured = ours.step(batch)
    assert measured["accuracy"] == pytest.approx((before.argmax(axis=1) == x.y).mean())
    assert set(measured) == {"loss", "accuracy"}
    assert_same(ours.model, by_hand(x, 6))
