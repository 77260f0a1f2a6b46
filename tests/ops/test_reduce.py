"""Corners of reductions and sorting: zeros in products, ties, nothing left, nan and infinities."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg

INF, NAN = np.inf, np.nan


def gradient(f, data):
    x = tg.tensor(data, "float64", requires_grad=True)
    f(x).sum().backward()
    return x.grad.tolist()


# -- products of zeros ----------------------------------------------------------------------------

ZEROS = [[2.0, 3.0, 5.0], [2.0, 0.0, 5.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [4.0], [0.0], []]


def without(numbers, *left_out):
    return math.prod(v for i, v in enumerate(numbers) if i not in left_out)


@pytest.mark.parametrize("numbers", ZEROS, ids=str)
def test_prod_of_zeros_to_second_order(numbers):
    x = tg.tensor(numbers, "float64", requires_grad=True)
    tg.prod(x).backward(create_graph=True)
    first, x.grad = x.grad, None
    n = range(len(numbers))
    np.testing.assert_array_equal(first.data, [without(numbers, i) for i in n])
    for i in n:
        x.grad = None
        if len(n) > 1:
            first[i].backward()
            expected = [0 if i == j else without(numbers, i, j) for j in n]
            np.testing.assert_array_equal(x.grad.data, expected)


@pytest.mark.parametrize("numbers", [n for n in ZEROS if n], ids=str)
def test_cumprod_of_zeros_to_second_order(numbers):
    n = range(len(numbers))
    weights = np.array([0.5, -1.5, 2.5])[: len(numbers)]
    x = tg.tensor(numbers, "float64", requires_grad=True)
    y = tg.cumprod(x)
    np.testing.assert_array_equal(y.data, np.cumprod(numbers))
    y.backward(weights, create_graph=True)
    first, x.grad = x.grad, None

    def total(*left_out):
        return sum(
            weights[end] * without(numbers[: end + 1], *left_out)
            for end in n
            if end >= max(left_out)
        )

    np.testing.assert_allclose(first.data, [total(i) for i in n])
    for i in n if len(n) > 1 else ():
        x.grad = None
        first[i].backward()
        found = np.zeros(len(n)) if x.grad is None else x.grad.data
        np.testing.assert_allclose(found, [0 if i == j else total(i, j) for j in n])


@pytest.mark.parametrize("shape", [(4, 5), (3, 7, 2)])
@pytest.mark.parametrize("f", [tg.prod, tg.cumprod])
def test_products_of_many_zeros_pass_gradcheck(f, shape, rng):
    data = rng.standard_normal(shape) * (rng.random(shape) > 0.4)
    x = tg.tensor(data, requires_grad=True)
    tg.gradcheck(lambda x: f(x, axis=1), x, order=2)


# -- ties -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "data", "expected"),
    [
        (tg.ptp, [1.0, 3.0, 1.0], [-0.5, 1, -0.5]),
        (lambda x: tg.max(x, initial=2.0), [1.0, 2.0, 2.0], [0, 0.5, 0.5]),
        (lambda x: tg.max(x, initial=3.0), [1.0, 2.0, 2.0], [0, 0, 0]),
        (lambda x: tg.min(x, where=[False, True, True], initial=9), [1.0, 2.0, 2.0], [0, 0.5, 0.5]),
        (lambda x: tg.max(x, where=[False, True, True], initial=0), [2.0, 2.0, 1.0], [0, 1, 0]),
        (tg.median, [3.0, 1.0, 2.0], [0, 0, 1]),
        (tg.median, [3.0, 1.0, 2.0, 9.0], [0.5, 0, 0.5, 0]),
        (tg.median, [2.0, 2.0, 2.0], [0, 1, 0]),  # the second of three equals
        (tg.median, [NAN, 1.0, 2.0], [0, 0, 0]),
        (lambda x: tg.sort(x)[:2], [2.0, 1.0, 1.0], [0, 1, 1]),
        (lambda x: tg.sort(x) * np.array([1.0, 2.0, 3.0]), [2.0, 1.0, 1.0], [3, 1, 2]),
        (lambda x: tg.topk(x, 2)[0] * np.array([1.0, 2.0]), [5.0, 1.0, 5.0], [1, 0, 2]),
        (lambda x: tg.topk(x, 1, largest=False)[0], [5.0, 1.0, 1.0], [0, 1, 0]),
        (tg.std, [2.0, 2.0, 2.0], [0, 0, 0]),
        (tg.logsumexp, [-INF, -INF], [0, 0]),
        (tg.logsumexp, [-INF, 3.0], [0, 1]),
        (tg.nansum, [NAN, 3.0], [0, 1]),
        (tg.nanmean, [NAN, 3.0, 4.0], [0, 0.5, 0.5]),
        (lambda x: tg.sum(x, where=[True, False]), [INF, INF], [1, 0]),
    ],
)
def test_gradients_at_corners(f, data, expected):
    np.testing.assert_array_equal(gradient(f, data), expected)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float64", "uint8", "bool"])
def test_topk_against_sorting_by_hand(largest, axis, dtype, rng):
    data = rng.integers(0, 3, (4, 5)).astype(dtype)
    values, indices = tg.topk(tg.tensor(data), 3, axis, largest)
    assert (values.dtype, indices.dtype) == (data.dtype, np.int64)
    lines = np.moveaxis(data, axis, -1).tolist()
    for line, found, at in zip(
        lines, np.moveaxis(values.data, axis, -1), np.moveaxis(indices.data, axis, -1), strict=True
    ):  # Python's sorting is stable, also in reverse
        order = sorted(range(len(line)), key=line.__getitem__, reverse=largest)[:3]
        assert at.tolist() == order
        assert found.tolist() == [line[i] for i in order]


def test_argsort_is_stable_and_puts_nan_last():
    assert tg.argsort(tg.tensor([1.0, NAN, 0.0, 1.0])).tolist() == [2, 0, 3, 1]
    assert tg.argsort(tg.tensor([[2.0, 1.0]]), axis=None).tolist() == [1, 0]


# -- values ---------------------------------------------------------------------------------------


def test_logsumexp_of_infinities():
    x = tg.tensor([[-INF, -INF], [INF, 1.0], [-INF, 1.0]])
    np.testing.assert_array_equal(tg.logsumexp(x, axis=1).data, [-INF, INF, 1])


def test_median_of_infinities_and_nan():
    x = tg.tensor([[INF, INF, 1.0], [-INF, 1.0, 2.0], [NAN, 1.0, 2.0]])
    np.testing.assert_array_equal(tg.median(x, axis=1).data, [INF, 1, NAN])
    assert tg.median(x, axis=1, keepdims=True).shape == (3, 1)


@pytest.mark.parametrize("name", ["sum", "mean", "prod"])
def test_dtype_says_what_to_compute_in(name):
    x = tg.tensor([1.0, 2.0, 4.0], requires_grad=True)
    y = getattr(tg, name)(x, dtype="float64")
    y.backward()
    assert (y.dtype, x.grad.dtype) == (np.float64, np.float32)
    assert getattr(tg, name)(tg.tensor([1, 2]), dtype="float64").dtype == np.float64


@pytest.mark.parametrize("name", ["any", "all"])
@pytest.mark.parametrize("options", [{}, {"where": [True, False]}])
def test_of_nothing(name, options):
    x = np.zeros((0, 2))
    y = getattr(tg, name)(tg.tensor(x), axis=0, **options)
    np.testing.assert_array_equal(y.data, getattr(np, name)(x, axis=0, **options))


def test_lists_are_taken_as_arrays():
    assert tg.mean([1.0, 2.0]) == 1.5
    assert tg.var([1.0, 3.0]) == 1
    assert tg.prod([2.0, 3.0]) == 6
    assert tg.cumprod([2.0, 3.0]).tolist() == [2, 6]
    assert tg.median([1.0, 3.0]) == 2
    assert tg.sort([3.0, 1.0]).tolist() == [1, 3]
    assert tg.diff([3.0, 1.0]).tolist() == [-2]


def test_a_mask_may_be_a_tensor():
    x = tg.tensor([1.0, 2.0, 4.0])
    mask = x > 1
    found = [f(x, where=mask) for f in (tg.sum, tg.mean, tg.prod, tg.var)]
    assert [y.item() for y in found] == [6, 3, 8, 1]
    assert tg.max(x, where=x < 4, initial=0).item() == 2
    assert tg.any(x > 3, where=~mask).item() is False


def test_logsumexp_of_nothing_is_the_logarithm_of_zero():
    y = tg.logsumexp(tg.zeros((0, 2)), axis=0)
    assert y.tolist() == [-np.inf, -np.inf]
    assert y.dtype == np.float32
    assert tg.logsumexp(tg.tensor([0, 0])).item() == pytest.approx(np.log(2))  # integers, too
