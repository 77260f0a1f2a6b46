"""Losses: fused, reference and naive agree; and their corners."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import kernels
from tinygrad_lite.modes import observe

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def value_and_gradient(logits, target):
    logits.grad = None
    loss = tg.cross_entropy(logits, target)
    loss.backward()
    return loss.item(), logits.grad.data


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (1, 4), (7, 2)])
def test_cross_entropy(rng, shape, dtype):
    data = 3 * rng.standard_normal(shape)
    target = rng.integers(0, shape[1], shape[0])
    logits = tg.tensor(data, dtype, requires_grad=True)
    faces = [value_and_gradient(logits, target)]
    with tg.reference():
        faces.append(value_and_gradient(logits, tg.tensor(target)))
    for value, gradient in faces:
        assert gradient.dtype == dtype
        assert value == pytest.approx(naive.cross_entropy(data, target), abs=TOLERANCE[dtype])
        expected = naive.cross_entropy_gradient(data, target)
        np.testing.assert_allclose(gradient, expected, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("target_type", ["int8", "uint8", "int64", "uint64"])
def test_labels_of_any_integer_type(target_type):
    loss = tg.cross_entropy(tg.zeros(3, 4), np.array([0, 3, 1], target_type))
    assert loss.item() == pytest.approx(np.log(4))


def test_a_certain_mistake_costs_what_it_should():
    logits = tg.tensor([[1000.0, -1000.0]], requires_grad=True)
    loss = tg.cross_entropy(logits, [1])
    loss.backward()
    assert loss.item() == 2000
    assert logits.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize("x", [-1000.0, -1.0, 0.0, 1.0, 1000.0])
def test_binary_cross_entropy_is_finite(x):
    logit = tg.tensor([x], requires_grad=True)
    tg.binary_cross_entropy_with_logits(logit, np.array([1])).backward()
    assert logit.grad.item() == pytest.approx(naive.sigmoid(x) - 1, abs=1e-7)


@pytest.mark.parametrize("loss", [tg.mse_loss, tg.binary_cross_entropy_with_logits])
def test_the_target_takes_the_dtype_of_the_prediction(loss):
    x = tg.zeros(2, 3, requires_grad=True)
    y = loss(x, np.ones((2, 3)))
    y.backward()
    assert y.dtype == x.grad.dtype == np.float32


def test_logits_of_scalars(rng):
    data, target = rng.standard_normal((3, 4)), np.array([3, 0, 2])
    x = tg.tensor(data, requires_grad=True)
    tg.cross_entropy(tg.tensor(x.scalars()), target).backward()
    np.testing.assert_allclose(x.grad.data, naive.cross_entropy_gradient(data, target), atol=1e-14)


def gradient(loss, x, *args, dtype="float64", **params):
    """The loss's value and the gradient of its first operand."""
    x = tg.tensor(x, dtype, requires_grad=True)
    y = loss(x, *args, **params)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype
    return y.tolist(), x.grad.tolist()


# -- what all have in common ----------------------------------------------------------------------


@pytest.mark.skipif(not kernels.available(), reason="references run here")
@pytest.mark.parametrize(
    ("loss", "target", "name"),
    [(F.mse_loss, [[0.0, 1.0, 2.0]], "mse_loss"), (F.cross_entropy, [1], "cross_entropy")],
)
def test_the_common_losses_are_one_op(loss, target, name):
    called = []
    with observe(lambda op, raw, y: called.append(op.name)):
        loss(tg.ones(1, 3, requires_grad=True), target).backward()
    assert called == [name]


