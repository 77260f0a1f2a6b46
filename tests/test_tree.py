"""Trees of lists, tuples, dicts and arrays of Scalars."""

from collections import namedtuple

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.tree import flatten, leaves_like

Pair = namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    ("tree", "leaves"),
    [
        (1, [1]),
        (None, [None]),
        ("text", ["text"]),
        ([], []),
        ({}, []),
        ([1, [2, (3,)], {"b": 4, "a": [5]}], [1, 2, 3, 4, 5]),
        (Pair(1, Pair([2], 3)), [1, 2, 3]),
    ],
)
def test_flatten_and_back(tree, leaves):
    found, put = flatten(tree)
    assert found == leaves
    assert put(found) == tree
    assert type(put(found)) is type(tree)
    doubled = put([(leaf, leaf) for leaf in leaves])
    assert leaves_like("f", doubled, tree) == [(leaf, leaf) for leaf in leaves]


def test_arrays_of_numbers_and_tensors_are_leaves():
    leaves = [np.ones((2, 2)), tg.ones(3), tg.Scalar(1.0)]
    found, _ = flatten(leaves)
    assert [id(x) for x in found] == [id(x) for x in leaves]


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0, 2)])
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor.make])
def test_arrays_of_scalars_are_trees(shape, wrap):
    array = wrap(tg.to_scalars(np.arange(np.prod(shape)).reshape(shape) + 0.5))
    leaves, put = flatten(array)
    assert [x.data for x in leaves] == [*(np.arange(np.prod(shape)) + 0.5)]
    back = put(leaves)
    assert type(back) is type(array)
    assert (back.dtype, back.shape) == (object, shape)
    parts = put([np.ones(2) for _ in leaves])  # of anything, arrays too
    assert (parts.dtype, parts.shape) == (object, shape)
    assert leaves_like("f", np.ones(shape), array) == [1.0] * len(leaves)


def test_plain_numbers_among_scalars_are_scalars():
    leaves, _ = flatten(np.array([tg.Scalar(1.0), 2, 3.0], object))
    assert [(type(x), x.data) for x in leaves] == [(tg.Scalar, 1.0), (tg.Scalar, 2), (tg.Scalar, 3)]


def test_leaves_like_follows_the_order_of_the_model():
    assert leaves_like("f", {"a": 1, "b": 2}, {"b": 0, "a": 0}) == [2, 1]
    assert leaves_like("f", [1, (2,)], (0, Pair(0, 0)[:1])) == [1, 2]


@pytest.mark.parametrize(
    ("tree", "like"),
    [
        ([1], [1, 2]),
        ([1], {"a": 1}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, [1]),
        (1, [1]),
        ("ab", ["a", "b"]),
        ([[1], 2], [[1, 2], 2]),
        ([1.0, 2.0], tg.to_scalars([1.0, 2.0])),
        (np.ones(3), tg.to_scalars([1.0, 2.0])),
    ],
)
def test_trees_of_different_shapes(tree, like):
    with pytest.raises(tg.ArgumentError, match="f: two arguments must be nested alike"):
        leaves_like("f", tree, like)
