"""How far apart, or how parallel, vectors are; under PyTorch's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tinygrad_lite.ops.elementwise import absolute, maximum, or_one, sqrt, square
from tinygrad_lite.ops.reduce import max, min, sum

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "cosine_similarity",
    "pairwise_distance",
]


def vector_norm(x: Any, p: float, axis: int, keepdims: bool) -> Any:
    """Return (Σ |x|^p)^(1/p) along `axis`; at zero its gradient is taken to be zero."""
    # where a power may have no derivative, `or_one` puts ones, which are multiplied away
    if p == math.inf:
        return max(absolute(x), axis, keepdims)
    if p == -math.inf:
        return min(absolute(x), axis, keepdims)
    if p == 1:
        return sum(absolute(x), axis, keepdims)
    if p == 2:
        total = sum(square(x), axis, keepdims)
        return sqrt(or_one(total)) * (total != 0)
    total = sum(or_one(absolute(x)) ** p * (x != 0), axis, keepdims)
    return total if p == 0 else or_one(total) ** (1.0 / p) * (total != 0)


def cosine_similarity(x1: Tensor, x2: Tensor, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """Return x1 · x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along `axis`; the operands broadcast.

    Shapes: (..., D, ...) to (..., ...), without `axis`.
    """
    u, v = (x / maximum(vector_norm(x, 2, axis, keepdims=True), eps) for x in (x1, x2))
    return sum(u * v, axis)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return ‖x1 - x2 + eps‖_p along the last axis; the operands broadcast.

    Shapes: (..., D) to (...), or (..., 1) with `keepdim`.
    """
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)
