"""Convolution in two dimensions (strictly cross-correlation, as everywhere in deep learning).

Convolution y = x * w is linear in x and in w, so it closes into a ring of three ops: the
convolution, its input gradient and its weight gradient, each the others' rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_lite import kernels
from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "conv2d",
]

Pair = tuple[int, int]


def pair(value: int | Pair, name: str, subject: str, least: int) -> Pair:
    """Return `value` as (height, width), after checking it."""
    both = value if isinstance(value, tuple | list) else (value, value)
    whole = [isinstance(v, int | np.integer) and not isinstance(v, bool) for v in both]
    if len(both) != 2 or not all(whole) or min(both) < least:
        raise ArgumentError(
            message(
                subject,
                f"{name}={value!r} is not possible",
                fix=f"give one whole number from {least} on, or a pair (height, width) of them",
            )
        )
    return int(both[0]), int(both[1])


def output_size(size: Pair, kernel: Pair, stride: Pair, padding: Pair) -> Pair:
    """Return how many positions a window takes along each axis."""
    h, w = (
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    )
    return h, w


# -- windows: the reference that convolution and pooling share ------------------------------------


def _windows(x: Any, kernel: Pair, stride: Pair) -> Any:
    view = sliding_window_view(x, kernel, axis=(-2, -1))
    return view[..., :: stride[0], :: stride[1], :, :]


def _overlap_add(g: Any, size: Pair, stride: Pair) -> Any:
    *lead, oh, ow, kh, kw = g.shape
    out = np.zeros((*lead, *size), g.dtype)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + stride[0] * oh, stride[0])
            columns = slice(j, j + stride[1] * ow, stride[1])
            out[..., rows, columns] += g[..., i, j]
    return out


# each is the transpose of the other
_windows_op: Op = Op(
    "windows",
    _windows,
    lambda g, y, x, kernel, stride: _overlap_add_op(g, size=x.shape[-2:], stride=stride),
)
_overlap_add_op: Op = Op(
    "overlap_add",
    _overlap_add,
    lambda g, y, x, size, stride: _windows_op(g, kernel=x.shape[-2:], stride=stride),
)


def windows(x: ArrayLike, kernel: Pair, stride: Pair) -> Tensor:
    """Return every window of `x`: (..., H, W) to (..., OH, OW, KH, KW)."""
    return _windows_op(x, kernel=kernel, stride=stride)


def overlap_add(x: ArrayLike, size: Pair, stride: Pair) -> Tensor:
    """Add windows back into an image of `size`: the transpose of `windows`."""
    return _overlap_add_op(x, size=size, stride=stride)


# -- the ring -------------------------------------------------------------------------------------


def _padded(x: Any, padding: Pair) -> Any:
    (ph, pw), lead = padding, ((0, 0),) * (len(x.shape) - 2)
    return np.pad(x, (*lead, (ph, ph), (pw, pw))) if ph or pw else x


def _cropped(x: Any, padding: Pair) -> Any:
    ph, pw = padding
    return x[..., ph : x.shape[-2] - ph, pw : x.shape[-1] - pw] if ph or pw else x


def _forward(x: Any, w: Any, stride: Pair, padding: Pair) -> Any:
    return kernels.conv.forward(_padded(x, padding), np.ascontiguousarray(w), stride)


def _input_gradient(g: Any, w: Any, stride: Pair, padding: Pair, size: Pair) -> Any:
    padded = (size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    return _cropped(
        kernels.conv.input_gradient(
            np.ascontiguousarray(g), np.ascontiguousarray(w), stride, padded
        ),
        padding,
    )


def _weight_gradient(g: Any, x: Any, stride: Pair, padding: Pair, kernel: Pair) -> Any:
    return kernels.conv.weight_gradient(
        np.ascontiguousarray(g), _padded(x, padding), stride, kernel
    )


def _reference(x: Any, w: Any, stride: Pair, padding: Pair) -> Any:
    out_channels, _, kh, kw = w.shape
    patches = windows(_padded(x, padding), (kh, kw), stride).transpose(0, 2, 3, 1, 4, 5)
    n, oh, ow, *inner = patches.shape
    rows = patches.reshape((n * oh * ow, inner[0] * kh * kw))
    y = rows @ w.reshape((out_channels, -1)).T
    return y.reshape((n, oh, ow, out_channels)).transpose(0, 3, 1, 2)


def _input_gradient_reference(g: Any, w: Any, stride: Pair, padding: Pair, size: Pair) -> Any:
    n, _, oh, ow = g.shape
    out_channels, in_channels, kh, kw = w.shape
    rows = g.transpose(0, 2, 3, 1).reshape((n * oh * ow, out_channels))
    patches = (rows @ w.reshape((out_channels, -1))).reshape((n, oh, ow, in_channels, kh, kw))
    padded = (size[0] + 2 * padding[0], size[1] + 2 * padding[1])
    return _cropped(overlap_add(patches.transpose(0, 3, 1, 2, 4, 5), padded, stride), padding)


def _weight_gradient_reference(g: Any, x: Any, stride: Pair, padding: Pair, kernel: Pair) -> Any:
    out_channels, in_channels = g.shape[1], x.shape[1]
    patches = windows(_padded(x, padding), kernel, stride).transpose(0, 2, 3, 1, 4, 5)
    n, oh, ow, *_ = patches.shape
    rows = g.transpose(1, 0, 2, 3).reshape((out_channels, n * oh * ow))
    columns = patches.reshape((n * oh * ow, in_channels * kernel[0] * kernel[1]))
    return (rows @ columns).reshape((out_channels, in_channels, *kernel))


_conv2d: Op = Op(
    "conv2d",
    _forward,
    (
        lambda g, y, x, w, stride, padding: _conv2d_input(
            g, w, stride=stride, padding=padding, size=x.shape[2:]
        ),
        lambda g, y, x, w, stride, padding: _conv2d_weight(
            g, x, stride=stride, padding=padding, kernel=w.shape[2:]
        ),
    ),
    reference=_reference,
)
_conv2d_input: Op = Op(
    "conv2d_input",
    _input_gradient,
    (
        lambda g, y, gy, w, stride, padding, size: _conv2d(g, w, stride=stride, padding=padding),
        lambda g, y, gy, w, stride, padding, size: _conv2d_weight(
            gy, g, stride=stride, padding=padding, kernel=w.shape[2:]
        ),
    ),
    reference=_input_gradient_reference,
)
_conv2d_weight: Op = Op(
    "conv2d_weight",
    _weight_gradient,
    (
        lambda g, y, gy, x, stride, padding, kernel: _conv2d(x, g, stride=stride, padding=padding),
        lambda g, y, gy, x, stride, padding, kernel: _conv2d_input(
            gy, g, stride=stride, padding=padding, size=x.shape[2:]
        ),
    ),
    reference=_weight_gradient_reference,
)


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
) -> Tensor:
    """Slide `weight` over the images `x`.

    y[n, o, i, j] = bias[o] + Σ_cuv x[n, c, i s + u - p, j s + v - p] weight[o, c, u, v]

    Shapes: x (N, C, H, W), weight (O, C, KH, KW), bias (O,) to (N, O, OH, OW), where
    OH = (H + 2 p - KH) // s + 1.

    Raises:
        ShapeError: channels differ, or the kernel is larger than the padded image.
        ArgumentError: stride below 1 or negative padding.
    """
    stride, padding = pair(stride, "stride", "conv2d", 1), pair(padding, "padding", "conv2d", 0)
    check_images("conv2d", x, weight, stride, padding)
    y = _conv2d(x, weight, stride=stride, padding=padding)
    return y if bias is None else y + bias.reshape((-1, 1, 1))


def check_images(subject: str, x: Any, weight: Any, stride: Pair, padding: Pair) -> None:
    """Raise ShapeError unless `x` are images that `weight` can slide over."""
    operands = {"x": x, "weight": weight}
    if len(x.shape) != 4:
        raise ShapeError(
            message(subject, "images must be (N, C, H, W)", operands, fix="add the missing axes")
        )
    if x.shape[1] != weight.shape[1]:
        last = x.shape[3] == weight.shape[1]
        fix = (
            "x seems to be (N, H, W, C): x.transpose(0, 3, 1, 2)"
            if last
            else f"give x {weight.shape[1]} channels (axis 1)"
        )
        raise ShapeError(
            message(
                subject,
                f"x has {x.shape[1]} channels where weight takes {weight.shape[1]}",
                operands,
                fix=fix,
            )
        )
    check_window(subject, x, weight.shape[2:], stride, padding)


def check_window(subject: str, x: Any, kernel: Pair, stride: Pair, padding: Pair) -> None:
    """Raise ShapeError unless the window fits into the padded image."""
    if min(output_size(x.shape[2:], kernel, stride, padding)) < 1:
        raise ShapeError(
            message(
                subject,
                f"a window of {tuple(kernel)} does not fit into an image of {tuple(x.shape[2:])} "
                f"with padding {padding}",
                {"x": x},
                fix="use a smaller kernel, more padding, or larger images",
            )
        )
