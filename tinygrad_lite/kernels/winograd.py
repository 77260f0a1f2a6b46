"""Convolution by 3 x 3 filters at stride 1 with a quarter of the multiplications.

F(4 x 4, 3 x 3) of Lavin & Gray (2016), "Fast algorithms for convolutional neural networks": a tile
of 4 x 4 results is y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A, where x are the 6 x 6 pixels that it sees. Each
of the 36 places is a product of matrices, (tiles, channels) times (channels, filters). Inside,
channels come last, and vectors run over them.

Its rounding errors are some ten times those of the sum itself: see `settings.set_winograd`.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.gemm import multiply, part, room_for
from tinygrad_lite.kernels.jit import kernel, prange, prepare, routine
from tinygrad_lite.kernels.layout import turn
from tinygrad_lite.kernels.simd import (
    VECTOR_BYTES,
    at,
    combination,
    get,
    lanes,
    pointer,
    put,
)
from tinygrad_lite.kernels.threads import Team, get_num_threads

_AT = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
_BT = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_G = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_times_at, _times_a = combination(_AT), combination(tuple(zip(*_AT, strict=True)))
_times_bt, _times_g = combination(_BT), combination(_G)
_times_gt = combination(tuple(zip(*_G, strict=True)))

_ONES = 7  # the place whose column of A, on both sides, is all ones: what is added there, all get
_PLACES = 36
_BLOCK = 150_000  # elements of what tiles become, that stay in the second cache
_FEWEST = 24  # tiles in a block: each block reads all filters
_SPAN = 4  # vectors of channels that are transformed together, in the first cache
_LONGEST = 96  # tiles between two updates of the filters' gradient


@kernel
def _spaced(start, step):
    """Return six addresses."""
    return (
        start,
        at(start, step),
        at(start, 2 * step),
        at(start, 3 * step),
        at(start, 4 * step),
        at(start, 5 * step),
    )


@kernel
def _pixel(pixels, outside, row, column, rows, columns, across):
    """Return the address of a pixel, or `outside`."""
    within = 0 <= row < rows and 0 <= column < columns
    return at(pixels, (row * columns + column) * across) if within else outside


@kernel
def _column(pixels, outside, row, column, rows, columns, across):
    """Return the addresses of six pixels, one below the other."""
    return (
        _pixel(pixels, outside, row, column, rows, columns, across),
        _pixel(pixels, outside, row + 1, column, rows, columns, across),
        _pixel(pixels, outside, row + 2, column, rows, columns, across),
        _pixel(pixels, outside, row + 3, column, rows, columns, across),
        _pixel(pixels, outside, row + 4, column, rows, columns, across),
        _pixel(pixels, outside, row + 5, column, rows, columns, across),
    )


@kernel
def _row(pixels, outside, row, column, rows, columns, across):
    """Return the addresses of four pixels, side by side."""
    return (
        _pixel(pixels, outside, row, column, rows, columns, across),
        _pixel(pixels, outside, row, column + 1, rows, columns, across),
        _pixel(pixels, outside, row, column + 2, rows, columns, across),
        _pixel(pixels, outside, row, column + 3, rows, columns, across),
    )


@routine("pnnnnnnppnnnb")
def _enter(x, channels, rows, columns, top, left, tiles, pixels, out, step, row, panel, adjoint):
    """Transform a row of tiles of an image: Bᵀ x B, or A x Aᵀ of 4 x 4 pixels.

    Element c of place k of tile t goes to k step + t row + c; if `panel`, to panels of two vectors
    instead, of which one begins `panel` elements after the other.
    """
    size = lanes(x)
    wide = 2 * size
    span = _SPAN * size
    across = (channels + size - 1) // size * size
    outside = at(pixels, 6 * columns * across)
    scratch = at(outside, across)
    for c in range(across):
        put(at(outside, c), 0)
    first, last = max(top, 0), min(top + (4 if adjoint else 6), rows)
    if last > first:
        high = (last - first) * columns
        turn(at(x, first * columns), rows * columns, channels, high, pixels, across)
    for t in range(tiles):
        for start in range(0, across, span):
            channel = min(across - start, span)
            for j in range(6):
                spots = _column(
                    at(pixels, start),
                    outside,
                    top - first,
                    left + 4 * t + j,
                    last - first,
                    columns,
                    across,
                )
                targets = _spaced(at(scratch, j * span), 6 * span)
                for c in range(0, channel, size):
                    if adjoint:
                        _times_a(spots, c, targets, c)
                    else:
                        _times_bt(spots, c, targets, c)
            for i in range(6):
                spots = _spaced(at(scratch, 6 * i * span), span)
                targets = _spaced(at(out, 6 * i * step), step)
                for c in range(0, channel, size):
                    spot = t * row + start + c
                    if panel:
                        spot = (start + c) // wide * panel + t * wide + (start + c) % wide
                    if adjoint:
                        _times_a(spots, c, targets, spot)
                    else:
                        _times_bt(spots, c, targets, spot)


@routine("pnnpnnnnnp")
def _leave(m, step, row, y, channels, rows, columns, top, tiles, pixels):
    """Transform a row of tiles back, Aᵀ m A, and write it to the rows of an image from `top` on."""
    size = lanes(y)
    span = _SPAN * size
    across = (channels + size - 1) // size * size
    beyond = at(pixels, 4 * columns * across)
    scratch = at(beyond, across)
    high = min(4, rows - top)
    for t in range(tiles):
        for start in range(0, across, span):
            channel = min(across - start, span)
            for j in range(6):
                spots = _spaced(at(m, j * step + t * row + start), 6 * step)
                targets = _spaced(at(scratch, j * span), 6 * span)
                for c in range(0, channel, size):
                    _times_at(spots, c, targets, c)
            for i in range(high):
                spots = _spaced(at(scratch, 6 * i * span), span)
                targets = _row(at(pixels, start), beyond, i, 4 * t, high, columns, across)
                for c in range(0, channel, size):
                    _times_at(spots, c, targets, c)
    turn(pixels, across, high * columns, channels, at(y, top * columns), rows * columns)


@kernel
def _filters(t, count, w, u, scratch, filters, channels, filter_step, channel_step, flipped):
    """Transform filters, G w Gᵀ, into panels (place, panel, channel, two vectors of filters)."""
    w, u = pointer(w), pointer(u)
    size = lanes(w)
    wide = 2 * size
    step = (filters + wide - 1) // wide * channels * wide
    taps = at(pointer(scratch), t * 27 * wide)
    between = at(taps, 9 * wide)
    first, last = part(t, count, channels, 1)
    for panel in range(0, filters, wide):
        width = min(wide, filters - panel)
        for c in range(first, last):
            source = at(w, panel * filter_step + c * channel_step)
            for tap in range(9):
                other = 8 - tap if flipped else tap
                for q in range(width):
                    put(at(taps, tap * wide + q), get(at(source, q * filter_step + other)))
                for q in range(width, wide):
                    put(at(taps, tap * wide + q), 0)
            target = at(u, panel * channels + c * wide)
            for q in range(0, wide, size):
                for j in range(3):
                    spots = _spaced(at(taps, j * wide + q), 3 * wide)
                    _times_g(spots, 0, _spaced(at(between, j * wide), 3 * wide), q)
                for i in range(6):
                    spots = _spaced(at(between, 3 * i * wide), wide)
                    _times_g(spots, q, _spaced(at(target, 6 * i * step), step), q)


@kernel(parallel=True)
def _filters_shared(count, *operands):
    for t in prange(count):
        _filters(t, count, *operands)


@kernel
def _images(
    t,
    count,
    block,
    x,
    u,
    bias,
    y,
    scratch,
    images,
    channels,
    rows,
    columns,
    filters,
    high,
    wide,
    top,
    left,
):
    """Convolve the tile rows of one thread, so many at a time that what they become stays near."""
    u, bias = pointer(u), pointer(bias)
    size = lanes(u)
    into, out = (channels + size - 1) // size * size, (filters + size - 1) // size * size
    down, tiles = (high + 3) // 4, (wide + 3) // 4
    v = at(pointer(scratch), t * (len(scratch) // count))
    m = at(v, _PLACES * block * tiles * into)
    pixels = at(m, _PLACES * block * tiles * out)
    panels = (filters + 2 * size - 1) // (2 * size) * 2 * size * channels
    first, last = part(t, count, images * down, 1)
    for start in range(first, last, block):
        end = min(start + block, last)
        number = (end - start) * tiles
        v_step, m_step = number * into, number * out
        for strip in range(start, end):
            image, i = strip // down, strip % down
            source = at(pointer(x), image * channels * rows * columns)
            target = at(v, (strip - start) * tiles * into)
            _enter(
                source,
                channels,
                rows,
                columns,
                4 * i - top,
                -left,
                tiles,
                pixels,
                target,
                v_step,
                into,
                0,
                False,
            )
        ones = at(m, _ONES * m_step)
        for n in range(number):
            for o in range(filters):
                put(at(ones, n * out + o), get(at(bias, o)))
        for k in range(_PLACES):
            a, b, c = at(v, k * v_step), at(u, k * panels), at(m, k * m_step)
            multiply(a, into, 1, b, c, out, number, channels, out, k == _ONES)
        for strip in range(start, end):
            image, i = strip // down, strip % down
            source = at(m, (strip - start) * tiles * out)
            target = at(pointer(y), image * filters * high * wide)
            _leave(source, m_step, out, target, filters, high, wide, 4 * i, tiles, pixels)


@kernel(parallel=True)
def _images_shared(count, *operands):
    for t in prange(count):
        _images(t, count, *operands)


def forward(x, w, bias, size, padding, flipped=False):
    """Return the convolution of x (N, C, H, W) by w (O, C, 3, 3), of the given (OH, OW).

    With `flipped`, w is (C, O, 3, 3) and turned around: so the input gradient is one as well.
    """
    images, channels, rows, columns = x.shape
    filters = w.shape[1] if flipped else len(w)
    high, wide = size
    prepare(x.dtype)
    count = get_num_threads()
    vector = VECTOR_BYTES // x.itemsize
    into, out = -(-channels // vector) * vector, -(-filters // vector) * vector
    down, tiles = -(-high // 4), -(-wide // 4)
    block = max(_FEWEST, _BLOCK // (_PLACES * (into + out)))
    block = max(1, min(-(-block // tiles), -(-images * down // count)))
    u = room_for(_PLACES * -(-filters // (2 * vector)) * 2 * vector * channels, x.dtype)
    pixels = max(6 * columns * into + into, 4 * wide * out + out) + 36 * _SPAN * vector
    room = room_for(count * (_PLACES * block * tiles * (into + out) + pixels), x.dtype)
    y = np.empty((images, filters, high, wide), x.dtype)
    steps = (9, 9 * filters) if flipped else (9 * channels, 9)
    with Team(count) as count:
        ofw = w, u, room, filters, channels, *steps, flipped
        (_filters_shared(count, *ofw) if count > 1 else _filters(0, 1, *ofw))
        ofx = (
            block,
            x,
            u,
            bias,
            y,
            room,
            images,
            channels,
            rows,
            columns,
            filters,
            high,
            wide,
            *padding,
        )
        (_images_shared(count, *ofx) if count > 1 else _images(0, 1, *ofx))
    return y


@kernel
def _gradient(
    t,
    count,
    step,
    first,
    last,
    x,
    g,
    v,
    m,
    sums,
    scratch,
    dw,
    channels,
    rows,
    columns,
    filters,
    high,
    wide,
    top,
    left,
):
    """Take one of the three steps of the filters' gradient, for the tile rows first to last.

    0: transform the tiles of x and of g; 1: multiply them place by place, for all tiles;
    2: transform the sums back, Gᵀ u G.
    """
    v, m, sums = pointer(v), pointer(m), pointer(sums)
    size = lanes(v)
    pair = 2 * size
    into, out = (channels + size - 1) // size * size, (filters + pair - 1) // pair * pair
    down, tiles = (high + 3) // 4, (wide + 3) // 4
    number = (last - first) * tiles
    v_step, m_step, sum_step = number * into, number * out, channels * out
    pixels = at(pointer(scratch), t * (len(scratch) // count))
    if step == 0:
        start, end = part(t, count, last - first, 1)
        for strip in range(start, end):
            image, i = (first + strip) // down, (first + strip) % down
            _enter(
                at(pointer(x), image * channels * rows * columns),
                channels,
                rows,
                columns,
                4 * i - top,
                -left,
                tiles,
                pixels,
                at(v, strip * tiles * into),
                v_step,
                into,
                0,
                False,
            )
            _enter(
                at(pointer(g), image * filters * high * wide),
                filters,
                high,
                wide,
                4 * i,
                0,
                tiles,
                pixels,
                at(m, strip * tiles * pair),
                m_step,
                0,
                number * pair,
                True,
            )
    elif step == 1:
        start, end = part(t, count, _PLACES, 1)
        for k in range(start, end):
            a, b, c = at(v, k * v_step), at(m, k * m_step), at(sums, k * sum_step)
            multiply(a, 1, into, b, c, out, channels, number, out, first > 0)
    else:
        between = at(pixels, 9 * size)
        start, end = part(t, count, channels, 1)
        for c in range(start, end):
            for o in range(0, filters, size):
                source = at(sums, c * out + o)
                for j in range(6):
                    spots = _spaced(at(source, j * sum_step), 6 * sum_step)
                    _times_gt(spots, 0, _spaced(at(between, j * size), 6 * size), 0)
                for i in range(3):
                    spots = _spaced(at(between, 6 * i * size), size)
                    _times_gt(spots, 0, _spaced(at(pixels, 3 * i * size), size), 0)
                for q in range(min(size, filters - o)):
                    for tap in range(9):
                        spot = at(pointer(dw), ((o + q) * channels + c) * 9 + tap)
                        put(spot, get(at(pixels, tap * size + q)))


@kernel(parallel=True)
def _gradient_shared(count, *operands):
    for t in prange(count):
        _gradient(t, count, *operands)


def weight_gradient(g, x, padding):
    """Return the gradient of w (O, C, 3, 3), from that of y (N, O, OH, OW) and x (N, C, H, W)."""
    images, channels, rows, columns = x.shape
    _, filters, high, wide = g.shape
    prepare(x.dtype)
    count = get_num_threads()
    vector = VECTOR_BYTES // x.itemsize
    into, out = -(-channels // vector) * vector, -(-filters // (2 * vector)) * 2 * vector
    strips, tiles = images * -(-high // 4), -(-wide // 4)
    block = min(max(_LONGEST // tiles, 1), strips)
    v = room_for(_PLACES * block * tiles * into, x.dtype)
    m = room_for(_PLACES * block * tiles * out, x.dtype)
    sums = room_for(_PLACES * channels * out, x.dtype)
    pixels = max((6 * columns + 1) * into, (6 * wide + 1) * out) + 36 * _SPAN * vector
    room = room_for(count * pixels, x.dtype)
    dw = np.empty((filters, channels, 3, 3), x.dtype)
    with Team(count) as count:
        for first in range(0, strips, block):
            last = min(first + block, strips)
            for step in (0, 1, 2) if last == strips else (0, 1):
                operands = (
                    step,
                    first,
                    last,
                    x,
                    g,
                    v,
                    m,
                    sums,
                    room,
                    dw,
                    channels,
                    rows,
                    columns,
                    filters,
                    high,
                    wide,
                    *padding,
                )
                (_gradient_shared(count, *operands) if count > 1 else _gradient(0, 1, *operands))
    return dw