def all_losses(wrap, make, **r):
    """Values of all losses; operands are made by `wrap`, targets and weights by `make`."""
    x = wrap(np.array([0.1, 0.6, 0.3], np.float32))
    rows = wrap(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]], np.float32))
    one, half, labels = make([1, 1, -1]), make([0.5, 0.25, 0.5]), make([2, 0])
    return [
        F.mse_loss(x, half, weight=half, **r),
        F.l1_loss(x, half, weight=half, **r),
        F.huber_loss(x, half, weight=half, **r),
        F.smooth_l1_loss(x, half, **r),
        F.poisson_nll_loss(x, half, full=True, **r),
        F.gaussian_nll_loss(x, half, half, **r),
        F.kl_div(x, half, **r),
        F.binary_cross_entropy(x, half, weight=half, **r),
        F.binary_cross_entropy_with_logits(x, half, half, pos_weight=half, **r),
        F.multilabel_soft_margin_loss(x, half, weight=half, **r),
        F.cross_entropy(rows, labels, **r),
        F.cross_entropy(rows, labels, half, label_smoothing=0.1, **r),
        F.cross_entropy(x, half, half, **r),
        F.nll_loss(rows, labels, half, **r),
        F.hinge_loss(x, one, **r),
        F.soft_margin_loss(x, one, **r),
        F.hinge_embedding_loss(x, one, **r),
        F.margin_ranking_loss(x, half, one, **r),
        F.triplet_margin_loss(x, half, one, **r),
        F.multi_margin_loss(rows, labels, weight=half, **r),
        F.multilabel_margin_loss(x, make([2, -1, 0]), **r),
        F.cosine_embedding_loss(rows, rows, make([1, -1]), **r),
        F.ctc_loss(rows, make([1]), make(2), make(1), **r),
    ]


