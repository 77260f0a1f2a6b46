"""The error function against the C library's, over all of its range."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg

EVERYWHERE = np.concatenate(
    [
        np.linspace(-7, 7, 100_001),
        np.linspace(7, 26.5, 20_001),
        np.geomspace(1e-300, 1, 2_000),
        [0.46875, np.nextafter(0.46875, 1), 4.0, np.nextafter(4.0, 5)],
    ]
)
PAIRS = pytest.mark.parametrize(("op", "oracle"), [(tg.erf, math.erf), (tg.erfc, math.erfc)])


@PAIRS
def test_to_the_last_digits(op, oracle):
    expected = np.array([oracle(v) for v in EVERYWHERE])
    np.testing.assert_allclose(op(EVERYWHERE), expected, rtol=1e-15, atol=0)


@PAIRS
def test_float32_to_its_last_digits(op, oracle):
    x = EVERYWHERE[(abs(EVERYWHERE) < 9) & (abs(EVERYWHERE) > 1e-37)].astype("float32")
    y = op(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [oracle(v) for v in x.tolist()], rtol=7e-7, atol=0)


def test_ends():
    x = np.array([-np.inf, -1000.0, 1000.0, np.inf, np.nan])
    np.testing.assert_array_equal(tg.erf(x), [-1, -1, 1, 1, np.nan])
    np.testing.assert_array_equal(tg.erfc(x), [2, 2, 0, 0, np.nan])


def test_of_integers():
    y = tg.erf(tg.tensor([-1, 0, 2]))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y.data, [math.erf(v) for v in (-1, 0, 2)], rtol=1e-6)


def test_linear_of_one_unit_needs_no_axis_for_it():
    rng = np.random.default_rng(0)
    x, weight, bias = (tg.tensor(rng.normal(size=s), requires_grad=True) for s in ((4, 3), 3, ()))
    y = tg.linear(x, weight, bias)
    assert y.shape == (4,)
    np.testing.assert_allclose(y.numpy(), x.numpy() @ weight.numpy() + bias.numpy())
    assert tg.gradcheck(tg.linear, (x, weight, bias), order=2)
    assert tg.gradcheck(tg.linear, (x, weight), order=2)


@pytest.mark.parametrize("shape", [(4, 3, 2), (-1, 4), 24, -1])
def test_reshape_in_the_order_of_fortran(shape):
    x = tg.tensor(np.arange(24.0).reshape(2, 3, 4), requires_grad=True)
    for y in (tg.reshape(x, shape, order="F"), np.reshape(x, shape, order="F")):
        np.testing.assert_array_equal(y.numpy(), np.reshape(x.numpy(), shape, order="F"))
    np.testing.assert_array_equal(np.ravel(x, order="F").numpy(), x.numpy().ravel(order="F"))
    assert tg.gradcheck(lambda x: tg.reshape(x, shape, order="F") ** 2, (x,), order=2)


@pytest.mark.parametrize("how", [{"kind": "stable"}, {"stable": True}, {"kind": "quicksort"}])
def test_sorting_takes_how_to_sort(how):
    x = tg.tensor([3.0, 1.0, 2.0, 1.0])
    assert np.sort(x, **how).tolist() == tg.sort(x, **how).tolist() == [1.0, 1.0, 2.0, 3.0]
    assert np.argsort(x, **how).tolist() == tg.argsort(x, **how).tolist() == [1, 3, 2, 0]
