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

floor = unary("floor", np.floor)
ceil = unary("ceil", np.ceil)
trunc = unary("trunc", np.trunc)
rint = unary("rint", np.rint)
_round = elementwise("round", np.round)

floor_divide = binary("floor_divide", operator.floordiv)
# a - b floor(a / b): has the sign of b
remainder = binary(
    "remainder",
    operator.mod,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * (a // b)),
)
# a - b trunc(a / b): has the sign of a
fmod = binary(
    "fmod",
    np.fmod,
    (lambda g, y, a, b: g, lambda g, y, a, b: -g * trunc(a / b)),
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
