"""Corners of the elementwise functions: kinks, poles, limits, dtypes, Scalars."""

import numpy as np
import pytest

import tinygrad_lite as tg

INF, NAN = np.inf, np.nan


def derivative(f, number, order):
    x = tg.tensor(number, "float64", requires_grad=True)
    y = f(x)
    for _ in range(order):
        if not y.requires_grad:
            return 0.0
        y.backward(create_graph=True)
        y, x.grad = x.grad, None
    return y.item()


# -- kinks, ties and limits -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "numbers", "expected"),
    [
        (tg.fmax, (1.0, 1.0), [0.5, 0.5]),
        (tg.fmin, (1.0, 1.0), [0.5, 0.5]),
        (tg.fmax, (1.0, NAN), [1, 0]),
        (tg.fmin, (NAN, 1.0), [0, 1]),
        (lambda x: tg.clip(x, 0.0, 1.0), ([-1.0, 0.0, 0.5, 1.0, 2.0],), [[0, 1, 1, 1, 0]]),
        (tg.clip, (-1.0, 0.0, 1.0), [0, 1, 0]),
        (tg.clip, (2.0, 0.0, 1.0), [0, 0, 1]),
        (tg.clip, (0.5, 0.0, 1.0), [1, 0, 0]),
        (tg.clip, (0.5, 1.0, 0.0), [0, 0, 1]),  # crossed: NumPy returns the upper bound
        (tg.clip, (0.5, 1.0, 1.0), [0, 0, 1]),
        (lambda x: tg.clip(x, None, 1.0), ([-5.0, 2.0],), [[1, 0]]),
        (lambda x: tg.clip(x, 1.0), ([-5.0, 2.0],), [[0, 1]]),
        (lambda x: tg.clip(x), ([-5.0, 2.0],), [[1, 1]]),
        (tg.hypot, (0.0, 0.0), [0, 0]),
        (tg.hypot, (-3.0, 0.0), [-1, 0]),
        (tg.arctan2, (0.0, 0.0), [0, 0]),
        (tg.arctan2, (0.0, -2.0), [-0.5, 0]),
        (tg.copysign, (0.0, -1.0), [0, None]),
        (tg.heaviside, ([0.0, 1.0], [0.5, 0.5]), [None, [1, 0]]),
        (tg.logaddexp, (-INF, -INF), [0, 0]),
        (tg.logaddexp, (-INF, 1.0), [0, 1]),
        (tg.logaddexp2, (-INF, -INF), [0, 0]),
        (tg.logaddexp2, (1e4, 1e4), [0.5, 0.5]),
        (tg.logaddexp, (1e4, -1e4), [1, 0]),
        (tg.sinc, ([0.0, 1.0],), [[0, -1]]),
        (tg.remainder, (-7.5, 2.0), [1, 4]),
        (tg.fmod, (-7.5, 2.0), [1, 3]),
        (tg.nan_to_num, ([NAN, INF, -INF, 2.0],), [[0, 0, 0, 1]]),
        (lambda x: tg.where(x > 0, tg.sqrt(tg.where(x > 0, x, 1.0)), 0.0), (0.0,), [0]),
        (tg.square, (0.0,), [0]),
        (tg.power, (0.0, 0.0), [0, 0]),
        (tg.power, (0.0, 1.0), [1, 0]),
        (tg.exp2, (3.0,), [8 * np.log(2)]),
        (tg.cbrt, (-8.0,), [1 / 12]),
    ],
)
def test_first_derivatives(f, numbers, expected):
    xs = [tg.tensor(x, "float64", requires_grad=True) for x in numbers]
    f(*xs).sum().backward()
    for x, want in zip(xs, expected, strict=True):
        if want is None:
            assert x.grad is None
        else:
            np.testing.assert_allclose(x.grad.data, want, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "x", "order", "expected"),
    [
        (tg.sinc, 0.0, 2, -(np.pi**2) / 3),
        (tg.sinc, 0.0, 3, 0.0),
        (tg.sinc, 0.0, 4, np.pi**4 / 5),
        (tg.sinc, 1e-9, 2, -(np.pi**2) / 3),
        (tg.sinc, 0.5, 2, 16 / np.pi - 2 * np.pi),
        (tg.sinc, -0.49999, 2, 16 / np.pi - 2 * np.pi),  # the other formula
        (lambda x: x**2, 0.0, 2, 2.0),
        (lambda x: x**3, 0.0, 3, 6.0),
        (lambda x: x**1, 0.0, 2, 0.0),
        (lambda x: x**0, 0.0, 2, 0.0),
        (tg.absolute, 0.0, 2, 0.0),
        (lambda x: tg.logaddexp(x, 0.0), 0.0, 2, 0.25),
        (lambda x: tg.logaddexp(x, -INF), 1.0, 2, 0.0),
        (lambda x: tg.hypot(x, 1.0), 0.0, 2, 1.0),
        (lambda x: tg.remainder(x * x, 2.0), 1.7, 2, 2.0),
        (lambda x: tg.fmod(7.0, x * x), -1.7, 2, -4.0),
        (lambda x: tg.clip(x * x, 0.0, 9.0), 3.0, 2, 2.0),
        (tg.arctan, 0.0, 3, -2.0),
        (tg.tan, 0.0, 3, 2.0),
    ],
)
def test_higher_derivatives(f, x, order, expected):
    assert derivative(f, x, order) == pytest.approx(expected, rel=2e-4 if x == -0.49999 else 1e-12)


