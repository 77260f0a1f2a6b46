"""A run that was broken off and resumed is, bit for bit, the run that never was."""

import random
from functools import partial

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.train.runs import (
    BATCH,
    Stop,
    assert_same,
    at_step,
    broken_at,
    data,
    disturb,
    loader,
    mlp,
    trainer,
)
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim, plugins, storage
from tinygrad_lite.data import DataLoader
from tinygrad_lite.data.transforms import GaussianNoise
from tinygrad_lite.optim import schedules
from tinygrad_lite.train import (
    BatchValidated,
    Callback,
    EpochEnded,
    FitStarted,
    StepEnded,
    StepSkipped,
    Warned,
    checkpoints,
)

VAL = data(9, seed=1)


def check(tmp_path, make=trainer, stops=None, train=loader, val=lambda: VAL, epochs=3, **fit):
    """Train without a break, and with one at each of `stops`; the results are the same."""
    whole = make(tmp_path / "whole")
    expected = whole.fit(train(), val(), epochs=epochs, **fit)
    for number, stop in enumerate(stops or [at_step(3)]):
        folder = tmp_path / str(number)
        broken = make(folder)
        broken.callbacks.insert(0, stop)
        with pytest.raises(Stop):
            broken.fit(train(), val(), epochs=epochs, **fit)
        disturb()
        again = make(folder)
        disturb()
        history = again.fit(train(), val(), epochs=epochs, resume=True, **fit)
        assert_same(again, whole)
        assert history.reason == expected.reason
    return whole, expected


# -- where it is broken off -----------------------------------------------------------------------


def is_batch(step):
    return lambda e: isinstance(e, BatchValidated) and (e.epoch, e.step) == (2, step)


@pytest.mark.parametrize(
    "stop",
    [
        *(at_step(step) for step in (1, 3, 5, 6, 9, 10, 14, 15)),
        broken_at(is_batch(1)),
        broken_at(is_batch(3)),
        *(broken_at(lambda e, n=n: isinstance(e, EpochEnded) and e.epoch == n) for n in (1, 2, 3)),
    ],
    ids=[
        *(f"step {step}" for step in (1, 3, 5, 6, 9, 10, 14, 15)),
        *("validation begins", "validation ends", "epoch 1", "epoch 2", "epoch 3"),
    ],
)
def test_at_every_place_of_an_epoch(tmp_path, stop):
    check(tmp_path, stops=[stop], val=lambda: DataLoader(VAL, 3, shuffle=True))


def test_at_every_step_one_after_the_other(tmp_path):
    whole = trainer(tmp_path / "whole")
    whole.fit(loader(), VAL, epochs=2)
    for step in range(1, 11):
        broken = trainer(tmp_path / "broken", callbacks=[at_step(step)])
        with pytest.raises(Stop):
            broken.fit(loader(), VAL, epochs=2, resume=True)
    last = trainer(tmp_path / "broken")
    last.fit(loader(), VAL, epochs=2, resume=True)
    assert_same(last, whole)


# -- what is resumed ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [plugin.name for plugin in plugins.optim.all()])
def test_every_optimiser(tmp_path, name):
    kind = plugins.optim.get(name)
    check(tmp_path, partial(trainer, optimizer=lambda p: kind(p, lr=1e-2)))


def test_groups_and_options(tmp_path):
    def groups(parameters):
        first, *others = parameters
        return optim.Adam(
            [{"params": [first], "lr": 1e-3}, {"params": others, "weight_decay": 0.1}],
            lr=1e-2,
        )

    check(tmp_path, partial(trainer, optimizer=groups, schedule=lambda o: schedules.Step(o, 2)))


SCHEDULES = {
    "Cosine": lambda o: schedules.Cosine(o, 12),
    "CosineRestarts": lambda o: schedules.CosineRestarts(o, 3),
    "Step": lambda o: schedules.Step(o, 2),
    "MultiStep": lambda o: schedules.MultiStep(o, [2, 4, 9]),
    "Exponential": lambda o: schedules.Exponential(o, 0.9),
    "Polynomial": lambda o: schedules.Polynomial(o, 14),
    "OneCycle": lambda o: schedules.OneCycle(o, 15),
    "Plateau": lambda o: schedules.Plateau(o, patience=0, threshold=0.5),
    "Warmup": lambda o: schedules.Warmup(schedules.Cosine(o, 12), 4),
}


