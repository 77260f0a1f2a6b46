"""Rounding and what is left over, under NumPy's names.

What is constant between its jumps has no gradient: such results are not on the graph.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_lite.op import binary, unary
from tinygrad_lite.ops.elementwise import elementwise

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "around",
    "ceil",
    "divmod",
    "floor",
    "floor_divide",
    "fmod",
    "mod",
    "remainder",
    "rint",
    "round",
    "trunc",
]

floor = unary("floor", np.floor, doc="Largest whole number not above x.")
ceil = unary("ceil", np.ceil, doc="Smallest whole number not below x.")
trunc = unary("trunc", np.trunc, doc="x without what is behind the point.")
rint = unary("rint", np.rint, doc="Nearest whole number; halves go to the even one.")
_round = elementwise("round", np.round)

floor_divide = binary("floor_divide", operator.floordiv, doc="a / b, rounded down.")
remainder = binary(
    "remainder",
    operator.mod,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * (a // b)),
    "a - b floor(a / b): what is left of a, with the sign of b.",
)
fmod = binary(
    "fmod",
    np.fmod,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * trunc(a / b)),
    "a - b trunc(a / b): what is left of a, with the sign of a.",
)


def round(x: ArrayLike, decimals: int = 0) -> Tensor:
    """Round to `decimals` digits behind the point; halves go to the even digit."""
    return _round(x, decimals=decimals)


def divmod(a: ArrayLike, b: ArrayLike) -> tuple[Tensor, Tensor]:
    """Return `floor_divide(a, b)` and `remainder(a, b)`."""
    return floor_divide(a, b), remainder(a, b)


# -- NumPy's other names for the same -------------------------------------------------------------

around = round
mod = remainder