@pytest.mark.parametrize("order", range(6))
def test_the_two_formulas_of_sinc_meet(order):
    """Near 0 a power series serves, elsewhere a recurrence: they agree where one hands over."""
    below, above = np.nextafter(0.5, 0), 0.5
    assert derivative(tg.sinc, below, order) == pytest.approx(
        derivative(tg.sinc, above, order), rel=1e-11
    )


@pytest.mark.parametrize("turned", [False, True])
def test_an_infinite_gradient_does_not_leak_through_where(turned):
    x = tg.tensor([0.0, 4.0], "float64", requires_grad=True)
    inside = 1.0 / tg.where(x > 0, x, 1.0)
    y = tg.where(x <= 0, 0.0, inside) if turned else tg.where(x > 0, inside, 0.0)
    y.backward(np.array([INF, 1.0]))
    np.testing.assert_array_equal(x.grad.data, [0, -1 / 16])


def test_values_at_the_limits():
    assert tg.logaddexp(tg.tensor(-INF), -INF).item() == -INF
    assert tg.nan_to_num(tg.tensor([NAN, INF, -INF]), nan=1, posinf=2, neginf=3).tolist() == [
        1,
        2,
        3,
    ]
    assert tg.nan_to_num(tg.tensor(INF)).item() == np.finfo("float32").max
    assert tg.signbit(tg.tensor(-0.0)).item()
    assert tg.copysign(tg.tensor(2.0), -0.0).item() == -2
    assert tg.heaviside(tg.tensor([-1.0, 0.0, 2.0]), 0.5).tolist() == [0, 0.5, 1]
    assert tg.isfinite(tg.tensor([1.0, NAN, INF])).tolist() == [True, False, False]
    assert tg.isnan(tg.tensor([1.0, NAN, INF])).tolist() == [False, True, False]
    assert tg.isinf(tg.tensor([1.0, NAN, INF])).tolist() == [False, False, True]


def test_closeness():
    x = tg.tensor([1.0, NAN, INF], "float64")
    assert tg.isclose(x, x).tolist() == [True, False, True]
    assert tg.isclose(x, x, equal_nan=True).tolist() == [True, True, True]
    assert tg.allclose(x, x, equal_nan=True) is True
    assert tg.allclose(x, x) is False
    assert tg.allclose(x[0], 1.1, atol=0.2)


def test_divmod_is_quotient_and_remainder():
    quotient, rest = tg.divmod(tg.tensor([7.5, -7.5]), 2.0)
    assert (quotient.tolist(), rest.tolist()) == ([3, -4], [1.5, 0.5])


# -- dtypes ---------------------------------------------------------------------------------------


def names(text):
    return text.split()


