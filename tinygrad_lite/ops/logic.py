"""Questions about elements and logic on the answers, under NumPy's names; none has a gradient."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import DTypeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.op import Op, binary, unary
from tinygrad_lite.ops.elementwise import elementwise

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "allclose",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "signbit",
]

isfinite = unary("isfinite", np.isfinite, doc="Tell where x is neither nan nor infinite.")
isinf = unary("isinf", np.isinf, doc="Tell where x is infinite.")
isnan = unary("isnan", np.isnan, doc="Tell where x is nan.")
signbit = unary("signbit", np.signbit, doc="Tell where x has a minus sign, as -0.0 has.")

logical_and = binary("logical_and", np.logical_and, doc="Tell where neither a nor b is 0.")
logical_or = binary("logical_or", np.logical_or, doc="Tell where a or b is not 0.")
logical_xor = binary(
    "logical_xor", np.logical_xor, doc="Tell where one of a and b is 0, but not both."
)
logical_not = unary("logical_not", np.logical_not, doc="Tell where x is 0.")


def _bitwise(name: str, function: Callable[..., Any], doc: str) -> Op:
    """Make an op on booleans and integers that says so to other numbers."""

    def forward(*operands: Any) -> Any:
        try:
            return function(*operands)
        except TypeError as error:
            raise DTypeError(
                message(
                    name,
                    "only booleans and integers can be combined bit by bit",
                    {f"operand {i + 1}": operand for i, operand in enumerate(operands)},
                    fix="compare first, in brackets: (x > 0) & (y > 0)",
                )
            ) from error

    return Op(name, forward, doc=doc)


bitwise_and = _bitwise("bitwise_and", operator.and_, "Bits that a and b both have.")
bitwise_or = _bitwise("bitwise_or", operator.or_, "Bits that a or b has.")
bitwise_xor = _bitwise("bitwise_xor", operator.xor, "Bits that just one of a and b has.")
invert = _bitwise("invert", operator.invert, "Bits that x has not.")

_isclose = elementwise("isclose", np.isclose)


def isclose(
    a: ArrayLike,
    b: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> Tensor:
    """Tell where |a - b| is at most `atol` + `rtol` |b|."""
    return _isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    a: ArrayLike,
    b: ArrayLike,
    rtol: float = 1e-5,
    atol: float = 1e-8,
    equal_nan: bool = False,
) -> bool:
    """Tell whether `isclose` holds everywhere."""
    return bool(np.all(raw(isclose(a, b, rtol, atol, equal_nan))))


# -- NumPy's other names for the same -------------------------------------------------------------

bitwise_invert = bitwise_not = invert
