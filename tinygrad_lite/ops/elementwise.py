"""Arithmetic, exponentials, comparisons and selection, element by element, under NumPy's names.

In a rule, g is the gradient of the result y; the arguments follow. Rules are written with
operators, NumPy functions and other ops, so they take ndarrays, floats, Tensors and Scalars alike.

Where a derivative does not exist, a rule gives the limit if there is one, else the mean of those
from both sides: 0 for |x| at 0, a half to each of two equal maxima.
"""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.broadcast import BROADCASTING
from tinygrad_lite.errors import DTypeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.op import Function, Op, binary, unary

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "abs",
    "absolute",
    "add",
    "astype",
    "cbrt",
    "clip",
    "copysign",
    "divide",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "fmax",
    "fmin",
    "greater",
    "greater_equal",
    "heaviside",
    "less",
    "less_equal",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "maximum",
    "minimum",
    "multiply",
    "nan_to_num",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "power",
    "reciprocal",
    "sign",
    "sqrt",
    "square",
    "subtract",
    "true_divide",
    "where",
]

LN2, LN10 = math.log(2.0), math.log(10.0)

elementwise = partial(Op, elementwise=True, hint=BROADCASTING)


def as_array(x: Any) -> Any:
    """Return lists and numbers as an ndarray; Tensors and arrays as they are."""
    return x if hasattr(x, "shape") else np.asarray(x)


def _log(x: Any) -> Any:
    """Return log x; of a plain number a plain number, which leaves float32 as it is."""
    return float(np.log(x)) if isinstance(x, int | float) else np.log(x)


def _power(a: Any, b: Any) -> Any:
    try:
        y = a**b
    except ValueError as error:
        if "negative integer powers" not in str(error):
            raise
        raise DTypeError(
            message(
                "power",
                "a negative power of an integer is no integer",
                {"a": a, "b": b},
                fix="make the power a float, x ** -1.0, or the base: x.astype('float32')",
            )
        ) from error
    if isinstance(y, complex):
        raise ArithmeticError("a fractional power of a negative number is not real")
    return y


def or_one(x: Any) -> Any:
    """Return `x` with 1 for 0: a divisor for what is 0 there."""
    return x + (x == 0)


def grounded(y: Any) -> Any:
    """Return `y` with 0 for -inf: a log of nothing, from which any difference would be nan."""
    return where(y == -np.inf, 0.0, y)


# -- arithmetic -----------------------------------------------------------------------------------

