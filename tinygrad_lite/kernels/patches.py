"""Convolution as a product of matrices: filters times patches, the pixels that each result sees.

Of the patches, which repeat each pixel once for every tap of a filter (Chellapilla et al., 2006),
only a panel is made at a time: as many results as a tile of the product is wide. It stays in the
first cache. Every stride, padding, dilation, number of groups and of axes goes this way.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from operator import le
from typing import NamedTuple

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
from tinygrad_lite.kernels.gemm import APART, multiply, pack, part, room_for
from tinygrad_lite.kernels.jit import intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.layout import copy_run, fill, turn
from tinygrad_lite.kernels.simd import (
    VECTOR_BYTES,
    add_some,
    add_vector,
    at,
    copy_some,
    copy_vector,
    get,
    lanes,
    pointer,
    put,
)
from tinygrad_lite.kernels.threads import Team, get_num_threads

_TOGETHER = 512  # results of small images that are computed together, so that panels are full
_LONG = 4  # panels between two updates of the filters' gradient
_MANY = 50_000  # weights whose gradient is not added up in each thread
_HIGH = 96  # rows of patches' gradients between a product and their addition

# Further rows of a call's geometry.
_COUNTS = 5  # images, groups, images that are taken together
_WIDTHS = 6  # channels, filters and taps of a group
_LAYOUT = 7  # elements from a row of filters to the next, which borders, parts of the channels

_FORWARD, _INPUT, _WEIGHT = range(3)

# which borders
_AROUND, _NONE, _PIXELWISE = range(3)  # in the last one, a filter sees one pixel, and all are seen


@kernel
def _volume(geometry, row):
    a, b, c = three(geometry, row)
    return a * b * c


@kernel
def _panels(geometry, wide):
    """Return how many panels the results of the images taken together make, and how many items."""
    panels = (three(geometry, _COUNTS)[2] * _volume(geometry, RESULT) + wide - 1) // wide
    images, groups, together = three(geometry, _COUNTS)
    return panels, (images + together - 1) // together * groups * panels


@kernel
def _locate(geometry, first, number, spots):
    """Write down what results first to first + number see; return how many runs they make.

    A run is (place of its first pixel, place in the panel, length, place of its first result).
    """
    _, rows, columns = three(geometry, SEEN)
    deep, high, wide = three(geometry, RESULT)
    depth_step, row_step, _ = three(geometry, STRIDE)
    channels, filters, _ = three(geometry, _WIDTHS)
    groups = three(geometry, _COUNTS)[1]
    image = channels * three(geometry, SEEN)[0] * rows * columns
    if three(geometry, _LAYOUT)[1] != _AROUND:
        image *= groups
    plane = deep * high * wide
    runs = done = 0
    while done < number:
        line, column = (first + done) // wide, (first + done) % wide
        n, i, j = line // (deep * high), line // high % deep, line % high
        length = min(wide - column, number - done)
        source = n * image + (i * depth_step * rows + j * row_step) * columns + column
        before = at(spots, 4 * (runs - 1))
        if runs and source == get(before) + get(at(before, 2)) and i + j + column:
            put(at(before, 2), get(at(before, 2)) + length)
        else:
            run = at(spots, 4 * runs)
            put(run, source)
            put(at(run, 1), done)
            put(at(run, 2), length)
            put(at(run, 3), (n * groups * filters - n) * plane + first + done)
            runs += 1
        done += length
    return runs


@kernel
def _in_one_piece(spots, runs, number):
    """Tell whether the results of these runs lie side by side."""
    last = at(spots, 4 * (runs - 1))
    return get(at(last, 3)) + get(at(last, 2)) - get(at(spots, 3)) == number


@kernel
def _bordered(geometry, x, first, group, out):
    """Return the group's channels of the images that are taken together, and how many these are."""
    images, groups, together = three(geometry, _COUNTS)
    channels, seen = three(geometry, _WIDTHS)[0], _volume(geometry, SEEN)
    number, pixels = min(together, images - first), channels * _volume(geometry, IMAGE)
    if three(geometry, _LAYOUT)[1] != _AROUND:
        return at(x, (first * groups + group) * pixels), number
    for n in range(number):
        image = at(x, ((first + n) * groups + group) * pixels)
        surround(image, channels, geometry, at(out, n * channels * seen))
    return out, number


