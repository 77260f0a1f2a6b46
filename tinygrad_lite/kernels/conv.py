"""Convolution and its two gradients: which kernel computes which shape.

Images are (N, C, D, H, W), filters (O, C / groups, KD, KH, KW). A result stands at
i stride - padding + u dilation, where images are zero outside; `padding` is what comes before the
first pixel, and may be negative; what comes after the last one follows from the size of the result.

- One channel a group: `depthwise`, which moves and adds images.
- 3 x 3 at stride 1, from 16 channels on both sides: `winograd`, a quarter of the multiplications.
- All else: `patches`, a product of matrices.
"""

from __future__ import annotations

from math import prod

import numpy as np

from tinygrad_lite.kernels import depthwise, patches, winograd
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.settings import get_winograd

# Below so many channels or filters, or tiles, the transforms cost more than they save.
_FEWEST_CHANNELS = 16
_FEWEST_TILES = 8


def forward(x, w, bias, size, stride, padding, dilation, groups):
    """Return y (N, O, *size)."""
    x, w = in_one_piece(x), in_one_piece(w)
    if bias is not None:
        bias = in_one_piece(bias)
    y = len(x), len(w), *size
    if not prod(y) or not w.size:
        nothing = np.zeros(y, x.dtype)
        return nothing if bias is None else nothing + bias[:, None, None, None]
    if _of_planes(w.shape[1], groups):
        return depthwise.forward(x, w, bias, size, stride, padding, dilation)
    if _of_tiles(x.shape, y, w.shape[2:], stride, padding, dilation, groups):
        bias = np.zeros(len(w), x.dtype) if bias is None else bias
        return winograd.forward(x[:, :, 0], w[:, :, 0], bias, size[1:], padding[1:])[:, :, None]
    return patches.forward(x, w, bias, size, stride, padding, dilation, groups)


def input_gradient(g, w, size, stride, padding, dilation, groups):
    """Return the gradient of x (N, C, *size) from that of y."""
    g, w = in_one_piece(g), in_one_piece(w)
    x = len(g), w.shape[1] * groups, *size
    if not g.size or not prod(x):
        return np.zeros(x, g.dtype)
    if _of_planes(w.shape[1], groups):
        return depthwise.input_gradient(g, w, size, groups, stride, padding, dilation)
    if _of_tiles(g.shape, x, w.shape[2:], stride, padding, dilation, groups):
        # a convolution too: of g by the filters turned around
        zero, before = np.zeros(x[1], g.dtype), tuple(2 - p for p in padding[1:])
        return winograd.forward(g[:, :, 0], w[:, :, 0], zero, size[1:], before, True)[:, :, None]
    return patches.input_gradient(g, w, size, stride, padding, dilation, groups)


def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    """Return the gradient of w (O, C / groups, *kernel) from that of y."""
    g, x = in_one_piece(g), in_one_piece(x)
    w = g.shape[1], x.shape[1] // groups, *kernel
    if not g.size or not x.size:
        return np.zeros(w, g.dtype)
    if _of_planes(w[1], groups):
        return depthwise.weight_gradient(g, x, kernel, stride, padding, dilation)
    if _of_tiles(x.shape, g.shape, kernel, stride, padding, dilation, groups):
        return winograd.weight_gradient(g[:, :, 0], x[:, :, 0], padding[1:])[:, :, None]
    return patches.weight_gradient(g, x, kernel, stride, padding, dilation, groups)


def bias_gradient(g):
    """Return the gradient of the bias (O,) from that of y."""
    return g.sum(axis=(0, 2, 3, 4))


def _of_planes(channels, groups):
    """Tell whether each group is a single channel."""
    return channels == 1 and groups > 1


def _of_tiles(x, y, kernel, stride, padding, dilation, groups):
    """Tell whether Winograd's algorithm computes y (N, O, D, H, W) of x in less time."""
    images, filters, depth, rows, columns = y
    return (
        get_winograd()
        and tuple(kernel) == (1, 3, 3)
        and tuple(stride) == tuple(dilation) == (1, 1, 1)
        and groups == depth == x[2] == 1
        and padding[0] == 0
        and min(x[1], filters) >= _FEWEST_CHANNELS
        and min(rows, columns) > 2
        and images * -(-rows // 4) * -(-columns // 4) >= _FEWEST_TILES
    )
