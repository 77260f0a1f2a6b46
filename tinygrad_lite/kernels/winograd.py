"""Convolution by 3 x 3 filters at stride 1 with a quarter of the multiplications.

F(4 x 4, 3 x 3) of Lavin & Gray (2016), "Fast algorithms for convolutional neural networks": a tile
of 4 x 4 results is y = Aᵀ [(G w Gᵀ) ⊙ (Bᵀ x B)] A, where x are the 6 x 6 pixels that it sees. Each
of the 36 places is a product of matrices, (tiles, channels) times (channels, filters). Inside,
channels come last, and vectors run over them.

Its rounding errors are some ten times those of the sum itself: see `settings.set_winograd`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tinygrad_lite.kernels.gemm import APART, multiply, part, room_for
from tinygrad_lite.kernels.jit import intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.layout import fill, turn
from tinygrad_lite.kernels.simd import (
    VECTOR_BYTES,
    add_vector,
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
_SHARED = 300_000  # elements of what tiles become, between two updates of the filters' gradient
_LONG = 64  # tiles at least


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
            for j in range(4 if adjoint else 6):
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


# The sizes of a call, of which these are the names.
_IMAGES, _CHANNELS, _ROWS, _COLUMNS, _FILTERS, _HIGH, _WIDE, _TOP, _LEFT = range(9)
_AT_ONCE = 9  # rows of tiles that are transformed together
_FILTER_STEP, _CHANNEL_STEP, _FLIPPED = 10, 11, 12  # how filters lie in memory
_BY_PLACES = 13  # whether threads share the places of the gradient, not the tiles


@routine("pppinn")
def _filters(w, u, scratch, sizes, t, count):
    """Transform filters, G w Gᵀ, into panels (place, panel, channel, two vectors of filters)."""
    size = lanes(w)
    wide = 2 * size
    filters, channels = get(at(sizes, _FILTERS)), get(at(sizes, _CHANNELS))
    filter_step, channel_step = get(at(sizes, _FILTER_STEP)), get(at(sizes, _CHANNEL_STEP))
    flipped = get(at(sizes, _FLIPPED)) == 1
    step = (filters + wide - 1) // wide * channels * wide
    between = at(scratch, 9 * wide)
    first, last = part(t, count, channels, 1)
    for panel in range(0, filters, wide):
        width = min(wide, filters - panel)
        for c in range(first, last):
            source = at(w, panel * filter_step + c * channel_step)
            for tap in range(9):
                other = 8 - tap if flipped else tap
                for q in range(width):
                    put(at(scratch, tap * wide + q), get(at(source, q * filter_step + other)))
                for q in range(width, wide):
                    put(at(scratch, tap * wide + q), 0)
            target = at(u, panel * channels + c * wide)
            for q in range(0, wide, size):
                for j in range(3):
                    spots = _spaced(at(scratch, j * wide + q), 3 * wide)
                    _times_g(spots, 0, _spaced(at(between, j * wide), 3 * wide), q)
                for i in range(6):
                    spots = _spaced(at(between, 3 * i * wide), wide)
                    _times_g(spots, q, _spaced(at(target, 6 * i * step), step), q)


@kernel
def _enter_image(x, sizes, strip, pixels, out, step):
    """Transform one of the rows of tiles of x, Bᵀ x B."""
    channels, rows, columns = (
        get(at(sizes, _CHANNELS)),
        get(at(sizes, _ROWS)),
        get(at(sizes, _COLUMNS)),
    )
    down, tiles = (get(at(sizes, _HIGH)) + 3) // 4, (get(at(sizes, _WIDE)) + 3) // 4
    image, top = strip // down, strip % down * 4 - get(at(sizes, _TOP))
    left, row = -get(at(sizes, _LEFT)), (channels + lanes(x) - 1) // lanes(x) * lanes(x)
    source = at(x, image * channels * rows * columns)
    _enter(source, channels, rows, columns, top, left, tiles, pixels, out, step, row, 0, False)


@routine("pppppinn")
def _images(x, u, bias, y, v, sizes, t, count):
    """Convolve the tile rows of one thread, so many at a time that what they become stays near."""
    size = lanes(u)
    channels, filters = get(at(sizes, _CHANNELS)), get(at(sizes, _FILTERS))
    high, wide, block = get(at(sizes, _HIGH)), get(at(sizes, _WIDE)), get(at(sizes, _AT_ONCE))
    into, out = (channels + size - 1) // size * size, (filters + size - 1) // size * size
    down, tiles = (high + 3) // 4, (wide + 3) // 4
    m = at(v, _PLACES * block * tiles * into)
    pixels = at(m, _PLACES * block * tiles * out)
    panels = (filters + 2 * size - 1) // (2 * size) * 2 * size * channels
    first, last = part(t, count, get(at(sizes, _IMAGES)) * down, 1)
    for start in range(first, last, block):
        end = min(start + block, last)
        number = (end - start) * tiles
        v_step, m_step = number * into, number * out
        for strip in range(start, end):
            target = at(v, (strip - start) * tiles * into)
            _enter_image(x, sizes, strip, pixels, target, v_step)
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
            target = at(y, image * filters * high * wide)
            _leave(source, m_step, out, target, filters, high, wide, 4 * i, tiles, pixels)


@routine("ppppinn")
def _add_up(x, g, sums, v, sizes, t, count):
    """Multiply the tiles of images by those of the results' gradients, A g Aᵀ, and add them up.

    Tiles that another thread transformed would be slow to get. So each thread has sums of its own,
    for its tiles; or it transforms all tiles, and has its places.
    """
    size = lanes(v)
    pair = 2 * size
    channels, filters = get(at(sizes, _CHANNELS)), get(at(sizes, _FILTERS))
    high, wide, block = get(at(sizes, _HIGH)), get(at(sizes, _WIDE)), get(at(sizes, _AT_ONCE))
    into, out = (channels + size - 1) // size * size, (filters + pair - 1) // pair * pair
    down, tiles = (high + 3) // 4, (wide + 3) // 4
    m = at(v, _PLACES * block * tiles * into)
    pixels = at(m, _PLACES * block * tiles * out)
    first, last, place, end_place = 0, get(at(sizes, _IMAGES)) * down, 0, _PLACES
    if get(at(sizes, _BY_PLACES)):
        place, end_place = part(t, count, _PLACES, 1)
    else:
        sums = at(sums, t * _PLACES * channels * out)
        first, last = part(t, count, last, 1)
    if first == last:
        fill(sums, _PLACES * channels * out, 0)
    for start in range(first, last, block):
        end = min(start + block, last)
        number = (end - start) * tiles
        v_step, m_step = number * into, number * out
        for strip in range(start, end):
            _enter_image(x, sizes, strip, pixels, at(v, (strip - start) * tiles * into), v_step)
            source, top = at(g, strip // down * filters * high * wide), strip % down * 4
            target, panel = at(m, (strip - start) * tiles * pair), number * pair
            _enter(
                source, filters, high, wide, top, 0, tiles, pixels, target, m_step, 0, panel, True
            )
        for k in range(place, end_place):
            a, b, c = at(v, k * v_step), at(m, k * m_step), at(sums, k * channels * out)
            multiply(a, 1, into, b, c, out, channels, number, out, start > first)


@routine("pppinn")
def _gradients(sums, dw, taps, sizes, t, count):
    """Add up the threads' sums, and transform them back to gradients of filters, Gᵀ u G."""
    size = lanes(sums)
    channels, filters = get(at(sizes, _CHANNELS)), get(at(sizes, _FILTERS))
    out = (filters + 2 * size - 1) // (2 * size) * 2 * size
    step, between = channels * out, at(taps, 9 * size)
    first, last = part(t, count, channels, 1)
    for c in range(first, last):
        for o in range(0, filters, size):
            source = at(sums, c * out + o)
            for other in range(1, 1 if get(at(sizes, _BY_PLACES)) else count):
                for k in range(_PLACES):
                    add_vector(at(source, (other * _PLACES + k) * step), at(source, k * step))
            for j in range(6):
                spots = _spaced(at(source, j * step), 6 * step)
                _times_gt(spots, 0, _spaced(at(between, j * size), 6 * size), 0)
            for i in range(3):
                spots = _spaced(at(between, 6 * i * size), size)
                _times_gt(spots, 0, _spaced(at(taps, 3 * i * size), size), 0)
            for q in range(min(size, filters - o)):
                for tap in range(9):
                    spot = at(dw, ((o + q) * channels + c) * 9 + tap)
                    put(spot, get(at(taps, tap * size + q)))


