"""Functions that move or resample the places of images, under PyTorch's names.

All are linear maps, composed of ops whose rules are their transposes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.ops import shape as shapes
from tinygrad_lite.ops.conv import Pair, check_window, overlap_add, pair, windows
from tinygrad_lite.ops.conv import output_size as window_count

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "fold",
    "interpolate",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]

# -- borders --------------------------------------------------------------------------------------

_NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(
    x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Surround `x` with `value` or with places of its own; negative widths crop.

    Args:
        x: of any shape.
        pad: (before, after) of the last axis, then of the last but one, and so on.
        mode: "constant", or where to take the new places from: "reflect" (the mirror image, without
            the border itself), "replicate" (the border) or "circular" (the other end).
        value: what "constant" adds, 0 by default.

    Raises:
        ArgumentError: another mode, or `pad` is not of pairs.
        ShapeError: x has too few axes, or too few places to reflect or to go round.
    """
    if mode != "constant" and mode not in _NUMPY_MODES:
        raise ArgumentError(
            message(
                "pad",
                f"unknown mode {mode!r}",
                {"x": x},
                fix="use constant, reflect, replicate or circular",
            )
        )
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ArgumentError(
            message(
                "pad",
                f"pad={pad!r} is not a pair for each of the last axes",
                {"x": x},
                fix="give (before, after) of the last axis, then of the last but one",
            )
        )
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    if mode == "constant":
        inner = tuple(
            slice(max(0, -lo), max(0, n - max(0, -hi)))
            for (lo, hi), n in zip(widths, x.shape, strict=True)
        )
        widths = [(max(0, lo), max(0, hi)) for lo, hi in widths]
        return shapes.pad(x[inner], widths, constant_values=value or 0.0)
    for axis, (lo, hi) in enumerate(widths):
        if lo or hi:
            places = _outer_places(x, axis, lo, hi, mode)
            x = x[(slice(None),) * axis + (places,)]
    return x


def _outer_places(x: Any, axis: int, lo: int, hi: int, mode: str) -> np.ndarray:
    """Return which places of `axis` the padded axis takes, from first to last."""
    n = x.shape[axis]
    most = {"reflect": n - 1, "replicate": math.inf if n else 0, "circular": n}[mode]
    if max(lo, hi) > most:
        raise ShapeError(
            message(
                "pad",
                f"mode {mode!r} cannot add ({lo}, {hi}) places to axis {axis} of length {n}",
                {"x": x},
                fix=f"pad by {most} at most, or choose another mode",
            )
        )
    added = np.pad(np.arange(n), (max(0, lo), max(0, hi)), mode=_NUMPY_MODES[mode])  # type: ignore[call-overload]
    return added[max(0, -lo) : len(added) - max(0, -hi)]


# -- sizes ----------------------------------------------------------------------------------------

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


