"""Batch norm in one call, forward and backward.

A batch (N, C, ...) is a table of N rows, in which each channel has `spread` neighbouring columns.
A thread takes its channels some hundred columns at a time, and goes over all their rows: the sums
stay in the first cache. So long and short channels, and those of one column, take the same way.

The sums of a few rows have x's dtype; these are added up in float64. Squares are taken around a
guess of the mean, which the first row gives, and once more around the mean if the guess was bad; so
a mean far from 0 costs no digits (Chan et al., 1983, "Algorithms for computing the sample
variance").
"""

from __future__ import annotations

import math

import numpy as np

from tinygrad_lite.kernels.gemm import part
from tinygrad_lite.kernels.jit import intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.simd import at, get, pointer, put
from tinygrad_lite.kernels.threads import Team, get_num_threads

_COLUMNS = 1024  # at a time
_ROWS = 64  # whose sums have x's dtype
# batches with fewer elements than these are not worth a second thread
_SHARED = 30_000

# -- loops over columns of a row ------------------------------------------------------------------


@routine("ppppn")
def _add_squares(x, shift, total, squares, size):
    for j in range(size):
        d = get(at(x, j)) - get(at(shift, j))
        put(at(total, j), get(at(total, j)) + d)
        put(at(squares, j), get(at(squares, j)) + d * d)


@routine("pppppn")
def _add_products(x, shift, g, total, products, size):
    for j in range(size):
        d, e = get(at(x, j)) - get(at(shift, j)), get(at(g, j))
        put(at(total, j), get(at(total, j)) + e)
        put(at(products, j), get(at(products, j)) + d * e)


@routine("pppppn")
def _scale(x, shift, factor, offset, y, size):
    for j in range(size):
        d = get(at(x, j)) - get(at(shift, j))
        put(at(y, j), get(at(factor, j)) * d + get(at(offset, j)))


@routine("pppppppn")
def _combine(x, shift, g, of_x, of_g, offset, out, size):
    for j in range(size):
        d = get(at(x, j)) - get(at(shift, j))
        level = get(at(of_g, j)) * get(at(g, j)) + get(at(offset, j))
        put(at(out, j), level + get(at(of_x, j)) * d)


# -- between columns and channels -----------------------------------------------------------------
# `narrow` is how many columns of a channel are taken at a time.


@routine("pqnn")
def _widen(out, values, channels, narrow):
    """Write each channel's value to its columns."""
    for c in range(channels):
        value = get(at(values, c))
        for j in range(c * narrow, (c + 1) * narrow):
            put(at(out, j), value)


@routine("pqnn")
def _fold(sums, totals, channels, narrow):
    """Move the sums of columns to the totals of their channels."""
    for c in range(channels):
        total = 0.0
        for j in range(c * narrow, (c + 1) * narrow):
            total += get(at(sums, j))
            put(at(sums, j), 0)
        put(at(totals, c), get(at(totals, c)) + total)


@routine("pppbnnnnpq")
def _sum(x, shift, g, backward, rows, row, spread, channels, sums, totals):
    """Sum x - shift and its square, or g and its product with x - shift, for each channel."""
    width, narrow = channels * spread, min(spread, _COLUMNS)
    other_sums, other_totals = at(sums, _COLUMNS), at(totals, _COLUMNS)
    for c in range(channels):
        put(at(totals, c), 0)
        put(at(other_totals, c), 0)
    waiting = 0
    for n in range(rows):
        for j in range(0, width, _COLUMNS):
            start, size = n * row + j, min(_COLUMNS, width - j)
            if backward:
                _add_products(at(x, start), shift, at(g, start), sums, other_sums, size)
            else:
                _add_squares(at(x, start), shift, sums, other_sums, size)
            waiting += 1
            if waiting == _ROWS or (n == rows - 1 and j + _COLUMNS >= width):
                _fold(sums, totals, channels, narrow)
                _fold(other_sums, other_totals, channels, narrow)
                waiting = 0


# -- some channels --------------------------------------------------------------------------------
# `room` has _COLUMNS places for each of two sums, `shift`, and three factors; `totals` for three.


