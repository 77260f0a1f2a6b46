"""All losses and their gradients against PyTorch, where it is installed."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
N, C = 5, 4
REDUCTIONS = ["mean", "sum", "none"]


def normal(*shape):
    return RNG.standard_normal(shape)


def unit(*shape):
    return RNG.uniform(0.02, 0.98, shape)


def signs(*shape):
    return RNG.choice([-1.0, 1.0], shape)


def labels(*shape):
    return RNG.integers(0, C, shape)


def shares(*shape):
    p = unit(*shape)
    return p / p.sum(axis=1, keepdims=True)


X, PAIR, POSITIVE = normal(N, C), [normal(N, C), normal(N, C)], unit(N, C) * 3
IMAGES, WEIGHT = normal(2, C, 3, 2), unit(C)
IGNORING = np.array([1, -100, 0, -100, 3])
TRIPLE = [normal(N, C) for _ in range(3)]

# name, operands that gradients flow into, constants by name, parameters
CALLS = [
    ("mse_loss", PAIR, {}, {}),
    ("mse_loss", PAIR, {"weight": unit(N, C)}, {}),
    ("l1_loss", PAIR, {}, {}),
    ("l1_loss", PAIR, {"weight": unit(N, C)}, {}),
    ("smooth_l1_loss", PAIR, {}, {}),
    ("smooth_l1_loss", PAIR, {}, {"beta": 0.4}),
    ("smooth_l1_loss", PAIR, {}, {"beta": 0}),
    ("huber_loss", PAIR, {}, {"delta": 0.6}),
    ("huber_loss", PAIR, {"weight": unit(N, C)}, {}),
    ("poisson_nll_loss", [X], {"target": POSITIVE}, {}),
    ("poisson_nll_loss", [X], {"target": POSITIVE}, {"full": True}),
    ("poisson_nll_loss", [POSITIVE], {"target": 5 * POSITIVE}, {"log_input": False, "eps": 1e-2}),
    ("gaussian_nll_loss", [*PAIR, POSITIVE], {}, {}),
    ("gaussian_nll_loss", [*PAIR, POSITIVE], {}, {"full": True, "eps": 0.9}),
    ("gaussian_nll_loss", [*PAIR, POSITIVE[:, 0]], {}, {}),
    ("gaussian_nll_loss", [*PAIR, POSITIVE[:, :1]], {}, {}),
    ("gaussian_nll_loss", PAIR, {}, {"var": 0.7}),
    ("kl_div", [np.log(unit(N, C)), unit(N, C)], {}, {}),
    ("kl_div", [np.log(unit(N, C)), np.log(unit(N, C))], {}, {"log_target": True}),
    ("binary_cross_entropy", [unit(N, C), unit(N, C)], {}, {}),
    ("binary_cross_entropy", [unit(N, C), unit(N, C)], {"weight": WEIGHT}, {}),
    ("binary_cross_entropy", [np.array([0.0, 0.0, 1.0, 1.0])], {"target": [0.0, 1, 0, 1]}, {}),
    ("binary_cross_entropy_with_logits", [X, unit(N, C)], {}, {}),
    ("binary_cross_entropy_with_logits", [X, unit(N, C)], {"weight": unit(N, 1)}, {}),
    ("binary_cross_entropy_with_logits", [X, unit(N, C)], {"pos_weight": WEIGHT * 3}, {}),
    ("multilabel_soft_margin_loss", [X], {"target": unit(N, C)}, {}),
    ("multilabel_soft_margin_loss", [X], {"target": unit(N, C), "weight": WEIGHT}, {}),
    ("multilabel_soft_margin_loss", [normal(C)], {"target": unit(C)}, {}),
    ("cross_entropy", [X], {"target": labels(N)}, {}),
    ("cross_entropy", [X], {"target": labels(N), "weight": WEIGHT}, {}),
    ("cross_entropy", [X], {"target": IGNORING}, {}),
    ("cross_entropy", [X], {"target": IGNORING, "weight": WEIGHT}, {"label_smoothing": 0.3}),
    ("cross_entropy", [X], {"target": [0, 1, 2, 3, 2]}, {"ignore_index": 2}),
    ("cross_entropy", [X], {"target": labels(N)}, {"label_smoothing": 1.0}),
    ("cross_entropy", [normal(C)], {"target": 2}, {}),
    ("cross_entropy", [normal(C)], {"target": 2, "weight": WEIGHT}, {"label_smoothing": 0.1}),
    ("cross_entropy", [IMAGES], {"target": labels(2, 3, 2)}, {}),
    ("cross_entropy", [IMAGES], {"target": labels(2, 3, 2), "weight": WEIGHT}, {"ignore_index": 1}),
    ("cross_entropy", [X, shares(N, C)], {}, {}),
    ("cross_entropy", [X, shares(N, C)], {"weight": WEIGHT}, {"label_smoothing": 0.2}),
    ("cross_entropy", [IMAGES, shares(2, C, 3, 2)], {"weight": WEIGHT}, {}),
    ("cross_entropy", [normal(C), unit(C)], {"weight": WEIGHT}, {}),
    ("nll_loss", [X], {"target": labels(N)}, {}),
    ("nll_loss", [X], {"target": IGNORING, "weight": WEIGHT}, {}),
    ("nll_loss", [IMAGES], {"target": labels(2, 3, 2), "weight": WEIGHT}, {"ignore_index": 0}),
    ("nll_loss", [normal(C)], {"target": 1, "weight": WEIGHT}, {}),
    ("soft_margin_loss", [X], {"target": signs(N, C)}, {}),
    ("hinge_embedding_loss", [X], {"target": signs(N, C)}, {}),
    ("hinge_embedding_loss", [X], {"target": signs(N, C)}, {"margin": 0.3}),
    ("margin_ranking_loss", PAIR, {"target": signs(N, C)}, {}),
    ("margin_ranking_loss", PAIR, {"target": signs(N, C)}, {"margin": 0.7}),
    ("multi_margin_loss", [X], {"target": labels(N)}, {}),
    ("multi_margin_loss", [X], {"target": labels(N), "weight": WEIGHT}, {"p": 2, "margin": 0.7}),
    ("multi_margin_loss", [normal(C)], {"target": 3}, {}),
    ("multilabel_margin_loss", [X[:3]], {"target": [[3, 0, -1, 1], [-1] * 4, [0, 1, 2, 3]]}, {}),
    ("multilabel_margin_loss", [normal(C)], {"target": [2, -1, -1, 0]}, {}),
    ("triplet_margin_loss", TRIPLE, {}, {}),
    ("triplet_margin_loss", TRIPLE, {}, {"p": 1, "margin": 2.0}),
    ("triplet_margin_loss", TRIPLE, {}, {"p": 3.5, "eps": 1e-2, "swap": True, "margin": 3.0}),
    ("triplet_margin_loss", TRIPLE, {}, {"p": np.inf, "margin": 4.0}),
    ("triplet_margin_loss", [t[0] for t in TRIPLE], {}, {"margin": 5.0}),
    ("cosine_embedding_loss", PAIR, {"target": signs(N)}, {}),
    ("cosine_embedding_loss", PAIR, {"target": signs(N)}, {"margin": 0.3}),
    ("cosine_embedding_loss", [normal(C), normal(C)], {"target": 1.0}, {}),
]


def alike(ours, theirs):
    """Values, and gradients of every operand, agree. Both return (loss, operands)."""
    (y, xs), (z, ts) = ours, theirs
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-10, atol=1e-12)
    g = np.cos(np.arange(y.size)).reshape(y.shape)
    y.backward(g)
    z.backward(torch.tensor(g))
    for x, t in zip(xs, ts, strict=True):
        np.testing.assert_allclose(x.grad.data, t.grad.numpy(), rtol=1e-8, atol=1e-11)


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")  # of the mean of kl_div
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "arrays", "constants", "params"), CALLS)
def test_values_and_gradients(name, arrays, constants, params, reduction):
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    theirs = {
        n: torch.tensor(c, dtype=torch.double if np.asarray(c).dtype.kind == "f" else None)
        for n, c in constants.items()
    }
    params = params | {"reduction": reduction}
    alike(
        (getattr(F, name)(*xs, **constants, **params), xs),
        (getattr(torch.nn.functional, name)(*ts, **theirs, **params), ts),
    )


@pytest.mark.parametrize("log_target", [False, True])
def test_kl_div_of_a_batch(log_target):
    p = np.log(shares(N, C)) if log_target else shares(N, C)
    x, t = (make(X, requires_grad=True) for make in (tg.tensor, torch.tensor))
    options = {"reduction": "batchmean", "log_target": log_target}
    alike(
        (F.kl_div(x, p, **options), [x]),
        (torch.nn.functional.kl_div(t, torch.tensor(p), **options), [t]),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize(
    ("shape", "targets", "input_lengths", "target_lengths", "blank"),
    [
        ((6, 3, C), [[1, 2], [1, 1], [3, 9]], [6, 5, 4], [2, 2, 1], 0),
        ((6, 3, C), [1, 2, 2, 1, 1], [6, 5, 4], [2, 2, 1], 0),
        ((6, 3, C), [[1, 2, 0], [1, 1, 1], [0, 0, 0]], [6, 5, 4], [3, 3, 0], 3),
        ((3, 2, C), [[1, 2, 1], [1, 1, 2]], [3, 3], [3, 3], 0),  # the second does not fit
        ((1, 1, C), [[2]], [1], [1], 0),
        ((4, C), [1, 2], 4, 2, 0),
        ((40, 8, C), labels(8, 9) % 3 + 1, [40, 39, 38, 25, 40, 40, 22, 30], [9] * 8, 0),
    ],
)
def test_ctc(shape, targets, input_lengths, target_lengths, blank, zero_infinity, reduction):
    data = normal(*shape)
    x, t = (make(data, requires_grad=True) for make in (tg.tensor, torch.tensor))
    options = {"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity}
    y = F.ctc_loss(F.log_softmax(x), targets, input_lengths, target_lengths, **options)
    z = torch.nn.functional.ctc_loss(
        torch.log_softmax(t, -1),
        *(torch.tensor(a) for a in (targets, input_lengths, target_lengths)),
        **options,
    )
    if np.isfinite(y.data).all():
        alike((y, [x]), (z, [t]))
    else:  # theirs has a gradient without numbers
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12)
