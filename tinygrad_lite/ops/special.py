"""The error function and its complement, which NumPy lacks."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_lite.op import unary

__all__ = [
    "erf",
    "erfc",
]

# Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error
# function", Math. Comp. 23 (1969), one (numerator, denominator) for each of three intervals; with
# the coefficients of his CALERF (netlib.org/specfun/erf), highest power first.
# fmt: off
_NEAR = 0.46875  # up to here: erf(x) / x in x²
_NEAR_RATIO = (
    (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2,
     3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2,
     1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = 4.0  # up to here: erfc(x) exp(x²) in x
_MIDDLE_RATIO = (
    (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0,
     6.61191906371416295e1, 2.98635138197400131e2, 8.81952221241769090e2,
     1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
    (1.0, 1.57449261107098347e1, 1.17693950891312499e2,
     5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
     4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
# from there on: (1/√π - x exp(x²) erfc(x)) x² in 1/x²
_FAR_RATIO = (
    (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
     1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
    (1.0, 2.56852019228982242e0, 1.87295284992346725e0,
     5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
)
# fmt: on


def _ratio(x: Any, ratio: tuple[tuple[float, ...], tuple[float, ...]]) -> Any:
    """Evaluate both polynomials at `x` (Horner) and divide."""
    top, bottom = (reduce(lambda y, c: y * x + c, coefficients) for coefficients in ratio)
    return top / bottom


def _erf_near(x: Any) -> Any:
    return x * _ratio(x * x, _NEAR_RATIO)


def _far(x: Any) -> Any:
    z = 1.0 / (x * x)
    return (1.0 / math.sqrt(math.pi) - z * _ratio(z, _FAR_RATIO)) / x


def _erfc_beyond(x: Any) -> Any:
    """Return erfc(x) of x > _NEAR."""
    x = np.minimum(x, 30.0)  # where it is zero in float64
    y = np.piecewise(x, [x <= _MIDDLE], [lambda x: _ratio(x, _MIDDLE_RATIO), _far])
    head = np.trunc(16.0 * x) / 16.0  # its square is exact, so that exp(-x²) loses no digits
    return np.exp(-head * head) * np.exp((head - x) * (head + x)) * y


def _erf(x: Any) -> Any:
    x = np.asarray(x) + 0.0  # integers as floats
    return np.piecewise(
        x, [abs(x) <= _NEAR], [_erf_near, lambda x: np.sign(x) * (1.0 - _erfc_beyond(abs(x)))]
    )


def _erfc(x: Any) -> Any:
    x = np.asarray(x) + 0.0
    return np.piecewise(
        x,
        [abs(x) <= _NEAR, x < -_NEAR],
        [lambda x: 1.0 - _erf_near(x), lambda x: 2.0 - _erfc_beyond(-x), _erfc_beyond],
    )


_SLOPE = 2.0 / math.sqrt(math.pi)

erf = unary("erf", _erf, lambda g, y, x: g * _SLOPE * np.exp(-x * x), "Error function of x.")
erfc = unary("erfc", _erfc, lambda g, y, x: -g * _SLOPE * np.exp(-x * x), "1 - erf(x), precisely.")
