"""Convolution over one, two or three axes (strictly cross-correlation, as everywhere in deep
learning), and its transpose.

Convolution y = x * w is linear in x and in w, so it closes into a ring of three ops: the
convolution, its input gradient and its weight gradient, each the others' rule.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_lite import kernels
from tinygrad_lite.broadcast import shape_of
from tinygrad_lite.errors import ArgumentError, DTypeError, ShapeError, message
from tinygrad_lite.op import FLOATS, OBJECT, Op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
]

# a number for each spatial axis
Sizes = tuple[int, ...]
Pair = tuple[int, int]
# places added to an axis: as many on both sides, or (before, after)
Border = int | tuple[int, int]
Padding = int | Sizes | Literal["same", "valid"]

# how many spatial axes: their names
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}

# -- geometry -------------------------------------------------------------------------------------


def numbers(value: int | Sizes, name: str, subject: str, least: int, axes: int) -> Sizes:
    """Return `value` as one whole number for each of the spatial axes, after checking it."""
    several = tuple(value) if isinstance(value, tuple | list) else (value,) * axes
    whole = [isinstance(v, int | np.integer) and not isinstance(v, bool) for v in several]
    if len(several) != axes or not all(whole) or min(several) < least:
        raise ArgumentError(
            message(
                subject,
                f"{name}={value!r} is not possible",
                fix=f"give one whole number from {least} on, or a tuple of them, for "
                + " and ".join(AXES[axes]),
            )
        )
    return tuple(map(int, several))


def pair(value: int | Pair, name: str, subject: str, least: int) -> Pair:
    """Return `value` as (height, width), after checking it."""
    height, width = numbers(value, name, subject, least, 2)
    return height, width


def borders(
    subject: str, padding: Padding, kernel: Sizes, stride: Sizes, dilation: Sizes
) -> list[tuple[int, int]]:
    """Return how many places `padding` adds (before, after) each axis, after checking it."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        if max(stride) > 1:
            raise ArgumentError(
                message(
                    subject,
                    f"padding='same' is not possible with stride {stride}",
                    fix="use stride 1, or give the padding in numbers",
                )
            )
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    if isinstance(padding, str):
        raise ArgumentError(
            message(
                subject,
                f"padding={padding!r} is not possible",
                fix="choose 'same', 'valid', or numbers",
            )
        )
    return [(p, p) for p in numbers(padding, "padding", subject, 0, len(kernel))]


def reach_of(kernel: Sizes, dilation: Sizes) -> Sizes:
    """Return from where to where a window extends along each axis, gaps included."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))


def output_size(
    size: Sizes,
    kernel: Sizes,
    stride: Sizes,
    padding: Sequence[Border],
    dilation: Sizes | None = None,
) -> Sizes:
    """Return how many positions a window takes along each axis."""
    reach = reach_of(kernel, dilation) if dilation else kernel
    added = [2 * p if isinstance(p, int) else sum(p) for p in padding]
    return tuple(
        (n + p - k) // s + 1 for n, k, s, p in zip(size, reach, stride, added, strict=True)
    )


def check_window(
    subject: str,
    x: Any,
    kernel: Sizes,
    stride: Sizes,
    padding: Sequence[Border],
    dilation: Sizes | None = None,
) -> Sizes:
    """Return the output's size; raise ShapeError unless the window fits into the padded image."""
    size = output_size(x.shape[2:], kernel, stride, padding, dilation)
    if min(size) < 1 or min(kernel) < 1:
        spaced = f" with dilation {dilation}" if dilation and max(dilation) > 1 else ""
        added = tuple(p if isinstance(p, int) or p[0] != p[1] else p[0] for p in padding)
        raise ShapeError(
            message(
                subject,
                f"a window of {tuple(kernel)}{spaced} does not fit into an image of "
                f"{tuple(x.shape[2:])} with padding {added}",
                {"x": x},
                fix="use a smaller kernel, more padding, or larger images",
            )
        )
    return size


# -- windows: the reference that convolution and pooling share ------------------------------------


