"""Making Tensors: of one number, of a pattern, of random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.errors import DTypeError, TinygradLiteError, message
from tinygrad_lite.ops import random
from tinygrad_lite.protocols import no_ops
from tinygrad_lite.tensor import ArrayLike, Tensor, asarray, fits, float32, tensor

__all__ = [
    "arange",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "rand",
    "randint",
    "randn",
    "zeros",
    "zeros_like",
]


def zeros(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    return Tensor.make(np.zeros(_shape(shape), dtype)).requires_grad_(requires_grad)


def ones(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return a Tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    return Tensor.make(np.ones(_shape(shape), dtype)).requires_grad_(requires_grad)


def full(
    shape: int | Sequence[int],
    fill_value: float,
    dtype: DTypeLike = float32,
    requires_grad: bool = False,
) -> Tensor:
    """Return a Tensor of `fill_value`."""
    return Tensor.make(np.full(shape, fill_value, dtype)).requires_grad_(requires_grad)


def zeros_like(x: ArrayLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return zeros of the shape and dtype of `x`; a constant, whatever `x` is."""
    return full_like(x, 0, dtype)


def ones_like(x: ArrayLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return ones of the shape and dtype of `x`; a constant, whatever `x` is."""
    return full_like(x, 1, dtype)


def full_like(x: ArrayLike, fill_value: float, dtype: DTypeLike | None = None) -> Tensor:
    """Return `fill_value` in the shape and dtype of `x`; a constant, whatever `x` is.

    Raises:
        DTypeError: the dtype of `x` cannot hold `fill_value`.
    """
    x = asarray(x)
    if dtype is None and not fits(fill_value, x.dtype):
        raise DTypeError(
            message(
                "full_like",
                "the dtype would change the value silently",
                {"x": x, "fill_value": fill_value},
                fix="give the dtype to use: full_like(x, fill_value, dtype=...)",
            )
        )
    return Tensor.make(np.full(x.shape, fill_value, x.dtype if dtype is None else dtype))


def empty_like(x: ArrayLike, dtype: DTypeLike | None = None) -> Tensor:
    """Return zeros: NumPy promises no values here, and zeros are repeatable."""
    return zeros_like(x, dtype)


def eye(n: int, m: int | None = None, dtype: DTypeLike = float32) -> Tensor:
    """Return an (n, m) Tensor with ones on the diagonal."""
    return Tensor.make(np.eye(n, m, dtype=dtype))


def arange(*bounds: float, dtype: DTypeLike | None = None) -> Tensor:
    """Return start, start + step, ... below stop: `arange(stop)` or `arange(start, stop, step)`."""
    return tensor(np.arange(*bounds).tolist(), dtype)


def linspace(start: float, stop: float, num: int = 50, dtype: DTypeLike = float32) -> Tensor:
    """Return `num` evenly spaced numbers from `start` to `stop`, both included."""
    return Tensor.make(np.linspace(start, stop, num, dtype=dtype))


def rand(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return random numbers, uniform from 0 to 1: `rand(2, 3)` or `rand((2, 3))`."""
    values = random.generator().random(_shape(shape), dtype)  # type: ignore[arg-type]
    return Tensor.make(values).requires_grad_(requires_grad)


def randn(*shape: Any, dtype: DTypeLike = float32, requires_grad: bool = False) -> Tensor:
    """Return random numbers, normal with mean 0 and variance 1: `randn(2, 3)`."""
    values = random.generator().standard_normal(_shape(shape), dtype)  # type: ignore[arg-type]
    return Tensor.make(values).requires_grad_(requires_grad)


def randint(low: int, high: int, shape: int | Sequence[int]) -> Tensor:
    """Return random integers from `low` to `high` - 1."""
    return Tensor.make(random.generator().integers(low, high, shape))


def from_dlpack(x: Any, copy: bool | None = None) -> Tensor:
    """Return the array of another library that speaks DLPack as a Tensor.

    They share memory: what the other library writes there later is past the graph.

    Source: the DLPack protocol of the Python array API standard.

    Args:
        x: the array, on the CPU.
        copy: True never shares; None or False shares.

    Raises:
        DTypeError: `x` does not speak DLPack, or holds what is no number here.
    """
    try:
        array = np.from_dlpack(x)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, TinygradLiteError):
            raise
        raise DTypeError(
            message(
                "from_dlpack",
                f"no array can be taken over: {str(error).splitlines()[0]}",
                {"x": x},
                fix="pass an array on the CPU, without a gradient, of float32, float64, integers "
                "or booleans",
            )
        ) from error
    return tensor(array) if copy else asarray(array)


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape


no_ops |= {f.__name__: f for f in (zeros_like, ones_like, full_like, empty_like)}
