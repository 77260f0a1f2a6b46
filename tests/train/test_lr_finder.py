"""The learning-rate finder on losses whose best rate is known, and that nothing remains of it."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.errors import ArgumentError, DataError, DivergenceError
from tinygrad_lite.train import LRCurve, Trainer, find_lr


class Quadratic(tg.Module):
    """h θ² / 2, which gradient descent solves in one step of 1 / h, and diverges on above 2 / h."""

    def __init__(self, curvature):
        self.curvature = curvature
        self.theta = tg.Parameter(np.array([3.0]), "float64")

    def training_step(self, x):
        return (self.theta**2).sum() * (self.curvature / 2)


def on_quadratic(curvature, lr=0.1, **options):
    model = Quadratic(curvature)
    trainer = Trainer(model, optim.SGD(model.parameters(), lr=lr), display="off")
    return find_lr(trainer, np.zeros((4, 1)), **options)


@pytest.mark.parametrize("curvature", [0.7, 5.0, 300.0])
def test_quadratic(curvature):
    curve = on_quadratic(curvature, start=1e-6, end=100.0, steps=160)
    count = len(curve.lrs)
    np.testing.assert_allclose(curve.lrs, np.geomspace(1e-6, 100.0, 160)[:count])
    theta = 3.0 * np.cumprod([1.0, *(1 - curve.lrs[:-1] * curvature)])
    np.testing.assert_allclose(curve.losses, curvature * theta**2 / 2, rtol=1e-9)
    shares = [0.8 ** np.arange(i, -1, -1) for i in range(count)]
    smoothed = [(s * curve.losses[: i + 1]).sum() / s.sum() for i, s in enumerate(shares)]
    np.testing.assert_allclose(curve.smoothed, smoothed, rtol=1e-9)
    # above 2 / h the loss grows, which ends it
    assert count < 160
    assert 2 / curvature < curve.lrs[-1] < 100 / curvature
    # rates that grow by a factor q add up to lr / ln q, so while they are small the loss is about
    # exp(-2 h lr / ln q): over ln lr that is steepest at ln q / 2 h, and smoothing comes later
    steepest = np.log(curve.lrs[1] / curve.lrs[0]) / (2 * curvature)
    assert steepest < curve.suggestion < 2.5 * steepest < 2 / curvature
    assert curve.smoothed[-1] > 4 * curve.smoothed.min()
    assert (curve.smoothed[:-1] <= 4 * np.minimum.accumulate(curve.smoothed[:-1])).all()


def test_where_it_ends():
    model = Quadratic(1.0)
    losses = iter([1.0] * 10 + [1.05**i for i in range(100)])
    model.training_step = lambda x: model.theta.sum() * 0.0 + next(losses)
    trainer = Trainer(model, optim.SGD([model.theta]), display="off")
    curve = find_lr(trainer, np.zeros((4, 1)), steps=100)
    assert curve.smoothed[-2] <= 4.0 < curve.smoothed[-1]


def test_the_suggestion_is_the_smaller_one():
    lrs = np.geomspace(1e-4, 1.0, 5)
    curve = LRCurve(lrs, lrs, np.array([5.0, 4.9, 4.0, 1.0, 9.0]))
    assert f"suggestion {curve.suggestion:.1e}" in repr(curve)
    assert (curve.steepest, curve.tenth) == pytest.approx((1e-1, 1e-2))
    assert curve.suggestion == curve.tenth
    curve = LRCurve(lrs, lrs, np.array([5.0, 1.0, 0.9, 0.9, 0.8]))
    assert (curve.steepest, curve.tenth) == pytest.approx((1e-4, 1e-1))
    assert curve.suggestion == curve.steepest


def test_a_loss_that_only_rises():
    curve = LRCurve(np.array([1e-3, 1e-2, 1e-1]), np.ones(3), np.array([1.0, 2.0, 9.0]))
    assert curve.suggestion == pytest.approx(1e-4)


def blobs():
    rng = np.random.default_rng(0)
    y = np.arange(50) % 2
    return Dataset((rng.normal(size=(50, 2)) + 4 * y[:, None]).astype(np.float32), y)


class Noise(tg.Module):
    """Draws from a generator of its own."""

    def __init__(self):
        self.own = np.random.default_rng(7)

    def forward(self, x):
        return x + self.own.normal(scale=0.1, size=x.shape).astype(np.float32)


def make_trainer():
    """A trainer in the midst of training, with all that remembers something."""
    tg.seed(0)
    model = layers.Sequential(
        Noise(), layers.Dense(2, 8), layers.BatchNorm1d(8), layers.Dropout(0.5), layers.Dense(8, 2)
    )
    groups = optim.decay_groups(model, 0.1)
    groups[0]["lr"] = 0.02
    optimizer = optim.Adam(groups, lr=0.01)
    schedule = optim.schedules.Exponential(optimizer, 0.9)
    return Trainer(
        model, optimizer, loss=F.cross_entropy, schedule=schedule, ema=0.9, display="off"
    )


@pytest.mark.parametrize("end", [0.1, 1e30])  # to the end, and until it diverges
def test_everything_is_as_before(end):
    trainer, twin = make_trainer(), make_trainer()
    loader = DataLoader(blobs(), batch_size=16, shuffle=True, seed=3)
    twin_loader = DataLoader(blobs(), batch_size=16, shuffle=True, seed=3)
    for each, batches in ((trainer, loader), (twin, twin_loader)):
        tg.seed(1)
        each.step(next(iter(batches)))
        each.model.eval()
    grads = [parameter.grad for parameter in trainer.model.parameters()]
    arrays = [parameter.data for parameter in trainer.model.parameters()]

    tg.seed(2)
    expected = tg.rand(4).numpy()
    tg.seed(2)
    curve = find_lr(trainer, loader, end=end, steps=30)
    np.testing.assert_array_equal(tg.rand(4).numpy(), expected)
    assert len(curve.lrs) == 30 if end < 1 else len(curve.lrs) < 30
    assert len(set(curve.losses)) > 5

    assert loader.state_dict() == twin_loader.state_dict()
    assert trainer.schedules[0].count == 1
    assert trainer.ema.count == 1
    assert trainer.is_consistent
    assert not any(module.training for module in trainer.model.modules())
    for parameter, grad, array in zip(trainer.model.parameters(), grads, arrays, strict=True):
        assert parameter.grad is grad
        assert parameter.data is array

    for each, batches in ((trainer, loader), (twin, twin_loader)):  # and so is what comes after
        tg.seed(4)
        for batch in batches:
            each.step(batch)
    for state, other in (
        (trainer.model.state_dict(), twin.model.state_dict()),
        (trainer.optimizer.state_dict(), twin.optimizer.state_dict()),
    ):
        assert state.keys() == other.keys()
        for name, value in state.items():
            np.testing.assert_array_equal(value, other[name])


def test_data_of_one_s_own_draws_no_seed():
    trainer = make_trainer()
    tg.seed(2)
    expected = tg.rand(4).numpy()
    tg.seed(2)
    curve = find_lr(trainer, blobs(), start=1e-4, end=1e-2, steps=9, batch_size=50)
    np.testing.assert_array_equal(tg.rand(4).numpy(), expected)
    assert len(curve.losses) == 9  # epochs of one batch each


def test_everything_is_as_before_also_after_an_error():
    trainer = make_trainer()
    before, schedules = trainer.model.state_dict(), list(trainer.schedules)
    bad = [(np.zeros(2, np.float32), 0)] * 3 + [(np.full(2, np.nan, np.float32), 0)]
    with pytest.raises(DataError, match="holds NaN"):
        find_lr(trainer, DataLoader(bad, batch_size=2), end=1.0, steps=10)
    assert trainer.schedules == schedules
    for name, value in trainer.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_parameters_beside_the_model_s_and_several_optimizers():
    model = Quadratic(1.0)
    scale = tg.Parameter(np.array([1.0]), "float64")
    seen = []

    def training_step(x):
        seen.append({optimizer.lr for optimizer in trainer.optimizers.values()})
        return (model.theta**2 * scale).sum()

    optimizers = {"one": optim.SGD([model.theta], lr=0.1), "two": optim.SGD([scale], lr=0.2)}
    trainer = Trainer(model, optimizers, training_step=training_step, display="off")
    curve = find_lr(trainer, np.zeros((4, 1)), end=0.1, steps=5)
    assert seen == [{lr} for lr in curve.lrs]
    assert (model.theta.tolist(), scale.tolist()) == ([3.0], [1.0])
    assert [optimizer.lr for optimizer in optimizers.values()] == [0.1, 0.2]


def test_a_rate_has_as_many_batches_as_a_step_has():
    model, seen = Quadratic(1.0), []
    model.training_step = lambda x: seen.append(len(x)) or (model.theta**2).sum()
    trainer = Trainer(model, optim.SGD([model.theta]), accumulate=3, display="off")
    find_lr(trainer, np.zeros((5, 1)), end=0.1, steps=4, batch_size=2)
    assert seen == [2, 2, 1] * 4


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"start": 0.0}, ArgumentError, "start=0.0, end=10.0 is no range"),
        ({"start": 1.0, "end": 0.1}, ArgumentError, "start=1.0, end=0.1 is no range"),
        ({"end": np.inf}, ArgumentError, "end=inf is no range"),
        ({"steps": 1}, ArgumentError, "steps=1 is not possible"),
        ({"steps": 10.0}, ArgumentError, "steps=10.0 is not possible"),
        ({"start": 1e200, "end": 1e201}, DivergenceError, "not finite at the rate 1.0"),
    ],
)
def test_errors(options, error, text):
    with pytest.raises(error, match=text) as caught:
        on_quadratic(1.0, **options)
    assert "fix:" in str(caught.value)