_OF_FILTERS, _OF_IMAGES, _OF_SUMS, _OF_GRADIENTS = range(4)


@kernel
def _work(t, count, step, sizes, scratch, a, b, c, d):
    """Let a thread do its part of one of the above."""
    room = at(pointer(scratch), t * (len(scratch) // count))
    a, b, c, d, sizes = pointer(a), pointer(b), pointer(c), pointer(d), pointer(sizes)
    if step == _OF_FILTERS:
        _filters(a, b, room, sizes, t, count)
    elif step == _OF_IMAGES:
        _images(a, b, c, d, room, sizes, t, count)
    elif step == _OF_SUMS:
        _add_up(a, b, c, room, sizes, t, count)
    else:
        _gradients(a, b, room, sizes, t, count)


@kernel(parallel=True)
def _shared(count, *operands):
    for t in prange(count):
        _work(intp(t), count, *operands)


def _run(count, step, sizes, scratch, *arrays):
    """Take a step, alone or shared by threads; it needs up to four arrays."""
    flat = [array.reshape(-1) for array in arrays]
    operands = step, sizes, scratch, *flat, *flat[:1] * (4 - len(flat))
    (_shared(count, *operands) if count > 1 else _work(0, 1, *operands))


class _Plan(NamedTuple):
    """The sizes of a call, as named above, and how many elements of room it takes."""

    sizes: np.ndarray
    filters: int
    room: int


@lru_cache(maxsize=1024)
def _plan(shape, filters, size, padding, vector, threads, flipped, gradient):
    """Return the plan for images of a shape; for the gradient of the filters, or the images."""
    images, channels, _, columns = shape
    # a block's products end with a whole panel of filters where these are their columns
    into, out = _up(channels, vector), _up(filters, vector * (2 if gradient else 1))
    strips, tiles = images * -(-size[0] // 4), -(-size[1] // 4)
    # transforming all tiles takes less time than adding up sums, if these are large
    by_places = gradient and strips * tiles * (channels + filters) < 3 * channels * filters
    least, most = (_LONG, _SHARED) if gradient else (_FEWEST, _BLOCK)
    block = -(-max(least, most // (_PLACES * (into + out))) // tiles)
    block = max(1, min(block, strips if by_places else -(-strips // threads)))
    steps = (9, 9 * filters, 1) if flipped else (9 * channels, 9, 0)
    sizes = [*shape, filters, *size, *padding, block, *steps, by_places]
    pixels = max((6 * columns + 1) * into, (6 * size[1] + 1) * out) + 36 * _SPAN * vector
    sums = _PLACES * channels * out * (1 if by_places else threads)
    panels = _PLACES * _up(filters, 2 * vector) * channels
    room = _PLACES * block * tiles * (into + out) + pixels + APART
    return _Plan(np.array(sizes, np.int64), sums if gradient else panels, room)


def _up(number, multiple):
    return -(-number // multiple) * multiple


def forward(x, w, bias, y, padding, flipped=False):
    """Let y (N, O, OH, OW) be the convolution of x (N, C, H, W) by w (O, C, 3, 3).

    With `flipped`, w is (C, O, 3, 3) and turned around: so the input gradient is one as well.
    """
    vector, threads = VECTOR_BYTES // x.itemsize, get_num_threads()
    plan = _plan(x.shape, y.shape[1], y.shape[2:], padding, vector, threads, flipped, False)
    u = room_for(plan.filters, x.dtype)
    bias = np.zeros(y.shape[1], x.dtype) if bias is None else bias
    prepare(x.dtype)
    with Team(threads) as count:
        room = room_for(count * plan.room, x.dtype)
        _run(count, _OF_FILTERS, plan.sizes, room, w, u)
        _run(count, _OF_IMAGES, plan.sizes, room, x, u, bias, y)


def weight_gradient(g, x, dw, padding):
    """Let dw (O, C, 3, 3) be the gradient of w, from that of y (N, O, OH, OW)."""
    vector, threads = VECTOR_BYTES // x.itemsize, get_num_threads()
    plan = _plan(x.shape, g.shape[1], g.shape[2:], padding, vector, threads, False, True)
    sums = room_for(plan.filters, x.dtype)
    prepare(x.dtype)
    with Team(threads) as count:
        room = room_for(count * plan.room, x.dtype)
        _run(count, _OF_SUMS, plan.sizes, room, x, g, sums)
        _run(count, _OF_GRADIENTS, plan.sizes, room, sums, dw)
