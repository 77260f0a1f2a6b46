"""The nonlinearities of neural networks, under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import elementwise, where

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "elu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
]


def _sigmoid(x: Any) -> Any:
    e = np.exp(-abs(x))  # never overflows
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


relu = elementwise("relu", lambda x: np.maximum(x, 0.0), lambda g, y, x: g * np.sign(y))
sigmoid = elementwise("sigmoid", _sigmoid, lambda g, y, x: g * (y - y * y))
# log(1 + exp x)
softplus = elementwise("softplus", lambda x: np.logaddexp(x, 0.0), lambda g, y, x: g * sigmoid(x))


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Tensor:
    """Return x where positive, else `negative_slope` x (Maas et al., 2013)."""
    return where(x > 0, x, x * negative_slope)  # type: ignore[operator]


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where positive, else alpha (exp x - 1) (Clevert et al., 2015, eq. 15)."""
    return where(x > 0, x, alpha * np.expm1(x * (x < 0)))


def silu(x: Tensor) -> Tensor:
    """Return x sigmoid(x), also called swish (Elfwing et al., 2017)."""
    return x * sigmoid(x)


def _softmax(x: Any, axis: int) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


_softmax_op = Op(
    "softmax",
    _softmax,
    lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    hint="choose an axis that x has: from -ndim to ndim - 1",
)
_log_softmax_op = Op(
    "log_softmax",
    _log_softmax,
    lambda g, y, x, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    hint="choose an axis that x has: from -ndim to ndim - 1",
)


def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return exp(x) divided by its sum along `axis`."""
    return _softmax_op(x, axis=axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return the logarithm of `softmax(x, axis)`, without its overflow."""
    return _log_softmax_op(x, axis=axis)
