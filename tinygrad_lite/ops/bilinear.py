"""The bilinear map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.ops.products import linear

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "bilinear",
]


def bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return y_o = Σ_ij x1_i weight_oij x2_j + bias_o: linear in the products of all pairs.

    Shapes: x1 (..., I), x2 (..., J), weight (O, I, J), bias (O,) to (..., O).

    Raises:
        ShapeError: the last axes of x1 and x2 are not those of `weight`.
    """
    if weight.ndim != 3 or (*x1.shape[-1:], *x2.shape[-1:]) != weight.shape[1:]:
        raise ShapeError(
            message(
                "bilinear",
                "weight must be (O, I, J) for x1 (..., I) and x2 (..., J)",
                {"x1": x1, "x2": x2, "weight": weight},
                fix="give weight the last axes of x1 and x2",
            )
        )
    pairs = x1[..., :, None] * x2[..., None, :]
    out, n, m = weight.shape
    return linear(pairs.reshape((*pairs.shape[:-2], n * m)), weight.reshape((out, n * m)), bias)