def test_no_schedule_is_forgotten():
    known = {name for name in dir(schedules) if isinstance(getattr(schedules, name), type)}
    assert known - {"Schedule"} == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("unit", ["step", "epoch"])
def test_every_schedule(tmp_path, name, unit):
    make = partial(trainer, schedule=SCHEDULES[name], schedule_by=unit)
    _, history = check(tmp_path, make, [at_step(4), at_step(10)])
    assert len({epoch.lr for epoch in history.epochs}) > 1  # it did something


def test_two_schedules(tmp_path):
    check(
        tmp_path,
        partial(trainer, schedule=lambda o: [SCHEDULES["Warmup"](o), SCHEDULES["Plateau"](o)]),
    )


def conv():
    return layers.Sequential(
        layers.Conv2d(1, 2, 3, padding=1),
        layers.BatchNorm2d(2),
        layers.ReLU(),
        layers.Dropout(0.4),
        layers.Flatten(),
        layers.Dense(32, 3),
    )


def test_dropout_batch_norm_and_augmentation(tmp_path):
    x = np.random.default_rng(0).standard_normal((20, 1, 4, 4)).astype(np.float32)
    images = x, data()[1]
    train = partial(loader, images, transform=GaussianNoise(0.2))
    check(tmp_path, partial(trainer, model=conv), [at_step(3), at_step(10)], train, lambda: images)


class Recurrent(tg.Module):
    def __init__(self, kind):
        self.cells = kind(3, 4, returns="last")
        self.out = layers.Dense(4, 3)

    def forward(self, x):
        return self.out(self.cells(x))


@pytest.mark.parametrize("kind", [layers.RNN, layers.LSTM, layers.GRU])
def test_recurrent_nets(tmp_path, kind):
    x = np.random.default_rng(0).standard_normal((20, 6, 3)).astype(np.float32)
    sequences = x, data()[1]
    make = partial(trainer, model=lambda: Recurrent(kind), clip_norm=0.5)
    check(tmp_path, make, train=partial(loader, sequences), val=lambda: sequences)


@pytest.mark.parametrize("validates", [False, True])
def test_persistent_chains(tmp_path, validates):
    """Those go on at every step; a validation, broken off half-way, moves them as well."""
    units = (data()[0] > 0).astype(np.float32)

    def chain(folder):
        return trainer(folder, lambda: layers.RBM(3, 4, persistent=True), loss=None, monitor="loss")

    stops = [at_step(2), at_step(5)]
    if validates:
        stops.append(broken_at(lambda e: isinstance(e, BatchValidated) and e.step == 2))
    val = (lambda: DataLoader(units, 6)) if validates else lambda: None
    check(tmp_path, chain, stops, partial(loader, units), val)


def test_a_generator_of_a_layers_own(tmp_path):
    class Noisy(tg.Module):
        def __init__(self):
            self.inner, self.rng = mlp(), np.random.Generator(np.random.MT19937(1))

        def forward(self, x):
            return self.inner(x) + self.rng.standard_normal(3).astype(np.float32)

    check(tmp_path, partial(trainer, model=Noisy), [at_step(3), broken_at(is_batch(1))])


def test_a_buffer_that_is_changed_in_place(tmp_path):
    class Counting(tg.Module):
        def __init__(self):
            self.inner, self.seen = mlp(), tg.Buffer(np.zeros((), np.float32))

        def forward(self, x):
            self.seen.data += len(x)
            if self.training and self.seen.data == 10 * 4 + 9:
                raise Stop
            return self.inner(x) * self.seen

    made = trainer(tmp_path / "a", Counting)
    with pytest.raises(Stop):
        made.fit(loader(), VAL, epochs=3)
    saved = storage.read_state(checkpoints.find(tmp_path / "a"))
    assert saved["model"]["seen"] == saved["progress"]["total"] * 4 + 9