def interpolate(
    x: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Resample images to another size: multiply each spatial axis by a matrix.

    Shapes: (N, C, L), (N, C, H, W) or (N, C, D, H, W).

    Args:
        x: the images.
        size: the new lengths of the spatial axes, or one for all of them.
        scale_factor: or what to multiply the lengths by; the result is rounded down.
        mode: "nearest", or "linear", "bilinear", "trilinear" for one, two, three spatial axes.
        align_corners: let the outermost places (their centres) keep their positions, instead of
            the outer borders of the images; not for "nearest".

    Raises:
        ShapeError: x is not of such a shape.
        ArgumentError: not exactly one of `size` and `scale_factor`, of one number or one for each
            axis, giving lengths from 1 on; or a mode that x has not.
    """
    if x.ndim not in _LINEAR or min(x.shape[2:]) < 1:
        raise ShapeError(
            message(
                "interpolate",
                "x must be (N, C, ...) with one to three axes of places, none of them empty",
                {"x": x},
                fix="add the missing axes",
            )
        )
    if mode not in ("nearest", _LINEAR[x.ndim]) or (mode == "nearest" and align_corners):
        raise ArgumentError(
            message(
                "interpolate",
                f"mode={mode!r}, align_corners={align_corners} is not possible for {x.ndim} axes",
                {"x": x},
                fix=f"use nearest, or {_LINEAR[x.ndim]} for such x",
            )
        )
    for axis, (new, step) in enumerate(_lengths_and_steps(x, size, scale_factor), start=2):
        matrix = _resampling(x.shape[axis], new, step, mode, bool(align_corners))
        x = (x.swapaxes(axis, -1) @ matrix.T.astype(x.dtype)).swapaxes(axis, -1)
    return x


def _lengths_and_steps(x: Any, size: Any, scale_factor: Any) -> list[tuple[int, float]]:
    """Return each spatial axis' new length, and how far apart its places are in the old one."""
    old = x.shape[2:]
    given = size if scale_factor is None else scale_factor
    values = list(given) if isinstance(given, tuple | list) else [given] * len(old)
    found = []
    if (size is None) != (scale_factor is None) and len(values) == len(old) and min(values) > 0:
        for length, value in zip(old, values, strict=True):
            if scale_factor is None:
                found.append((value, length / value))
            else:
                found.append((math.floor(length * value), 1.0 / value))
    if not found or min(found)[0] < 1:
        raise ArgumentError(
            message(
                "interpolate",
                f"size={size!r}, scale_factor={scale_factor!r} is not possible",
                {"x": x},
                fix="give one of them: one number, or one for each axis of places",
            )
        )
    return found


def _resampling(n: int, m: int, step: float, mode: str, align_corners: bool) -> np.ndarray:
    """Return the (m, n) matrix of weights from n old places to m new ones, `step` apart."""
    if mode == "nearest":
        before, share = np.minimum(np.floor(np.arange(m) * step), n - 1), np.zeros(m)
    else:
        if align_corners:
            position = np.arange(m) * ((n - 1) / max(m - 1, 1))
        else:
            position = np.clip((np.arange(m) + 0.5) * step - 0.5, 0.0, None)
        position = np.minimum(position, n - 1)
        before = np.floor(position)
        share = position - before
    distance = np.arange(n) - before[:, None]
    return np.where(distance == 0, 1.0 - share[:, None], (distance == 1) * share[:, None])


# -- windows --------------------------------------------------------------------------------------


def unfold(
    x: Tensor,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Lay every window of an image into a column ("im2col").

    Shapes: x (N, C, H, W) to (N, C KH KW, OH OW), or both without N.

    Raises:
        ShapeError: x are no images, or smaller than a window.
        ArgumentError: a size or step below 1, or negative padding.
    """
    if x.ndim == 3:
        return unfold(x[None], kernel_size, dilation, padding, stride)[0]
    if x.ndim != 4:
        raise ShapeError(message("unfold", "x must be (N, C, H, W)", {"x": x}, fix="add axes to x"))
    kernel, spacing, border, steps = _window("unfold", kernel_size, dilation, padding, stride)
    rows, columns = check_window("unfold", x, kernel, steps, border, spacing)
    (ph, pw), (n, c) = border, x.shape[:2]
    patches = windows(pad(x, (pw, pw, ph, ph)), kernel, steps, spacing)
    return patches.transpose(0, 1, 4, 5, 2, 3).reshape(
        (n, c * kernel[0] * kernel[1], rows * columns)
    )


def fold(
    x: Tensor,
    output_size: int | Pair,
    kernel_size: int | Pair,
    dilation: int | Pair = 1,
    padding: int | Pair = 0,
    stride: int | Pair = 1,
) -> Tensor:
    """Add windows that lie in columns back into an image: the transpose of `unfold`.

    Shapes: x (N, C KH KW, OH OW) to (N, C, H, W), where (H, W) is `output_size`; or both
    without N.

    Raises:
        ShapeError: x has not as many rows and columns as windows of such images.
        ArgumentError: a size or step below 1, or negative padding.
    """
    if x.ndim == 2:
        return fold(x[None], output_size, kernel_size, dilation, padding, stride)[0]
    kernel, spacing, (ph, pw), steps = _window("fold", kernel_size, dilation, padding, stride)
    height, width = pair(output_size, "output_size", "fold", 1)
    rows, columns = window_count((height, width), kernel, steps, (ph, pw), spacing)
    area = kernel[0] * kernel[1]
    if x.ndim != 3 or x.shape[1] % area or min(rows, columns) < 1 or x.shape[2] != rows * columns:
        raise ShapeError(
            message(
                "fold",
                f"x must be (N, C * {area}, {max(rows, 0)} * {max(columns, 0)}) for windows of "
                f"{kernel} in images of {(height, width)}",
                {"x": x},
                fix="give fold the arguments of the unfold that made x",
            )
        )
    n, c = len(x), x.shape[1] // area
    patches = x.reshape((n, c, *kernel, rows, columns)).transpose(0, 1, 4, 5, 2, 3)
    image = overlap_add(patches, (height + 2 * ph, width + 2 * pw), steps, spacing)
    return pad(image, (-pw, -pw, -ph, -ph))


def _window(
    subject: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Pair, Pair, Pair, Pair]:
    """Return kernel, dilation, padding and stride as pairs."""
    kernel = pair(kernel_size, "kernel_size", subject, 1)
    spacing = pair(dilation, "dilation", subject, 1)
    border, steps = pair(padding, "padding", subject, 0), pair(stride, "stride", subject, 1)
    return kernel, spacing, border, steps


# -- channels and places --------------------------------------------------------------------------


def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Turn groups of r² channels into squares of r × r places (Shi et al., 2016, eq. 4).

    Shapes: (..., C r², H, W) to (..., C, H r, W r).

    Raises:
        ShapeError: the channels are no multiple of r².
    """
    r = upscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-3] % r**2:
        raise ShapeError(
            message(
                "pixel_shuffle",
                f"x must be (..., C * {r}², H, W)",
                {"x": x},
                fix=f"give x a multiple of {r**2} channels (axis -3)",
            )
        )
    *lead, c, h, w = x.shape
    i = len(lead)
    parts = x.reshape((*lead, c // r**2, r, r, h, w))
    order = (*range(i + 1), i + 3, i + 1, i + 4, i + 2)
    return parts.transpose(order).reshape((*lead, c // r**2, h * r, w * r))


def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Turn squares of r × r places into r² channels: the inverse of `pixel_shuffle`.

    Shapes: (..., C, H r, W r) to (..., C r², H, W).

    Raises:
        ShapeError: height or width are no multiples of r.
    """
    r = downscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise ShapeError(
            message(
                "pixel_unshuffle",
                f"x must be (..., C, H * {r}, W * {r})",
                {"x": x},
                fix=f"give x a height and a width that are multiples of {r}",
            )
        )
    *lead, c, h, w = x.shape
    i = len(lead)
    parts = x.reshape((*lead, c, h // r, r, w // r, r))
    order = (*range(i + 1), i + 2, i + 4, i + 1, i + 3)
    return parts.transpose(order).reshape((*lead, c * r**2, h // r, w // r))
