"""The same steps in PyTorch, where it is installed."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import optim

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("AdamW", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "eps": 1e-3}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1, "momentum_decay": 0.3}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-3, "weight_decay": 0.1}),
]


@pytest.fixture
def float64_by_default():
    """Let PyTorch compute in float64 also what it keeps beside the arrays, as NAdam's product."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.usefixtures("float64_by_default")
def test_optimizers(name, options):
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(3, 4)), rng.normal(size=(15, 3, 4))
    ours, theirs = tg.Parameter(start), torch.nn.Parameter(torch.tensor(start))
    a = getattr(optim, name)([ours], **options)
    b = getattr(torch.optim, name)([theirs], **options)
    for grad in grads:
        ours.grad, theirs.grad = tg.tensor(grad), torch.tensor(grad)
        a.step()
        b.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, float("inf")])
def test_clipping(norm_type):
    grad = np.random.default_rng(0).normal(size=(3, 4))
    ours, theirs = tg.Parameter(grad), torch.nn.Parameter(torch.tensor(grad))
    ours.grad, theirs.grad = tg.tensor(grad), torch.tensor(grad)
    norm = torch.nn.utils.clip_grad_norm_([theirs], 0.7, norm_type).item()
    assert optim.clip_grad_norm_([ours], 0.7, norm_type) == pytest.approx(norm)
    np.testing.assert_allclose(ours.grad.data, theirs.grad.numpy(), rtol=1e-5)


STEPS = 24
METRICS = [1.0, 0.9, 0.9, 0.95, 0.9, 0.91, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.4] + [0.7] * (STEPS - 13)

ours_of, theirs_of = optim.schedules, torch.optim.lr_scheduler
SCHEDULES = {
    "Step": (lambda o: ours_of.Step(o, 3, 0.5), lambda o: theirs_of.StepLR(o, 3, 0.5)),
    "MultiStep": (
        lambda o: ours_of.MultiStep(o, [2, 5, 6], 0.3),
        lambda o: theirs_of.MultiStepLR(o, [2, 5, 6], 0.3),
    ),
    "Exponential": (
        lambda o: ours_of.Exponential(o, 0.8),
        lambda o: theirs_of.ExponentialLR(o, 0.8),
    ),
    "Polynomial": (
        lambda o: ours_of.Polynomial(o, 20, 1.5),
        lambda o: theirs_of.PolynomialLR(o, 20, 1.5),
    ),
    "Cosine": (
        lambda o: ours_of.Cosine(o, STEPS, 0.01),
        lambda o: theirs_of.CosineAnnealingLR(o, STEPS, 0.01),
    ),
    "CosineRestarts": (
        lambda o: ours_of.CosineRestarts(o, 3, 2, 0.01),
        lambda o: theirs_of.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    ),
    "CosineRestarts, equal": (
        lambda o: ours_of.CosineRestarts(o, 5),
        lambda o: theirs_of.CosineAnnealingWarmRestarts(o, 5),
    ),
    "OneCycle": (
        lambda o: ours_of.OneCycle(o, STEPS + 1, 0.37, 5.0, 100.0),
        lambda o: theirs_of.OneCycleLR(
            o,
            0.2,
            STEPS + 1,
            pct_start=0.37,
            div_factor=5.0,
            final_div_factor=100.0,
            cycle_momentum=False,
        ),
    ),
    "OneCycle with momentum": (
        lambda o: ours_of.OneCycle(o, STEPS + 1, momentum=(0.85, 0.95)),
        lambda o: theirs_of.OneCycleLR(o, 0.2, STEPS + 1),
    ),
    "Plateau": (
        lambda o: ours_of.Plateau(o, 0.5, patience=1, cooldown=2, threshold=0.02),
        lambda o: theirs_of.ReduceLROnPlateau(
            o, factor=0.5, patience=1, cooldown=2, threshold=0.02
        ),
    ),
    "Plateau, rising": (
        lambda o: ours_of.Plateau(o, 0.5, patience=2, mode="max", minimum=0.02),
        lambda o: theirs_of.ReduceLROnPlateau(o, "max", 0.5, patience=2, min_lr=0.02),
    ),
    "Warmup": (
        lambda o: ours_of.Warmup(ours_of.Exponential(o, 0.8), 6, 0.25),
        lambda o: theirs_of.SequentialLR(
            o,
            [theirs_of.LinearLR(o, 0.25, total_iters=6), theirs_of.ExponentialLR(o, 0.8)],
            [6],
        ),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore:The epoch parameter")  # SequentialLR's own use of it
def test_schedules(name):
    make, make_theirs = SCHEDULES[name]
    ours = optim.SGD([tg.Parameter([1.0])], lr=0.2, momentum=0.5)
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.2, momentum=0.5)
    a, b = make(ours), make_theirs(theirs)
    rates = set()
    for metric in METRICS:
        for option in ("lr", "momentum"):
            assert ours.param_groups[0][option] == pytest.approx(theirs.param_groups[0][option])
        rates.add(ours.lr)
        theirs.step()
        a.step(metric)
        b.step(metric) if a.needs_metric else b.step()
    assert len(rates) > 2


def test_one_cycle_of_betas():
    ours = optim.Adam([tg.Parameter([1.0])], lr=0.2)
    theirs = torch.optim.Adam([torch.nn.Parameter(torch.ones(1))], lr=0.2)
    a = ours_of.OneCycle(ours, STEPS + 1, momentum=(0.85, 0.95))
    b = theirs_of.OneCycleLR(theirs, 0.2, STEPS + 1)
    for _ in range(STEPS):
        assert ours.param_groups[0]["betas"] == pytest.approx(theirs.param_groups[0]["betas"])
        theirs.step()
        a.step()
        b.step()
