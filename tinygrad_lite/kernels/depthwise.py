"""Convolution of each channel by filters of its own (Chollet, 2017, "Xception").

There is no sum over channels, so no product of matrices: each tap of a filter adds an image, moved
by its place and multiplied by its weight. Rows of a bordered image stand behind one another, so
that a whole image is one run of memory; what is computed between its rows is left out.
"""

from __future__ import annotations

from math import prod

import numpy as np

from tinygrad_lite.kernels.border import (
    IMAGE,
    RESULT,
    SEEN,
    STRIDE,
    places_of,
    seen_by,
    surround,
    three,
    uncover,
)
from tinygrad_lite.kernels.gemm import APART, part, room_for
from tinygrad_lite.kernels.jit import intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.layout import copy_run, fill
from tinygrad_lite.kernels.simd import (
    VECTOR_BYTES,
    add_product,
    add_scaled,
    at,
    get,
    lanes,
    pointer,
    put,
)
from tinygrad_lite.kernels.threads import Team, get_num_threads

# Further rows of a call's geometry.
_COUNTS = 5  # images, channels, filters of a channel
_TAPS = 6  # taps of a filter, rows of the result in a run, elements of a run

_FORWARD, _INPUT, _WEIGHT = range(3)


# Runs are as long as whole vectors: behind its last row, a run of a gradient is zero.


@routine("ppnipn")
def _weigh(x, w, taps, offsets, y, n):
    """Let y = y + Σ w[k] x[offsets[k]], of n elements each."""
    size = lanes(x)
    for k in range(taps):
        source, weight = at(x, get(at(offsets, k))), get(at(w, k))
        for j in range(0, n, size):
            add_scaled(at(source, j), weight, at(y, j))


@routine("ppnipn")
def _unweigh(x, w, taps, offsets, y, n):
    """Let x[offsets[k]] = x[offsets[k]] + w[k] y: the transpose of the above."""
    size = lanes(x)
    for k in range(taps):
        target, weight = at(x, get(at(offsets, k))), get(at(w, k))
        for j in range(0, n, size):
            add_scaled(at(y, j), weight, at(target, j))


@routine("ppnipn")
def _compare(x, sums, taps, offsets, y, n):
    """Add to each tap's vector of sums the products of x[offsets[k]] and y."""
    size = lanes(x)
    for j in range(0, n, size):
        source, result = at(x, j), at(y, j)
        for k in range(taps):
            add_product(at(source, get(at(offsets, k))), result, at(sums, k * size))


@routine("pppppnniinn")
def _channels(x, w, bias, y, sums, room, step, geometry, offsets, t, count):
    """Take one step for some channels: y from x and w; x from y and w; or w from x and y."""
    depth, rows, columns = three(geometry, IMAGE)
    deep, high, across = three(geometry, SEEN)
    behind, below, wide = three(geometry, RESULT)
    depth_step, row_step, _ = three(geometry, STRIDE)
    images, channels, filters = three(geometry, _COUNTS)
    taps, together, length = three(geometry, _TAPS)
    pixels, results, seen = depth * rows * columns, behind * below * wide, deep * high * across
    size = lanes(x)
    run = at(sums, taps * size)
    border = at(run, length)
    fill(sums, room, 0)
    first, last = part(t, count, channels, 1)
    if step == _WEIGHT:
        fill(at(w, first * filters * taps), (last - first) * filters * taps, 0)
    for n in range(images):
        for channel in range(first, last):
            weights = at(w, channel * filters * taps)
            image = at(x, (n * channels + channel) * pixels)
            if step == _INPUT:
                fill(border, seen, 0)
            else:
                surround(image, 1, geometry, border)
            for o in range(filters):
                filter_ = channel * filters + o
                result = at(y, (n * channels * filters + filter_) * results)
                ofo = at(weights, o * taps)
                for line in range(0, behind * below, together):
                    i, j = line // below, line % below
                    inside = at(border, (i * depth_step * high + j * row_step) * across)
                    lines = at(result, line * wide)
                    if step == _FORWARD:
                        fill(run, length, get(at(bias, filter_)))
                        _weigh(inside, ofo, taps, offsets, run, length)
                        for q in range(together):
                            copy_run(at(run, q * across), at(lines, q * wide), wide)
                        continue
                    for q in range(together):
                        copy_run(at(lines, q * wide), at(run, q * across), wide)
                    if step == _INPUT:
                        _unweigh(inside, ofo, taps, offsets, run, length)
                    else:
                        _compare(inside, sums, taps, offsets, run, length)
                if step == _WEIGHT:
                    for k in range(taps):
                        total = get(at(ofo, k))
                        for q in range(size):
                            total += get(at(sums, k * size + q))
                        put(at(ofo, k), total)
                    fill(sums, taps * size, 0)
            if step == _INPUT:
                uncover(border, 1, geometry, image)


@kernel
def _work(t, count, step, geometry, offsets, x, w, bias, y, scratch):
    """Let a thread do its part."""
    room = len(scratch) // count
    sums, sizes, where = at(pointer(scratch), t * room), pointer(geometry), pointer(offsets)
    x, w, bias, y = pointer(x), pointer(w), pointer(bias), pointer(y)
    _channels(x, w, bias, y, sums, room, step, sizes, where, t, count)


@kernel(parallel=True)
def _shared(count, *operands):
    for t in prange(count):
        _work(intp(t), count, *operands)


def _run(step, x, w, bias, y, stride, padding, dilation):
    """Take a step, for all channels."""
    prepare(x.dtype)
    kernel, image, size = w.shape[2:], x.shape[2:], y.shape[2:]
    seen = seen_by(kernel, size, stride, dilation)
    offsets = places_of(1, kernel, seen, stride, dilation)
    together = size[1] if stride[1] == 1 else 1
    vector = VECTOR_BYTES // x.itemsize
    length = -(-((together - 1) * seen[2] + size[2]) // vector) * vector
    counts = len(x), x.shape[1], len(w) // x.shape[1]
    run = prod(kernel), together, length
    geometry = np.array([image, seen, size, stride, padding, counts, run], np.int64).reshape(-1)
    with Team(min(get_num_threads(), x.shape[1])) as count:
        sums = prod(kernel) * vector
        room = -(-(sums + length + prod(seen) + vector) // vector) * vector + APART
        flat = (array.reshape(-1) for array in (x, w, bias, y))
        operands = step, geometry, offsets, *flat, room_for(count * room, x.dtype)
        (_shared(count, *operands) if count > 1 else _work(0, 1, *operands))


def forward(x, w, bias, y, stride, padding, dilation):
    """Let y be the convolution of x (N, C, D, H, W) by w (C m, 1, KD, KH, KW), see `conv`."""
    bias = np.zeros(len(w), x.dtype) if bias is None else bias
    _run(_FORWARD, x, w, bias, y, stride, padding, dilation)


def input_gradient(g, w, dx, stride, padding, dilation):
    """Let dx (N, C, D, H, W) be the gradient of x."""
    _run(_INPUT, dx, w, w, g, stride, padding, dilation)


def weight_gradient(g, x, dw, stride, padding, dilation):
    """Let dw (C m, 1, KD, KH, KW) be the gradient of w."""
    _run(_WEIGHT, x, dw, dw, g, stride, padding, dilation)
