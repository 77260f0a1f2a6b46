"""Functional assignment: `x.at[index].set(v)` and its kin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.ops.tables.indexing import indexed

METHODS = {
    "set": lambda old, new: new,
    "add": lambda old, new: old + new,
    "multiply": lambda old, new: old * new,
    "max": max,
    "min": min,
}
EVERY = pytest.mark.parametrize("method", METHODS)


def leaf(values, dtype="float64"):
    return tg.tensor(np.asarray(values), dtype, requires_grad=True)


def one_by_one(x, index, v, method):
    """Visit the selected places in their order, as a plain loop does."""
    out = x.copy()
    places = np.arange(x.size).reshape(x.shape)[index]
    for place, new in zip(places.flat, np.broadcast_to(v, places.shape).flat, strict=True):
        out.flat[place] = METHODS[method](out.flat[place], new)
    return out


@st.composite
def assigned(draw):
    """x, an index, and a v that broadcasts."""
    ((shape,), params) = draw(indexed())
    index = params["index"]
    selected = np.empty(shape)[index].shape
    drop = draw(st.integers(0, len(selected)))
    sides = [draw(st.sampled_from([n, 1])) for n in selected[drop:]]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return rng.permuted(np.linspace(-2, 3, np.prod(shape))).reshape(shape), index, rng.random(sides)


@EVERY
@given(case=assigned())
def test_values(method, case):
    x, index, v = case
    t = leaf(x)
    y = getattr(t.at[index], method)(leaf(v))
    np.testing.assert_allclose(y.data, one_by_one(x, index, v, method), rtol=1e-13)
    np.testing.assert_array_equal(t.data, x)
    assert y.requires_grad


@EVERY
@settings(max_examples=15)
@given(case=assigned())
def test_gradients_of_both_orders(method, case):
    x, index, v = case
    tg.gradcheck(lambda x, v: getattr(x.at[index], method)(v), [leaf(x), leaf(v)], order=2)


INDICES = [
    1,
    (..., 0),
    (slice(None, None, -1), None, 1),
    [0, 1, 0, 0],
    (slice(None), [2, 2, 0]),
    ([0, 1, 0], [2, 0, 2]),
    (1, [2, 2]),
    ([1, 1], None, slice(0, 2)),
    np.array([True, False]),
    np.array([[True, False, True], [False, True, True]]),
    tg.tensor([1, 1]),
    (tg.tensor([0, 1]), tg.tensor([1, 1])),
    [],
]


@EVERY
@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_kinds_of_indices(method, index):
    x, v = leaf(np.linspace(-1, 2, 6).reshape(2, 3)), leaf(0.7)
    tg.gradcheck(lambda x, v: getattr(x.at[index], method)(v * v), [x, v], order=2)
    np.testing.assert_array_equal(x.at[index].get().data, x[index].data)


def test_where_an_index_is_met_twice_the_last_value_stays_and_has_the_gradient():
    x, v = leaf([1.0, 2.0]), leaf([5.0, 6.0, 7.0])
    y = x.at[[0, 0, 1]].set(v)
    assert y.tolist() == [6.0, 7.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]
    assert v.grad.tolist() == [0.0, 1.0, 1.0]


def test_where_an_index_is_met_twice_the_others_change_twice():
    x = tg.tensor([2.0, 3.0])
    assert x.at[[0, 0]].add([1.0, 10.0]).tolist() == [13.0, 3.0]
    assert x.at[[0, 0]].multiply([2.0, 10.0]).tolist() == [40.0, 3.0]
    assert x.at[[0, 0]].max([9.0, 4.0]).tolist() == [9.0, 3.0]
    assert x.at[[1, 1]].min([1.0, 4.0]).tolist() == [2.0, 1.0]


def test_a_tie_is_shared():
    x, v = leaf([1.0, 2.0]), leaf(1.0)
    x.at[0].max(v).sum().backward()
    assert x.grad.tolist() == [0.5, 1.0]
    assert v.grad.item() == 0.5


@EVERY
@pytest.mark.parametrize("v", [2, 2.0, np.float64(2.0), np.ones(3), tg.ones(3)])
def test_dtypes(method, v):
    assert getattr(tg.ones(2, 3).at[0], method)(v).dtype == "float32"


@EVERY
def test_integers_are_not_cut_off(method):
    y = getattr(tg.tensor([1, 2]).at[0], method)(1.5)
    assert y.tolist() == [METHODS[method](1, 1.5), 2.0]


@EVERY
def test_scalars(method):
    x, v = leaf([1.0, 2.0, 3.0]), leaf([5.0, 1.5])
    for whole in (True, False):
        of_x, of_v = (x, v) if whole else (tg.tensor(x.scalars()), tg.tensor(v.scalars()))
        y = getattr(of_x.at[[1, 1]], method)(of_v)
        (y * y).sum().backward()
        if whole:
            kept = x.grad, v.grad
            x.grad = v.grad = None
    np.testing.assert_allclose(x.grad.data, kept[0].data)
    np.testing.assert_allclose(v.grad.data, kept[1].data)
