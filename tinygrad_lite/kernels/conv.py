"""Convolution and its two gradients: which kernel computes which shape.

Images are (N, C, D, H, W), filters (O, C / groups, KD, KH, KW). A result stands at
i stride - padding + u dilation, where images are zero outside; `padding` is what comes before the
first pixel, and may be negative; what comes after the last one follows from the size of the result.
What is computed is written to an array of the caller, which lies in one piece.

- One channel a group: `depthwise`, which moves and adds images.
- 3 x 3 at stride 1, from 16 channels on both sides: `winograd`, a quarter of the multiplications.
- All else: `patches`, a product of matrices.
"""

from __future__ import annotations

from tinygrad_lite.kernels import channels, depthwise, patches, winograd
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.settings import get_winograd

# Below so many channels or filters, or tiles, the transforms cost more than they save.
_FEWEST_CHANNELS = 16
_FEWEST_TILES = 8


def forward(x, w, bias, y, stride, padding, dilation, groups):
    """Write the convolution of x by w, and the bias (O,) or None, to y (N, O, OD, OH, OW)."""
    x, w = in_one_piece(x), in_one_piece(w)
    bias = None if bias is None else in_one_piece(bias)
    if not y.size:
        return
    if not w.size:
        y[...] = 0 if bias is None else bias[:, None, None, None]
    elif _of_planes(w, groups):
        depthwise.forward(x, w, bias, y, stride, padding, dilation)
    elif _of_tiles(x, w, y, stride, padding, dilation, groups):
        winograd.forward(x[:, :, 0], w[:, :, 0], bias, y[:, :, 0], padding[1:])
    else:
        patches.forward(x, w, bias, y, stride, padding, dilation, groups)


def input_gradient(g, w, dx, stride, padding, dilation, groups):
    """Write the gradient of x to dx, from g, that of y."""
    g, w = in_one_piece(g), in_one_piece(w)
    if not g.size or not dx.size:
        dx[...] = 0
    elif _of_planes(w, groups):
        depthwise.input_gradient(g, w, dx, stride, padding, dilation)
    elif _of_tiles(g, w, dx, stride, padding, dilation, groups):
        # a convolution too: of g by the filters turned around
        before = tuple(2 - p for p in padding[1:])
        winograd.forward(g[:, :, 0], w[:, :, 0], None, dx[:, :, 0], before, flipped=True)
    else:
        patches.input_gradient(g, w, dx, stride, padding, dilation, groups)


def weight_gradient(g, x, dw, stride, padding, dilation, groups):
    """Write the gradient of w to dw, from g, that of y."""
    g, x = in_one_piece(g), in_one_piece(x)
    if not g.size or not dw.size:
        dw[...] = 0
    elif _of_planes(dw, groups):
        depthwise.weight_gradient(g, x, dw, stride, padding, dilation)
    elif _of_tiles(x, dw, g, stride, padding, dilation, groups):
        winograd.weight_gradient(g[:, :, 0], x[:, :, 0], dw[:, :, 0], padding[1:])
    else:
        patches.weight_gradient(g, x, dw, stride, padding, dilation, groups)


def bias_gradient(g):
    """Return the gradient of the bias (O,) from that of y."""
    return channels.sums(g)


def _of_planes(w, groups):
    """Tell whether each group is a single channel."""
    return w.shape[1] == 1 and groups > 1


def _of_tiles(x, w, y, stride, padding, dilation, groups):
    """Tell whether Winograd's algorithm computes y from x in less time."""
    images, filters, depth, rows, columns = y.shape
    return (
        w.shape[2:] == (1, 3, 3)
        and stride == dilation == (1, 1, 1)
        and groups == depth == x.shape[2] == 1
        and padding[0] == 0
        and min(x.shape[1], filters) >= _FEWEST_CHANNELS
        and min(rows, columns) > 2
        and images * -(-rows // 4) * -(-columns // 4) >= _FEWEST_TILES
        and get_winograd()
    )