@routine("pninipn")
def _gather(x, taps, offsets, runs, spots, out, out_row):
    """Copy to row k of `out` what tap k of a filter sees, for every result.

    Tap k sees what is offsets[k] elements after the pixel that a result begins at.
    """
    size = lanes(x)
    for s in range(runs):
        begin, place = get(at(spots, 4 * s)), get(at(spots, 4 * s + 1))
        length = get(at(spots, 4 * s + 2))
        for j in range(0, length, size):
            source, target, rest = at(x, begin + j), at(out, place + j), length - j
            if rest >= size:
                for k in range(taps):
                    copy_vector(at(source, get(at(offsets, k))), at(target, k * out_row))
            else:
                for k in range(taps):
                    copy_some(at(source, get(at(offsets, k))), at(target, k * out_row), rest)


@routine("pnnninip")
def _scatter(patches, row, channels, taps, offsets, runs, spots, out):
    """Add the gradients of patches to those of the pixels they were gathered from.

    One tap of all channels comes after the other: neighbouring taps add to the same pixels, and
    would have to wait for one another.
    """
    size = lanes(out)
    for s in range(runs):
        begin, place = get(at(spots, 4 * s)), get(at(spots, 4 * s + 1))
        length = get(at(spots, 4 * s + 2))
        for j in range(0, length, size):
            source, target, rest = at(patches, place + j), at(out, begin + j), length - j
            for tap in range(taps):
                if rest >= size:
                    for k in range(tap, channels * taps, taps):
                        add_vector(at(source, k * row), at(target, get(at(offsets, k))))
                else:
                    for k in range(tap, channels * taps, taps):
                        add_some(at(source, k * row), at(target, get(at(offsets, k))), rest)


@routine("pppppiiinn")
def _convolve(x, w, y, bias, panel, geometry, offsets, spots, t, count):
    """Compute the panels of one thread."""
    wide = 2 * lanes(x)
    _, groups, together = three(geometry, _COUNTS)
    _, filters, taps = three(geometry, _WIDTHS)
    w_row, results = three(geometry, _LAYOUT)[0], _volume(geometry, RESULT)
    block = at(panel, taps * wide)
    border = at(block, filters * wide)
    images, number = border, 0
    panels, items = _panels(geometry, wide)
    first, last = part(t, count, items, 1)
    for item in range(first, last):
        batch, group, i = item // (groups * panels), item // panels % groups, item % panels
        if item == first or i == 0:
            images, number = _bordered(geometry, x, batch * together, group, border)
        width = min(wide, number * results - i * wide)
        if width <= 0:
            continue
        runs = _locate(geometry, i * wide, width, spots)
        _gather(images, taps, offsets, runs, spots, panel, wide)
        target = at(y, (batch * together * groups + group) * filters * results)
        whole = _in_one_piece(spots, runs, width)
        c, c_row = block, wide
        if whole:
            c, c_row = at(target, get(at(spots, 3))), results
        for o in range(filters):
            fill(at(c, o * c_row), width, get(at(bias, group * filters + o)))
        a = at(w, group * filters * w_row)
        multiply(a, w_row, 1, panel, c, c_row, filters, taps, width, True)
        if whole:
            continue
        for o in range(filters):
            for s in range(runs):
                source = at(block, o * wide + get(at(spots, 4 * s + 1)))
                there = at(target, o * results + get(at(spots, 4 * s + 3)))
                copy_run(source, there, get(at(spots, 4 * s + 2)))


@kernel
def _collect(g, rows, plane, runs, spots, out, wide):
    """Copy some results of each filter to a row of `out`."""
    for o in range(rows):
        for s in range(runs):
            source = at(g, o * plane + get(at(spots, 4 * s + 3)))
            copy_run(
                source, at(out, o * wide + get(at(spots, 4 * s + 1))), get(at(spots, 4 * s + 2))
            )


