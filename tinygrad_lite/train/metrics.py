"""Numbers that say how well a model does, beside its loss.

A metric collects batches and tells the value of all of them together, however they were split:
counts are exact, other sums are in float64. `F1()(outputs, targets)` is the value of one call.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy, deepcopy
from math import nan, sqrt
from typing import Any, ClassVar, Literal, SupportsFloat, get_args

import numpy as np

from tinygrad_lite.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    ShapeError,
    message,
    nearest,
)
from tinygrad_lite.ops.classification import labelled_rows
from tinygrad_lite.ops.loss import plain, same_shape

Function = Callable[[np.ndarray, np.ndarray], SupportsFloat]
Value = float | list[list[float]]
Average = Literal["macro", "micro", "weighted", "binary"]


class Metric(ABC):
    """A number, or a matrix, that says how well outputs fit their targets.

    Attributes:
        name: under which it is reported.
        higher_is_better: whether more of it is better.
        totals: names of the attributes that hold what was counted: numbers, or arrays of integers
            or float64.
    """

    name: str
    higher_is_better: bool = True
    totals: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """Forget all batches."""

    @abstractmethod
    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch."""

    @abstractmethod
    def value(self) -> Value:
        """Return the value of all batches since `reset`; nan, or no rows, if there is none."""

    def __call__(self, outputs: Any, targets: Any) -> Value:
        """Return the value of these outputs alone: arrays, Tensors or lists; counts nothing."""
        alone = deepcopy(self)
        alone.reset()
        alone.update(plain(outputs), plain(targets))
        return alone.value()

    def state_dict(self) -> dict[str, Any]:
        """Return what was counted, as numbers and lists that JSON keeps exactly."""
        counted = {name: getattr(self, name) for name in self.totals}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in counted.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            CheckpointError: it is the state of another kind of metric.
        """
        if set(state) != set(self.totals):
            raise CheckpointError(
                message(
                    self.name,
                    f"its state holds {', '.join(self.totals)}; this one {', '.join(state)}",
                    fix="resume with the metrics that the run had",
                )
            )
        for name, counted in state.items():
            setattr(self, name, np.array(counted) if isinstance(counted, list) else counted)


class _Quotient(Metric):
    """A sum over samples, divided by how many they are."""

    totals = ("total", "count")

    def reset(self) -> None:
        self.total: float = 0  # an exact integer where it counts something
        self.count = 0

    def value(self) -> float:
        return self.total / self.count if self.count else nan


class Mean(_Quotient):
    """The mean of a function over batches, weighted by their sizes.

    Args:
        function: of (outputs, targets), returns a number.
        name: under which it is reported; by default the function's own.
        higher_is_better: whether more of it is better.
    """

    def __init__(
        self,
        function: Function,
        name: str | None = None,
        higher_is_better: bool = True,
    ) -> None:
        super().__init__()
        self.function, self.higher_is_better = function, higher_is_better
        self.name = name or str(getattr(function, "__name__", type(function).__name__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Mean:
        return copy(self)  # its numbers are its own; what the function belongs to stays one

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch.

        Raises:
            ArgumentError: the function returns no number.
        """
        number = self.function(outputs, targets)
        if np.ndim(number) or not isinstance(number, SupportsFloat):  # type: ignore[arg-type]
            raise ArgumentError(
                message(
                    self.name,
                    "a metric must return one number for a batch",
                    {"outputs": outputs, "targets": targets, "returned": number},
                    fix="return float(...), the mean over the batch",
                )
            )
        self.total += float(number) * len(outputs)
        self.count += len(outputs)


# -- classification -------------------------------------------------------------------------------