class Sampled:
    """Samples that draw from NumPy's and Python's own generators; now and then one fails."""

    def __init__(self, fail_at=None):
        self.read, self.fail_at = 0, fail_at

    def __len__(self):
        return 20

    def __getitem__(self, index):
        self.read += 1
        if self.read == self.fail_at:
            raise ValueError("torn")
        noise = np.random.random(3) + random.random()
        return (data()[0][index] + noise).astype(np.float32), int(data()[1][index])


@pytest.mark.parametrize("fail_at", [3, 14, 20, 30, 47])
def test_code_that_draws_from_the_global_generators(tmp_path, fail_at):
    """Also when it breaks amid a batch, half of whose samples have drawn already."""
    whole = trainer(tmp_path / "whole")
    whole.fit(loader(Sampled()), VAL, epochs=3)
    with pytest.raises(tg.DataError, match=r"sample .* cannot be read: ValueError: torn"):
        trainer(tmp_path / "a").fit(loader(Sampled(fail_at)), VAL, epochs=3)
    again = trainer(tmp_path / "a")
    if fail_at > 4:  # else there is nothing yet, and all begins anew
        disturb()
    again.fit(loader(Sampled()), VAL, epochs=3, resume=True)
    assert_same(again, whole)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_accumulation_with_a_remainder(tmp_path, stop):
    """Five batches, two by two: the third update has but one."""
    check(tmp_path, partial(trainer, accumulate=2), [at_step(stop)])


@pytest.mark.parametrize("ema", [0.9, lambda model: optim.EMA(model, 0.9, warmup=True)])
def test_averages_and_best_weights(tmp_path, ema):
    def make(folder):
        made = trainer(folder, restore_best=True)
        made.ema = optim.EMA(made.model, ema) if isinstance(ema, float) else ema(made.model)
        return made

    check(tmp_path, make, [at_step(4), at_step(12)])
    best = [tg.load(tmp_path / run / "best.safetensors").state_dict() for run in ("whole", "1")]
    for name, array in best[0].items():
        assert array.tobytes() == best[1][name].tobytes()


def test_metrics_half_way_through_an_epoch(tmp_path):
    names = ["accuracy", "f1", "confusion_matrix", "top_2", "perplexity"]
    check(tmp_path, partial(trainer, metrics=names), [at_step(3), at_step(5), at_step(8)])


def test_patience_that_runs_out_after_a_resume(tmp_path):
    make = partial(trainer, patience=2, min_delta=10.0)
    _, history = check(tmp_path, make, [at_step(8), at_step(15)], epochs=9)
    assert len(history.epochs) == 3
    assert "no better val_loss for 2 epochs" in history.reason
    done = make(tmp_path / "whole").fit(loader(), VAL, epochs=9, resume=True)
    assert len(done.epochs) == 3  # it still has


def test_steps_left_out_are_counted_over_a_resume(tmp_path):
    x, y = data()
    x[[3, 11]] = 1e4

    def loss(outputs, targets):
        usual = F.cross_entropy(outputs, targets)
        return usual * np.nan if np.abs(outputs.data).max() > 100 else usual

    def make(folder, left=4):
        return trainer(folder, lambda: layers.Dense(3, 3), loss=loss, skip_nonfinite=left)

    seen = []
    whole, _ = check(
        tmp_path, make, [at_step(2), at_step(4)], partial(loader, (x, y)), lambda: None, 2
    )
    assert whole.progress.skipped == 4
    broken = make(tmp_path / "few", 3)
    broken.callbacks += [at_step(4), seen.append]
    with pytest.raises(Stop):
        broken.fit(loader((x, y)), epochs=2)
    again = make(tmp_path / "few", 3)
    again.callbacks.append(seen.append)
    with pytest.raises(tg.errors.DivergenceError):
        again.fit(loader((x, y)), epochs=2, resume=True)
    assert [event.left for event in seen if isinstance(event, StepSkipped)] == [2, 1, 0]


class Counter(Callback):
    def __init__(self):
        self.steps, self.seen = 0, np.zeros(2)

    def __call__(self, event):
        if isinstance(event, StepEnded):
            self.steps, self.seen = self.steps + 1, self.seen + event.loss

    def state_dict(self):
        return {"steps": self.steps, "seen": self.seen}

    def load_state_dict(self, state):
        self.steps, self.seen = state["steps"], state["seen"]


