"""The stratified split: proportions, disjointness, repeatability."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite.data import Dataset, stratified_split
from tinygrad_lite.errors import ArgumentError, DataError
from tinygrad_lite.ops.random import generator


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=120),
    st.floats(0.01, 0.99),
    st.integers(0, 1000),
)
def test_proportions(labels, test, seed):
    n = len(labels)
    if not 0 < round(test * n) < n:
        return
    y = np.array(labels)
    train, held_out = stratified_split(Dataset(np.arange(n), y), test, seed)
    assert sorted([*train.x, *held_out.x]) == list(range(n))  # each sample in one part
    assert len(held_out) == round(test * n)
    for part in (train, held_out):
        np.testing.assert_array_equal(part.y, y[part.x])  # with its own label
        np.testing.assert_array_equal(part.x, np.sort(part.x))  # in the order of the data
    for label in set(labels):
        exact = test * (y == label).sum()
        count = (held_out.y == label).sum()
        assert math.floor(exact) <= count <= math.ceil(exact)


def test_rounding_up_goes_to_the_classes_that_miss_most():
    y = np.repeat([0, 1, 2, 3], [10, 3, 11, 4])  # exact shares 2, 0.6, 2.2, 0.8
    assert np.bincount(stratified_split(Dataset(y, y))[1].y).tolist() == [2, 1, 2, 1]


def test_repeatable_and_apart_from_the_global_generator():
    data = Dataset(np.arange(100), np.arange(100) % 3)
    tg.seed(1)
    first = stratified_split(data, seed=4)[1].x
    drawn = generator().random()
    np.random.seed(0)
    tg.seed(1)
    assert generator().random() == drawn  # the split drew nothing from it
    np.testing.assert_array_equal(stratified_split(data, seed=4)[1].x, first)
    assert not np.array_equal(stratified_split(data, seed=5)[1].x, first)


def test_samples_are_drawn_and_not_the_first_ones():
    held_out = stratified_split(Dataset(np.arange(1000), np.zeros(1000, int)))[1]
    assert 350 < held_out.x.mean() < 650


@pytest.mark.parametrize("test", [0.0, 1.0, -0.1, 20, float("nan")])
def test_bad_share(test):
    with pytest.raises(ArgumentError, match="is no share"):
        stratified_split(Dataset(np.arange(9), np.arange(9)), test)


@pytest.mark.parametrize("y", [None, np.ones(9), np.ones((9, 1), int)])
def test_bad_labels(y):
    with pytest.raises(DataError, match="one integer label"):
        stratified_split(Dataset(np.arange(9), y))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few(n):
    with pytest.raises(DataError, match="leave one part empty"):
        stratified_split(Dataset(np.arange(n), np.arange(n)))
