"""Functions applied element by element, under NumPy's names, each with the rule of its gradient.

In a rule, g is the gradient of the result y; the arguments follow. Rules are written with operators
and NumPy functions only, so they take ndarrays, floats, Tensors and Scalars alike.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.op import Op, shape_of

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "absolute",
    "add",
    "astype",
    "clip",
    "cos",
    "divide",
    "equal",
    "exp",
    "expm1",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "sign",
    "sin",
    "sqrt",
    "square",
    "subtract",
    "tanh",
    "where",
]

elementwise = partial(
    Op,
    elementwise=True,
    hint="make the shapes equal, or 1 where they differ, counted from the last axis",
)


_ndarray = np.ndarray


def fit(g: Any, like: Any) -> Any:
    """Sum `g` down to the shape of `like`: the gradient of broadcasting."""
    if (
        type(g) is type(like) is _ndarray and g.shape == like.shape
    ):  # the commonest case, at a glance
        return g
    shape = shape_of(like)
    if shape_of(g) == shape:
        return g
    lead = g.ndim - len(shape)
    if lead:
        g = g.sum(axis=tuple(range(lead)))
    ones = tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i])
    return g.sum(axis=ones, keepdims=True) if ones else g


def _log(x: Any) -> Any:
    """Return log x; of a plain number a plain number, which leaves float32 as it is."""
    return float(np.log(x)) if isinstance(x, int | float) else np.log(x)


def _power(a: Any, b: Any) -> Any:
    y = a**b
    if isinstance(y, complex):
        raise ArithmeticError("a fractional power of a negative number is not real")
    return y


# -- arithmetic -----------------------------------------------------------------------------------

add = elementwise(
    "add",
    operator.add,
    (lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(g, b)),
)
subtract = elementwise(
    "subtract",
    operator.sub,
    (lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(-g, b)),
)
multiply = elementwise(
    "multiply",
    operator.mul,
    (lambda g, y, a, b: fit(g * b, a), lambda g, y, a, b: fit(g * a, b)),
)
divide = elementwise(
    "divide",
    operator.truediv,
    (lambda g, y, a, b: fit(g / b, a), lambda g, y, a, b: fit(-g * y / b, b)),
)
power = elementwise(
    "power",
    _power,
    (
        # where b = 0 the derivative is 0, also at a = 0
        lambda g, y, a, b: fit(g * b * a ** (b - 1 + (b == 0)), a),
        # where a = 0 the limit of y log a is 0
        lambda g, y, a, b: fit(g * y * _log(a + (a == 0)), b),
    ),
)
negative = elementwise("negative", operator.neg, lambda g, y, x: -g)
absolute = elementwise("absolute", operator.abs, lambda g, y, x: g * np.sign(x))
sign = elementwise("sign", np.sign)
square = elementwise("square", np.square, lambda g, y, x: 2.0 * g * x)
sqrt = elementwise("sqrt", np.sqrt, lambda g, y, x: g / (2.0 * y))

# where the two are equal, each gets half
maximum = elementwise(
    "maximum",
    np.maximum,
    (
        lambda g, y, a, b: fit(where(a == b, 0.5 * g, g * (a > b)), a),
        lambda g, y, a, b: fit(where(a == b, 0.5 * g, g * (b > a)), b),
    ),
)
minimum = elementwise(
    "minimum",
    np.minimum,
    (
        lambda g, y, a, b: fit(where(a == b, 0.5 * g, g * (a < b)), a),
        lambda g, y, a, b: fit(where(a == b, 0.5 * g, g * (b < a)), b),
    ),
)

# -- exponentials and trigonometry ----------------------------------------------------------------

exp = elementwise("exp", np.exp, lambda g, y, x: g * y)
expm1 = elementwise("expm1", np.expm1, lambda g, y, x: g * (y + 1.0))
log = elementwise("log", np.log, lambda g, y, x: g / x)
log1p = elementwise("log1p", np.log1p, lambda g, y, x: g / (1.0 + x))
sin = elementwise("sin", np.sin, lambda g, y, x: g * np.cos(x))
cos = elementwise("cos", np.cos, lambda g, y, x: -g * np.sin(x))
tanh = elementwise("tanh", np.tanh, lambda g, y, x: g - g * y * y)

_astype = Op("astype", lambda x, dtype: x.astype(dtype), lambda g, y, x, dtype: g.astype(x.dtype))
_truncate = Op("astype", lambda x, dtype: x.astype(dtype))  # integers have no gradient


def astype(x: ArrayLike, dtype: DTypeLike) -> Tensor:
    """Convert to another dtype; the gradient comes back in that of `x`."""
    dtype = np.dtype(dtype)
    return (_astype if dtype.kind == "f" else _truncate)(x, dtype=dtype)


# -- comparisons: results are booleans and have no gradient ---------------------------------------

equal = elementwise("equal", operator.eq)
not_equal = elementwise("not_equal", operator.ne)
less = elementwise("less", operator.lt)
less_equal = elementwise("less_equal", operator.le)
greater = elementwise("greater", operator.gt)
greater_equal = elementwise("greater_equal", operator.ge)

# -- selection ------------------------------------------------------------------------------------

_where = Op(
    "where",
    lambda a, b, condition: np.where(condition, a, b),
    (
        lambda g, y, a, b, condition: fit(g * condition, a),
        lambda g, y, a, b, condition: fit(g * ~condition, b),
    ),
)


def where(condition: ArrayLike, a: ArrayLike, b: ArrayLike) -> Tensor:
    """Take from `a` where `condition` holds, else from `b`; the three broadcast."""
    return _where(a, b, condition=np.asarray(getattr(condition, "data", condition)))


def clip(x: ArrayLike, a_min: ArrayLike, a_max: ArrayLike) -> Tensor:
    """Limit `x` to the interval from `a_min` to `a_max`."""
    return minimum(maximum(x, a_min), a_max)
