"""The Trainer: what it computes, what it reports, and what it refuses."""

import signal

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.train import (
    BatchValidated,
    EpochEnded,
    FitEnded,
    FitStarted,
    LayersMeasured,
    StepEnded,
    Trainer,
)


def blobs(n=60, seed=0):
    """Two classes that a line separates."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.standard_normal((n, 2)).astype(np.float32) + 4 * y[:, None]
    return Dataset(x.astype(np.float32), y)


def trainer(model=None, lr=0.1, **options):
    tg.seed(0)
    model = model or layers.Dense(2, 2)
    options = {"loss": F.cross_entropy, "metrics": ["accuracy"], "display": "off"} | options
    return Trainer(model, optim.SGD(model.parameters(), lr=lr), **options)


def test_it_learns():
    history = trainer().fit(blobs(), blobs(seed=1), epochs=20, batch_size=10)
    assert history["val_accuracy"][-1] > 0.95
    assert history["loss"][-1] < history["loss"][0]
    assert not history.interrupted


def test_a_step_is_the_loop_that_one_would_write_by_hand():
    data = blobs(12)
    ours = trainer()
    weight, bias = (p.data.copy() for p in ours.model.parameters())
    ours.fit(DataLoader(data, batch_size=4), epochs=1)

    by_hand = layers.Dense(2, 2)
    by_hand.load_state_dict({"weight": weight, "bias": bias})
    optimizer = optim.SGD(by_hand.parameters(), lr=0.1)
    for start in range(0, 12, 4):
        optimizer.zero_grad()
        F.cross_entropy(by_hand(data.x[start : start + 4]), data.y[start : start + 4]).backward()
        optimizer.step()
    for mine, other in zip(ours.model.parameters(), by_hand.parameters(), strict=True):
        np.testing.assert_array_equal(mine.data, other.data)


def test_events_come_in_order_with_true_numbers():
    seen = []
    ours = trainer(callbacks=[seen.append])
    ours.fit(blobs(10), blobs(6), epochs=2, batch_size=4)
    kinds = [type(event) for event in seen if not isinstance(event, LayersMeasured)]
    epoch = [StepEnded, StepEnded, StepEnded, BatchValidated, EpochEnded]
    assert kinds == [FitStarted, *epoch, *epoch, FitEnded]
    assert isinstance(seen[1], LayersMeasured)
    start = seen.pop(0)
    assert (start.model, start.parameters, start.samples, start.epochs, start.steps) == (
        "Dense",
        6,
        10,
        2,
        3,
    )
    assert [(e.epoch, e.step, e.samples) for e in seen if isinstance(e, StepEnded)] == [
        (epoch, step, size) for epoch in (1, 2) for step, size in ((1, 4), (2, 4), (3, 2))
    ]
    steps = [e for e in seen if isinstance(e, StepEnded)]
    assert [e.total for e in steps] == [1, 2, 3, 4, 5, 6]
    validated = [e for e in seen if isinstance(e, BatchValidated)]
    assert [(e.epoch, e.step, e.steps) for e in validated] == [(1, 1, 1), (2, 1, 1)]
    first = next(e for e in seen if isinstance(e, EpochEnded))
    assert (first.epoch, first.total, first.lr) == (1, 3, 0.1)
    assert first.seconds == pytest.approx(sum(e.seconds for e in steps[:3]))
    assert first.waiting == pytest.approx(sum(e.waiting for e in steps[:3]))
    weighted = sum(e.loss * e.samples for e in steps[:3]) / 10
    assert first.metrics["loss"] == pytest.approx(weighted)
    assert set(first.metrics) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_best_is_the_lowest_validation_loss():
    history = trainer(lr=0.5).fit(blobs(), blobs(seed=3), epochs=8)
    best = min(history.epochs, key=lambda epoch: epoch.metrics["val_loss"])
    assert history.best.epoch == best.epoch


def test_without_validation_no_epoch_is_best():
    assert trainer().fit(blobs(), epochs=2).best is None


def test_evaluate_changes_nothing_and_counts_samples_not_batches():
    ours = trainer(layers.Sequential(layers.Dense(2, 2), layers.Dropout(0.5)))
    data = blobs(7)
    before = ours.model.state_dict()
    measured = ours.evaluate(data, batch_size=3)
    logits = ours.model.eval()(data.x)
    assert measured["loss"] == pytest.approx(F.cross_entropy(logits, data.y).item(), rel=1e-6)
    assert measured["accuracy"] == pytest.approx((logits.data.argmax(1) == data.y).mean())
    for name, value in ours.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_schedule_steps_with_every_batch():
    tg.seed(0)
    model = layers.Dense(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.schedules.Step(optimizer, step_size=2, gamma=0.1)
    rates = []
    ours = Trainer(
        model,
        optimizer,
        F.cross_entropy,
        schedule=schedule,
        display="off",
        callbacks=[lambda e: rates.append(e.lr) if isinstance(e, StepEnded) else None],
    )
    ours.fit(blobs(12), epochs=1, batch_size=3)
    np.testing.assert_allclose(rates, [1, 1, 0.1, 0.1])


def test_the_gradient_is_clipped():
    ours = trainer(lr=1.0, clip_norm=1e-3)
    before = [p.data.copy() for p in ours.model.parameters()]
    ours.fit(blobs(8), epochs=1, batch_size=8)
    moved = [p.data - b for p, b in zip(ours.model.parameters(), before, strict=True)]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(1e-3, rel=1e-3)


def test_a_training_step_of_the_model_is_used():
    tg.seed(0)
    rbm = layers.RBM(6, 3)
    data = (np.random.default_rng(0).random((20, 6)) > 0.5).astype(np.float32)
    history = Trainer(rbm, optim.SGD(rbm.parameters(), lr=0.1), display="off").fit(data, epochs=2)
    assert len(history["loss"]) == 2


def test_all_but_the_targets_goes_to_the_model(rng):
    x, lengths = rng.random((6, 5, 2), np.float32), np.array([5, 1, 3, 2, 5, 4])
    y = rng.random((6, 3), np.float32)

    class Last(tg.Module):
        def __init__(self):
            self.gru = layers.GRU(2, 3, returns="last")

        def forward(self, x, lengths):
            return self.gru(x, lengths=lengths)

    model = Last()
    trainer = Trainer(model, optim.SGD(model.parameters(), 0.1), F.mse_loss, display="off")
    loader = DataLoader([*zip(x, lengths, y, strict=True)], batch_size=6)
    expected = F.mse_loss(model(x, lengths), y).item()
    assert trainer.fit(loader, epochs=1)["loss"] == [pytest.approx(expected)]
    assert trainer.evaluate(loader)["loss"] < expected


def test_float64_data_is_brought_to_the_dtype_of_the_model():
    data = blobs()
    history = trainer().fit((data.x.astype(np.float64), data.y), epochs=1)
    assert np.isfinite(history["loss"]).all()


def test_ctrl_c_returns_what_was_measured():
    def interrupt(event):
        if isinstance(event, StepEnded) and (event.epoch, event.step) == (2, 1):
            signal.raise_signal(signal.SIGINT)

    seen, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        history = trainer(callbacks=[interrupt, seen.append]).fit(blobs(), epochs=5)
    finally:
        signal.signal(signal.SIGINT, before)
    assert history.interrupted
    assert history.reason == "Ctrl-C"
    assert len(history.epochs) == 1
    assert seen[-1].interrupted


def test_it_ends_when_it_is_told_that_this_is_enough(capsys):
    seen = []
    learner = trainer(callbacks=[seen.append], display="plain")
    history = learner.fit(blobs(), epochs=5, until=lambda epoch: epoch.epoch == 3)
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]
    assert not history.interrupted
    assert isinstance(seen[-1], FitEnded)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:-1]] == [
        "1/5",
        "2/5",
        "3/5",
    ]


def test_enough_is_a_question():
    with pytest.raises(tg.ArgumentError, match="until must be a function"):
        trainer().fit(blobs(), until=0.5)


def test_a_batch_larger_than_the_data_is_one_batch():
    seen = []
    trainer(callbacks=[seen.append]).fit(blobs(5), epochs=1, batch_size=100)
    assert [e.samples for e in seen if isinstance(e, StepEnded)] == [5]


# -- what it refuses ------------------------------------------------------------------------------


def test_no_loss():
    with pytest.raises(tg.ArgumentError, match=r"Dense has no training_step.*\n[^$]*fix: pass one"):
        trainer(loss=None)


def test_an_unknown_metric_shows_the_known_ones():
    with pytest.raises(tg.ArgumentError, match=r"no metric is called 'acuracy'[^$]*accuracy"):
        trainer(metrics=["acuracy"])


def test_a_metric_of_the_users_own():
    def first(outputs, targets):
        return float(outputs[0, 0])

    history = trainer(metrics=[first]).fit(blobs(), epochs=1)
    assert "first" in history.epochs[0].metrics


def test_no_targets():
    with pytest.raises(tg.DataError, match=r"batches of \(inputs, targets\); these have 1 part"):
        trainer().fit(blobs().x, epochs=1)


def test_no_data():
    empty = Dataset(np.zeros((0, 2), np.float32), np.zeros(0, int))
    with pytest.raises(tg.DataError, match="empty"):
        trainer().fit(empty)


def test_nan_in_a_data_set_is_found_before_training():
    data = blobs()
    data.x[17, 1] = np.nan
    with pytest.raises(tg.DataError, match="sample 17 of x"):
        trainer().fit(data)


def test_nan_in_a_batch_names_the_sample_and_leaves_the_weights():
    class Stream:
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.full(2, np.nan if i == 2 else 1, np.float32), i % 2

    ours = trainer()
    before = ours.model.state_dict()
    with pytest.raises(tg.DataError, match="sample 2 of the batch"):
        ours.fit(DataLoader(Stream(), batch_size=4))
    np.testing.assert_array_equal(ours.model.state_dict()["weight"], before["weight"])


def test_divergence_leaves_what_layers_count_as_it_was():
    model = layers.Sequential(layers.BatchNorm1d(2), layers.Dense(2, 2))
    before = model.state_dict()
    with pytest.raises(tg.errors.DivergenceError):
        trainer(model, loss=lambda x, y: F.cross_entropy(x, y) * np.inf).fit(blobs())
    np.testing.assert_equal(model.state_dict(), before)


def test_divergence_keeps_the_weights_and_says_what_to_do():
    ours = trainer(loss=lambda x, y: F.cross_entropy(x, y) * np.inf)
    before = ours.model.state_dict()
    with pytest.raises(
        tg.errors.DivergenceError, match=r"loss is inf[^$]*learning rate \(now 0\.1\)"
    ):
        ours.fit(blobs())
    np.testing.assert_array_equal(ours.model.state_dict()["weight"], before["weight"])


def test_labels_out_of_range():
    data = blobs()
    data.y[3] = 2
    with pytest.raises(tg.DataError, match="label 2"):
        trainer().fit(data)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"loss": "cross_entropy"}, "loss must be a function"),
        ({"metrics": "accuracy"}, "metrics must be a list"),
        ({"schedule": optim.schedules.Cosine}, "schedule must be a Schedule"),
        ({"callbacks": print}, "callbacks must be a list of functions"),
        ({"callbacks": [3]}, "callbacks must be a list of functions"),
        ({"schedule_by": "batch"}, "schedule_by must be one of step, epoch"),
        ({"clip_norm": -1.0}, "clip_norm must be a number from 0 on"),
        ({"clip_value": "1"}, "clip_value must be a number from 0 on"),
        ({"clip_norm": True}, "clip_norm must be a number from 0 on"),
        ({"accumulate": 0}, "accumulate must be a whole number from 1 on"),
        ({"accumulate": True}, "accumulate must be a whole number from 1 on"),
        ({"ema": 1}, "ema must be an EMA, or its decay"),
        ({"monitor": None}, "monitor must be the name of a metric"),
        ({"min_delta": -0.1}, "min_delta must be a number from 0 on"),
        ({"patience": 0}, "patience must be a whole number from 1 on"),
        ({"skip_nonfinite": -1}, "skip_nonfinite must be a whole number from 0 on"),
        ({"training_step": "gan"}, "training_step must be a function"),
        ({"folder": 3}, "folder must be a path"),
        ({"save_every": -1}, "save_every must be seconds from 0 on"),
        ({"keep": 0}, "keep must be a whole number from 1 on"),
        ({"optimizer": {}}, "the optimiser holds no parameter"),
        ({"optimizer": [optim.SGD([tg.Parameter([1.0])])]}, "optimizer must be an Optimizer, or"),
        ({"optimizer": {"a": "adam"}}, "optimizer must be an Optimizer, or a dict of several"),
        ({"display": "plian"}, "display must be one of auto, live, plain, off"),
        ({"model": lambda x: x}, "model must be a Module"),
        ({"optimizer": "adam"}, "optimizer must be an Optimizer"),
    ],
)
def test_arguments_of_the_wrong_kind(options, problem):
    model = layers.Dense(2, 2)
    given = {"model": model, "optimizer": optim.SGD(model.parameters()), "loss": F.cross_entropy}
    with pytest.raises(tg.ArgumentError, match=problem):
        Trainer(**given | options)


def test_numbers_of_numpy_are_numbers():
    """They come of sweeps: `for patience in np.arange(1, 9)`."""
    options = {"patience": np.int64(9), "accumulate": np.int32(2), "clip_norm": np.float32(1)}
    ours = trainer(monitor="loss", **options)
    assert len(ours.fit(blobs(), epochs=np.int64(2), lr=np.float32(0.25)).epochs) == 2
    assert type(ours.optimizer.lr) is float


def test_the_average_of_another_model():
    with pytest.raises(tg.ArgumentError, match="the EMA averages no parameter of Dense"):
        trainer(ema=optim.EMA(layers.Dense(2, 2)))


def test_the_optimiser_of_another_model():
    with pytest.raises(tg.ArgumentError, match="holds no parameter of Dense"):
        Trainer(layers.Dense(2, 2), optim.SGD(layers.Dense(2, 2).parameters()), F.cross_entropy)


@pytest.mark.parametrize("epochs", [0, -1, 2.0, "3"])
def test_epochs_that_are_none(epochs):
    with pytest.raises(tg.ArgumentError, match="epochs must be a whole number from 1 on"):
        trainer().fit(blobs(), epochs=epochs)


def test_a_loss_that_is_no_tensor():
    with pytest.raises(tg.ArgumentError, match="loss must be a function that returns a Tensor"):
        trainer(loss=lambda outputs, targets: 3.0).fit(blobs())


def test_a_schedule_of_another_optimiser():
    other = optim.SGD(layers.Dense(2, 2).parameters(), lr=0.1)
    with pytest.raises(tg.ArgumentError, match="the schedule Cosine is of another optimiser"):
        trainer(schedule=optim.schedules.Cosine(other, 10))


def test_metrics_without_a_loss():
    rbm = layers.RBM(2, 2)
    with pytest.raises(tg.ArgumentError, match="metrics look at the outputs that a loss looks at"):
        trainer(rbm, loss=None, metrics=["accuracy"])


@pytest.mark.parametrize(
    "options", [{"patience": 1}, {"restore_best": True}, {"monitor": "val_accuracy"}]
)
def test_epochs_cannot_be_judged_by_a_validation_that_there_is_not(options):
    with pytest.raises(
        tg.ArgumentError, match=r"not measured without validation\n[^$]*loss[^$]*give fit a val"
    ):
        trainer(**options).fit(blobs(), epochs=1)


def test_epochs_cannot_be_judged_by_what_is_not_measured():
    with pytest.raises(tg.ArgumentError, match=r"'val_f1' is not measured\n[^$]*val_accuracy"):
        trainer(monitor="val_f1").fit(blobs(), blobs(), epochs=1)


@pytest.mark.parametrize("name", ["val_judge", "val_confusion_matrix"])
def test_what_is_measured_may_be_known_only_after_an_epoch(name):
    model, options = layers.Dense(2, 2), {"metrics": ["confusion_matrix"]}
    if name == "val_judge":
        options = {"training_step": lambda x, y: F.cross_entropy(model(x), y), "metrics": []}
    with pytest.raises(tg.ArgumentError, match=rf"'{name}' is not measured\n[^$]*val_loss"):
        trainer(model, monitor=name, **options).fit(blobs(), blobs(), epochs=1)


@pytest.mark.parametrize("lr", [-1.0, "0.1"])
def test_a_rate_to_go_on_with_that_is_none(lr):
    with pytest.raises(tg.ArgumentError, match="lr must be a number from 0 on"):
        trainer().fit(blobs(), lr=lr)


def test_bad_arguments_of_fit_begin_no_run():
    seen = []
    with pytest.raises(tg.ArgumentError):
        trainer(callbacks=[seen.append]).fit(blobs(), epochs=0)
    with pytest.raises(tg.ArgumentError):
        trainer().run(blobs(), epochs=0)
    assert seen == []


def test_there_is_no_folder_to_resume_from():
    with pytest.raises(tg.ArgumentError, match="folder must be a path, to resume"):
        trainer().fit(blobs(), resume=True)


@pytest.mark.parametrize("val", [None, blobs(seed=1)])
def test_a_model_that_was_trained_is_in_evaluation_mode(val):
    ours = trainer(layers.Sequential(layers.Dropout(0.5), layers.Dense(2, 2)))
    ours.fit(blobs(), val, epochs=1)
    assert not any(module.training for module in ours.model.modules())


def test_a_metric_that_fails_leaves_a_count_that_fits_the_weights():
    def fail(outputs, targets):
        raise ValueError("I cannot")

    ours = trainer(metrics=[fail])
    before = ours.model.state_dict()
    with pytest.raises(ValueError, match="I cannot"):
        ours.fit(blobs(), epochs=1)
    assert (ours.progress.total, ours.progress.step, ours.progress.means.count) == (0, 0, 0)
    np.testing.assert_array_equal(ours.model.state_dict()["weight"], before["weight"])


def test_a_step_by_hand_that_diverges_changes_nothing():
    ours = trainer(loss=lambda x, y: F.cross_entropy(x, y) * np.inf)
    before = ours.model.state_dict()
    with pytest.raises(tg.errors.DivergenceError, match="loss is inf"):
        ours.step(next(iter(DataLoader(blobs()))))
    np.testing.assert_array_equal(ours.model.state_dict()["weight"], before["weight"])


def test_what_anything_else_raises_in_a_step_is_taken_back():
    model = layers.Sequential(layers.BatchNorm1d(2), layers.Dense(2, 2))

    def loss(outputs, targets):
        raise RuntimeError("I cannot")

    ours = trainer(model, loss=loss)
    before = model.state_dict()
    for train in (lambda: ours.fit(blobs()), lambda: ours.step(next(iter(DataLoader(blobs()))))):
        with pytest.raises(RuntimeError, match="I cannot"):
            train()
        np.testing.assert_equal(model.state_dict(), before)
