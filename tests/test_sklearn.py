"""The scikit-learn face: its own checks of estimators, and what users do with them."""

import pickle
from functools import partial

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers, optim
from tinygrad_lite.errors import ArgumentError, DivergenceError, PluginError
from tinygrad_lite.ops.random import generator

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits, load_iris, make_blobs
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator

Classifier, Regressor = tg.sklearn.Classifier, tg.sklearn.Regressor
BOTH = [Classifier, Regressor]
CHECKS = [pair for make in BOTH for pair in estimator_checks_generator(make())]


def name_of(part):
    return getattr(part, "func", type(part)).__name__


@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=["-".join(map(name_of, pair)) for pair in CHECKS]
)
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def blobs(n=60, dtype=np.float64):
    x, y = make_blobs(n, centers=3, random_state=0)
    return StandardScaler().fit_transform(x).astype(dtype), y


def line(n=60, dtype=np.float64):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 2))
    return x.astype(dtype), (x @ [1.0, -2.0] + 0.5).astype(dtype)


DATA = {Classifier: blobs, Regressor: line}
OUTPUTS = {Classifier: 3, Regressor: 1}


def weights_of(estimator):
    return np.concatenate([p.data.ravel() for p in estimator.model_.parameters()])


# -- in the company of scikit-learn ---------------------------------------------------------------


def test_digits_are_learned():
    train_x, test_x, train_y, test_y = train_test_split(
        *load_digits(return_X_y=True), test_size=0.25, random_state=0
    )
    model = make_pipeline(MinMaxScaler(), Classifier(epochs=20, random_state=0))
    assert model.fit(train_x, train_y).score(test_x, test_y) > 0.96


def test_cross_validation_of_a_pipeline():
    model = make_pipeline(StandardScaler(), Classifier(random_state=0))
    assert cross_val_score(model, *load_iris(return_X_y=True), cv=3).mean() > 0.93


def test_a_regressor_with_scaled_targets_equals_linear_regression_where_all_is_linear():
    x, y = load_diabetes(return_X_y=True)
    network = make_pipeline(StandardScaler(), Regressor(hidden=(), epochs=50, random_state=0))
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler()).fit(x, y)
    best = LinearRegression().fit(x, y).score(x, y)
    assert best - 0.01 < scaled.score(x, y) <= best + 1e-9


def test_grid_search():
    grid = {"classifier__hidden": [(), 4], "classifier__epochs": np.array([1, 30])}
    model = make_pipeline(StandardScaler(), Classifier(lr=0.02, random_state=0))
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(*blobs())
    assert search.best_params_["classifier__epochs"] == 30
    assert search.best_score_ > 0.85
    assert search.best_estimator_[-1].n_iter_ == 30


@pytest.mark.parametrize("make", BOTH)
def test_a_clone_has_the_arguments_and_a_model_of_its_own(make):
    model = layers.Dense(2, OUTPUTS[make])
    original = make(model, lr=0.5, epochs=2).fit(*DATA[make]())
    other = clone(original)
    assert not hasattr(other, "model_")
    assert {**other.get_params(), "model": 0} == {**original.get_params(), "model": 0}
    assert other.model is not model
    np.testing.assert_array_equal(other.model.weight.data, model.weight.data)
    model.weight.data[:] = 0
    assert other.model.weight.data.any()


@pytest.mark.parametrize("make", BOTH)
def test_a_pickled_estimator_predicts_the_same_and_trains_on_the_same(make):
    x, y = DATA[make]()
    fitted = make(epochs=3, random_state=0).fit(x, y)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))
    for estimator in (fitted, again):
        estimator.partial_fit(x, y)
    np.testing.assert_array_equal(weights_of(again), weights_of(fitted))
    assert again.loss_curve_ == fitted.loss_curve_


def test_a_fitted_estimator_keeps_no_gradients():
    fitted = Classifier(epochs=1).fit(*blobs())
    assert all(parameter.grad is None for parameter in fitted.model_.parameters())


def test_they_say_what_they_take():
    assert all(get_tags(make()).input_tags.three_d_array for make in BOTH)
    assert [get_tags(make()).target_tags.multi_output for make in BOTH] == [False, True]


def test_it_can_be_shown():
    assert repr(Classifier(layers.Dense(2, 3))) == "Classifier(model=Dense(2, 3))"
    assert "Regressor" in Regressor()._repr_html_()


# -- models ---------------------------------------------------------------------------------------


