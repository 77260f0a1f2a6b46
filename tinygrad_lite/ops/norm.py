"""Normalisation, under PyTorch's names and with its arguments.

Layer, group, instance and batch norm are one computation along different axes:
y = (x - mean) / √(var + eps) weight + bias. Each is a fused op; that of batch norm, over channels
which lie apart in memory, is a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.broadcast import fit
from tinygrad_lite.errors import ArgumentError, DataError, ShapeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.memory import mark_changed
from tinygrad_lite.op import Op
from tinygrad_lite.ops.distance import vector_norm
from tinygrad_lite.ops.elementwise import maximum, sqrt, square
from tinygrad_lite.ops.reduce import mean, var
from tinygrad_lite.ops.shape import pad

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]

Axes = tuple[int, ...]

# -- the fused op ---------------------------------------------------------------------------------
# weight and bias, if there are any, have axes that broadcast against x. The mean and the variance
# are results too: the rule needs them, and so do the running statistics.


def _reference(x: Any, weight: Any = 1.0, bias: Any = 0.0, *, axes: Axes, eps: float) -> Any:
    m, v = mean(x, axes, keepdims=True), var(x, axes, keepdims=True)
    return (x - m) / sqrt(v + eps) * weight + bias, m, v


def _forward(x: Any, *affine: Any, axes: Axes, eps: float) -> Any:
    m = x.mean(axis=axes, keepdims=True)
    y = x - m
    v = np.square(y).mean(axis=axes, keepdims=True)
    y *= 1.0 / np.sqrt(v + eps)
    if affine:
        y *= affine[0]
    if len(affine) == 2:
        y += affine[1]
    return y, m, v


def _rule(g: Any, y: Any, x: Any, *affine: Any, axes: Axes, eps: float) -> tuple[Any, ...]:
    """With d, the gradient of x̂, that of x is (d - mean(d) - x̂ mean(d x̂)) / √(var + eps).

    It works in place, in two arrays: fresh ones cost more time than the arithmetic.
    """
    (g, *_), (_, m, v), weight = g, y, affine[0] if affine else 1.0
    scale = 1.0 / np.sqrt(v + eps)
    standard = x - m
    standard *= scale
    d = g * standard
    of_weight = fit(d, weight)
    d = d * weight if of_weight is d else np.multiply(d, weight, out=d)
    along = d.mean(axis=axes, keepdims=True)
    np.multiply(g, weight, out=d)
    d -= d.mean(axis=axes, keepdims=True)
    standard *= along
    d -= standard
    d *= scale
    return d, *[of_weight, *(fit(g, bias) for bias in affine[1:])][: len(affine)]


def _fused(name: str) -> Op:
    return Op(name, _forward, _rule, reference=_reference)


_layer_norm, _group_norm = _fused("layer_norm"), _fused("group_norm")
_instance_norm = _fused("instance_norm")


def _affine(weight: Any, bias: Any, shape: Sequence[int]) -> tuple[Any, ...]:
    """Return the affine arguments of a fused op, in a shape that broadcasts against x."""
    given = (1.0 if weight is None else weight.reshape(shape),)
    if bias is not None:
        return (*given, bias.reshape(shape))
    return () if weight is None else given


# -- over the features of each sample -------------------------------------------------------------


def layer_norm(
    x: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Give the last axes mean 0 and variance 1 (Ba et al., 2016), then scale and shift.

    Shapes: x (..., *normalized_shape); weight and bias `normalized_shape`.

    Raises:
        ShapeError: the last axes of x, or a parameter, are not of `normalized_shape`.
    """
    axes, shape = _last_axes("layer_norm", x, normalized_shape, weight=weight, bias=bias)
    return _layer_norm(x, *_affine(weight, bias, shape), axes=axes, eps=eps)[0]