@kernel
def _estimate(x, rows, row, spread, channels, mean, var, room, totals):
    """Write mean and variance, from squares around `shift`; tell whether this was far away."""
    shift, narrow, size = at(room, 2 * _COLUMNS), min(spread, _COLUMNS), rows * spread
    _sum(x, shift, x, False, rows, row, spread, channels, room, totals)
    far = False
    for c in range(channels):
        rest = get(at(totals, c)) / size
        square = get(at(totals, _COLUMNS + c)) / size - rest * rest
        put(at(mean, c), get(at(shift, c * narrow)) + rest)
        put(at(var, c), max(square, 0.0))
        far |= rest * rest > square
    return far


@routine("pnnnnqqpq")
def _moments(x, rows, row, spread, channels, mean, var, room, totals):
    """Find the mean and the variance of channels."""
    shift, narrow = at(room, 2 * _COLUMNS), min(spread, _COLUMNS)
    for c in range(channels):
        put(at(mean, c), 0)
    _widen(shift, mean, channels, narrow)
    _estimate(x, 1, row, spread, channels, mean, var, room, totals)
    _widen(shift, mean, channels, narrow)
    if _estimate(x, rows, row, spread, channels, mean, var, room, totals):
        _widen(shift, mean, channels, narrow)
        _estimate(x, rows, row, spread, channels, mean, var, room, totals)


@routine("pppdqqpnnnnpq")
def _normalize(x, weight, bias, eps, mean, var, y, rows, row, spread, channels, room, totals):
    shift, factor, offset = at(room, 2 * _COLUMNS), at(room, 3 * _COLUMNS), at(room, 4 * _COLUMNS)
    narrow, width = min(spread, _COLUMNS), channels * spread
    _widen(shift, mean, channels, narrow)
    for c in range(channels):
        scale = get(at(weight, c)) / np.sqrt(get(at(var, c)) + eps)
        rest = get(at(mean, c)) - get(at(shift, c * narrow))
        put(at(totals, c), scale)
        put(at(totals, _COLUMNS + c), get(at(bias, c)) - rest * scale)
    _widen(factor, totals, channels, narrow)
    _widen(offset, at(totals, _COLUMNS), channels, narrow)
    for n in range(rows):
        for j in range(0, width, _COLUMNS):
            start, size = n * row + j, min(_COLUMNS, width - j)
            _scale(at(x, start), shift, factor, offset, at(y, start), size)


@routine("ppdbqqppppnnnnpq")
def _differentiate(
    x, weight, eps, known, mean, var, g, dx, dw, db, rows, row, spread, channels, room, totals
):
    """Find the gradients of channels, whose mean and variance depend on x if not `known`."""
    shift, of_x = at(room, 2 * _COLUMNS), at(room, 3 * _COLUMNS)
    of_g, offset = at(room, 4 * _COLUMNS), at(room, 5 * _COLUMNS)
    narrow, width, size = min(spread, _COLUMNS), channels * spread, rows * spread
    _widen(shift, mean, channels, narrow)
    _sum(x, shift, g, True, rows, row, spread, channels, room, totals)
    for c in range(channels):
        scale = 1 / np.sqrt(get(at(var, c)) + eps)
        rest = get(at(mean, c)) - get(at(shift, c * narrow))
        total = get(at(totals, c))
        along = (get(at(totals, _COLUMNS + c)) - rest * total) * scale
        put(at(db, c), total)
        put(at(dw, c), along)
        scale *= get(at(weight, c))
        tilt = 0.0 if known else -scale * along / np.sqrt(get(at(var, c)) + eps) / size
        put(at(totals, c), tilt)
        put(at(totals, _COLUMNS + c), scale)
        put(at(totals, 2 * _COLUMNS + c), 0.0 if known else -scale * total / size - tilt * rest)
    _widen(of_x, totals, channels, narrow)
    _widen(of_g, at(totals, _COLUMNS), channels, narrow)
    _widen(offset, at(totals, 2 * _COLUMNS), channels, narrow)
    for n in range(rows):
        for j in range(0, width, _COLUMNS):
            start, size = n * row + j, min(_COLUMNS, width - j)
            x_row, g_row, dx_row = at(x, start), at(g, start), at(dx, start)
            _combine(x_row, shift, g_row, of_x, of_g, offset, dx_row, size)


