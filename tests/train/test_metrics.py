"""Metrics against naive loops and scikit-learn: over any split of an epoch into batches."""

import json
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite.errors import ArgumentError, CheckpointError, DataError, DTypeError, ShapeError
from tinygrad_lite.train.metrics import (
    F1,
    MAE,
    METRICS,
    MSE,
    R2,
    RMSE,
    Accuracy,
    ConfusionMatrix,
    Mean,
    Metric,
    Perplexity,
    Precision,
    Recall,
    TopK,
    accuracy,
    find_metrics,
)

AVERAGES = ("macro", "micro", "weighted")
COUNTED = [
    Accuracy(),
    TopK(1),
    TopK(2),
    ConfusionMatrix(),
    *[kind(average) for kind in (Precision, Recall, F1) for average in AVERAGES],
]


# -- oracles: one sample at a time -----------------------------------------------------------------


def order(scores):
    """Classes from the largest score to the smallest, the first of equal ones first."""
    return sorted(range(len(scores)), key=lambda c: (-scores[c], c))


def naive_matrix(outputs, targets):
    matrix = [[0] * outputs.shape[1] for _ in range(outputs.shape[1])]
    for scores, target in zip(outputs, targets, strict=True):
        matrix[target][order(scores)[0]] += 1
    return matrix


def naive_rate(kind, average, outputs, targets):
    matrix = naive_matrix(outputs, targets)
    classes = range(len(matrix))

    def rate(hits, guesses, labels):
        p = hits / guesses if guesses else 0
        r = hits / labels if labels else 0
        return {"precision": p, "recall": r, "f1": 2 * p * r / (p + r) if p + r else 0}[kind]

    counts = [(matrix[c][c], sum(matrix[t][c] for t in classes), sum(matrix[c])) for c in classes]
    if average == "micro":
        return rate(*(sum(column) for column in zip(*counts, strict=True)))
    if average == "binary":
        return rate(*counts[1])
    seen = [(rate(*count), count[2]) for count in counts if count[1] or count[2]]
    if average == "macro":
        return sum(r for r, _ in seen) / len(seen)
    return sum(r * n for r, n in seen) / len(targets)


def naive(metric, outputs, targets):
    n = len(targets)
    if isinstance(metric, ConfusionMatrix):
        return naive_matrix(outputs, targets)
    if isinstance(metric, Accuracy | TopK):
        k = getattr(metric, "k", 1)
        return sum(t in order(s)[:k] for s, t in zip(outputs, targets, strict=True)) / n
    return naive_rate(type(metric).__name__.lower(), metric.average, outputs, targets)


def naive_perplexity(outputs, targets):
    losses = [
        math.log(sum(math.exp(x) for x in scores)) - scores[target]
        for scores, target in zip(outputs.tolist(), targets, strict=True)
    ]
    return math.exp(math.fsum(losses) / len(losses))


def naive_r2(outputs, targets):
    """In fractions, without any rounding; (N, D)."""
    values = []
    for o, t in zip(outputs.T.tolist(), targets.T.tolist(), strict=True):
        o, t = [Fraction(x) for x in o], [Fraction(x) for x in t]
        mean = sum(t) / len(t)
        left = sum((a - b) ** 2 for a, b in zip(o, t, strict=True))
        spread = sum((x - mean) ** 2 for x in t)
        values.append(1 - left / spread if spread else Fraction(not left))
    return float(sum(values) / len(values))


# -- values over an epoch --------------------------------------------------------------------------


def over(metric, outputs, targets, cuts=()):
    """The value of batches, cut at `cuts`."""
    metric.reset()
    cuts = sorted({0, len(targets), *cuts})
    for start, end in pairwise(cuts):
        metric.update(outputs[start:end], targets[start:end])
    return metric.value()


@st.composite
def epochs(draw):
    """Scores of few values, so that many are equal; labels; and where to cut."""
    n, classes, seed = draw(st.integers(1, 30)), draw(st.integers(3, 6)), draw(st.integers(0, 999))
    rng = np.random.default_rng(seed)
    some = rng.choice(classes, rng.integers(1, classes + 1))  # classes may be missing
    outputs = rng.integers(-2, 3, (n, classes)).astype(np.float32)
    return outputs, rng.choice(some, n), draw(st.lists(st.integers(0, n), max_size=4))