def test_callbacks_that_remember(tmp_path):
    stop = broken_at(lambda e: isinstance(e, EpochEnded) and e.epoch == 2)
    make = lambda folder: trainer(folder, callbacks=[Counter(), Counter()])
    whole, _ = check(tmp_path, make, [stop])
    assert whole.callbacks[1].steps == 15


def test_a_callback_that_is_gone_is_named(tmp_path):
    trainer(tmp_path, callbacks=[Counter()]).fit(loader(), epochs=1)
    seen = []
    trainer(tmp_path, callbacks=[seen.append]).fit(loader(), epochs=2, resume=True)
    texts = [event.text for event in seen if isinstance(event, Warned)]
    assert texts == ["the run began with a callback Counter 1, which is not there any more"]


def test_other_surroundings_are_named(tmp_path, monkeypatch):
    trainer(tmp_path).fit(loader(), epochs=1)
    monkeypatch.setattr(np, "__version__", "0.1")
    seen = []
    trainer(tmp_path, callbacks=[seen.append]).fit(loader(), epochs=2, resume=True)
    (text,) = [event.text for event in seen if isinstance(event, Warned)]
    assert "goes on with 0.1: the last bits" in text


def test_weights_that_lie_in_another_order(tmp_path):
    """They are brought into the order that a checkpoint has: another order rounds otherwise."""

    def turned():
        model = layers.Sequential(layers.Dense(3, 70), layers.Tanh(), layers.Dense(70, 3))
        model[0].weight.data = np.asfortranarray(model[0].weight.data)
        return model

    whole, _ = check(tmp_path, partial(trainer, model=turned))
    assert whole.model[0].weight.data.flags.c_contiguous


def test_a_step_of_the_users_own_with_several_optimisers(tmp_path):
    class Pair(tg.Module):
        def __init__(self):
            self.a, self.b = layers.Dense(3, 3), layers.Dense(3, 3)

        def forward(self, x):
            return self.b(self.a(x))

    def make(folder):
        model = Pair()
        optimizers = {
            "a": optim.Adam(model.a.parameters(), 0.01),
            "b": optim.SGD(model.b.parameters(), 0.1, momentum=0.5),
        }

        def step(x, y):
            for optimizer in optimizers.values():
                optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            for optimizer in optimizers.values():
                optimizer.step()
            return {"loss": loss.item()}

        return tg.Trainer(
            model, optimizers, training_step=step, folder=folder, display="off", monitor="loss"
        )

    def seeded(folder):
        tg.seed(1)
        return make(folder)

    check(tmp_path, seeded, val=lambda: None)


# -- what to resume from --------------------------------------------------------------------------


def test_nothing_there_begins_a_new_run(tmp_path):
    whole = trainer()
    whole.fit(loader(), epochs=2)
    new = trainer(tmp_path / "new")
    new.fit(loader(), epochs=2, resume=True)
    assert_same(new, whole)
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        trainer().fit(loader(), resume=tmp_path / "nowhere")
    with pytest.raises(tg.ArgumentError, match="folder must be a path"):
        trainer().fit(loader(), resume=True)


