"""Dataset: what goes in, what an index gives, and what is refused."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.data import Dataset
from tinygrad_lite.errors import DataError, DTypeError, ShapeError


def make():
    return Dataset(np.arange(12.0).reshape(6, 2), np.arange(6))


def test_lengths_and_arrays():
    data = make()
    assert len(data) == 6
    assert data.arrays == (data.x, data.y) or len(data.arrays) == 2
    assert Dataset(data.x).y is None
    assert len(Dataset(data.x).arrays) == 1
    assert len(Dataset(np.empty((0, 3)))) == 0


def test_arrays_are_taken_as_they_are():
    x, y = np.ones((2, 3)), np.array([0, 1])
    data = Dataset(x, y)
    assert data.x is x
    assert data.y is y


def test_lists_and_tensors():
    data = Dataset([[0.5], [1.5]], tg.tensor([1, 2]))
    assert data.x.dtype == np.float32
    assert data.y.tolist() == [1, 2]


@pytest.mark.parametrize("index", [2, -1, np.int64(3)])
def test_an_integer_gives_a_sample(index):
    data = make()
    x, y = data[index]
    np.testing.assert_array_equal(x, data.x[index])
    assert y == data.y[index]
    assert len(Dataset(data.x)[index]) == 1


@pytest.mark.parametrize(
    "index", [slice(1, 4), [5, 0], np.array([2, 2]), np.arange(6) > 3, slice(0)]
)
def test_anything_else_gives_a_dataset(index):
    data = make()
    part = data[index]
    assert isinstance(part, Dataset)
    np.testing.assert_array_equal(part.x, data.x[index])
    np.testing.assert_array_equal(part.y, data.y[index])
    assert Dataset(data.x)[index].y is None


def test_iteration_ends():
    assert [int(y) for _, y in make()] == list(range(6))


def test_repr():
    assert repr(make()) == "Dataset(x float64 (6, 2), y int64 (6,))"


def test_finite():
    make().check_finite()
    Dataset(np.array([3, 4]), np.array([True, False])).check_finite()
    Dataset(np.empty((0, 2))).check_finite()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad):
    x = np.zeros((5, 2, 2))
    x[3, 1, 0] = x[4, 0, 0] = bad
    with pytest.raises(DataError, match="sample 3 of x is not finite, nor is 1 more of 5\n"):
        Dataset(x, np.arange(5)).check_finite()
    with pytest.raises(DataError, match="sample 1 of y is not finite\n"):
        Dataset(np.zeros(2), np.array([0.0, bad])).check_finite()


@pytest.mark.parametrize(
    ("x", "y", "kind", "text"),
    [
        (np.ones((3, 2)), np.ones(4), DataError, "3 samples, but 4 labels"),
        (np.float32(1.0), None, DataError, "first axis must be that of the samples"),
        (np.ones(1), np.int64(1), DataError, "first axis must be that of the samples"),
        (["a", "b"], None, DTypeError, "no type of number"),
        (np.ones(2), ["a", "b"], DTypeError, "no type of number"),
        ([[1.0], [1.0, 2.0]], None, ShapeError, "not an array of numbers"),
    ],
)
def test_errors(x, y, kind, text):
    with pytest.raises(kind, match=text) as error:
        Dataset(x, y)
    assert "fix:" in str(error.value)


def test_index_out_of_range():
    with pytest.raises(IndexError):
        make()[6]