@pytest.mark.parametrize("metric", COUNTED, ids=lambda metric: metric.name)
@given(epoch=epochs())
def test_counts_are_those_of_a_loop_however_they_are_split(metric, epoch):
    outputs, targets, cuts = epoch
    value = over(metric, outputs, targets, cuts)
    assert value == over(metric, outputs, targets)  # exactly
    np.testing.assert_allclose(value, naive(metric, outputs, targets), rtol=1e-12)
    assert type(value) is (list if isinstance(metric, ConfusionMatrix) else float)


@pytest.mark.parametrize("kind", [Precision, Recall, F1])
@given(epoch=epochs())
def test_the_binary_average_is_the_rate_of_class_1(kind, epoch):
    outputs, targets, cuts = epoch
    outputs, targets = outputs[:, :2], targets % 2
    expected = naive_rate(kind.__name__.lower(), "binary", outputs, targets)
    assert over(kind("binary"), outputs, targets, cuts) == pytest.approx(expected, rel=1e-12)


@given(epoch=epochs())
def test_perplexity_is_that_of_a_loop_however_it_is_split(epoch):
    outputs, targets, cuts = epoch
    value = over(Perplexity(), outputs, targets, cuts)
    assert value == pytest.approx(naive_perplexity(outputs, targets), rel=1e-12)
    assert type(value) is float
    loss = F.cross_entropy(outputs.astype(np.float64), targets).item()
    assert value == pytest.approx(math.exp(loss), rel=1e-12)


@pytest.mark.parametrize("width", [None, 1, 3])
@given(n=st.integers(2, 20), seed=st.integers(0, 99), cuts=st.lists(st.integers(0, 20), max_size=4))
def test_errors_of_regression_are_those_of_a_loop_however_they_are_split(width, n, seed, cuts):
    rng = np.random.default_rng(seed)
    shape = (n,) if width is None else (n, width)
    outputs, targets = rng.standard_normal((2, *shape)).astype(np.float32)
    cuts = [cut for cut in cuts if cut <= n]
    apart = [float(o) - float(t) for o, t in zip(outputs.flat, targets.flat, strict=True)]
    mae = math.fsum(map(abs, apart)) / len(apart)
    mse = math.fsum(d * d for d in apart) / len(apart)
    r2 = naive_r2(outputs.reshape(n, -1), targets.reshape(n, -1))
    expected = {MAE(): mae, MSE(): mse, RMSE(): math.sqrt(mse), R2(): r2}
    for metric, value in expected.items():
        measured = over(metric, outputs, targets, cuts)
        assert measured == pytest.approx(value, rel=1e-12, abs=1e-12)
        assert type(measured) is float


