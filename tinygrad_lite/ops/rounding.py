"""Rounding and what is left over, under NumPy's names.

What is constant between its jumps has no gradient: such results are not on the graph.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_lite.ops.elementwise import elementwise, fit

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

floor = elementwise("floor", np.floor)
ceil = elementwise("ceil", np.ceil)
trunc = elementwise("trunc", np.trunc)
rint = elementwise("rint", np.rint)
_round = elementwise("round", np.round)

floor_divide = elementwise("floor_divide", operator.floordiv)
# a - b floor(a / b): has the sign of b
remainder = elementwise(
    "remainder",
    operator.mod,
    (lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(-g * (a // b), b)),
)
# a - b trunc(a / b): has the sign of a
fmod = elementwise(
    "fmod",
    np.fmod,
    (lambda g, y, a, b: fit(g, a), lambda g, y, a, b: fit(-g * trunc(a / b), b)),
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
