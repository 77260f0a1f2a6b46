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
]


@pytest.mark.parametrize(("name", "options"), CASES)
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


def test_schedules():
    pairs = [
        (
            lambda o: optim.schedules.Step(o, 3, 0.5),
            lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
        ),
        (
            lambda o: optim.schedules.Cosine(o, 12, 0.01),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 12, 0.01),
        ),
    ]
    for make, make_theirs in pairs:
        ours = optim.SGD([tg.Parameter([1.0])], lr=0.2)
        theirs = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.2)
        a, b = make(ours), make_theirs(theirs)
        for _ in range(12):
            assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"])
            theirs.step()
            a.step()
            b.step()