# -- the channels of a thread ---------------------------------------------------------------------


@kernel
def _forward(t, count, x, weight, bias, eps, known, mean, var, y, room, totals):
    first, last = part(t, count, len(mean), 1)
    rows, row = x.shape
    spread = row // len(mean)
    together = max(1, _COLUMNS // max(1, spread))
    own_room, own_totals = pointer(room[t]), pointer(totals[t])
    for c in range(first, last, together):
        channels, start = min(together, last - c), at(pointer(x), c * spread)
        m, v = at(pointer(mean), c), at(pointer(var), c)
        if not known:
            _moments(start, rows, row, spread, channels, m, v, own_room, own_totals)
        w, b, out = at(pointer(weight), c), at(pointer(bias), c), at(pointer(y), c * spread)
        shape = rows, row, spread, channels
        _normalize(start, w, b, eps, m, v, out, *shape, own_room, own_totals)


@kernel(parallel=True)
def _forwards(count, *operands):
    for t in prange(count):
        _forward(intp(t), count, *operands)


@kernel
def _backward(t, count, x, weight, eps, known, mean, var, g, dx, dw, db, room, totals):
    first, last = part(t, count, len(mean), 1)
    rows, row = x.shape
    spread = row // len(mean)
    together = max(1, _COLUMNS // max(1, spread))
    for c in range(first, last, together):
        _differentiate(
            at(pointer(x), c * spread),
            at(pointer(weight), c),
            eps,
            known,
            at(pointer(mean), c),
            at(pointer(var), c),
            at(pointer(g), c * spread),
            at(pointer(dx), c * spread),
            at(pointer(dw), c),
            at(pointer(db), c),
            rows,
            row,
            spread,
            min(together, last - c),
            pointer(room[t]),
            pointer(totals[t]),
        )


@kernel(parallel=True)
def _backwards(count, *operands):
    for t in prange(count):
        _backward(intp(t), count, *operands)


def forward(x, weight, bias, eps, known=None):
    """Return (x - mean) / √(var + eps) weight + bias, and the float64 statistics (C,).

    Args:
        x: (N, C, ...), float32 or float64.
        weight: (C,), in x's dtype like all others, or None for ones.
        bias: (C,), or None for zeros.
        eps: what is added to the variance.
        known: the mean and the variance (C,) to be used instead of those of x.
    """
    channels, y = x.shape[1], np.empty(x.shape, x.dtype)
    mean, var = np.empty((2, channels)) if known is None else np.array(known, np.float64)
    operands = (
        *(_table(x), _of_channels(weight, 1, x), _of_channels(bias, 0, x)),
        *(float(eps), known is not None, mean, var, _table(y)),
    )
    _run(_forward, _forwards, operands, x.dtype)
    return y, mean, var


def backward(g, x, weight, eps, known, mean, var):
    """Return the gradients of x, weight and bias, from that of `forward`'s result; see there."""
    dx, (dw, db) = np.empty(x.shape, x.dtype), np.empty((2, x.shape[1]), x.dtype)
    operands = (
        *(_table(x), _of_channels(weight, 1, x), float(eps), known, mean, var),
        *(_table(g), _table(dx), dw, db),
    )
    _run(_backward, _backwards, operands, x.dtype)
    return dx, dw, db


def _table(x):
    """Return x as an array (N, C * spread) in one piece, a copy where need be."""
    return in_one_piece(x).reshape(len(x), math.prod(x.shape[1:]))


def _of_channels(values, default, x):
    if values is None:
        return np.full(x.shape[1], default, x.dtype)
    return in_one_piece(values).reshape(-1)


def _run(alone, shared, operands, dtype):
    table, channels = operands[0], len(operands[1])
    prepare(dtype)
    wanted = min(channels, get_num_threads()) if table.size >= _SHARED else 1
    with Team(wanted) as count:
        room = np.zeros((count, 6 * _COLUMNS), dtype)
        totals = np.empty((count, 3 * _COLUMNS))
        if count > 1:
            shared(count, *operands, room, totals)
        else:
            alone(0, 1, *operands, room, totals)