def test_r2_of_targets_far_from_0_loses_nothing(rng):
    targets = 1e9 + rng.standard_normal(50)
    outputs = targets + 0.1 * rng.standard_normal(50)
    expected = naive_r2(outputs[:, None], targets[:, None])
    assert over(R2(), outputs, targets, [7, 20]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_r2_of_constant_targets_is_1_if_they_are_met_else_0(dtype):
    targets = np.full(7, 0.1, dtype)
    assert over(R2(), targets, targets, [3]) == 1
    assert over(R2(), targets + dtype(1), targets, [3]) == 0
    assert math.isnan(R2()(targets[:1], targets[:1]))
    two = np.stack([targets, np.arange(7, dtype=dtype)], 1)
    assert over(R2(), two + dtype(1), two, [3]) == pytest.approx((0 + 1 - 7 / 28) / 2)


def test_r2_counts_all_axes_but_the_last_as_samples(rng):
    outputs, targets = rng.standard_normal((2, 4, 5, 3))
    flat = R2()(outputs.reshape(20, 3), targets.reshape(20, 3))
    assert R2()(outputs, targets) == pytest.approx(flat)


def test_integers_are_regressed_in_float64():
    assert MAE()(np.array([0, 3], np.uint8), np.array([1, 1], np.uint8)) == 1.5
    assert MSE()(np.array([True, False]), np.array([0.5, 0.5])) == 0.25


# -- scikit-learn ----------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # it warns of classes that are missing
@given(epoch=epochs())
def test_scikit_learn_agrees(epoch):
    sklearn = pytest.importorskip("sklearn.metrics")
    outputs, y, cuts = epoch
    guess, classes = outputs.argmax(1), range(outputs.shape[1])
    assert over(Accuracy(), outputs, y, cuts) == sklearn.accuracy_score(y, guess)
    matrix = sklearn.confusion_matrix(y, guess, labels=[*classes])
    assert over(ConfusionMatrix(), outputs, y, cuts) == matrix.tolist()
    for average in AVERAGES:
        theirs = sklearn.precision_recall_fscore_support(y, guess, average=average, zero_division=0)
        ours = [over(kind(average), outputs, y, cuts) for kind in (Precision, Recall, F1)]
        np.testing.assert_allclose(ours, theirs[:3], rtol=1e-12)
    apart = outputs + 0.01 * np.arange(outputs.shape[1], dtype=np.float32)  # no two are equal
    for k in (1, 2):
        theirs = sklearn.top_k_accuracy_score(y, apart, k=k, labels=[*classes])
        assert over(TopK(k), apart, y, cuts) == pytest.approx(theirs)
    if len(y) > 1:
        reals, noise = outputs.astype(np.float64), np.roll(outputs, 1, axis=1) / 3
        theirs = sklearn.r2_score(reals, noise)
        assert over(R2(), noise, reals, cuts) == pytest.approx(theirs, rel=1e-12)
        assert R2()(noise, reals * 0) == sklearn.r2_score(reals * 0, noise)


# -- how outputs and targets are read --------------------------------------------------------------

CLASSIFIERS = [*COUNTED, Perplexity()]


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
def test_every_step_of_a_sequence_is_a_sample(metric, rng):
    outputs, targets = rng.standard_normal((4, 5, 3)), rng.integers(0, 3, (4, 5))
    expected = metric(outputs.reshape(20, 3), targets.reshape(20))
    np.testing.assert_allclose(metric(outputs, targets), expected)
    of_axis_1 = find_metrics([metric])[0]
    of_axis_1.axis = 1
    np.testing.assert_allclose(of_axis_1(outputs.swapaxes(1, 2), targets), expected)


def test_classes_are_on_axis_1_where_the_metric_is_made_so(rng):
    outputs, targets = rng.standard_normal((2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    right = (outputs.argmax(1) == targets).mean()
    assert Accuracy(axis=1)(outputs, targets) == right
    assert Accuracy(axis=1)(outputs, np.moveaxis(np.eye(3)[targets], -1, 1)) == right


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
def test_ignored_samples_count_nothing(metric, rng):
    outputs, targets = rng.standard_normal((9, 3)), rng.integers(0, 3, 9)
    ignored = np.where([True, False, False] * 3, -100, targets)
    kept = ignored >= 0
    assert metric(outputs, ignored) == metric(outputs[kept], targets[kept])


def test_another_label_may_be_the_ignored_one(rng):
    outputs, targets = rng.standard_normal((30, 3)), rng.integers(0, 3, 30)
    some = targets > 0
    assert Accuracy(ignore_index=0)(outputs, targets) == (outputs.argmax(1) == targets)[some].mean()


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
def test_of_probabilities_the_largest_is_the_target(metric, rng):
    outputs, soft = rng.standard_normal((2, 9, 3))
    assert metric(outputs, soft) == metric(outputs, soft.argmax(1))
    assert metric(outputs[:, None], soft[:, None]) == metric(outputs, soft.argmax(1))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, bool])
@pytest.mark.parametrize(
    ("shape", "target"),
    [((12,), (12,)), ((12, 1), (12,)), ((12, 1), (12, 1)), ((4, 3, 1), (4, 3)), ((12, 1, 1),) * 2],
)
def test_a_single_output_above_0_means_class_1(dtype, shape, target, rng):
    logits, labels = rng.standard_normal(12).astype(np.float32), rng.integers(0, 2, 12)
    logits[0], labels[0] = 0, 0
    two = np.stack([np.zeros(12), logits], axis=1)
    for metric in (Accuracy(), F1(), F1("binary"), ConfusionMatrix(), Perplexity()):
        measured = metric(logits.reshape(shape), labels.astype(dtype).reshape(target))
        np.testing.assert_allclose(measured, metric(two, labels), rtol=1e-6)


def test_perplexity_of_a_single_output_is_that_of_its_loss(rng):
    logits, labels = rng.standard_normal(9), rng.integers(0, 2, 9).astype(np.float64)
    loss = F.binary_cross_entropy_with_logits(logits, labels).item()
    assert Perplexity()(logits, labels) == pytest.approx(math.exp(loss))


def test_single_outputs_that_are_probabilities_have_a_threshold():
    outputs, targets = [0.1, 0.5, 0.6, 0.4], [0, 0, 1, 1]
    assert Accuracy(threshold=0.5)(outputs, targets) == 0.75
    assert Accuracy()(outputs, targets) == 0.5
    assert Accuracy()(outputs, [0.0, -100, 1, 1]) == pytest.approx(2 / 3)


def test_single_outputs_of_a_sequence_may_lie_on_axis_1(rng):
    outputs, targets = rng.standard_normal((4, 1, 5)), rng.integers(0, 2, (4, 5))
    assert Accuracy(axis=1)(outputs, targets) == ((outputs[:, 0] > 0) == targets).mean()


# -- numbers that are not usual --------------------------------------------------------------------


@pytest.mark.parametrize("name", METRICS)
def test_nothing_has_no_value(name):
    metric = METRICS[name]
    single = "binary" in name or not hasattr(metric, "axis")
    empty = np.zeros(0) if single else np.zeros((0, 6))
    for _ in range(2):
        assert metric.value() == [] if name == "confusion_matrix" else math.isnan(metric.value())
        metric = find_metrics([name])[0]
        if name != "confusion_matrix":
            metric.update(empty, np.zeros(0, int))
    if name in ("accuracy", "top_5", "f1", "perplexity"):
        assert math.isnan(metric(np.zeros((2, 6)), np.full(2, -100)))


def test_a_class_that_is_never_guessed_has_rates_of_0():
    outputs, targets = [[1, 0, 0], [1, 0, 0]], [1, 2]
    assert [m()(outputs, targets) for m in (Precision, Recall, F1)] == [0, 0, 0]


def test_an_output_that_is_nan_is_no_hit():
    outputs = np.full((4, 6), np.nan)
    outputs[2:, 1:] = 0
    assert TopK(5)(outputs, [0, 5, 0, 0]) == 0
    assert TopK(2)(outputs, [0, 5, 1, 2]) == 0.25  # beside NaN there is room for one more


def test_perplexity_of_extreme_scores_gives_no_warning():
    assert Perplexity()([[1e30, 0.0]], [0]) == 1
    assert Perplexity()([[1e30, 0.0]], [1]) == math.inf
    assert Perplexity()([[-np.inf, 0.0]], [0]) == math.inf
    assert Perplexity()([[-np.inf, 3.0]], [1]) == 1
    assert math.isnan(Perplexity()([[np.inf, np.inf]], [0]))
    assert Perplexity()(np.float16([[6e4, -6e4]] * 2), [0, 0]) == 1


# -- one call, many batches, a resume --------------------------------------------------------------


def test_a_call_is_the_value_of_these_alone():
    metric = F1()
    metric.update(np.eye(3), np.array([0, 1, 1]))
    before = metric.value()
    assert metric(tg.tensor([[1.0, 0.0]], requires_grad=True), tg.tensor([0])) == 1
    assert metric.value() == before
    assert accuracy([[0, 1], [1, 0]], [1, 1]) == 0.5


def samples(metric, seed, n=13):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2 if "binary" in metric.name else 7, n)
    if hasattr(metric, "axis"):
        return rng.standard_normal((n, targets.max() + 1)), targets
    return rng.standard_normal((2, n, 3)) / 3


