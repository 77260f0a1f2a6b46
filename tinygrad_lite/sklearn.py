"""Networks as scikit-learn's estimators: for pipelines, cross-validation and grid search."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise
from typing import Any, Self

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite import layers, plugins
from tinygrad_lite.data import Dataset
from tinygrad_lite.data.split import stratified_split
from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.modes import no_grad, reference
from tinygrad_lite.module import Module, build
from tinygrad_lite.ops.random import generator, using
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train import Trainer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_array, check_consistent_length, check_random_state
    from sklearn.utils.class_weight import compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(
        f"tg.sklearn needs scikit-learn, 1.6 or newer: {error}\n"
        "  fix: pip install 'tinygrad-lite[sklearn]'"
    ) from error

__all__ = ["Classifier", "Regressor"]

_PREDICTED_AT_ONCE = 256  # samples


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: how they come by a model, train it, and call it."""

    _metrics: tuple[str, ...] = ()  # shown beside the loss

    def __init__(
        self,
        model: Any = None,
        *,
        hidden: Any = (100,),
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        validation: float = 0.0,
        patience: int | None = None,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        self.model = model
        self.hidden = hidden
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.patience = patience
        self.random_state = random_state
        self.verbose = verbose
        self.warm_start = warm_start

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    @property
    def n_iter_(self) -> int:
        """How many epochs the model was trained for."""
        return len(self.loss_curve_)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a new model; with `warm_start` the one of the last fit.

        Args:
            X: samples (N, features), or with the axes that the model takes.
            y: what to learn, of each sample.
            sample_weight: how much each sample counts (N,); only the proportions matter.

        Raises:
            ValueError: the data or an argument is not possible.
            DivergenceError: the loss is no longer finite; `lr` may be too high, or X not scaled.
            KeyboardInterrupt: Ctrl-C; what has been learned until then is kept.
        """
        fresh = not (self.warm_start and hasattr(self, "model_"))
        return self._learn(X, y, sample_weight, fresh)

    def _learn(self, X: Any, y: Any, sample_weight: Any, fresh: bool) -> Self:
        raise NotImplementedError

    def _check(self, fits: Any, problem: str, fix: str) -> None:
        if not fits:
            raise ArgumentError(message(type(self).__name__, problem, fix=fix))

    def _check_arguments(self) -> None:
        optimizer, patience, share = self.optimizer, self.patience, self.validation
        for name, fits, what in [
            ("hidden", _is_count(self.hidden) or np.iterable(self.hidden), "a tuple of sizes"),
            (
                "optimizer",
                isinstance(optimizer, str) or callable(optimizer),
                "the name of an optimiser, or what makes one",
            ),
            ("epochs", _is_count(self.epochs), "a whole number from 1 on"),
            ("batch_size", _is_count(self.batch_size), "a whole number from 1 on"),
            (
                "validation",
                isinstance(share, int | float) and 0 <= share < 1,
                "a share of the samples, from 0 to below 1",
            ),
            (
                "patience",
                patience is None or _is_count(patience),
                "a whole number from 1 on, or None",
            ),
        ]:
            self._check(fits, f"{name}={getattr(self, name)!r} is not possible", f"give {what}")

    def _validate(self, X: Any, reset: bool, **y: Any) -> Any:
        """Return X, and y if it is given, as arrays; X of floats."""
        dtypes = [np.float64, np.float32]
        return validate_data(self, X, **y, reset=reset, dtype=dtypes, allow_nd=True)

    def _weights(self, X: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        if sample_weight is None:
            return None
        weights: np.ndarray = check_array(
            sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight"
        )
        check_consistent_length(X, weights)
        fix = "leave sample_weight out to weigh all samples alike"
        self._check(weights.ndim == 1, "sample_weight must be one number for each sample", fix)
        self._check(weights.min() >= 0, "sample_weight holds a negative number", fix)
        self._check(weights.any(), "sample_weight leaves nothing to learn: all are zero", fix)
        return weights

    def _train(
        self,
        X: np.ndarray,
        targets: np.ndarray,
        strata: np.ndarray,
        loss: Callable[..., Tensor],
        n_outputs: int,
        fresh: bool,
        one_epoch: bool,
    ) -> Self:
        """Train a new model, or go on with the one there is.

        Args:
            X: samples (N, ...).
            targets: what the loss takes (N, ...).
            strata: integers (N,); of each, samples are held out alike.
            loss: a function of (outputs, targets).
            n_outputs: how many numbers the model gives for a sample.
            fresh: start with a new model.
            one_epoch: learn from each sample once, and hold none out.
        """
        if fresh:
            self._start(X, n_outputs)
        self._optimizer.lr = self.lr  # which may have been set since
        train, held_out = Dataset(X, targets), None
        with using(self._rng):
            if self.validation and not one_epoch:
                indices = Dataset(np.arange(len(X)), strata)
                seed = int(self._rng.integers(2**32))
                kept, out = stratified_split(indices, float(self.validation), seed)
                train, held_out = train[kept.x], train[out.x]
            trainer = Trainer(
                self.model_,
                self._optimizer,
                loss=loss,
                metrics=self._metrics if self.verbose else (),
                monitor="loss" if held_out is None else "val_loss",
                patience=self.patience,
                restore_best=held_out is not None,
                display="auto" if self.verbose else "off",
            )
            try:
                history = trainer.fit(
                    train,
                    held_out,
                    epochs=1 if one_epoch else self.epochs,
                    batch_size=self.batch_size,
                )
            finally:  # however it ended
                self.model_.eval().zero_grad()
                done = [epoch.metrics for epoch in trainer.progress.history]
                self.loss_curve_ += [epoch["loss"] for epoch in done]
                if held_out is not None:
                    self.validation_loss_curve_ += [epoch["val_loss"] for epoch in done]
        if history.interrupted:
            raise KeyboardInterrupt
        return self

    def _start(self, X: np.ndarray, n_outputs: int) -> None:
        """Make the model, its optimiser, and the random numbers for both."""
        seed = (
            generator().integers(2**32)
            if self.random_state is None
            else check_random_state(self.random_state).randint(2**31)
        )
        rng = np.random.default_rng(int(seed))
        make = self.optimizer
        if isinstance(make, str):
            make = plugins.optim.get(make)
        with using(rng):
            model = self._make_model(X, n_outputs)
            self._check_model(model, X, n_outputs)
        self._optimizer = make(model.parameters(), lr=self.lr)
        self.model_, self._rng = model, rng
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []

    def _make_model(self, X: np.ndarray, n_outputs: int) -> Any:
        if self.model is None:
            hidden = (self.hidden,) if _is_count(self.hidden) else self.hidden
            return _mlp([int(np.prod(X.shape[1:])), *hidden, n_outputs]).astype(X.dtype)
        if isinstance(self.model, Module):
            return deepcopy(self.model)
        if isinstance(self.model, str | dict):
            return build({"name": self.model} if isinstance(self.model, str) else self.model)
        return self.model(X.shape[1], n_outputs) if callable(self.model) else self.model

    def _check_model(self, model: Any, X: np.ndarray, n_outputs: int) -> None:
        """Raise ArgumentError unless the model turns samples into so many outputs."""
        self._check(
            isinstance(model, Module),
            f"model={self.model!r} is no model, and makes none",
            "give a Module, a function of (n_features, n_outputs) that makes one, the name of a "
            "plugin, or a config",
        )
        with no_grad(), reference():  # no kernel is compiled for this
            outputs = model.eval()(X[:1])
        found = getattr(outputs, "shape", type(outputs).__name__)
        self._check(
            found == (1, n_outputs),
            f"the model turns {X[:1].shape} into {found}, not into {(1, n_outputs)}",
            f"let its forward return one Tensor (batch, {n_outputs})",
        )

    def _outputs(self, X: Any) -> np.ndarray:
        """Return what the model says, (N, n_outputs)."""
        check_is_fitted(self)
        X = self._validate(X, reset=False)
        starts = range(0, len(X), _PREDICTED_AT_ONCE)
        with no_grad():
            parts = [self.model_(X[start : start + _PREDICTED_AT_ONCE]).data for start in starts]
        return np.concatenate(parts)


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """Tells classes with a network, trained by cross-entropy.

    Networks learn from features of about unit size; let a scaler come first:

    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> make_pipeline(StandardScaler(), tg.sklearn.Classifier(random_state=0)).fit(X, y)

    Args:
        model: what to train. None makes a multi-layer perceptron, of float32 if X is, else of
            float64. Also a Module, of which each fit trains a copy; a function `(n_features,
            n_outputs) -> Module`, or a Module class that takes these two; the name of a layer or
            model plugin; or a config, as `tg.build` takes it. X is brought to its dtype. Its
            outputs are a logit for each class (N, n_classes), also where there are only two.
        hidden: sizes of the layers between, in the multi-layer perceptron.
        optimizer: plugin name of an optimiser, or what makes one: `partial(optim.SGD,
            momentum=0.9)`.
        lr: learning rate.
        epochs: the most passes over the data.
        batch_size: samples of one step.
        validation: share of the samples to hold out of training, equally of each class. The
            weights of the epoch with the lowest loss on them are the final ones.
        patience: stop after so many epochs in a row that did not lower the loss, on the samples
            held out, or else in training. None never stops early.
        class_weight: how much samples of a class count: a dict by label, "balanced" for the
            inverse of how frequent the classes are in this call, or None for all alike.
        random_state: seed of weights, order and dropout: None draws it from the library's own
            generator (see `tg.seed`), which is not touched otherwise.
        verbose: whether to show the training, as a Trainer does.
        warm_start: whether `fit` goes on with the model and optimiser of the last fit.

    Attributes:
        classes_: the labels (n_classes,), in the order of the outputs.
        model_: the trained Module.
        loss_curve_: the mean training loss of each epoch.
        validation_loss_curve_: that of the samples held out, if any.
        n_iter_: number of epochs.
        n_features_in_: length of X's second axis.
        feature_names_in_: names of X's columns, if it had some.
    """

    classes_: np.ndarray
    _metrics = ("accuracy",)

    def __init__(
        self,
        model: Any = None,
        *,
        hidden: Any = (100,),
        optimizer: Any = "adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        validation: float = 0.0,
        patience: int | None = None,
        class_weight: Any = None,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            model,
            hidden=hidden,
            optimizer=optimizer,
            lr=lr,
            epochs=epochs,
            batch_size=batch_size,
            validation=validation,
            patience=patience,
            random_state=random_state,
            verbose=verbose,
            warm_start=warm_start,
        )
        self.class_weight = class_weight

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch, going on from where training is; hold nothing out.

        Args:
            X: samples, as for `fit`.
            y: their labels.
            classes: all labels that will ever come, at the first call; by default those in y.
            sample_weight: how much each sample counts in this call (N,).

        Raises:
            ValueError: the data or an argument is not possible, or a label is new.
        """
        fresh = not hasattr(self, "model_")
        return self._learn(X, y, sample_weight, fresh, classes, one_epoch=True)

    def _learn(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        fresh: bool,
        classes: Any = None,
        one_epoch: bool = False,
    ) -> Self:
        self._check_arguments()
        X, y = self._validate(X, y=y, reset=fresh)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            sample_weight = by_class * np.asarray(1.0 if sample_weight is None else sample_weight)
        weights = self._weights(X, sample_weight)
        known = np.unique(y if classes is None else classes) if fresh else self.classes_
        unknown = np.setdiff1d(y, known)
        self._check(
            not unknown.size,
            f"labels {unknown} are not among the classes {known}",
            "name all classes at the first partial_fit(X, y, classes=...), or fit anew",
        )
        self.classes_ = known
        targets = labels = np.searchsorted(known, y)
        if weights is not None:
            X, labels, weights = _leave_out_zeros(X, labels, weights)
            # cross-entropy is linear in its targets, so a weighted label is a weighted one-hot row
            targets = weights[:, None] * np.eye(len(known), dtype=weights.dtype)[labels]
        return self._train(X, targets, labels, F.cross_entropy, len(known), fresh, one_epoch)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class: float64 (N, n_classes), each row sums to 1.

        It is the softmax of the outputs, also with two classes.
        """
        return np.asarray(F.softmax(self._outputs(X).astype(np.float64), axis=1))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sample (N,)."""
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """Predicts one or several numbers with a network, trained by the mean squared error.

    Nothing is standardised silently. Networks learn from features, and for targets, of about unit
    size, so let scalers do that:

    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> model = make_pipeline(StandardScaler(), tg.sklearn.Regressor(random_state=0))
    >>> TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, y)

    Args: those of `Classifier` but for `class_weight`. The model's outputs are (N, n_outputs), also
    where y is (N,) and `n_outputs` is 1.

    Attributes: those of `Classifier` but for `classes_`.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch, going on from where training is; hold nothing out.

        Args:
            X: samples, as for `fit`.
            y: their targets (N,) or (N, n_outputs).
            sample_weight: how much each sample counts in this call (N,).

        Raises:
            ValueError: the data or an argument is not possible.
        """
        return self._learn(X, y, sample_weight, not hasattr(self, "model_"), one_epoch=True)

    def _learn(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, one_epoch: bool = False
    ) -> Self:
        self._check_arguments()
        X, y = self._validate(X, y=y, reset=fresh, multi_output=True, y_numeric=True)
        targets = y.reshape(len(y), -1).astype(X.dtype, copy=False)
        n_outputs, weights = targets.shape[1], self._weights(X, sample_weight)
        loss: Callable[..., Tensor] = F.mse_loss
        if weights is not None:
            X, targets, weights = _leave_out_zeros(X, targets, weights)
            targets, loss = np.column_stack([targets, weights]), _weighted_mse
        strata = np.zeros(len(X), np.int64)
        return self._train(X, targets, strata, loss, n_outputs, fresh, one_epoch)

    def predict(self, X: Any) -> np.ndarray:
        """Return what each sample is expected to have: (N,), or (N, n_outputs) of several."""
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and value is not True and bool(value >= 1)


def _mlp(sizes: list[int]) -> Module:
    """Return a multi-layer perceptron of layers with these sizes, the first that of the input."""
    parts: list[Module] = [layers.Flatten()]
    for size, following in pairwise(sizes):
        parts += [layers.Dense(size, following), layers.ReLU()]
    return layers.Sequential(*parts[:-1])


def _leave_out_zeros(
    X: np.ndarray, targets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drop samples that weigh nothing; scale the others' weights to a mean of 1."""
    kept = weights > 0
    weights = weights[kept]
    return X[kept], targets[kept], weights / weights.mean()


def _weighted_mse(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error; the last column of the targets is each sample's weight."""
    targets, weights = targets[:, :-1], targets[:, -1:]
    return (weights * F.mse_loss(outputs, targets, reduction="none")).mean()