@pytest.mark.parametrize(
    "make", [lambda x: x, np.asarray, tg.tensor], ids=["list", "array", "Tensor"]
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_targets_and_weights_of_any_kind(make, reduction):
    of_tensors = all_losses(tg.tensor, make, reduction=reduction)
    of_arrays = all_losses(lambda x: x, np.asarray, reduction=reduction)
    for y, expected in zip(of_tensors, of_arrays, strict=True):
        assert isinstance(y, tg.Tensor)
        assert not isinstance(expected, tg.Tensor)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y.data, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_raw_arrays_keep_their_dtype(dtype):
    x = np.full((2, 3), 0.3, dtype)
    for y in (
        F.mse_loss(x, x),
        F.cross_entropy(x, [0, 1]),
        F.cross_entropy(x, [0, -100]),
        F.nll_loss(x, [0, 1]),
        F.binary_cross_entropy(x, x),
        F.ctc_loss(x, [1], 2, 1),
    ):
        assert y.dtype == dtype


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_an_empty_batch_has_a_sum(reduction):
    x = tg.zeros(0, 3, requires_grad=True)
    for y in (
        F.cross_entropy(x, np.zeros(0, int), reduction=reduction),
        F.mse_loss(x, x, reduction=reduction),
        F.multi_margin_loss(x, np.zeros(0, int), reduction=reduction),
    ):
        y.backward(np.zeros(y.shape))
        assert not y.data.any()
        assert x.grad.shape == (0, 3)


# -- classes --------------------------------------------------------------------------------------


def test_ignored_samples_count_nothing_whatever_their_logits():
    logits = [[0.0, 0.0], [-math.inf, 0.0]]
    y, g = gradient(F.cross_entropy, logits, [1, -100], reduction="none")
    assert y == [pytest.approx(math.log(2)), 0.0]
    assert g == [[0.5, -0.5], [0.0, 0.0]]


def test_ignore_index_may_be_a_class():
    y, g = gradient(F.nll_loss, [[-1.0, -2.0], [-3.0, -4.0]], [0, 1], ignore_index=1)
    assert (y, g) == (1.0, [[-1.0, 0.0], [0.0, 0.0]])


def test_labels_are_probabilities_of_one():
    logits, labels = np.random.default_rng(0).standard_normal((4, 3)), [0, 2, 1, 1]
    options = {"weight": [0.2, 1.0, 3.0], "label_smoothing": 0.2, "reduction": "sum"}
    of_labels = gradient(F.cross_entropy, logits, labels, label_smoothing=0.2)
    of_shares = gradient(F.cross_entropy, logits, np.eye(3)[labels], label_smoothing=0.2)
    np.testing.assert_allclose(of_labels[0], of_shares[0])
    np.testing.assert_allclose(of_labels[1], of_shares[1], atol=1e-15)
    # a class's weight goes with its label, or with its share of each target
    weighed = F.cross_entropy(tg.tensor(logits), labels, **options | {"label_smoothing": 0.0})
    shares = F.cross_entropy(
        tg.tensor(logits), np.eye(3)[labels], **options | {"label_smoothing": 0}
    )
    assert weighed.item() == pytest.approx(shares.item())


# -- probabilities --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_certain_mistake_of_a_probability(dtype):
    y, g = gradient(
        F.binary_cross_entropy, [0, 0, 1, 1], [0, 1, 0, 1], reduction="none", dtype=dtype
    )
    assert y == [0, 100, 100, 0]
    assert g == pytest.approx([0, -1e12, 1e12, 0])


def test_no_share_has_no_divergence():
    target = tg.tensor([0.0, 1.0], requires_grad=True)
    y, g = gradient(F.kl_div, [-1.0, -2.0], target.astype("float64"), reduction="sum")
    assert (y, g) == (2.0, [0.0, -1.0])
    assert target.grad.tolist() == [1.0, 3.0]


# -- regression -----------------------------------------------------------------------------------


def test_where_the_absolute_error_is_none():
    for loss in (F.l1_loss, F.huber_loss, lambda x, t: F.smooth_l1_loss(x, t, beta=0)):
        assert gradient(loss, [1.0], [1.0]) == (0.0, [0.0])


def test_huber_is_smooth_where_its_two_parts_meet():
    for x in (2.0, -2.0, np.nextafter(2.0, 0)):
        y, g = gradient(F.huber_loss, [x], [0.0], delta=2.0)
        assert y == pytest.approx(2.0)
        assert g == pytest.approx([math.copysign(2.0, x)])


def test_a_variance_of_zero_counts_as_eps_and_still_learns():
    var = tg.tensor([0.0], requires_grad=True)
    y = F.gaussian_nll_loss(tg.tensor([1.0]), [3.0], var, eps=0.5)
    y.backward()
    assert y.item() == pytest.approx((math.log(0.5) + 4 / 0.5) / 2)
    assert var.grad.item() == pytest.approx((1 / 0.5 - 4 / 0.25) / 2)


def test_stirling_counts_above_one_only():
    y, _ = gradient(F.poisson_nll_loss, [0.0] * 3, [0, 1, 50], full=True, reduction="none")
    assert y[:2] == [1.0, 1.0]
    assert y[2] == pytest.approx(1 + math.lgamma(51), rel=1e-4)


# -- distances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 2, 3, math.inf])
def test_equal_points_have_a_distance_with_a_gradient(p):
    y, g = gradient(F.triplet_margin_loss, [[1.0, 2.0]], [[1.0, 2.0]], [[1.0, 2.0]], p=p)
    assert y == pytest.approx(1)
    assert np.isfinite(g).all()


def test_no_direction_is_no_error():
    y, g = gradient(F.cosine_embedding_loss, [[0.0, 0.0]], [[1.0, 2.0]], [1])
    assert y == 1
    assert np.isfinite(g).all()


# -- ctc ------------------------------------------------------------------------------------------


def log_probs(rng, *shape, dtype="float64"):
    return F.log_softmax(tg.tensor(rng.standard_normal(shape), dtype)).data


def both_faces(x, *args, **params):
    """Value and gradient of each loss, of the fused op and of its reference."""
    fused = gradient(F.ctc_loss, x, *args, reduction="none", **params)
    with tg.reference():
        plain = gradient(F.ctc_loss, x, *args, reduction="none", **params)
    np.testing.assert_allclose(plain[0], fused[0], rtol=1e-12)
    np.testing.assert_allclose(plain[1], fused[1], atol=1e-12)
    return fused


@pytest.mark.parametrize("targets", [[[1, 2], [2, 2]], [[1, 1], [2, 0]], [[0, 0], [1, 2]]])
def test_ctc_sums_over_all_alignments(rng, targets):
    x = log_probs(rng, 5, 2, 3)
    blank = 0
    lengths = [sum(k != blank for k in y) for y in targets]
    y, _ = both_faces(x, targets, [5, 4], lengths)
    expected = [naive.ctc_loss(x[:5, 0], targets[0][: lengths[0]], blank)]
    expected += [naive.ctc_loss(x[:4, 1], targets[1][: lengths[1]], blank)]
    np.testing.assert_allclose(y, expected)


def test_an_empty_target_is_blanks_all_along(rng):
    x = log_probs(rng, 4, 1, 3)
    y, g = both_faces(x, np.zeros((1, 0), int), [3], [0])
    assert y == [pytest.approx(-x[:3, 0, 0].sum())]
    expected = np.zeros(x.shape)
    expected[:3, 0, 0] = -1
    np.testing.assert_allclose(g, expected)


def test_no_step_at_all(rng):
    x = log_probs(rng, 2, 2, 3)
    y, g = both_faces(x, [[1], [1]], [0, 0], [0, 1])
    assert y == [0.0, math.inf]
    assert not np.any(g)


@pytest.mark.parametrize("target", [[1, 1], [1, 2, 1]])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_a_target_that_does_not_fit(rng, target, zero_infinity):
    x = log_probs(rng, 2, 1, 3)
    y, g = both_faces(x, [target], [2], [len(target)], zero_infinity=zero_infinity)
    assert y == [0.0 if zero_infinity else math.inf]
    assert not np.any(g)


def test_a_repetition_needs_a_blank_between():
    x = np.log([[[0.2, 0.8]], [[0.7, 0.3]], [[0.4, 0.6]]])
    y, _ = both_faces(x, [[1, 1]], [3], [2])
    assert y == [pytest.approx(-math.log(0.8 * 0.7 * 0.6))]


def test_an_impossible_class_takes_no_part(rng):
    x = log_probs(rng, 4, 1, 3)
    x[:, 0, 2] = -np.inf
    y, g = both_faces(x, [[1]], [4], [1])
    assert y == [pytest.approx(naive.ctc_loss(x[:, 0], [1], 0))]
    assert not np.any(np.array(g)[:, 0, 2])
    assert both_faces(x, [[2]], [4], [1])[0] == [math.inf]


def test_padding_takes_no_part(rng):
    x = log_probs(rng, 6, 2, 4)
    targets, more = [[1, 3, 9], [2, -5, 0]], x.copy()
    more[4:, 1] = 7.0
    one, g = both_faces(x, targets, [6, 4], [2, 1])
    two, _ = both_faces(more, [1, 3, 2], [6, 4], [2, 1])
    assert one == two
    assert not np.any(np.array(g)[4:, 1])


def test_the_mean_of_ctc_is_by_label(rng):
    x = tg.tensor(log_probs(rng, 6, 2, 4))
    args = ([[1, 3, 2], [2, 0, 0]], [6, 6], [3, 0])
    losses = F.ctc_loss(x, *args, reduction="none").data
    assert F.ctc_loss(x, *args).item() == pytest.approx((losses[0] / 3 + losses[1]) / 2)


def test_a_step_is_at_one_place_for_certain(rng):
    """Over the classes, the gradient of each step sums to minus the probability of all: 1."""
    x = log_probs(rng, 300, 2, 5, dtype="float32")
    targets = rng.integers(1, 5, (2, 60))
    y, g = gradient(F.ctc_loss, x, targets, [300, 250], [60, 50], reduction="sum", dtype="float32")
    assert math.isfinite(y)
    expected = -np.ones((300, 2))
    expected[250:, 1] = 0
    np.testing.assert_allclose(np.sum(g, axis=2), expected, atol=2e-3)