def _windows(x: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    axes = tuple(range(-len(kernel), 0))
    view = sliding_window_view(x, reach_of(kernel, dilation), axis=axes)
    steps: tuple[Any, ...] = tuple(slice(None, None, step) for step in stride + dilation)
    return view[(..., *steps)]


def _overlap_add(g: Any, size: Sizes, stride: Sizes, dilation: Sizes) -> Any:
    axes = len(size)
    counts, kernel = g.shape[-2 * axes : -axes], g.shape[-axes:]
    out: Any = np.zeros((*g.shape[: -2 * axes], *size), g.dtype)
    for tap in np.ndindex(kernel):
        first = [u * d for u, d in zip(tap, dilation, strict=True)]
        places = [slice(f, f + s * n, s) for f, s, n in zip(first, stride, counts, strict=True)]
        out[(..., *places)] += g[(..., *tap)]
    return out


# each is the transpose of the other
_windows_op: Op = Op(
    "windows",
    _windows,
    lambda g, y, x, kernel, **steps: _overlap_add_op(g, size=x.shape[-len(kernel) :], **steps),
)
_overlap_add_op: Op = Op(
    "overlap_add",
    _overlap_add,
    lambda g, y, x, size, **steps: _windows_op(g, kernel=x.shape[-len(size) :], **steps),
)


def windows(x: ArrayLike, kernel: Sizes, stride: Sizes, dilation: Sizes | None = None) -> Tensor:
    """Return every window of `x`: (..., H, W) to (..., OH, OW, KH, KW), whatever the axes."""
    return _windows_op(x, kernel=kernel, stride=stride, dilation=dilation or (1,) * len(kernel))


def overlap_add(x: ArrayLike, size: Sizes, stride: Sizes, dilation: Sizes | None = None) -> Tensor:
    """Add windows back into an image of `size`: the transpose of `windows`."""
    return _overlap_add_op(x, size=size, stride=stride, dilation=dilation or (1,) * len(size))


# -- the ring by kernels --------------------------------------------------------------------------

_OF_NO_AXIS = {"stride": 1, "padding": 0, "dilation": 1}


def _in_three(x: Any) -> Any:
    """Put axes of length 1 in front of the spatial ones: kernels know only three."""
    return x.reshape((*x.shape[:2], *(1,) * (5 - x.ndim), *x.shape[2:]))


def _all_in_three(groups: int, **numbers: Sizes) -> dict[str, Any]:
    lifted = {name: (_OF_NO_AXIS[name],) * (3 - len(n)) + n for name, n in numbers.items()}
    return {"groups": groups, **lifted}


def _forward(x: Any, weight: Any, bias: Any = None, *, size: Sizes, **how: Any) -> Any:
    y = np.empty((len(x), len(weight), *size), x.dtype)
    lifted = _in_three(x), _in_three(weight), bias, _in_three(y)
    kernels.conv.forward(*lifted, **_all_in_three(**how))
    return y


def _input_gradient(g: Any, weight: Any, *, size: Sizes, groups: int, **how: Any) -> Any:
    dx = np.empty((len(g), weight.shape[1] * groups, *size), g.dtype)
    lifted = _in_three(g), _in_three(weight), _in_three(dx)
    kernels.conv.input_gradient(*lifted, **_all_in_three(groups, **how))
    return dx


def _weight_gradient(g: Any, x: Any, *, kernel: Sizes, groups: int, **how: Any) -> Any:
    dw = np.empty((g.shape[1], x.shape[1] // groups, *kernel), g.dtype)
    lifted = _in_three(g), _in_three(x), _in_three(dw)
    kernels.conv.weight_gradient(*lifted, **_all_in_three(groups, **how))
    return dw


# -- the ring by windows and a product, of which each group has its own ---------------------------
#
# As matrices: images of y (groups, places, outer), windows of x (groups, places, inner), weights
# (groups, outer, inner), where places are those of all images, and inner are the channels of a
# group at all places of a window.


def _reference(x: Any, weight: Any, bias: Any = None, *, size: Sizes, **how: Any) -> Any:
    columns = _columns(x, weight.shape[2:], size, **how)
    y = columns @ _filters(weight, how["groups"]).swapaxes(1, 2)
    y = _images(y, len(x), size)
    return y if bias is None else y + bias.reshape((-1, *(1,) * len(size)))


def _input_gradient_reference(
    g: Any,
    weight: Any,
    *,
    size: Sizes,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes,
    groups: int,
) -> Any:
    n, _, *counts = g.shape
    kernel, axes = weight.shape[2:], len(size)
    columns = _rows(g, groups) @ _filters(weight, groups)
    patches = columns.reshape((groups, n, *counts, weight.shape[1], *kernel))
    patches = np.moveaxis(patches, (1, 0, 2 + axes), (0, 1, 2))
    patches = patches.reshape((n, groups * weight.shape[1], *counts, *kernel))
    image = overlap_add(patches, _spanned(counts, kernel, stride, dilation), stride, dilation)
    return _cut(image, padding, size)


def _weight_gradient_reference(g: Any, x: Any, *, kernel: Sizes, groups: int, **how: Any) -> Any:
    columns = _columns(x, kernel, g.shape[2:], groups=groups, **how)
    dw = _rows(g, groups).swapaxes(1, 2) @ columns
    return dw.reshape((g.shape[1], x.shape[1] // groups, *kernel))


def _columns(
    x: Any, kernel: Sizes, size: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, groups: int
) -> Any:
    """Return the windows of images as matrices (groups, places, inner)."""
    n, channels, *_ = x.shape
    begin = tuple(-p for p in padding)
    image = _cut(x, begin, _spanned(size, kernel, stride, dilation))
    patches: Any = windows(image, kernel, stride, dilation)
    patches = patches.reshape((n, groups, channels // groups, *size, *kernel))
    patches = np.moveaxis(patches, (1, 0, 2), (0, 1, 2 + len(size)))
    inner = channels // groups * math.prod(kernel)
    return patches.reshape((groups, n * math.prod(size), inner))


def _filters(weight: Any, groups: int) -> Any:
    """Return weights as matrices (groups, outer, inner)."""
    outer, *inner = weight.shape
    return weight.reshape((groups, outer // groups, math.prod(inner)))


def _rows(y: Any, groups: int) -> Any:
    """Return images as matrices (groups, places, outer)."""
    n, channels, *size = y.shape
    parts = y.reshape((n, groups, channels // groups, math.prod(size)))
    return parts.transpose(1, 0, 3, 2).reshape((groups, n * math.prod(size), channels // groups))


def _images(rows: Any, n: int, size: Sizes) -> Any:
    """Return the images of such matrices: the inverse of `_rows`."""
    groups, _, outer = rows.shape
    parts = rows.reshape((groups, n, math.prod(size), outer)).transpose(1, 0, 3, 2)
    return parts.reshape((n, groups * outer, *size))


def _spanned(count: Sequence[int], kernel: Sizes, stride: Sizes, dilation: Sizes) -> Sizes:
    """Return over how many places so many windows extend."""
    reach = reach_of(kernel, dilation)
    return tuple((n - 1) * s + k for n, s, k in zip(count, stride, reach, strict=True))


def _cut(x: Any, begin: Sizes, size: Sizes) -> Any:
    """Return the places from `begin` on, which may lie outside of `x`: there it is zero."""
    places, widths = [], [(0, 0), (0, 0)]
    for n, first, length in zip(x.shape[2:], begin, size, strict=True):
        start, stop = (min(max(at, 0), n) for at in (first, first + length))
        before = min(max(-first, 0), length)
        places.append(slice(start, stop))
        widths.append((before, length - before - (stop - start)))
    x = x[(..., *places)]
    return np.pad(x, widths) if np.any(widths) else x


# -- the ring -------------------------------------------------------------------------------------

# the gradient of the bias: each channel summed over all images and places
_channel_sum: Op = Op(
    "channel_sum",
    lambda x: kernels.conv.bias_gradient(_in_three(x)),
    lambda g, y, x: np.broadcast_to(g.reshape((-1, *(1,) * (x.ndim - 2))), x.shape),
    reference=lambda x: x.sum(axis=(0, *range(2, x.ndim))),
)


def _ring(axes: int) -> tuple[Op, Op, Op]:
    """Return convolution over so many axes, its input gradient, and its weight gradient.

    Their parameters are one number for each axis: the `size` of the result's images (or `kernel`),
    `stride`, `padding` (in front only: what stands behind follows from the sizes) and `dilation`;
    and the number of `groups`.
    """
    conv: Op = Op(
        f"conv{axes}d",
        _forward,
        (
            lambda g, y, x, w, *b, size, **how: conv_input(g, w, size=x.shape[2:], **how),
            lambda g, y, x, w, *b, size, **how: conv_weight(g, x, kernel=w.shape[2:], **how),
            lambda g, y, x, w, b, **how: _channel_sum(g),
        ),
        reference=_reference,
    )
    conv_input: Op = Op(
        f"conv{axes}d_input",
        _input_gradient,
        (
            lambda g, y, gy, w, size, **how: conv(g, w, size=gy.shape[2:], **how),
            lambda g, y, gy, w, size, **how: conv_weight(gy, g, kernel=w.shape[2:], **how),
        ),
        reference=_input_gradient_reference,
    )
    conv_weight: Op = Op(
        f"conv{axes}d_weight",
        _weight_gradient,
        (
            lambda g, y, gy, x, kernel, **how: conv(x, g, size=gy.shape[2:], **how),
            lambda g, y, gy, x, kernel, **how: conv_input(gy, g, size=x.shape[2:], **how),
        ),
        reference=_weight_gradient_reference,
    )
    return conv, conv_input, conv_weight


_conv1d, _conv1d_input, _conv1d_weight = _ring(1)
_conv2d, _conv2d_input, _conv2d_weight = _ring(2)
_conv3d, _conv3d_input, _conv3d_weight = _ring(3)

# -- what users call ------------------------------------------------------------------------------


def conv1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sizes = 1,
    padding: Padding = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` over the sequences `x`.

    y[n, o, i] = bias[o] + Σ_cu x[n, c, i s + u d - p] weight[o, c, u]

    Shapes: x (N, C, L), weight (O, C / groups, KL), bias (O,) to (N, O, OL), where
    OL = (L + 2 p - d (KL - 1) - 1) // s + 1. See `conv2d` for the arguments and errors.
    """
    return _convolve(_conv1d, 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sizes = 1,
    padding: Padding = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` over the images `x`.

    y[n, o, i, j] = bias[o] + Σ_cuv x[n, c, i s + u d - p, j s + v d - p] weight[o, c, u, v]

    Shapes: x (N, C, H, W), weight (O, C / groups, KH, KW), bias (O,) to (N, O, OH, OW), where
    OH = (H + 2 p - d (KH - 1) - 1) // s + 1.

    Args:
        x: images, their channels first.
        weight: filters.
        bias: what each filter adds.
        stride: s, the step from one window to the next; one number, or one for each axis.
        padding: p, zeros on each side of an axis; or "valid", none, or "same", as many as let
            the result be of x's size (if their number is odd, the last one is behind).
        dilation: d, the distance between the places of a window.
        groups: into how many parts channels and filters are divided, each seeing only its own.

    Raises:
        ShapeError: x, weight or bias have other axes, channels differ, or the window is larger than
            the padded image.
        ArgumentError: stride or dilation below 1, negative padding, groups that do not divide the
            channels and filters, "same" with a stride.
        DTypeError: x is not of floats.
    """
    return _convolve(_conv2d, 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sizes = 1,
    padding: Padding = 0,
    dilation: int | Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide `weight` over the volumes, or films, `x`.

    y[n, o, i] = bias[o] + Σ_cu x[n, c, i s + u d - p] weight[o, c, u]; i and u have three parts

    Shapes: x (N, C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O,) to (N, O, OD, OH, OW),
    where OD = (D + 2 p - d (KD - 1) - 1) // s + 1. See `conv2d` for the arguments and errors.
    """
    return _convolve(_conv3d, 3, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Let each place of the sequences `x` add a copy of `weight`: the transpose of `conv1d`.

    y[n, o, i s + u d - p] = bias[o] + Σ_ciu x[n, c, i] weight[c, o, u]

    Shapes: x (N, C, L), weight (C, O / groups, KL), bias (O,) to (N, O, OL), where
    OL = (L - 1) s - 2 p + d (KL - 1) + output_padding + 1. See `conv_transpose2d`.
    """
    how = stride, padding, output_padding, groups, dilation
    return _transpose(_conv1d_input, 1, x, weight, bias, *how)


def conv_transpose2d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sizes = 1,
    padding: int | Sizes = 0,
    output_padding: int | Sizes = 0,
    groups: int = 1,
    dilation: int | Sizes = 1,
) -> Tensor:
    """Let each place of the images `x` add a copy of `weight`: the transpose of `conv2d`.

    y[n, o, i s + u d - p, j s + v d - p] = bias[o] + Σ_cijuv x[n, c, i, j] weight[c, o, u, v]

    Shapes: x (N, C, H, W), weight (C, O / groups, KH, KW), bias (O,) to (N, O, OH, OW), where
    OH = (H - 1) s - 2 p + d (KH - 1) + output_padding + 1.

    Args:
        x: images, their channels first.
        weight: what a place becomes, of each of its channels.
        bias: what is added to each channel of the result.
        stride: s, the distance of the copies; one number, or one for each axis.
        padding: p, how many places are cut off on each side of an axis.
        output_padding: how many more places the result has behind: `conv2d` makes (H, W) of
            several sizes, of which 0 stands for the smallest.
        groups: into how many parts the channels are divided, each seeing only its own.
        dilation: d, the distance between the places of a copy.

    Raises:
        ShapeError: x, weight or bias have other axes, channels differ, or nothing is left.
        ArgumentError: stride or dilation below 1, negative padding, `output_padding` not smaller
            than the larger of stride and dilation, groups that do not divide the channels.
        DTypeError: x is not of floats.
    """
    how = stride, padding, output_padding, groups, dilation
    return _transpose(_conv2d_input, 2, x, weight, bias, *how)


def _convolve(
    op: Op,
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: int | Sizes,
    padding: Padding,
    dilation: int | Sizes,
    groups: int,
) -> Tensor:
    asked = stride, padding, dilation, groups
    shapes = x.dtype, x.shape, weight.shape, None if bias is None else shape_of(bias)
    key = op, *shapes, *asked, *map(type, asked)
    try:
        how = _fitting.get(key)
    except TypeError:  # a list cannot be looked up
        key, how = None, None  # type: ignore[assignment]
    if how is None:
        how = _fit(op.name, axes, x, weight, bias, *asked)
        if len(_fitting) >= _MANY:
            _fitting.clear()
        if key is not None:
            _fitting[key] = how
    return op(*(x, weight) if bias is None else (x, weight, bias), **how)


# The checks of a call take as long as a small convolution: what fits is known when it comes again.
_fitting: dict[Any, dict[str, Any]] = {}
_MANY = 1024


def _fit(
    subject: str,
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: int | Sizes,
    padding: Padding,
    dilation: int | Sizes,
    groups: int,
) -> dict[str, Any]:
    """Return the parameters of the op, after checking that everything fits together."""
    steps = numbers(stride, "stride", subject, 1, axes)
    spacing = numbers(dilation, "dilation", subject, 1, axes)
    _check_operands(subject, axes, x, weight, groups, "O, C / groups")
    _check_channels(subject, x, weight, bias, groups, weight.shape[1] * groups, len(weight))
    kernel = weight.shape[2:]
    around = borders(subject, padding, kernel, steps, spacing)
    return {
        "size": check_window(subject, x, kernel, steps, around, spacing),
        "stride": steps,
        "padding": tuple(before for before, _ in around),
        "dilation": spacing,
        "groups": int(groups),
    }


def _transpose(
    op: Op,
    axes: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: int | Sizes,
    padding: int | Sizes,
    output_padding: int | Sizes,
    groups: int,
    dilation: int | Sizes,
) -> Tensor:
    subject = f"conv_transpose{axes}d"
    steps = numbers(stride, "stride", subject, 1, axes)
    spacing = numbers(dilation, "dilation", subject, 1, axes)
    border = numbers(padding, "padding", subject, 0, axes)
    more = numbers(output_padding, "output_padding", subject, 0, axes)
    check_output_padding(subject, more, steps, spacing)
    _check_operands(subject, axes, x, weight, groups, "C, O / groups")
    _check_channels(subject, x, weight, bias, groups, len(weight), weight.shape[1] * groups)
    whole = _spanned(x.shape[2:], weight.shape[2:], steps, spacing)
    size = tuple(n - 2 * p + o for n, p, o in zip(whole, border, more, strict=True))
    if min(*size, *x.shape[2:], *weight.shape[2:]) < 1:
        raise ShapeError(
            message(
                subject,
                f"the result would be of size {size}",
                {"x": x, "weight": weight},
                fix="use less padding, a larger kernel, or larger images",
            )
        )
    how = {"stride": steps, "padding": border, "dilation": spacing, "groups": int(groups)}
    y = op(x, weight, size=size, **how)
    return y if bias is None else y + bias.reshape((-1, *(1,) * axes))


def check_output_padding(subject: str, more: Sizes, stride: Sizes, dilation: Sizes) -> None:
    """Raise ArgumentError if two sizes of the result's images would stand for the same one."""
    limits = tuple(map(max, stride, dilation))
    if any(o >= limit for o, limit in zip(more, limits, strict=True)):
        raise ArgumentError(
            message(
                subject,
                f"output_padding={more} is not possible",
                fix=f"keep it below the larger of stride and dilation, {limits}",
            )
        )


def _check_operands(
    subject: str, axes: int, x: Any, weight: Any, groups: int, filters: str
) -> None:
    """Raise unless `x` are images of floats, and `weight` are `filters` for so many groups."""
    operands = {"x": x, "weight": weight}
    if x.dtype not in FLOATS and x.dtype != OBJECT:
        raise DTypeError(
            message(
                subject,
                "images must be of float32 or float64",
                operands,
                fix="convert them: x.astype('float32'), and divide bytes by 255",
            )
        )
    places = [name[0].upper() for name in AXES[axes]]
    if len(x.shape) != axes + 2:
        shape = f"(N, C, {', '.join(places)})"
        raise ShapeError(
            message(subject, f"images must be {shape}", operands, fix="add the missing axes")
        )
    if len(weight.shape) != axes + 2:
        shape = f"({filters}, {', '.join('K' + p for p in places)})"
        raise ShapeError(
            message(subject, f"weight must be {shape}", operands, fix="reshape weight")
        )
    whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if not whole or groups < 1 or len(weight) % groups:
        raise ArgumentError(
            message(
                subject,
                f"groups={groups!r} is not possible",
                operands,
                fix=f"give a whole number that divides {len(weight)}, the length of weight",
            )
        )


def _check_channels(
    subject: str, x: Any, weight: Any, bias: Any, groups: int, taken: int, made: int
) -> None:
    """Raise ShapeError unless `x` has as many channels as are taken, and `bias` as are made."""
    operands = {"x": x, "weight": weight}
    if x.shape[1] != taken:
        last = x.shape[-1] == taken
        order = (0, len(x.shape) - 1, *range(1, len(x.shape) - 1))
        raise ShapeError(
            message(
                subject,
                f"x has {x.shape[1]} channels where weight takes "
                + (f"{taken // groups} in each of {groups} groups" if groups > 1 else f"{taken}"),
                operands,
                fix=f"x seems to have its channels last: x.transpose{order}"
                if last
                else f"give x {taken} channels (axis 1)",
            )
        )
    if bias is not None and shape_of(bias) != (made,):
        raise ShapeError(
            message(
                subject,
                f"bias must be ({made},), a number for each channel of the result",
                operands | {"bias": bias},
                fix="make a bias of that shape, or leave it out",
            )
        )