def rms_norm(
    x: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Return x / √(mean(x²) + eps) weight, the mean over the last axes (Zhang & Sennrich, 2019).

    Args:
        x: (..., *normalized_shape).
        normalized_shape: lengths of the last axes.
        weight: of shape `normalized_shape`.
        eps: by default the distance from 1 to the next number of x's dtype.

    Raises:
        ShapeError: the last axes of x, or `weight`, are not of `normalized_shape`.
    """
    axes, _ = _last_axes("rms_norm", x, normalized_shape, weight=weight)
    if eps is None:
        eps = float(np.finfo(x.dtype if x.dtype.kind == "f" else float).eps)
    y = x / sqrt(mean(square(x), axes, keepdims=True) + eps)
    return y if weight is None else y * weight


def _last_axes(
    subject: str, x: Any, normalized_shape: int | Sequence[int], **parameters: Any
) -> tuple[Axes, tuple[int, ...]]:
    """Return the last axes and their lengths, after checking them."""
    wanted = normalized_shape
    shape = tuple(wanted) if isinstance(wanted, tuple | list) else (wanted,)
    given = {name: p for name, p in parameters.items() if p is not None}
    if x.shape[-len(shape) :] != shape or any(p.shape != shape for p in given.values()):
        raise ShapeError(
            message(
                subject,
                f"the last axes of x, and its parameters, must be of normalized_shape {shape}",
                {"x": x} | given,
                fix="give the lengths of the last axes of x",
            )
        )
    return tuple(range(-len(shape), 0)), shape


# -- over the places of each channel --------------------------------------------------------------
# `known` are a mean and a variance to be used instead of those of x; weight and bias may be None.


def _batch_reference(x: Any, weight: Any, bias: Any, *, eps: float, known: Any) -> Any:
    axes, shape = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    m, v = known or (mean(x, axes), var(x, axes))
    y = (x - m.reshape(shape)) / sqrt(v.reshape(shape) + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape), m, v


def _batch_forward(x: Any, weight: Any, bias: Any, *, eps: float, known: Any) -> Any:
    x = x if x.dtype.char in "fd" else x.astype(float)
    if known is not None and not kernels.pays(x.size):
        m, v = known
        shape = (-1, *[1] * (x.ndim - 2))
        factor = 1.0 / np.sqrt(v + eps)
        y = x - m.reshape(shape)
        y *= (factor if weight is None else factor * weight).reshape(shape)
        if bias is not None:
            y += bias.reshape(shape)
        return (y, m, v), m.astype(float), v.astype(float)
    y, m, v = kernels.norm.forward(x, weight, bias, eps, known)
    return (y, m.astype(x.dtype), v.astype(x.dtype)), m, v


def _batch_rule(g: Any, y: Any, x: Any, weight: Any, bias: Any, *, eps: float, known: Any) -> Any:
    """As `_rule`; where mean and variance are known, that of x is only d / √(var + eps)."""
    (g, *_), (_, m, v) = g, y
    return kernels.norm.backward(g, x, weight, eps, known is not None, m, v)


_batch_norm = Op("batch_norm", _batch_forward, _batch_rule, reference=_batch_reference, keeps=True)


def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Give each group of channels of each sample mean 0 and variance 1 (Wu & He, 2018).

    Shapes: x (N, C, ...); weight and bias (C,).

    Raises:
        ShapeError: x has no channels, or parameters not one element for each.
        ArgumentError: the number of channels is no multiple of `num_groups`.
    """
    channels = _channels("group_norm", x, weight=weight, bias=bias)
    if num_groups < 1 or channels % num_groups:
        raise ArgumentError(
            message(
                "group_norm",
                f"{channels} channels do not make {num_groups} groups",
                {"x": x},
                fix="choose a divisor of the number of channels",
            )
        )
    members = channels // num_groups
    grouped = x.reshape((len(x), num_groups, members, *x.shape[2:]))
    axes = tuple(range(2, grouped.ndim))
    affine = _affine(weight, bias, (num_groups, members, *[1] * (x.ndim - 2)))
    return _group_norm(grouped, *affine, axes=axes, eps=eps)[0].reshape(x.shape)


def batch_norm(
    x: Tensor,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give each channel mean 0 and variance 1 over the batch (Ioffe & Szegedy, 2015).

    In training the statistics are those of the batch, and the running ones move towards them:
    running += momentum (batch - running), with the unbiased variance; a Tensor gets new values, an
    array is changed in place. Else they are the running ones.

    Shapes: x (N, C, ...); all others (C,).

    Raises:
        ShapeError: x has no channels, or parameters not one element for each.
        DataError: in training, a channel has fewer than two elements.
        ArgumentError: not in training, and no running statistics.
    """
    parameters = {"running_mean": running_mean, "running_var": running_var}
    channels = _channels("batch_norm", x, **parameters, weight=weight, bias=bias)
    if not training:
        known = _running("batch_norm", x, running_mean, running_var)
        return _batch_norm(x, weight, bias, eps=eps, known=known)[0]
    count = math.prod(x.shape) // max(channels, 1)
    _check_count("batch_norm", x, count)
    y, m, v = _batch_norm(x, weight, bias, eps=eps, known=None)
    _update(running_mean, m, momentum)
    _update(running_var, v, momentum, count / (count - 1))
    return y


def instance_norm(
    x: Tensor,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Give each channel of each sample mean 0 and variance 1 (Ulyanov et al., 2016).

    With `use_input_stats` running statistics, where given, move towards those of the batch as in
    `batch_norm`; without it they are used instead.

    Shapes: x (N, C, ...); all others (C,).

    Raises:
        ShapeError: x has no channels, or parameters not one element for each.
        DataError: a channel has fewer than two elements.
        ArgumentError: neither statistics of the input nor running ones.
    """
    parameters = {"running_mean": running_mean, "running_var": running_var}
    channels = _channels("instance_norm", x, **parameters, weight=weight, bias=bias)
    if not use_input_stats:
        known = _running("instance_norm", x, running_mean, running_var)
        return _batch_norm(x, weight, bias, eps=eps, known=known)[0]
    count = math.prod(x.shape[2:])
    _check_count("instance_norm", x, count)
    affine = _affine(weight, bias, (channels, *[1] * (x.ndim - 2)))
    y, m, v = _instance_norm(x, *affine, axes=tuple(range(2, x.ndim)), eps=eps)
    _update(running_mean, m, momentum)
    _update(running_var, v, momentum, count / (count - 1))
    return y


def _channels(subject: str, x: Any, **parameters: Any) -> int:
    """Return the number of channels (axis 1), after checking that the parameters have as many."""
    given = {name: p for name, p in parameters.items() if p is not None}
    if x.ndim < 2 or any(p.shape != x.shape[1:2] for p in given.values()):
        raise ShapeError(
            message(
                subject,
                "x must be (N, C, ...), and everything else (C,)",
                {"x": x} | given,
                fix="give one element for each channel (axis 1 of x)",
            )
        )
    return x.shape[1]


def _check_count(subject: str, x: Any, count: int) -> None:
    if count < 2:
        raise DataError(
            message(
                subject,
                f"a channel of {count} elements has no variance",
                {"x": x},
                fix="use larger batches or images, or evaluate with running statistics",
            )
        )


def _running(subject: str, x: Any, running_mean: Any, running_var: Any) -> Any:
    """Return running statistics as they are now, in x's dtype."""
    if running_mean is None or running_var is None:
        raise ArgumentError(
            message(
                subject,
                "there are no running statistics to normalise with",
                {"x": x},
                fix="give running_mean and running_var, or use the statistics of the input",
            )
        )
    dtype = x.dtype if x.dtype.kind == "f" else float
    return np.array(raw(running_mean), dtype), np.array(raw(running_var), dtype)


def _update(running: Any, batch: Any, momentum: float, correction: float = 1.0) -> None:
    """Move running statistics (C,) towards those of the batch."""
    if running is None:
        return
    now = raw(running)
    values = raw(batch).astype(now.dtype) * correction  # of Scalars, their values
    moved = now + momentum * (values.reshape((-1, len(now))).mean(axis=0) - now)
    if now is running:
        now[...] = moved
        mark_changed(now)
    else:  # a new array: so no vertex has to be asked whether it saved the old one
        running.data = moved


# -- over neighbouring channels, and over vectors -------------------------------------------------


def local_response_norm(
    x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return x / (k + alpha mean(x²))^beta, the mean over `size` channels around each.

    Source: Krizhevsky et al., 2012, section 3.3, with alpha divided by `size` as in PyTorch;
    channels beyond the first and last count as zeros.

    Shapes: x (N, C, ...).

    Raises:
        ArgumentError: `size` is below 1.
        ShapeError: x has fewer than three axes.
    """
    if size < 1:
        raise ArgumentError(
            message("local_response_norm", f"size={size} is no window", {"x": x}, fix="choose 1 up")
        )
    if x.ndim < 3:
        raise ShapeError(
            message("local_response_norm", "x must be (N, C, ...)", {"x": x}, fix="add axes to x")
        )
    around = (size // 2, (size - 1) // 2)
    widths = ((0, 0), around, *[(0, 0)] * (x.ndim - 2))
    squares = pad(square(x), widths, constant_values=0.0)
    total = sum(squares[:, i : i + x.shape[1]] for i in range(size))
    return x / (k + alpha / size * total) ** beta


def normalize(x: Tensor, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Tensor:
    """Return x / max(‖x‖_p, eps), the norm along `axis`; zeros stay zeros.

    Shapes: x of any shape to the same shape.
    """
    return x / maximum(vector_norm(x, p, axis, keepdims=True), eps)