@routine("ppppiiinn")
def _spread(w, g, dx, panel, geometry, offsets, spots, t, count):
    """Compute the gradient of the images of one thread: w g, added to the pixels that were seen.

    w is turned: (taps, filters).
    """
    wide = 2 * lanes(w)
    images, groups, together = three(geometry, _COUNTS)
    channels, filters, taps = three(geometry, _WIDTHS)
    _, borders, parts = three(geometry, _LAYOUT)
    of_channel, results = taps // channels, _volume(geometry, RESULT)
    seen, pixels = _volume(geometry, SEEN), _volume(geometry, IMAGE)
    at_once = max(1, _HIGH // of_channel)
    block = at(panel, filters * wide)
    border = at(block, at_once * of_channel * wide)
    panels, _ = _panels(geometry, wide)
    batches = (images + together - 1) // together
    first, last = part(t, count, batches * groups * parts, 1)
    for item in range(first, last):
        batch, group = item // parts // groups, item // parts % groups
        start, end = part(item % parts, parts, channels, 1)
        number = min(together, images - batch * together)
        place = batch * together * groups + group
        result, target = at(g, place * filters * results), at(dx, place * channels * pixels)
        inside = target
        if borders == _AROUND:
            inside = border
            for n in range(number):
                fill(at(border, (n * channels + start) * seen), (end - start) * seen, 0)
        elif borders == _NONE:
            for n in range(number):
                here = at(target, (n * groups * channels + start) * pixels)
                fill(here, (end - start) * pixels, 0)
        for i in range(panels):
            width = min(wide, number * results - i * wide)
            if width <= 0:
                break
            runs = _locate(geometry, i * wide, width, spots)
            _collect(result, filters, results, runs, spots, panel, wide)
            if borders == _PIXELWISE:
                c = at(target, start * pixels + get(spots))
                a = at(w, (group * taps + start) * filters)
                multiply(a, filters, 1, panel, c, pixels, end - start, filters, width, False)
                continue
            for channel in range(start, end, at_once):
                some = min(at_once, end - channel)
                k = channel * of_channel
                a = at(w, (group * taps + k) * filters)
                height = some * of_channel
                multiply(a, filters, 1, panel, block, wide, height, filters, width, False)
                _scatter(block, wide, some, of_channel, at(offsets, k), runs, spots, inside)
        if borders == _AROUND:
            for n in range(number):
                source = at(border, (n * channels + start) * seen)
                here = at(target, (n * groups * channels + start) * pixels)
                uncover(source, end - start, geometry, here)


@routine("ppppiiinnbb")
def _gradient(x, g, sums, panel, geometry, offsets, spots, t, count, turned, by_rows):
    """Add up the filters' gradient, of which a row is a filter, or a tap if it is `turned`.

    Each thread does so for some of the panels; or, `by_rows`, some rows for all the panels.
    """
    wide = _LONG * 2 * lanes(x)
    _, groups, together = three(geometry, _COUNTS)
    _, filters, taps = three(geometry, _WIDTHS)
    results, size = _volume(geometry, RESULT), taps * filters
    block = at(panel, taps * wide)
    packed = at(block, filters * wide)
    border = at(packed, (max(taps, filters) + wide) * wide)
    panels, last = _panels(geometry, wide)
    first, low, high = 0, 0, taps if turned else filters
    if by_rows:
        low, high = part(t, count, high, 1)
    else:
        sums = at(sums, t * groups * size)
        first, last = part(t, count, last, 1)
        fill(sums, groups * size, 0)
    images, number = border, 0
    for item in range(first, last):
        batch, group, i = item // (groups * panels), item // panels % groups, item % panels
        if item == first or i == 0:
            images, number = _bordered(geometry, x, batch * together, group, border)
        width = min(wide, number * results - i * wide)
        if width <= 0:
            continue
        runs = _locate(geometry, i * wide, width, spots)
        source = at(g, (batch * together * groups + group) * filters * results)
        a, a_row = at(source, get(at(spots, 3))), results
        if not _in_one_piece(spots, runs, width):
            a, a_row = block, wide
            _collect(source, filters, results, runs, spots, block, wide)
        add = batch + i > 0 or not by_rows
        rows = high - low
        if turned:
            some = at(offsets, low)
            _gather(images, rows, some, runs, spots, panel, wide)
            pack(a, 1, a_row, width, filters, packed, width)
            target = at(sums, group * size + low * filters)
            multiply(panel, wide, 1, packed, target, filters, rows, width, filters, add)
        else:
            _gather(images, taps, offsets, runs, spots, panel, wide)
            pack(panel, 1, wide, width, taps, packed, width)
            target = at(sums, group * size + low * taps)
            multiply(at(a, low * a_row), a_row, 1, packed, target, taps, rows, width, taps, add)


@kernel
def _work(t, count, step, geometry, offsets, a, b, c, d, scratch, spots, turned, by_rows):
    """Let a thread do its part of one of the above."""
    a, b, c, d = pointer(a), pointer(b), pointer(c), pointer(d)
    room = at(pointer(scratch), t * (len(scratch) // count))
    here, where, spot = pointer(geometry), pointer(offsets), pointer(spots[t])
    if step == _FORWARD:
        _convolve(a, b, c, d, room, here, where, spot, t, count)
    elif step == _INPUT:
        _spread(a, b, c, room, here, where, spot, t, count)
    else:
        _gradient(a, b, c, room, here, where, spot, t, count, turned, by_rows)


@kernel(parallel=True)
def _shared(count, *operands):
    for t in prange(count):
        _work(intp(t), count, *operands)


@kernel
def _turn(t, count, rows, columns, source, target):
    """Turn some of the rows of a matrix."""
    first, last = part(t, count, rows, 1)
    start = at(pointer(source), first * columns)
    turn(start, columns, last - first, columns, at(pointer(target), first), rows)


@kernel(parallel=True)
def _turn_shared(count, *operands):
    for t in prange(count):
        _turn(intp(t), count, *operands)


class _Plan(NamedTuple):
    """What the kernels need to know of a call; channels and so on are those of one group.

    Attributes:
        geometry: rows of three numbers, as named above, one behind the other.
        offsets: for each tap, where it looks from the pixel at which a result begins.
        channels: of the images.
        filters: their number.
        taps: of a filter, in all channels.
        row: elements from a row of filters to the next.
        border: elements of the images that are taken together, with their borders.
    """

    geometry: np.ndarray
    offsets: np.ndarray
    channels: int
    filters: int
    taps: int
    row: int
    border: int


@lru_cache(maxsize=1024)
def _plan(images, channels, filters, image, window, how, size, threads):
    """Return the plan for images and filters (all of them) of such sizes.

    `window` is the size of a filter, `size` that of the result, `how` are stride, padding, dilation
    and groups.
    """
    stride, padding, dilation, groups = how
    channels, filters = channels // groups, filters // groups
    seen = seen_by(window, size, stride, dilation)
    taps = channels * prod(window)
    together = max(1, min(_TOGETHER // max(1, prod(size)), -(-images // threads)))
    borders = _AROUND
    if not any(padding) and stride[2] == 1 and all(map(le, seen, image)):
        borders, seen = _NONE, image
        if prod(window) == 1 and size == image and prod(size) >= _TOGETHER // 8:
            borders, together = _PIXELWISE, 1
    items = -(-images // together) * groups
    parts = 1 if items >= threads else min(threads, channels)
    # twelve rows should not fall on the same lines of the cache
    row = taps if taps % 256 else taps + 16
    counts, widths = (images, groups, together), (channels, filters, taps)
    rows = image, seen, size, stride, padding, counts, widths, (row, borders, parts)
    offsets = places_of(channels, window, seen, stride, dilation)
    border = together * channels * prod(seen) if borders == _AROUND else 0
    return _Plan(
        np.array(rows, np.int64).reshape(-1), offsets, channels, filters, taps, row, border
    )


def forward(x, w, bias, y, stride, padding, dilation, groups):
    """Let y be the convolution of x (N, C, D, H, W) by w (O, C / groups, KD, KH, KW)."""
    how, threads = (stride, padding, dilation, groups), get_num_threads()
    plan = _plan(*x.shape[:2], len(w), x.shape[2:], w.shape[2:], how, y.shape[2:], threads)
    rows = w.reshape(len(w), plan.taps)
    if plan.row > plan.taps:
        rows = np.pad(rows, ((0, 0), (0, plan.row - plan.taps)))
    bias = np.zeros(len(w), x.dtype) if bias is None else bias
    wide = 2 * VECTOR_BYTES // x.itemsize
    prepare(x.dtype)
    with Team(threads) as count:
        _run(_FORWARD, count, plan, plan.taps + plan.filters, wide, (x, rows, y, bias))


def input_gradient(g, w, dx, stride, padding, dilation, groups):
    """Let dx (N, C, D, H, W) be the gradient of x."""
    how, threads = (stride, padding, dilation, groups), get_num_threads()
    window, channels = w.shape[2:], groups * w.shape[1]
    plan = _plan(len(g), channels, len(w), dx.shape[2:], window, how, g.shape[2:], threads)
    turned = np.empty((groups, plan.taps * plan.filters), g.dtype)
    wide = 2 * VECTOR_BYTES // g.itemsize
    prepare(g.dtype)
    with Team(threads) as count:
        for filters, target in zip(w.reshape(groups, -1), turned, strict=True):
            _turned(count, filters, plan.filters, plan.taps, target)
        high = plan.filters + max(_HIGH, prod(window))
        _run(_INPUT, count, plan, high, wide, (turned, g, dx, dx))


def weight_gradient(g, x, dw, stride, padding, dilation, groups):
    """Let dw (O, C / groups, KD, KH, KW) be the gradient of w."""
    how, threads = (stride, padding, dilation, groups), get_num_threads()
    plan = _plan(*x.shape[:2], g.shape[1], x.shape[2:], dw.shape[2:], how, g.shape[2:], threads)
    taps, filters = plan.taps, plan.filters
    turned = filters > VECTOR_BYTES // x.itemsize  # else columns of a panel would stay empty
    by_rows = turned and taps * filters >= _MANY
    wide = _LONG * 2 * VECTOR_BYTES // x.itemsize
    prepare(x.dtype)
    with Team(threads) as count:
        sums = np.empty((1 if by_rows else count, groups, taps * filters), x.dtype)
        high = taps + filters + max(taps, filters) + wide
        _run(_WEIGHT, count, plan, high, wide, (x, g, sums, sums), turned, by_rows)
        total = sums[0] if len(sums) == 1 else sums.sum(axis=0)
        for group, target in zip(total, dw.reshape(groups, -1), strict=True):
            if turned:
                _turned(count, group, taps, filters, target)
            else:
                target[...] = group


def _run(step, count, plan, high, wide, arrays, turned=False, by_rows=False):
    """Take a step, with room for the border and `high` rows of a panel for each thread."""
    room = -(-(high * wide + plan.border) // 16) * 16 + APART
    dtype = arrays[0].dtype
    scratch, spots = room_for(count * room, dtype), np.empty((count, 4 * wide), np.int64)
    flat = (array.reshape(-1) for array in arrays)
    operands = step, plan.geometry, plan.offsets, *flat, scratch, spots, turned, by_rows
    (_shared(count, *operands) if count > 1 else _work(0, 1, *operands))


def _turned(count, source, rows, columns, target):
    """Turn a matrix (rows, columns)."""
    if count > 1 and rows * columns >= _MANY:
        _turn_shared(count, rows, columns, source, target)
    else:
        _turn(0, 1, rows, columns, source, target)
