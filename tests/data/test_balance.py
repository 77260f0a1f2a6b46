"""Weights of classes against their definition and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite.data import class_weights
from tinygrad_lite.errors import ArgumentError, DataError

labelled = st.lists(st.integers(0, 4), max_size=40).map(lambda more: [0, 1, 2, 3, 4, *more])


@given(labelled)
def test_definition(labels):
    weights = class_weights(labels)
    assert weights.dtype == np.float32
    expected = [len(labels) / (5 * labels.count(c)) for c in range(5)]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


@given(labelled)
def test_every_class_counts_the_same(labels):
    x = np.random.default_rng(0).normal(size=(len(labels), 5))
    outputs = tg.tensor(x, "float64")
    loss = F.cross_entropy(outputs, labels, weight=class_weights(labels, 5).astype(np.float64))
    losses = F.cross_entropy(outputs, labels, reduction="none").data
    each = [losses[np.array(labels) == c].mean() for c in range(5)]
    assert loss.item() == pytest.approx(np.mean(each), rel=1e-6)


@given(labelled)
def test_scikit_learn(labels):
    utils = pytest.importorskip("sklearn.utils.class_weight")
    expected = utils.compute_class_weight("balanced", classes=np.arange(5), y=labels)
    np.testing.assert_allclose(class_weights(labels), expected, rtol=1e-6)


def test_a_tensor_of_labels():
    np.testing.assert_array_equal(class_weights(tg.tensor([0, 1, 1, 1])), np.float32([2, 2 / 3]))


@pytest.mark.parametrize(
    ("labels", "classes", "error", "text"),
    [
        ([0, 2, 2, 5], None, DataError, "no sample is of class 1, 3, 4"),
        ([0, 1], 3, DataError, "no sample is of class 2"),
        ([0, 1, 2], 2, DataError, "label 2 is not below classes=2"),
        ([], None, DataError, "needs one integer label"),
        ([0.0, 1.0], None, DataError, "needs one integer label"),
        ([[0, 1]], None, DataError, "needs one integer label"),
        ([0, -1], None, DataError, "needs one integer label"),
        ([0, 1], 0, ArgumentError, "classes=0 is not possible"),
        ([0, 1], 2.0, ArgumentError, "classes=2.0 is not possible"),
    ],
)
def test_errors(labels, classes, error, text):
    with pytest.raises(error, match=text) as caught:
        class_weights(labels, classes)
    assert "fix:" in str(caught.value)