def names(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def kept(folder, **options):
    """A run of three epochs with a checkpoint after every step."""
    return trainer(folder, save_every=0, keep=99, **options)


def test_the_folder_of_a_run_or_one_of_its_checkpoints(tmp_path):
    whole = kept(tmp_path / "a")
    expected = whole.fit(loader(), VAL, epochs=3)
    assert expected.checkpoint == str(checkpoints.find(tmp_path / "a"))
    before = tg.load(expected.checkpoint).state_dict()
    for name, array in whole.model.state_dict().items():
        assert array.tobytes() == before[name].tobytes()
    for resume in (str(tmp_path / "a"), tmp_path / "a" / "checkpoints" / names(tmp_path / "a")[6]):
        again = trainer()
        history = again.fit(loader(), VAL, epochs=3, resume=resume)
        assert again.folder == tmp_path / "a"
        assert history.checkpoint == expected.checkpoint
        assert_same(again, whole)
    aside = [name for name in names(tmp_path / "a") if name.startswith("aside-")]
    assert len(aside) == 18 - 7
    assert storage.read_state(tmp_path / "a" / "checkpoints" / aside[-1])["progress"]["total"] == 15


def test_best_weights_of_a_future_that_was_given_up_are_not_the_best(tmp_path):
    """From an older checkpoint on, with another rate, no epoch is as good as one was before."""
    first = kept(tmp_path, optimizer=lambda p: optim.SGD(p, 0.5))
    history = first.fit(loader(), data(), epochs=3)
    assert history.best.epoch == 3
    saved = tmp_path / "checkpoints" / "step-00000005-epoch-0001"
    again = kept(tmp_path, optimizer=lambda p: optim.SGD(p, 0.5))
    later = again.fit(loader(), data(), epochs=3, resume=saved, lr=0.0)
    assert later.best.epoch == 1
    best = tg.load(tmp_path / "best.safetensors").state_dict()
    for name, array in storage.read_state(saved)["model"].items():
        assert array.tobytes() == best[name].tobytes()


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    trainer(tmp_path).fit(loader(), epochs=1)
    (tmp_path / ".best.safetensors.12345678.beside").touch()
    (tmp_path / "checkpoints" / ".step-00000009.12345678.beside").mkdir()
    trainer(tmp_path).fit(loader(), epochs=1, resume=True)
    assert not [*tmp_path.rglob(".*")]


def test_best_weights_are_written_once(tmp_path, monkeypatch):
    from tinygrad_lite.train import session

    written, save_arrays = [], session.save_arrays
    monkeypatch.setattr(
        session, "save_arrays", lambda *args: (written.append(args[2]), save_arrays(*args))
    )
    history = kept(tmp_path).fit(loader(), VAL, epochs=3)
    assert written == [tmp_path / "best.safetensors"] * sum(e.best for e in history.epochs)


def test_a_resume_that_fails_leaves_the_run_as_it_was(tmp_path):
    kept(tmp_path).fit(loader(), VAL, epochs=2)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    other = (np.zeros((12, 3), np.float32), np.zeros(12, int))
    start = tmp_path / "checkpoints" / "step-00000003"
    with pytest.raises(tg.CheckpointError, match="of 20 samples, the data set has 12"):
        trainer().fit(loader(other), VAL, epochs=3, resume=start)
    with pytest.raises(tg.ArgumentError, match="epochs must be"):
        trainer().fit(loader(), VAL, epochs=0, resume=start)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_more_epochs_than_before(tmp_path):
    """The schedule aside, which knows of no end here."""
    whole = trainer(tmp_path / "whole")
    whole.fit(loader(), VAL, epochs=4)
    two = trainer(tmp_path / "two")
    two.fit(loader(), VAL, epochs=2)
    four = trainer(tmp_path / "two")
    assert len(four.fit(loader(), VAL, epochs=4, resume=True).epochs) == 4
    assert_same(four, whole)


def test_nothing_left_to_do(tmp_path):
    first = trainer(tmp_path)
    first.fit(loader(), VAL, epochs=2)
    before = names(tmp_path)
    seen = []
    again = trainer(tmp_path, callbacks=[seen.append])
    history = again.fit(loader(), VAL, epochs=2, resume=True)
    assert [epoch.epoch for epoch in history.epochs] == [1, 2]
    assert not [event for event in seen if isinstance(event, StepEnded)]
    assert next(e for e in seen if isinstance(e, FitStarted)).done == 10
    assert names(tmp_path) == before
    assert_same(again, first)


def test_the_same_trainer_goes_on(tmp_path):
    whole = trainer(tmp_path / "whole")
    whole.fit(loader(), VAL, epochs=3)
    same = trainer(tmp_path / "a", metrics=[])
    same.callbacks.append(at_step(7))
    with pytest.raises(Stop):
        same.fit(loader(), VAL, epochs=3)
    same.callbacks.clear()
    same.fit(loader(), VAL, epochs=3, resume=True)
    assert_same(same, whole)


def test_a_second_run_of_a_trainer_knows_nothing_of_the_first():
    ours = trainer(metrics=["accuracy"], restore_best=True)
    for step, has_best in ((8, True), (2, False)):
        ours.callbacks[:] = [at_step(step)]
        with pytest.raises(Stop):
            ours.fit(loader(), VAL)
        assert (ours.best_weights.arrays is not None) == has_best
        assert ours.metrics[0].state_dict()["count"] == BATCH * (step % 5)
    assert ours.progress.history == []


def test_a_learning_rate_to_go_on_with(tmp_path):
    make = partial(trainer, optimizer=lambda p: optim.SGD(p, 0.1))
    make(tmp_path / "a").fit(loader(), epochs=1)
    again = make(tmp_path / "a")
    assert again.fit(loader(), epochs=2, resume=True, lr=0.01).epochs[-1].lr == 0.01
    assert again.fit(loader(), epochs=3, resume=True).epochs[-1].lr == 0.01  # it is remembered


def test_a_learning_rate_to_go_on_with_keeps_the_proportions_of_groups(tmp_path):
    def groups(parameters):
        first, *others = parameters
        return optim.SGD([{"params": [first]}, {"params": others, "lr": 0.4}], 0.1)

    make = partial(trainer, optimizer=groups)
    make(tmp_path / "a").fit(loader(), epochs=1)
    again = make(tmp_path / "a")
    again.fit(loader(), epochs=2, resume=True, lr=0.01)
    assert [group["lr"] for group in again.optimizer.param_groups] == [0.01, pytest.approx(0.04)]


def test_a_learning_rate_to_go_on_with_is_that_of_each_optimiser(tmp_path):
    def make():
        model = mlp()
        first, *others = model.parameters()
        both = {"a": optim.SGD([first], 0.1), "b": optim.SGD(others, 0.2)}
        schedule = schedules.Step(both["b"], 100)
        return tg.Trainer(
            model, both, F.cross_entropy, schedule=schedule, folder=tmp_path, display="off"
        )

    make().fit(loader(), epochs=1)
    again = make()
    again.fit(loader(), epochs=2, resume=True, lr=0.01)
    assert [optimizer.lr for optimizer in again.optimizers.values()] == [0.01, 0.01]


def test_another_monitor_to_go_on_with(tmp_path):
    """What was best by another one is no measure; the first epoch that is judged is the best."""
    trainer(tmp_path, monitor="loss").fit(loader(), epochs=2)
    history = trainer(tmp_path, monitor="val_loss").fit(loader(), VAL, epochs=3, resume=True)
    assert history.best.epoch == 3
    assert np.isnan(history["val_loss"]).tolist() == [True, True, False]


@pytest.mark.parametrize("name", [*SCHEDULES])
def test_a_learning_rate_to_go_on_with_under_a_schedule(tmp_path, name):
    """Also where the schedule is at 0."""
    make = partial(trainer, optimizer=lambda p: optim.SGD(p, 0.1), schedule=SCHEDULES[name])
    broken = make(tmp_path / "a")
    broken.callbacks.append(at_step(14))
    with pytest.raises(Stop):
        broken.fit(loader(), VAL, epochs=3)
    again = make(tmp_path / "a")
    before = storage.read_state(checkpoints.find(tmp_path / "a"))
    old = before["parts"]["optimizer SGD"]["groups.0.lr"]
    rates = []
    again.callbacks.append(lambda e: rates.append(e.lr) if isinstance(e, StepEnded) else None)
    again.fit(loader(), VAL, epochs=3, resume=True, lr=0.01)
    if name != "OneCycle":  # which has a peak of its own
        assert rates[0] == pytest.approx(old / 10)


def test_a_folder_that_holds_a_run(tmp_path):
    trainer(tmp_path / "a").fit(loader(), epochs=1)
    trainer(tmp_path / "b").fit(loader(), epochs=1)
    for resume in (None, False, tmp_path / "b"):
        with pytest.raises(tg.ArgumentError, match="holds a run already"):
            trainer(tmp_path / "a").fit(loader(), epochs=2, resume=resume)
    other = trainer(tmp_path / "c")  # a new run that begins where another ended
    history = other.fit(loader(), epochs=2, resume=tmp_path / "b")
    assert history.checkpoint.startswith(str(tmp_path / "c"))
    assert len(names(tmp_path / "b")) == 1


def test_a_run_that_did_not_come_to_its_first_step_is_none(tmp_path):
    def broken(outputs, targets):
        raise Stop

    with pytest.raises(Stop):
        trainer(tmp_path, loss=broken).fit(loader())
    trainer(tmp_path).fit(loader(), epochs=1)


@pytest.mark.parametrize("keep", [1, 2])
def test_only_the_last_are_kept(tmp_path, keep):
    trainer(tmp_path, save_every=0, keep=keep).fit(loader(), VAL, epochs=2)
    assert names(tmp_path) == ["step-00000010", "step-00000010-epoch-0002"][-keep:]


def test_the_order_of_checkpoints_is_that_of_numbers(tmp_path):
    for name in ("step-100000000", "step-99999999", "step-99999999-epoch-10000"):
        storage.write_state(tmp_path / "checkpoints" / name, {})
    assert [path.name for path in checkpoints.all_of(tmp_path)] == [
        "step-99999999",
        "step-99999999-epoch-10000",
        "step-100000000",
    ]


# -- what cannot be resumed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"model": lambda: layers.Dense(3, 3)}, "the state does not fit"),
        (
            {
                "model": lambda: layers.Sequential(
                    layers.Dense(3, 9), layers.Tanh(), layers.Dense(9, 3)
                )
            },
            "the state does not fit",
        ),
        ({"model": lambda: mlp().astype("float64")}, r"float32 in the checkpoint, float64 here"),
        ({"optimizer": optim.Adam}, "optimizer SGD there, optimizer Adam here"),
        ({"schedule": SCHEDULES["Step"]}, "nothing there, schedule 1 Step here"),
        ({"ema": 0.9}, "nothing there, ema here"),
        ({"metrics": ["accuracy"]}, "nothing there, metric accuracy here"),
    ],
)
def test_another_trainer(tmp_path, change, problem):
    trainer(tmp_path).fit(loader(), epochs=1)
    before = names(tmp_path)
    with pytest.raises(tg.CheckpointError, match=problem):
        trainer(tmp_path, **change).fit(loader(), epochs=2, resume=True)
    assert names(tmp_path) == before


