"""Trigonometric and hyperbolic functions and their inverses, under NumPy's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.op import Op, binary, unary
from tinygrad_lite.ops.elementwise import elementwise, or_one

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "hypot",
    "rad2deg",
    "radians",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]


# -- of angles ------------------------------------------------------------------------------------

sin = unary("sin", np.sin, lambda g, y, x: g * np.cos(x), "Sine of x in radians.")
cos = unary("cos", np.cos, lambda g, y, x: -g * np.sin(x), "Cosine of x in radians.")
tan = unary("tan", np.tan, lambda g, y, x: g * (1.0 + y * y), "Tangent of x in radians.")
arcsin = unary("arcsin", np.arcsin, lambda g, y, x: g / np.sqrt(1.0 - x * x), "Inverse of sin.")
arccos = unary("arccos", np.arccos, lambda g, y, x: -g / np.sqrt(1.0 - x * x), "Inverse of cos.")
arctan = unary("arctan", np.arctan, lambda g, y, x: g / (1.0 + x * x), "Inverse of tan.")

# -- of the sides of a right triangle; where both are 0, so is the gradient -----------------------

arctan2 = binary(
    "arctan2",
    np.arctan2,
    (
        lambda g, y, a, b: g * b / or_one(a * a + b * b),
        lambda g, y, a, b: -g * a / or_one(a * a + b * b),
    ),
    "Angle of the point (b, a) from the first axis, from -pi to pi.",
)
hypot = binary(
    "hypot",
    np.hypot,
    (
        lambda g, y, a, b: g * a / or_one(y),
        lambda g, y, a, b: g * b / or_one(y),
    ),
    "Square root of a² + b², without their overflow.",
)

# -- hyperbolic -----------------------------------------------------------------------------------

sinh = unary("sinh", np.sinh, lambda g, y, x: g * np.cosh(x), "Hyperbolic sine.")
cosh = unary("cosh", np.cosh, lambda g, y, x: g * np.sinh(x), "Hyperbolic cosine.")
tanh = unary("tanh", np.tanh, lambda g, y, x: g - g * y * y, "Hyperbolic tangent.")
arcsinh = unary("arcsinh", np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1.0), "Inverse of sinh.")
arccosh = unary("arccosh", np.arccosh, lambda g, y, x: g / np.sqrt(x * x - 1.0), "Inverse of cosh.")
arctanh = unary("arctanh", np.arctanh, lambda g, y, x: g / (1.0 - x * x), "Inverse of tanh.")

# -- sin(πx) / πx ---------------------------------------------------------------------------------


def _derivative_of_sinc(x: Any, order: int) -> Any:
    """Return the derivative of sinc of the given order, exact near 0 as well.

    Differentiating πx sinc x = sin πx n times gives the n-th derivative from the one before, by a
    division by x; near 0 the power series takes over.
    """
    near = abs(x) < 0.5
    small, large = x * near, x + near
    series = 0.0 * small
    for k in range(order % 2, 26, 2):  # the derivative of (iπx)^m / (m + 1)! with m = k + order
        m = k + order
        factor = (-1) ** (m // 2) * math.pi**m / ((m + 1) * math.factorial(k))
        series = series + factor * small**k
    y = np.sinc(large)
    for n in range(1, order + 1):
        y = (math.pi ** (n - 1) * np.sin(math.pi * (large + n / 2)) - n * y) / large
    return np.where(near, series, y)


_sinc: Op = elementwise(
    "sinc",
    lambda x, order: _derivative_of_sinc(x, order) if order else np.sinc(x),
    lambda g, y, x, order: g * _sinc(x, order=order + 1),
)


def sinc(x: ArrayLike) -> Tensor:
    """Return sin(πx) / (πx), and 1 at 0."""
    return _sinc(x, order=0)


# -- degrees --------------------------------------------------------------------------------------

deg2rad = unary("deg2rad", np.deg2rad, lambda g, y, x: g * (math.pi / 180.0), "Degrees in radians.")
rad2deg = unary("rad2deg", np.rad2deg, lambda g, y, x: g * (180.0 / math.pi), "Radians in degrees.")

# -- NumPy's other names for the same -------------------------------------------------------------

acos, asin, atan, atan2 = arccos, arcsin, arctan, arctan2
acosh, asinh, atanh = arccosh, arcsinh, arctanh
radians, degrees = deg2rad, rad2deg