@tg.register_model("tests-sklearn-two-to-three")
class TwoToThree(tg.Module):
    def __init__(self):
        self.dense = layers.Dense(2, 3)

    def forward(self, x):
        return self.dense(x)


CONFIG = {"name": "sequential", "modules": [{"name": "dense", "in_features": 2, "out_features": 3}]}


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (layers.Dense(2, 3), layers.Dense),
        (lambda n_features, n_outputs: layers.Dense(n_features, n_outputs), layers.Dense),
        (layers.Dense, layers.Dense),
        ("tests-sklearn-two-to-three", TwoToThree),
        (CONFIG, layers.Sequential),
    ],
    ids=["Module", "function", "class", "name", "config"],
)
def test_ways_to_say_which_model(model, kind):
    fitted = clone(Classifier(model, epochs=60, lr=0.05, random_state=0)).fit(*blobs())
    assert type(fitted.model_) is kind
    assert fitted.score(*blobs()) > 0.85


def test_by_default_the_model_is_sized_by_the_data_and_the_arguments():
    fitted = Classifier(hidden=(7, 5), epochs=1).fit(*blobs())
    shapes = [p.shape for p in fitted.model_.parameters()]
    assert shapes == [(7, 2), (7,), (5, 7), (5,), (3, 5), (3,)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_by_default_the_model_has_the_dtype_of_the_data(dtype):
    x, y = line(dtype=dtype)
    fitted = Regressor(epochs=1).fit(x, y)
    assert {p.dtype for p in fitted.model_.parameters()} == {np.dtype(dtype)}
    assert fitted.predict(x).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float32, np.float64, np.int64])
def test_data_are_brought_to_the_dtype_of_a_model(dtype, given):
    x, y = line()
    model = layers.Dense(2, 1).astype(dtype)
    weighted = Regressor(model, epochs=1).fit(x.astype(given), y, np.ones(len(x)))
    assert weighted.model_.weight.dtype == dtype
    assert weighted.predict(x.astype(given)).dtype == dtype


def test_a_fit_changes_a_copy_of_the_module():
    model = layers.Dense(2, 3)
    before = model.state_dict()
    fitted = Classifier(model, epochs=1).fit(*blobs())
    np.testing.assert_array_equal(model.weight.data, before["weight"])
    assert (fitted.model_.weight.data != before["weight"]).all()


@pytest.mark.parametrize(
    "model",
    [
        None,
        layers.Sequential(
            layers.Conv2d(1, 4, 3), layers.ReLU(), layers.Flatten(), layers.Dense(4 * 36, 3)
        ),
    ],
    ids=["MLP", "convolution"],
)
def test_samples_may_be_images(model):
    x, y = load_digits(n_class=3, return_X_y=True)
    images = (x / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    fitted = Classifier(model, epochs=5, lr=0.01, random_state=0).fit(images, y)
    assert fitted.score(images, y) > 0.97
    assert fitted.n_features_in_ == 1  # the second axis, as everywhere in scikit-learn


def test_an_optimiser_by_name_or_made_by_a_function():
    model, (x, y) = layers.Dense(2, 1), line(32, np.float32)
    by_name = Regressor(model, optimizer="sgd", lr=0.1, epochs=2).fit(x, y)
    made = Regressor(model, optimizer=partial(optim.SGD, momentum=0.0), lr=0.1, epochs=2).fit(x, y)
    np.testing.assert_allclose(weights_of(made), weights_of(by_name), rtol=1e-5)
    faster = Regressor(model, optimizer=partial(optim.SGD, momentum=0.9), lr=0.1, epochs=2)
    assert np.abs(weights_of(faster.fit(x, y)) - weights_of(by_name)).max() > 1e-3


# -- what is learned ------------------------------------------------------------------------------


def test_probabilities_are_the_softmax_of_the_outputs():
    x, y = blobs(dtype=np.float32)
    fitted = Classifier(epochs=5).fit(x, y)
    p = fitted.predict_proba(x)
    with tg.no_grad():
        outputs = fitted.model_(x).numpy().astype(np.float64)
    expected = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p, expected, rtol=1e-6)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-14)


def test_labels_may_be_text_and_predictions_come_in_parts():
    x, y = blobs(600)
    names = np.array(["pear", "apple", "fig"])
    fitted = Classifier(epochs=20, random_state=0).fit(x, names[y])
    assert [*fitted.classes_] == ["apple", "fig", "pear"]
    numbers = Classifier(epochs=20, random_state=0).fit(x, np.array([2, 0, 1])[y])
    predicted = fitted.predict(x)
    assert predicted.shape == (600,)
    np.testing.assert_array_equal(predicted, fitted.classes_[numbers.predict(x)])
    assert (predicted == names[y]).mean() > 0.85