def largest(outputs, targets):
    return outputs.max()


@pytest.mark.parametrize("name", [*METRICS, "top_2", largest])
@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_resume_amid_an_epoch_is_exact(name, batches):
    metric, resumed = find_metrics([name]) + find_metrics([name])
    for seed in range(batches):
        metric.update(*samples(metric, seed))
    state = json.loads(json.dumps(metric.state_dict(), allow_nan=False))
    resumed.update(*samples(metric, 9))  # something else, to be forgotten
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    for one in (metric, resumed):
        one.update(*samples(metric, 10))
    assert resumed.value() == metric.value()
    assert resumed.state_dict() == metric.state_dict() != state


def test_a_state_is_not_changed_by_what_is_counted_later():
    metric = ConfusionMatrix()
    metric.update(np.eye(2), np.array([0, 1]))
    state = metric.state_dict()
    metric.update(np.eye(2), np.array([0, 1]))
    assert state == {"counts": [[1, 0], [0, 1]]}


def test_a_reset_forgets():
    for name, metric in METRICS.items():
        assert over(metric, *samples(metric, 1)) == over(metric, *samples(metric, 1)), name
        metric.reset()
        assert metric.state_dict() == find_metrics([name])[0].state_dict()


# -- what may be given -----------------------------------------------------------------------------


