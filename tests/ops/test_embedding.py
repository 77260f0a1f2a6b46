"""Embedding: the row that stays as it is."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F


@pytest.mark.parametrize("scalars", [False, True])
@pytest.mark.parametrize("padding_idx", [1, -2])
def test_the_padding_row_gets_no_gradient(padding_idx, scalars):
    weight = tg.tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    table = tg.tensor(weight.scalars()) if scalars else weight
    y = F.embedding(np.array([1, 0, 0]), table, padding_idx)
    (y * 2.0).sum().backward()
    assert [[float(v) for v in row] for row in y.data] == [[2.0, 3.0], [0.0, 1.0], [0.0, 1.0]]
    assert weight.grad.tolist() == [[4.0, 4.0], [0.0, 0.0], [0.0, 0.0]]


def test_dtype_is_that_of_the_table():
    y = F.embedding([[0, 1]], tg.ones(2, 3, requires_grad=True), padding_idx=0)
    assert y.dtype == np.float32


@pytest.mark.parametrize("make", [list, np.array, tg.tensor])
def test_one_hot_of_what_it_is_given(make):
    y = F.one_hot(make([2, 0]))
    assert y.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert y.dtype == np.int64