def test_several_numbers_are_predicted_at_once():
    x, y = line(200)
    both = np.column_stack([y, -3 * y])
    fitted = Regressor(hidden=(), optimizer="sgd", lr=0.2, epochs=30).fit(x, both)
    assert fitted.predict(x).shape == (200, 2)
    np.testing.assert_allclose(fitted.predict(x), both, atol=1e-6)
    assert fitted.fit(x, y[:, None]).predict(x).shape == (200,)


SAMPLE_WEIGHTS = np.random.default_rng(1).integers(0, 4, 60)


def test_weighted_samples_give_the_weighted_least_squares():
    x, y = line()
    y = y + np.random.default_rng(2).standard_normal(60)
    ours = Regressor(layers.Dense, lr=0.1, epochs=300, batch_size=60, random_state=0)
    ours = ours.set_params(model=layers.Dense(2, 1).astype(np.float64)).fit(x, y, SAMPLE_WEIGHTS)
    theirs = LinearRegression().fit(x, y, SAMPLE_WEIGHTS)
    np.testing.assert_allclose(ours.model_.weight.data[0], theirs.coef_, atol=1e-4)
    assert abs(theirs.coef_ - LinearRegression().fit(x, y).coef_).max() > 0.01  # it matters


def test_weighted_samples_give_the_weighted_logistic_regression():
    x, y = make_blobs(60, centers=2, cluster_std=3.0, random_state=0)
    x = StandardScaler().fit_transform(x)
    ours = Classifier(layers.Dense(2, 2).astype(np.float64), lr=0.1, epochs=300, batch_size=60)
    theirs = LogisticRegression(C=np.inf, solver="newton-cholesky")
    p = ours.fit(x, y, SAMPLE_WEIGHTS).predict_proba(x)
    np.testing.assert_allclose(p, theirs.fit(x, y, SAMPLE_WEIGHTS).predict_proba(x), atol=1e-3)
    assert abs(p - theirs.fit(x, y).predict_proba(x)).max() > 0.02  # it matters


@pytest.mark.parametrize("make", BOTH)
def test_a_sample_without_weight_is_left_out(make):
    x, y = DATA[make]()
    kept = np.arange(60) % 3 > 0
    weighted = make(epochs=2, batch_size=8, random_state=0).fit(x, y, sample_weight=kept)
    fewer = make(epochs=2, batch_size=8, random_state=0).fit(x[kept], y[kept])
    np.testing.assert_allclose(weights_of(weighted), weights_of(fewer), rtol=1e-9)


@pytest.mark.parametrize("make", BOTH)
def test_only_the_proportions_of_weights_matter(make):
    x, y = DATA[make]()
    few, many = (
        weights_of(make(epochs=3, optimizer="sgd", random_state=0).fit(x, y, scale * (1 + y % 2)))
        for scale in (1, 1024)
    )
    np.testing.assert_array_equal(few, many)


def test_class_weights_multiply_sample_weights():
    x, y = blobs()
    weights = np.random.default_rng(0).random(60)
    by_class = Classifier(epochs=3, random_state=0, class_weight={0: 1, 1: 5, 2: 2})
    by_sample = Classifier(epochs=3, random_state=0).fit(x, y, weights * np.array([1, 5, 2])[y])
    np.testing.assert_allclose(
        weights_of(by_class.fit(x, y, weights)), weights_of(by_sample), rtol=1e-10
    )


def test_balanced_classes_count_alike():
    x, y = np.zeros((40, 1)), np.repeat([0, 1], [30, 10])  # nothing to tell them by
    frequent = Classifier(epochs=200, lr=0.01, random_state=0).fit(x, y).predict_proba(x[:1])
    balanced = Classifier(epochs=200, lr=0.01, random_state=0, class_weight="balanced")
    np.testing.assert_allclose(frequent, [[0.75, 0.25]], atol=0.02)
    np.testing.assert_allclose(balanced.fit(x, y).predict_proba(x[:1]), [[0.5, 0.5]], atol=0.02)


# -- how long it is learned -----------------------------------------------------------------------