def test_names():
    names = ["accuracy", "top_3", "f1", "f1_micro", "confusion_matrix", "r2"]
    found = find_metrics(names)
    assert [metric.name for metric in found] == names
    assert found[1].k == 3
    assert found[3].average == "micro"
    assert all(metric.name == name for name, metric in METRICS.items())


def test_less_of_an_error_is_better():
    worse = [name for name, metric in METRICS.items() if not metric.higher_is_better]
    assert worse == ["perplexity", "mae", "mse", "rmse"]


def test_objects_are_copied_and_count_from_0():
    mine = F1("micro", ignore_index=3)
    mine.update(np.eye(3), np.array([0, 1, 1]))
    one, other = find_metrics([mine])[0], find_metrics([mine])[0]
    assert (one.name, one.ignore_index) == ("f1_micro", 3)
    one.update(np.eye(3), np.array([0, 0, 0]))
    assert math.isnan(other.value())
    assert mine.value() == pytest.approx(2 / 3)


class Scorer:
    def __init__(self):
        self.seen = []

    def score(self, outputs, targets):
        self.seen.append(len(outputs))
        return tg.tensor(float(outputs[0]))


def test_the_mean_of_a_function_weighs_batches_by_their_sizes():
    scorer = Scorer()
    for given_ in (scorer.score, Mean(scorer.score)):
        metric = find_metrics([given_])[0]
        assert metric.name == "score"
        metric.update(np.array([1.0]), np.zeros(1))
        metric.update(np.array([5.0, 0, 0]), np.zeros(3))
        assert metric.value() == 4
    assert scorer.seen == [1, 3] * 2  # its owner is not copied


def test_the_mean_of_a_function_has_the_name_that_it_is_given():
    lower = Mean(lambda outputs, targets: np.float32(3), "lowest", higher_is_better=False)
    lower = find_metrics([lower])[0]
    assert (lower.name, lower.higher_is_better) == ("lowest", False)
    assert lower(np.zeros(2), np.zeros(2)) == 3

    class Measure:
        def __call__(self, outputs, targets):
            return 1

    assert find_metrics([Measure()])[0].name == "Measure"


class Span(Metric):
    """A metric of the user's own, which is no mean."""

    name = "span"
    totals = ("low", "high")

    def reset(self):
        self.low, self.high = math.inf, -math.inf

    def update(self, outputs, targets):
        self.low, self.high = min(self.low, outputs.min()), max(self.high, outputs.max())

    def value(self):
        return float(self.high - self.low)


def test_a_metric_of_the_users_own():
    span = find_metrics([Span()])[0]
    assert over(span, np.arange(5.0), np.zeros(5), [2]) == 4
    again = Span()
    again.load_state_dict(json.loads(json.dumps(span.state_dict())))
    assert again.value() == 4


# -- what it refuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "problem"),
    [
        (["acuracy"], r"no metric is called 'acuracy'[^$]*fix: use one of: accuracy"),
        (["top_0"], "no metric is called 'top_0'"),
        (["f1", F1()], "two numbers would be called f1"),
        ([Mean(largest, name="loss")], "two numbers would be called loss"),
        ([F1], "a metric is a name, a function"),
        ([3], r"a metric is a name[^$]*int 3"),
    ],
)
def test_metrics_that_are_none(metrics, problem):
    with pytest.raises(ArgumentError, match=problem):
        find_metrics(metrics)


