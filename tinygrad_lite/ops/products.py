"""Products of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.graph import Node
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import fit
from tinygrad_lite.ops.shape import expand_dims, squeeze

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "linear",
    "matmul",
]


def _t(x: Any) -> Any:
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def _product(a: Any, b: Any) -> Any:
    # of two small matrices dot returns three times sooner than matmul
    return a.dot(b) if type(a) is type(b) is np.ndarray and a.ndim == b.ndim == 2 else a @ b


_matmul = Op(
    "matmul",
    _product,
    (
        lambda g, y, a, b: fit(_product(g, _t(b)), a),
        lambda g, y, a, b: fit(_product(_t(a), g), b),
    ),
    hint="the last axis of the first operand must be as long as the second last of the second",
)


def matmul(a: ArrayLike, b: ArrayLike) -> Tensor:
    """Matrix product over the last two axes; leading axes broadcast, 1-d operands are vectors.

    Shapes: (..., m, k) and (..., k, n) to (..., m, n).
    """
    if isinstance(a, Node) and isinstance(b, Node) and a.data.ndim == b.data.ndim == 2:
        return _matmul.of_two(a, b)
    row, column = np.ndim(a) == 1, np.ndim(b) == 1  # type: ignore[arg-type]
    y = _matmul(expand_dims(a, 0) if row else a, expand_dims(b, 1) if column else b)
    drop = (-2,) * row + (-1,) * column
    return squeeze(y, drop) if drop else y


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


_linear_op = Op(
    "linear",
    _linear,
    (
        lambda g, y, x, weight, bias=None: g @ weight,
        lambda g, y, x, weight, bias=None: _rows(g).T @ _rows(x),
        lambda g, y, x, weight, bias=None: fit(g, bias),
    ),
    reference=lambda x, weight, bias=None: _linear(x, weight, bias),
    hint="x needs as many features (last axis) as weight has columns: weight is (out, in)",
)


def _rows(x: Any) -> Any:
    """Merge all axes but the last."""
    return x.reshape(-1, x.shape[-1])


def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Tensor:
    """Return x weightᵀ + bias.

    Shapes: x (..., in), weight (out, in), bias (out,) to (..., out).
    """
    return _linear_op(x, weight) if bias is None else _linear_op(x, weight, bias)