def test_the_best_weights_on_held_out_samples_are_kept():
    # all samples look alike, so the loss on 14 of one class and 6 of the other is known
    x, y = np.ones((100, 1)), np.repeat([0, 1], [70, 30])
    fitted = Classifier(epochs=8, lr=0.3, validation=0.2, random_state=0).fit(x, y)
    p = fitted.predict_proba(x[:1])[0]
    curve = fitted.validation_loss_curve_
    assert len(curve) == len(fitted.loss_curve_) == fitted.n_iter_ == 8
    assert min(curve) < curve[-1]
    np.testing.assert_allclose(min(curve), -(0.7 * np.log(p[0]) + 0.3 * np.log(p[1])), rtol=1e-6)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_patience_ends_a_training_that_gets_nowhere(make, validation):
    x, y = np.ones((32, 2)), np.tile([1, 1], 16)
    sizes = {"epochs": np.int64(50), "patience": np.int64(3)}  # as a search tries them
    estimator = make(lr=0.0, **sizes, validation=validation, random_state=0)
    assert estimator.fit(x, y).n_iter_ == 4


def test_patience_lets_a_training_go_on_that_gets_somewhere():
    assert Regressor(epochs=30, patience=5, random_state=0).fit(*line(200)).n_iter_ == 30


@pytest.mark.parametrize("make", BOTH)
def test_a_warm_start_goes_on(make):
    x, y = DATA[make]()
    estimator = make(epochs=5, warm_start=True, random_state=0).fit(x, y)
    model = estimator.model_
    assert estimator.fit(x, y).model_ is model
    assert estimator.n_iter_ == 10
    assert estimator.loss_curve_[5] < estimator.loss_curve_[4]
    before = weights_of(estimator)
    np.testing.assert_array_equal(weights_of(estimator.set_params(lr=0.0).fit(x, y)), before)
    assert estimator.set_params(warm_start=False).fit(x, y).n_iter_ == 5


@pytest.mark.parametrize("make", BOTH)
def test_partial_fit_is_an_epoch(make):
    x, y = DATA[make]()
    estimator = make(lr=0.01, validation=0.5, epochs=7, random_state=0)
    for count in range(1, 31):
        assert estimator.partial_fit(x, y).n_iter_ == count
    assert estimator.validation_loss_curve_ == []
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0] / 2


class Recorder(tg.Module):
    """Writes down what it is trained on."""

    def __init__(self):
        self.dense, self.seen = layers.Dense(2, 3), []

    def forward(self, x):
        if self.training:
            self.seen.append(x.numpy()[:, 0].tolist())
        return self.dense(x)


def test_partial_fit_takes_the_samples_in_another_order_each_time():
    estimator = Classifier(Recorder(), batch_size=60, random_state=0)
    for _ in range(2):
        estimator.partial_fit(*blobs())
    first, second = estimator.model_.seen
    assert first != second
    assert sorted(first) == sorted(second)


def test_partial_fit_learns_classes_that_come_later():
    x, y = blobs()
    estimator = Classifier(lr=0.02, random_state=0)
    estimator.partial_fit(x[y < 2], y[y < 2], classes=[2, 1, 0])
    for _ in range(30):
        estimator.partial_fit(x, y)
    assert estimator.score(x, y) > 0.85


class Interrupted(tg.Module):
    """Presses Ctrl-C at a training step."""

    def __init__(self, at):
        self.dense, self.left = layers.Dense(2, 3), at

    def forward(self, x):
        self.left -= self.training
        if self.training and self.left == 0:
            raise KeyboardInterrupt
        return self.dense(x)


def test_an_interrupt_is_passed_on_and_keeps_what_was_learned():
    x, y = blobs()
    estimator = Classifier(Interrupted(at=6), batch_size=30)  # in the third epoch
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(x, y)
    assert estimator.n_iter_ == 2
    assert estimator.predict(x).shape == (60,)
    assert not estimator.model_.training


# -- randomness -----------------------------------------------------------------------------------


def dropout_net(n_features, n_outputs):
    return layers.Sequential(
        layers.Dense(n_features, 8), layers.Dropout(0.5), layers.Dense(8, n_outputs)
    )