UNARY = names(
    """
    absolute arccos arcsin arcsinh arctan cbrt ceil cos cosh deg2rad exp exp2 expm1 floor isfinite
    isinf isnan log1p logical_not rad2deg rint sin sinc sinh square tan tanh trunc round sqrt cumsum
    cumprod sum prod mean median max argmax any all sort argsort ptp var std diff
    """
)
BINARY = names(
    """
    add arctan2 copysign equal floor_divide fmax fmin fmod greater heaviside hypot logaddexp
    logical_and maximum minimum multiply power remainder true_divide
    """
)


def same_as_numpy(found, expected):
    expected = np.asarray(expected)
    if expected.dtype == np.float64:
        expected = expected.astype(np.float32)  # the default
    assert found.dtype == expected.dtype
    assert not found.requires_grad
    tolerance = 1e-2 if found.dtype == np.float16 else 1e-6
    np.testing.assert_allclose(found.data, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", ["int64", "uint8", "int32", "bool"])
def test_integers_and_booleans_of_one_operand(name, dtype):
    a = np.array([1, 0, 1, 1], dtype)
    try:
        expected = getattr(np, name)(a)
    except TypeError:
        with pytest.raises(tg.DTypeError):
            getattr(tg, name)(tg.tensor(a))
    else:
        same_as_numpy(getattr(tg, name)(tg.tensor(a)), expected)


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtypes", [("int64", "int64"), ("uint8", "int16"), ("bool", "int64")])
def test_integers_and_booleans_of_two_operands(name, dtypes):
    a, b = np.array([1, 0, 1], dtypes[0]), np.array([2, 1, 3], dtypes[1])
    same_as_numpy(getattr(tg, name)(tg.tensor(a), tg.tensor(b)), getattr(np, name)(a, b))


def test_integers_and_clip():
    x = tg.tensor([1, 5, 9])
    assert tg.clip(x, 2, 7).dtype == np.int64
    assert tg.clip(x, 2, 7).tolist() == [2, 5, 7]
    assert tg.clip(x, 2.5).dtype == np.float32


# -- Scalars --------------------------------------------------------------------------------------

FUNCTIONS = names(
    """
    absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt cos cosh deg2rad degrees exp exp2
    expm1 log log10 log1p log2 negative positive rad2deg radians reciprocal sin sinh sqrt square tan
    tanh
    """
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numpy_on_arrays_of_scalars(name):
    numbers = np.array([0.25, 0.75]) + (name == "arccosh")
    scalars = [tg.Scalar(v) for v in numbers]
    x = tg.tensor(numbers, requires_grad=True)
    y = getattr(np, name)(np.array(scalars))
    y.sum().backward()
    of_tensor = getattr(tg, name)(x)
    of_tensor.sum().backward()
    np.testing.assert_allclose([float(s) for s in y], of_tensor.data, rtol=1e-15)
    np.testing.assert_allclose([float(s.grad) for s in scalars], x.grad.data, rtol=1e-15)


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint", "sign"])
def test_numpy_rounds_arrays_of_scalars(name):
    numbers = np.array([-1.7, 0.2, 2.6])
    y = getattr(np, name)(np.array([tg.Scalar(v) for v in numbers]))
    np.testing.assert_array_equal([float(s) for s in y], getattr(np, name)(numbers))


def test_operators_of_scalars():
    a, b = tg.Scalar(-7.5), tg.Scalar(2.0)
    assert (float(a // b), float(a % b), float(7.5 // b), float(7.5 % b)) == (-4, 0.5, 3, 1.5)
    assert [float(v) for v in divmod(a, b)] == [-4, 0.5]
    assert [float(v) for v in divmod(7.5, b)] == [3, 1.5]
    assert (float(round(a)), float(round(tg.Scalar(1.26), 1)), float(+a)) == (-8, 1.3, -7.5)
    (a % b).backward()
    assert (a.grad.data, b.grad.data) == (1, 4)


def test_logic_of_scalars():
    zero, one, nan = tg.Scalar(0.0), tg.Scalar(1.0), tg.Scalar(NAN)
    assert tg.logical_or(zero, one)
    assert not tg.logical_and(zero, one)
    assert tg.logical_xor(zero, one)
    assert tg.logical_not(zero)
    assert tg.isnan(nan)
    assert not tg.isfinite(nan)
    assert tg.allclose(one, 1.0)
