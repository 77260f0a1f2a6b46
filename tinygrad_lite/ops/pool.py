"""Pooling: one number for each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.conv import Pair, check_window, overlap_add, pair, windows

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "avg_pool2d",
    "max_pool2d",
]


def _max_pool(x: Any, kernel: Pair, stride: Pair) -> Any:
    return windows(x, kernel, stride).max(axis=(-2, -1))


def _max_pool_rule(g: Any, y: Any, x: Any, kernel: Pair, stride: Pair) -> Any:
    """Send each gradient to its window's first maximum, as PyTorch does."""
    patches = windows(x, kernel, stride)
    flat = patches.reshape((*patches.shape[:-2], kernel[0] * kernel[1]))
    first = np.arange(flat.shape[-1]) == flat.argmax(axis=-1, keepdims=True)
    return overlap_add((g[..., None] * first).reshape(patches.shape), x.shape[-2:], stride)


_max_pool2d = Op("max_pool2d", _max_pool, _max_pool_rule)
_avg_pool2d = Op(
    "avg_pool2d",
    lambda x, kernel, stride: np.mean(windows(x, kernel, stride), axis=(-2, -1)),
    lambda g, y, x, kernel, stride: overlap_add(
        np.broadcast_to(g[..., None, None] / (kernel[0] * kernel[1]), (*g.shape, *kernel)),
        x.shape[-2:],
        stride,
    ),
)


def max_pool2d(x: ArrayLike, kernel_size: int | Pair, stride: int | Pair | None = None) -> Tensor:
    """Return the maximum of each window; `stride` is the window's size by default.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - KH) // s + 1.
    """
    return _pool(_max_pool2d, x, kernel_size, stride)


def avg_pool2d(x: ArrayLike, kernel_size: int | Pair, stride: int | Pair | None = None) -> Tensor:
    """Return the mean of each window; `stride` is the window's size by default.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - KH) // s + 1.
    """
    return _pool(_avg_pool2d, x, kernel_size, stride)


def _pool(op: Op, x: Any, kernel_size: int | Pair, stride: int | Pair | None) -> Tensor:
    kernel = pair(kernel_size, "kernel_size", op.name, 1)
    step = kernel if stride is None else pair(stride, "stride", op.name, 1)
    if len(x.shape) != 4:
        raise ShapeError(
            message(op.name, "images must be (N, C, H, W)", {"x": x}, fix="add the missing axes")
        )
    check_window(op.name, x, kernel, step, (0, 0))
    return op(x, kernel=kernel, stride=step)