@pytest.mark.parametrize("make", BOTH)
def test_a_random_state_repeats_everything_and_leaves_the_generator_alone(make):
    x, y = DATA[make]()
    state = generator().bit_generator.state
    first, same, other = (
        weights_of(make(dropout_net, epochs=2, validation=0.2, random_state=seed).fit(x, y))
        for seed in (3, np.random.RandomState(3), 4)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    assert generator().bit_generator.state == state


def test_without_a_random_state_the_seed_of_the_library_counts():
    x, y = blobs()
    runs = []
    for seed in (5, 5, 6):
        tg.seed(seed)
        runs.append(weights_of(Classifier(epochs=1).fit(x, y)))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()
    assert (weights_of(Classifier(epochs=1).fit(x, y)) != runs[2]).any()


# -- what is shown, and what is refused -----------------------------------------------------------


def test_it_is_silent_unless_asked(capsys):
    Classifier(epochs=2).fit(*blobs())
    assert capsys.readouterr().out == ""
    Classifier(epochs=2, verbose=True).fit(*blobs())
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"hidden": 1.5}, ArgumentError, "hidden=1.5 is not possible"),
        ({"hidden": (0,)}, ArgumentError, "Dense"),
        ({"optimizer": None}, ArgumentError, "optimizer=None is not possible"),
        ({"optimizer": "adamm"}, PluginError, "known: adam"),
        ({"lr": -1.0}, ArgumentError, "lr=-1.0 is not possible"),
        ({"epochs": 0}, ArgumentError, "epochs=0 is not possible"),
        ({"epochs": 1.5}, ArgumentError, "epochs=1.5 is not possible"),
        ({"epochs": True}, ArgumentError, "epochs=True is not possible"),
        ({"batch_size": 0}, ArgumentError, "batch_size=0 is not possible"),
        ({"validation": 1.0}, ArgumentError, "validation=1.0 is not possible"),
        ({"validation": "a"}, ArgumentError, "validation='a' is not possible"),
        ({"patience": 0}, ArgumentError, "patience=0 is not possible"),
        ({"model": 3}, ArgumentError, "model=3 is no model, and makes none"),
        ({"model": lambda n, k: None}, ArgumentError, "is no model, and makes none"),
        ({"model": "no-such-model"}, PluginError, "nothing is registered as 'no-such-model'"),
        ({"model": layers.Dense(2, 4)}, ArgumentError, r"\(1, 2\) into \(1, 4\), not into \(1, "),
        ({"model": layers.RNN(2, 3)}, ArgumentError, r"\(1, 2\) into tuple, not into \(1, "),
        ({"model": layers.Dense(3, 3)}, tg.ShapeError, "needs 3 features, got 2"),
        ({"model": lambda n, k: layers.Flatten()}, ArgumentError, "not into"),
    ],
)
@pytest.mark.parametrize("make", BOTH)
def test_arguments_that_are_refused(make, arguments, error, words):
    estimator = make(**arguments)  # says nothing: scikit-learn's estimators complain in fit
    with pytest.raises(error, match=words):
        estimator.fit(*DATA[make]())
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.ones((60, 2)), "one number for each sample"),
        (np.arange(-1, 59), "holds a negative number"),
        (np.zeros(60), "all are zero"),
        (np.ones(59), "inconsistent numbers of samples"),
        (np.full(60, np.nan), "NaN"),
    ],
)
@pytest.mark.parametrize("make", BOTH)
def test_weights_that_are_refused(make, weights, words):
    with pytest.raises(ValueError, match=words):
        make().fit(*DATA[make](), sample_weight=weights)


def test_class_weights_that_leave_nothing_are_refused():
    with pytest.raises(ArgumentError, match="all are zero"):
        Classifier(class_weight={0: 0, 1: 0, 2: 0}).fit(*blobs())


def test_labels_that_are_new_are_refused():
    x, y = blobs()
    estimator = Classifier(epochs=1, warm_start=True).fit(x, y)
    for learn in (estimator.fit, estimator.partial_fit):
        with pytest.raises(
            ArgumentError, match=r"labels \[3\] are not among the classes \[0 1 2\]"
        ):
            learn(x, y + 1)
    with pytest.raises(ArgumentError, match=r"labels \[0\] are not among the classes \[1 2\]"):
        Classifier().partial_fit(x, y, classes=[1, 2])


def test_targets_of_another_width_are_refused():
    x, y = line()
    estimator = Regressor(epochs=1).fit(x, np.column_stack([y, y]))
    for weights in (None, np.ones(60)):
        with pytest.raises(tg.ShapeError):
            estimator.partial_fit(x, y, sample_weight=weights)


def test_a_training_that_diverges_says_so():
    with pytest.raises(DivergenceError, match="lower the learning rate"), np.errstate(all="ignore"):
        Regressor(optimizer="sgd", lr=1e6, random_state=0).fit(*line())