@pytest.mark.parametrize("attribute", ["name", "totals"])
def test_a_metric_that_is_not_complete(attribute, monkeypatch):
    monkeypatch.delattr(Span, attribute)
    with pytest.raises(ArgumentError, match=f"Span: a metric has the attribute `{attribute}`"):
        find_metrics([Span()])


@pytest.mark.parametrize("value", [None, "3", np.zeros(2), np.zeros(1)])
def test_a_function_that_returns_no_number(value):
    with pytest.raises(ArgumentError, match="ones: a metric must return one number"):
        Mean(lambda o, t: value, name="ones").update(np.zeros(2), np.zeros(2))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Accuracy(axis=0), "accuracy: classes cannot be on axis 0"),
        (lambda: TopK(0), "k must be a whole number from 1 on"),
        (lambda: TopK(2.0), "k must be a whole number from 1 on"),
        (lambda: F1("makro"), "(?s)F1: no average is called 'makro'.*fix: use one of: macro"),
        (lambda: TopK(3)(np.zeros((2, 3)), [0, 1]), "always among the 3 largest of 3 scores"),
        (lambda: F1("binary")(np.zeros((2, 3)), [0, 1]), "none of 3 classes is the positive one"),
    ],
)
def test_arguments_that_mean_nothing(make, problem):
    with pytest.raises(ArgumentError, match=problem):
        make()


@pytest.mark.parametrize("metric", CLASSIFIERS, ids=lambda metric: metric.name)
@pytest.mark.parametrize(
    ("outputs", "targets", "error", "problem"),
    [
        ((4, 3), np.zeros(5, int), ShapeError, r"float64 \(4, 3\), target int64 \(5,\)"),
        ((4, 3), np.zeros((4, 2)), ShapeError, "outputs and targets must have the same shape"),
        ((4, 1), np.zeros((4, 2)), ShapeError, "outputs and targets must have the same shape"),
        ((4,), np.zeros(5), ShapeError, "outputs and targets must have the same shape"),
        ((4, 3, 5), np.zeros((4, 5), int), ShapeError, r"on axis -1[^$]*\(4, 3, 5\)[^$]*axis=1"),
        ((4, 3), np.zeros(4), DTypeError, "labels must be integers"),
        ((4, 3), np.array([0, 1, 3, 0]), DataError, r"label 3 \(sample 2 of the batch\)"),
        ((4, 3), np.array([0, -1, 2, 0]), DataError, r"label -1 \(sample 1 of the batch\)"),
        ((2, 2, 3), np.array([[0, 1], [0, 3]]), DataError, r"label 3 \(sample 1 of the batch\)"),
        ((4,), np.array([0, 1, 2, 0]), DataError, "label 2"),
        ((4, 1), np.array([0, 1, 0.5, 0]), DataError, r"targets of a single output .* 0\.5"),
        ((4,), np.array([0, 1, np.nan, 0]), DataError, "nan is among these"),
    ],
)
def test_outputs_and_targets_that_do_not_fit(metric, outputs, targets, error, problem):
    with pytest.raises(error, match=f"{metric.name}: [^$]*{problem}"):
        metric(np.zeros(outputs), targets)


@pytest.mark.parametrize("metric", [MAE(), MSE(), RMSE(), R2()], ids=lambda metric: metric.name)
def test_regressions_of_different_shapes(metric):
    with pytest.raises(ShapeError, match=f"{metric.name}: outputs and targets must have the same"):
        metric(np.zeros((4, 1)), np.zeros(4))


def test_batches_that_do_not_go_together():
    for metric in (F1(), ConfusionMatrix()):
        metric.update(np.zeros((4, 3)), np.zeros(4, int))
        with pytest.raises(ShapeError, match="there were 3 classes in the batches before"):
            metric.update(np.zeros((4, 5)), np.zeros(4, int))
    r2 = R2()
    r2.update(np.zeros((4, 3)), np.zeros((4, 3)))
    with pytest.raises(ShapeError, match="there were 3 columns in the batches before"):
        r2.update(np.zeros((4, 2)), np.zeros((4, 2)))


def test_the_state_of_another_metric():
    with pytest.raises(CheckpointError, match="accuracy: its state holds total, count; this one c"):
        Accuracy().load_state_dict(F1().state_dict())