class Classification(Metric):
    """What metrics of classes share: how they read outputs and targets.

    Shapes: outputs (N, C) or (N, d1, ..., C), a score for each class, whose largest is the
    prediction (the first of equal ones); targets the classes, integers of the shape of the outputs
    without C, or, in the shape of the outputs, a probability for each class: then it is the most
    probable one. Outputs (N,) or (N, d1, ..., 1) are scores of class 1 against class 0; their
    targets, 0 or 1, may be floating and keep the 1 in the shape.

    Args:
        axis: where the classes are: -1, or 1 as in `F.cross_entropy`.
        ignore_index: samples with this label count nothing.
        threshold: a single output above it means class 1: 0 for logits; choose 0.5 for
            probabilities.

    Raises:
        ArgumentError: another axis.
    """

    def __init__(self, *, axis: int = -1, ignore_index: int = -100, threshold: float = 0.0) -> None:
        super().__init__()
        if axis not in (1, -1):
            raise ArgumentError(
                message(self.name, f"classes cannot be on axis {axis}", fix="choose 1 or -1")
            )
        self.axis, self.ignore_index, self.threshold = axis, ignore_index, threshold

    def rows(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scores (M, C) and labels (M,) of the samples that count.

        Raises:
            ShapeError: outputs and targets do not fit.
            DTypeError: labels are not of integers.
            DataError: a label is out of range.
        """
        if outputs.ndim < 2 or outputs.shape[self.axis] == 1:
            outputs, targets = self._two_classes(outputs, targets)
        elif outputs.ndim == targets.ndim:
            same_shape(self.name, outputs, targets, names=("outputs", "targets"))
            targets = targets.argmax(axis=self.axis)
        if outputs.ndim > 2:
            outputs = np.moveaxis(outputs, self.axis, 1)
            if targets.shape != outputs.shape[:1] + outputs.shape[2:]:
                raise ShapeError(
                    message(
                        self.name,
                        f"without the classes, on axis {self.axis}, outputs must have the shape "
                        "of the targets",
                        {"outputs": np.moveaxis(outputs, 1, self.axis), "targets": targets},
                        fix=f"make the metric with axis={-self.axis} if that is where they are",
                    )
                )
        scores, labels, kept = labelled_rows(
            self.name, "outputs", outputs, targets, self.ignore_index
        )
        return (scores, labels) if kept is None else (scores[kept], labels[kept])

    def _two_classes(
        self, outputs: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return scores of two classes, and labels, for single outputs."""
        if outputs.ndim > 1:
            targets = targets.squeeze(self.axis) if targets.shape == outputs.shape else targets
            outputs = outputs.squeeze(self.axis)
        same_shape(self.name, outputs, targets, names=("outputs", "targets"))
        if targets.dtype.kind not in "iu":
            known = (targets == 0) | (targets == 1) | (targets == self.ignore_index)
            if not known.all():
                raise DataError(
                    message(
                        self.name,
                        f"targets of a single output are 0 or 1; {targets[~known][0]:g} is among "
                        "these",
                        {"outputs": outputs, "targets": targets},
                        fix="number the classes from 0, or measure a regression, e.g. by mae",
                    )
                )
            targets = targets.astype(np.intp)
        return np.stack([np.full_like(outputs, self.threshold), outputs], self.axis), targets


class Accuracy(_Quotient, Classification):
    """The share of samples whose largest score is at the target."""

    name = "accuracy"

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch; shapes and errors are those of `Classification`."""
        scores, labels = self.rows(outputs, targets)
        self.total += int(np.count_nonzero(scores.argmax(axis=1) == labels))
        self.count += len(labels)


class TopK(_Quotient, Classification):
    """The share of samples whose target is among the k largest scores; `top_5` by name.

    Raises:
        ArgumentError: k is no whole number from 1 on.
    """

    def __init__(self, k: int, **options: Any) -> None:
        self.k, self.name = k, f"top_{k}"
        super().__init__(**options)
        if not isinstance(k, int) or k < 1:
            raise ArgumentError(
                message(self.name, "k must be a whole number from 1 on", {"k": k}, fix="TopK(5)")
            )

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch; shapes and errors are those of `Classification`.

        Raises:
            ArgumentError: there are no more than k classes.
        """
        scores, labels = self.rows(outputs, targets)
        classes = scores.shape[1]
        if classes <= self.k:
            raise ArgumentError(
                message(
                    self.name,
                    f"a target is always among the {self.k} largest of {classes} scores",
                    {"outputs": outputs},
                    fix="choose a smaller k",
                )
            )
        own, labels = scores[np.arange(len(labels)), labels, None], labels[:, None]
        # of equal scores the first counts as larger, as for argmax; one that is NaN is no hit
        behind = (scores < own) | ((scores == own) & (np.arange(classes) >= labels))
        self.total += int(np.count_nonzero(behind.sum(axis=1) > classes - self.k))
        self.count += len(labels)


class _Counts(Classification):
    """Counts in as many columns as there are classes."""

    totals = ("counts",)

    def reset(self) -> None:
        self.counts = np.zeros((0, 0), np.int64)

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch; shapes and errors are those of `Classification`.

        Raises:
            ShapeError: there are not as many classes as in the batches before.
        """
        scores, labels = self.rows(outputs, targets)
        batch = self._count(scores.argmax(axis=1), labels, scores.shape[1])
        if not self.counts.size:
            self.counts = batch
        elif batch.shape == self.counts.shape:
            self.counts += batch
        else:
            raise ShapeError(
                message(
                    self.name,
                    f"there were {self.counts.shape[1]} classes in the batches before",
                    {"outputs": outputs},
                    fix="call reset() before another model",
                )
            )

    @abstractmethod
    def _count(self, guesses: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        """Return the counts (..., C) of one batch."""


class ConfusionMatrix(_Counts):
    """How many samples of each class, a row, were taken for which, a column."""

    name = "confusion_matrix"

    def _count(self, guesses: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        pairs = np.bincount(labels * classes + guesses, minlength=classes**2)
        return pairs.reshape(classes, classes)

    def value(self) -> list[list[float]]:
        """Return the counts, (C, C) whole numbers; no rows if there is no sample."""
        matrix: Any = self.counts.tolist()
        return matrix


class Rate(_Counts):
    """The hits in each class, divided by how many there could be; averaged over the classes.

    As in scikit-learn, a class in which there could be none has a rate of 0.

    Args:
        average: `macro` takes the mean over the classes among guesses or targets, `weighted` weighs
            them by how often they are targets, `micro` counts all classes together, `binary` takes
            class 1 of two. What is not macro is part of the name: `f1_micro`.

    Raises:
        ArgumentError: another average.
    """

    could_be: ClassVar[list[int]]  # rows of the counts; what hits are divided by is their mean

    def __init__(self, average: Average = "macro", **options: Any) -> None:
        kind = type(self).__name__.lower()
        self.average, self.name = average, kind if average == "macro" else f"{kind}_{average}"
        super().__init__(**options)
        if average not in get_args(Average):
            raise ArgumentError(
                message(
                    type(self).__name__,
                    f"no average is called {average!r}",
                    fix=f"use one of: {nearest(str(average), get_args(Average))}",
                )
            )

    def _count(self, guesses: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        if self.average == "binary" and classes != 2:
            raise ArgumentError(
                message(
                    self.name,
                    f"none of {classes} classes is the positive one",
                    fix="choose the average macro, micro or weighted",
                )
            )
        hits = labels[guesses == labels]
        return np.array([np.bincount(x, minlength=classes) for x in (hits, guesses, labels)])

    def value(self) -> float:
        """Return the rate, from 0 to 1; nan if there is no sample."""
        counts = self.counts
        if not counts.any():
            return nan
        if self.average == "micro":
            counts = counts.sum(axis=1, keepdims=True)
        elif self.average == "binary":
            counts = counts[:, 1:]
        else:
            counts = counts[:, counts.any(axis=0)]
        could_be = counts[self.could_be].mean(axis=0)
        rates = counts[0] / np.where(could_be, could_be, 1)
        return float(np.average(rates, weights=counts[2] if self.average == "weighted" else None))


class Precision(Rate):
    """The share of the guesses of a class that are right; see `Rate` for `average`."""

    could_be: ClassVar = [1]


class Recall(Rate):
    """The share of the samples of a class that are found; see `Rate` for `average`."""

    could_be: ClassVar = [2]


class F1(Rate):
    """The harmonic mean of precision and recall of a class; see `Rate` for `average`."""

    could_be: ClassVar = [1, 2]


class Perplexity(_Quotient, Classification):
    """exp of the mean cross-entropy of logits, or log-probabilities, in nats."""

    name = "perplexity"
    higher_is_better = False

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch; shapes and errors are those of `Classification`."""
        scores, labels = self.rows(outputs, targets)
        scores = scores.astype(np.float64)
        with np.errstate(invalid="ignore"):  # infinite scores
            scores -= scores.max(axis=1, keepdims=True)
        logs = np.log(np.exp(scores).sum(axis=1))
        self.total += float((logs - scores[np.arange(len(labels)), labels]).sum())
        self.count += len(labels)

    def value(self) -> float:
        """Return the perplexity, from 1 to infinity; nan if there is no sample."""
        with np.errstate(over="ignore"):
            return float(np.exp(super().value()))


# -- regression -----------------------------------------------------------------------------------


def _differences(name: str, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return outputs - targets in float64.

    Raises:
        ShapeError: they are not of one shape.
    """
    same_shape(name, outputs, targets, names=("outputs", "targets"))
    return np.subtract(outputs, targets, dtype=np.float64)


class _OfDifferences(_Quotient):
    """A mean over all entries of outputs and targets, which are of one shape."""

    higher_is_better = False
    of: ClassVar[np.ufunc]  # a difference

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch.

        Raises:
            ShapeError: outputs and targets are not of one shape.
        """
        self.total += float(self.of(_differences(self.name, outputs, targets)).sum())
        self.count += outputs.size


class MAE(_OfDifferences):
    """The mean absolute error; outputs and targets of one shape."""

    name = "mae"
    of = np.abs


class MSE(_OfDifferences):
    """The mean squared error; outputs and targets of one shape."""

    name = "mse"
    of = np.square


class RMSE(MSE):
    """The root of the mean squared error; outputs and targets of one shape."""

    name = "rmse"

    def value(self) -> float:
        """Return the root; nan if there is no sample."""
        return sqrt(super().value())


class R2(Metric):
    """The share of the variance of the targets that the outputs explain, 1 - Σ(t - o)²/Σ(t - t̄)².

    Shapes: outputs and targets (N,) or (N, d1, ..., D); then it is the mean over the D columns.
    As in scikit-learn, a column of constant targets makes 1 if the outputs are right, else 0, and
    fewer than two samples make nan.
    """

    name = "r2"
    totals = ("count", "origin", "sums")

    def reset(self) -> None:
        """Forget all batches."""
        self.count = 0
        self.origin = np.zeros(0)  # (D,): the first target; sums of what lies near 0 are exact
        self.sums = np.zeros((3, 0))  # (3, D): of targets, of their squares, of squared errors

    def update(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch.

        Raises:
            ShapeError: outputs and targets are not of one shape, or have another number of columns
                than those before.
        """
        errors = _differences(self.name, outputs, targets)
        width = targets.shape[-1] if targets.ndim > 1 else 1
        errors, targets = errors.reshape(-1, width), targets.reshape(-1, width)
        if not len(targets):
            return
        if not self.count:
            self.origin, self.sums = targets[0].astype(np.float64), np.zeros((3, width))
        elif width != len(self.origin):
            raise ShapeError(
                message(
                    self.name,
                    f"there were {len(self.origin)} columns in the batches before",
                    {"outputs": outputs, "targets": targets},
                    fix="call reset() between models",
                )
            )
        away = targets - self.origin
        self.sums += [away.sum(axis=0), np.square(away).sum(axis=0), np.square(errors).sum(axis=0)]
        self.count += len(targets)

    def value(self) -> float:
        """Return the share, at most 1; nan of fewer than two samples."""
        if self.count < 2:
            return nan
        total, squares, left = self.sums
        spread = squares - total**2 / self.count
        constant = spread == 0
        explained = 1 - left / np.where(constant, 1, spread)
        return float(np.where(constant, left == 0, explained).mean())


# -- by name --------------------------------------------------------------------------------------

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Accuracy(),
        TopK(5),
        *(kind(average) for kind in (Precision, Recall, F1) for average in get_args(Average)),
        ConfusionMatrix(),
        Perplexity(),
        MAE(),
        MSE(),
        RMSE(),
        R2(),
    )
}
accuracy = METRICS["accuracy"]


def find_metrics(metrics: Sequence[str | Function | Metric]) -> list[Metric]:
    """Return metrics that have counted nothing yet, each an object of its own.

    Args:
        metrics: names, of `METRICS` or `top_3` for any number; Metrics, which are copied; or
            functions of (outputs, targets), of which the `Mean` over batches is taken.

    Raises:
        ArgumentError: a name is unknown or meant twice, a Metric lacks an attribute, or something
            else is given.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        fresh = _find(metric)
        if fresh.name in found or fresh.name == "loss":
            raise ArgumentError(
                message(
                    "Trainer",
                    f"two numbers would be called {fresh.name}",
                    fix="give one of them another name, e.g. Mean(function, name='mine')",
                )
            )
        found[fresh.name] = fresh
    return list(found.values())


def _find(metric: Any) -> Metric:
    if isinstance(metric, str) and (top := re.fullmatch(r"top_([1-9]\d*)", metric)):
        return TopK(int(top[1]))
    if isinstance(metric, str) and metric not in METRICS:
        raise ArgumentError(
            message(
                "Trainer",
                f"no metric is called {metric!r}",
                fix=f"use one of: {nearest(metric, METRICS)}; or pass a function of "
                "(outputs, targets)",
            )
        )
    metric = METRICS[metric] if isinstance(metric, str) else metric
    if isinstance(metric, Metric):
        missing = [name for name in ("name", "totals") if not hasattr(metric, name)]
        if missing:
            raise ArgumentError(
                message(
                    type(metric).__name__,
                    f"a metric has the attribute `{missing[0]}`; see Metric",
                    fix=f"give the class its {missing[0]}",
                )
            )
        fresh = deepcopy(metric)
        fresh.reset()
        return fresh
    if callable(metric) and not isinstance(metric, type):
        return Mean(metric)
    raise ArgumentError(
        message(
            "Trainer",
            "a metric is a name, a function of (outputs, targets), or a Metric",
            {"metric": metric},
            fix="pass e.g. 'f1' or F1()",
        )
    )