def test_another_kind_of_optimiser_or_schedule(tmp_path):
    kinds = [plugins.optim.get(plugin.name) for plugin in plugins.optim.all()]
    trainer(tmp_path, optimizer=kinds[0], schedule=SCHEDULES["Step"]).fit(loader(), epochs=1)
    for kind in kinds[1:]:
        with pytest.raises(tg.CheckpointError, match=f"{kind.__name__} here"):
            trainer(tmp_path, optimizer=kind, schedule=SCHEDULES["Step"]).fit(loader(), resume=True)
    with pytest.raises(tg.CheckpointError, match="schedule 1 Step there, schedule 1 Cosine here"):
        trainer(tmp_path, optimizer=kinds[0], schedule=SCHEDULES["Cosine"]).fit(
            loader(), resume=True
        )


@pytest.mark.parametrize("name", [storage.ARRAYS, storage.REST, storage.MANIFEST])
def test_a_damaged_checkpoint_is_refused_and_another_one_named(tmp_path, name):
    kept(tmp_path).fit(loader(), epochs=1)
    last = checkpoints.find(tmp_path)
    (last / name).unlink()
    with pytest.raises(tg.CheckpointError, match="damaged") as caught:
        trainer(tmp_path).fit(loader(), epochs=2, resume=True)
    (note,) = caught.value.__notes__
    assert note == f"  there is also {checkpoints.all_of(tmp_path)[-2]}"
    with pytest.raises(tg.CheckpointError, match="damaged"):
        tg.load(last)


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(plugins.layers, "_plugins", dict(plugins.layers._plugins))
    known = dict(plugins.layers._plugins)

    @tg.register_layer("stranger")
    class Stranger(tg.Module):
        def __init__(self, inner):
            self.inner = inner

        def forward(self, x):
            return self.inner(x)

    history = trainer(tmp_path, lambda: Stranger(mlp())).fit(loader(), epochs=1)
    monkeypatch.setattr(plugins.layers, "_plugins", known)
    with pytest.raises(tg.PluginError, match="it came from: tests"):
        tg.load(history.checkpoint)


def test_a_state_that_is_of_no_training(tmp_path):
    storage.write_state(tmp_path / "checkpoints" / "step-00000001", {"mine": 1})
    with pytest.raises(tg.CheckpointError, match="of no training"):
        trainer(tmp_path).fit(loader(), resume=True)