add = binary("add", operator.add, (lambda g, y, a, b: g, lambda g, y, a, b: g), "a + b.")
subtract = binary("subtract", operator.sub, (lambda g, y, a, b: g, lambda g, y, a, b: -g), "a - b.")
multiply = binary(
    "multiply",
    operator.mul,
    (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
    "a times b.",
)
divide = binary(
    "divide",
    operator.truediv,
    (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
    "a / b.",
)
power = binary(
    "power",
    _power,
    (
        # where b = 0 the derivative is 0, also at a = 0
        lambda g, y, a, b: g * b * a ** (b - 1 + (b == 0)),
        # where a = 0 the limit of y log a is 0
        lambda g, y, a, b: g * y * _log(or_one(a)),
    ),
    doc="a to the power of b.",
)
positive = unary("positive", operator.pos, lambda g, y, x: g, "x.")
negative = unary("negative", operator.neg, lambda g, y, x: -g, "-x.")
reciprocal = unary("reciprocal", np.reciprocal, lambda g, y, x: -g * y * y, "1 / x.")
absolute = unary("absolute", operator.abs, lambda g, y, x: g * np.sign(x), "x without its sign.")
sign = unary("sign", np.sign, doc="-1, 0 or 1, as x is negative, 0 or positive.")
copysign: Function = binary(
    "copysign",
    np.copysign,
    (lambda g, y, a, b: g * np.sign(a) * copysign(1.0, b), None),
    "|a| with the sign of b.",
)
heaviside = binary(
    "heaviside",
    np.heaviside,
    (None, lambda g, y, x, middle: g * (x == 0)),
    "0 below 0, 1 above, and `middle` at 0.",
)
square = unary("square", np.square, lambda g, y, x: 2.0 * g * x, "x times x.")
sqrt = unary("sqrt", np.sqrt, lambda g, y, x: g / (2.0 * y), "Square root of x.")
cbrt = unary("cbrt", np.cbrt, lambda g, y, x: g / (3.0 * y * y), "Cube root of x.")

# -- exponentials and logarithms ------------------------------------------------------------------

exp = unary("exp", np.exp, lambda g, y, x: g * y, "e to the power of x.")
exp2 = unary("exp2", np.exp2, lambda g, y, x: g * y * LN2, "2 to the power of x.")
expm1 = unary("expm1", np.expm1, lambda g, y, x: g * (y + 1.0), "exp(x) - 1, exact near 0.")
log = unary("log", np.log, lambda g, y, x: g / x, "Natural logarithm of x.")
log2 = unary("log2", np.log2, lambda g, y, x: g / (x * LN2), "Logarithm to base 2.")
log10 = unary("log10", np.log10, lambda g, y, x: g / (x * LN10), "Logarithm to base 10.")
log1p = unary("log1p", np.log1p, lambda g, y, x: g / (1.0 + x), "log(1 + x), exact near 0.")
logaddexp = binary(
    "logaddexp",
    np.logaddexp,
    (
        lambda g, y, a, b: g * np.exp(a - grounded(y)),
        lambda g, y, a, b: g * np.exp(b - grounded(y)),
    ),
    "log(exp(a) + exp(b)), without the overflow of the exponentials.",
)
logaddexp2 = binary(
    "logaddexp2",
    np.logaddexp2,
    (
        lambda g, y, a, b: g * np.exp2(a - grounded(y)),
        lambda g, y, a, b: g * np.exp2(b - grounded(y)),
    ),
    "log2(2**a + 2**b), without the overflow of the powers.",
)

# -- the larger and the smaller -------------------------------------------------------------------

# the gradient goes to the one that is the result; where the two are equal, each gets half
_CHOICE = (
    lambda g, y, a, b: where(a == b, 0.5 * g, g * (y == a)),
    lambda g, y, a, b: where(a == b, 0.5 * g, g * (y == b)),
)
maximum = binary(
    "maximum",
    np.maximum,
    _CHOICE,
    "Larger one of a and b, nan if one is nan; equal ones share the gradient.",
)
minimum = binary(
    "minimum",
    np.minimum,
    _CHOICE,
    "Smaller one of a and b, nan if one is nan; equal ones share the gradient.",
)
fmax = binary("fmax", np.fmax, _CHOICE, "As `maximum`, but the other one if one is nan.")
fmin = binary("fmin", np.fmin, _CHOICE, "As `minimum`, but the other one if one is nan.")

_clip = elementwise(
    "clip",
    np.clip,
    (  # what lies on a bound is inside; where the bounds meet or cross, the upper one is the result
        lambda g, y, x, low, high: g * (y == x),
        lambda g, y, x, low, high: g * (y != x) * (y != high),
        lambda g, y, x, low, high: g * (y != x) * (y == high),
    ),
)


def clip(
    x: ArrayLike,
    a_min: ArrayLike | None = None,
    a_max: ArrayLike | None = None,
    *,
    min: ArrayLike | None = None,
    max: ArrayLike | None = None,
) -> Tensor:
    """Limit `x` to the interval from `a_min` to `a_max`; None leaves that side open.

    The gradient passes to `x` inside of the interval and on its bounds, as in PyTorch, and to a
    bound where `x` lies beyond it. `min` and `max` are NumPy 2's other names of the bounds.
    """
    return _clip(x, a_min if min is None else min, a_max if max is None else max)


# -- dtypes ---------------------------------------------------------------------------------------

_astype = Op("astype", lambda x, dtype: x.astype(dtype), lambda g, y, x, dtype: g.astype(x.dtype))
_truncate = Op("astype", lambda x, dtype: x.astype(dtype))  # integers have no gradient


def astype(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """Convert to another dtype; the gradient comes back in that of `x`."""
    dtype = np.dtype(dtype)
    return (_astype if dtype.kind == "f" else _truncate)(x, dtype=dtype)


# -- comparisons: results are booleans and have no gradient ---------------------------------------

equal = binary("equal", operator.eq, doc="Tell where a == b.")
not_equal = binary("not_equal", operator.ne, doc="Tell where a != b.")
less = binary("less", operator.lt, doc="Tell where a < b.")
less_equal = binary("less_equal", operator.le, doc="Tell where a <= b.")
greater = binary("greater", operator.gt, doc="Tell where a > b.")
greater_equal = binary("greater_equal", operator.ge, doc="Tell where a >= b.")

# -- selection ------------------------------------------------------------------------------------

_where = Op(
    "where",
    lambda a, b, condition: np.where(condition, a, b),
    (  # not a product with the condition: an infinite g must not leave nan where it is not selected
        lambda g, y, a, b, condition: where(condition, g, 0.0),
        lambda g, y, a, b, condition: where(condition, 0.0, g),
    ),
    broadcasts=True,
)


def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Take from `a` where `condition` holds, else from `b`; the three broadcast."""
    return _where(a, b, condition=np.asarray(raw(condition)))


_nan_to_num = elementwise(
    "nan_to_num", np.nan_to_num, lambda g, y, x, **numbers: g * (absolute(x) < np.inf)
)


def nan_to_num(
    x: ArrayLike, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """Replace nan by `nan`, and infinities by the numbers given, else the largest of the dtype.

    The gradient is 0 where a number was put in.
    """
    return _nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


# -- NumPy's other names for the same -------------------------------------------------------------

abs = absolute
pow = power
true_divide = divide
