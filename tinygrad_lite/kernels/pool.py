"""Pooling: the first maximum, or the mean, of every window of images, and the gradients.

A window takes the rows range(start, stop, step) of its plane, and columns likewise: `rows` and
`columns` are triples (starts, stops, step) of them all. None of them may be empty, nor reach out of
the plane. Rows are taken together first, in loops over contiguous numbers; what is left for the
columns of a window is one row.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.dense import outer
from tinygrad_lite.kernels.jit import intp, kernel, prange
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.threads import Team, get_num_threads

_SHARED = 30_000  # elements from which a second thread pays


def max_forward(x, rows, columns):
    """Return the maxima, and where in its plane each one lies; NaN is above all numbers."""
    y, places = _results(x, rows, columns, x.dtype, np.int32)
    args = *rows, *columns, _planes(y), _planes(places)
    _run(_max_forward, _max_forwards, _planes(x), *args)
    return y, places


def max_of_fours(x, rows, columns):
    """Return the same as `max_forward` for windows of 2 by 2 numbers, side by side."""
    y, places = _results(x, rows, columns, x.dtype, np.int32)
    _run(_max_of_fours, _max_of_fours_shared, _planes(x), _planes(y), _planes(places))
    return y, places


def max_backward(g, places, size):
    """Return the gradient of images of (H, W) = `size` from that of their maxima."""
    dx = np.empty((*g.shape[:2], *size), g.dtype)
    _run(_max_backward, _max_backwards, _planes(dx), _planes(g), _planes(places))
    return dx


def mean_forward(x, rows, columns, divisors):
    """Return the sum of every window, by the divisors of its row and of its column."""
    (y,), (down, across) = _results(x, rows, columns, x.dtype), divisors
    planes, means = _planes(x), _planes(y)
    if _takes_all(rows, columns, planes.shape[1:]):
        lines = planes.reshape(len(planes), planes.shape[1] * planes.shape[2])
        np.divide(lines.dot(np.ones(lines.shape[1], x.dtype)), down * across, out=means[:, 0, 0])
    else:
        args = *rows[:2], *columns[:2], down, across, means
        _run(_mean_forward, _mean_forwards, planes, *args)
    return y


def mean_backward(g, rows, columns, divisors, size):
    """Return the gradient of images of (H, W) = `size` from that of their means."""
    dx, (down, across) = np.empty((*g.shape[:2], *size), g.dtype), divisors
    planes, grads = _planes(dx), _planes(g)
    if _takes_all(rows, columns, size):
        lines = planes.reshape(len(planes), size[0] * size[1])
        outer(grads[:, 0, 0] / (down * across), np.ones(lines.shape[1], g.dtype), lines)
    else:
        args = *rows[:2], *columns[:2], down, across, grads
        _run(_mean_backward, _mean_backwards, planes, *args)
    return dx


def _results(x, rows, columns, *dtypes):
    """Return room for results of one number a window."""
    size = (*x.shape[:2], len(rows[0]), len(columns[0]))
    return [np.empty(size, dtype) for dtype in dtypes]


def _planes(x):
    """Return (N, C, H, W) as (N C, H, W), of the one type that kernels are compiled for."""
    n, c, h, w = x.shape
    return in_one_piece(x).reshape(n * c, h, w)


def _takes_all(rows, columns, size):
    """Tell whether each plane has one window, of which a product is the quickest sum."""
    windows = zip((rows, columns), size, strict=True)
    return all(len(starts) == 1 and stops[0] - starts[0] == n for (starts, stops, _), n in windows)


def _run(serial, parallel, planes, *args):
    """Run a kernel over the planes: in one thread, or shared, if they are many numbers."""
    with Team(min(get_num_threads(), len(planes)) if planes.size >= _SHARED else 1) as count:
        if count > 1:
            parallel(count, planes, *args)
        else:
            serial(0, 1, planes, *args)


# -- the first maximum ----------------------------------------------------------------------------


@kernel
def _max_forward(t, count, x, tops, ends, down, lefts, rights, right, y, places):
    planes, _, width = x.shape
    highest, lines = np.empty(width, x.dtype), np.empty(width, np.int32)
    for p in range(t * planes // count, (t + 1) * planes // count):
        for i in range(len(tops)):
            _highest_of_columns(x[p], tops[i], ends[i], down, highest, lines)
            _highest_of_all(highest, lines, lefts, rights, right, y[p, i], places[p, i])


@kernel
def _highest_of_columns(x, top, end, step, highest, lines):
    """Find each column's maximum, and the line in which it stands first."""
    first = x[top]
    for q in range(len(highest)):
        highest[q] = first[q]
    for q in range(len(highest)):
        lines[q] = top
    for line in range(top + step, end, step):
        row, number = x[line], np.int32(line)
        for q in range(len(highest)):
            value, most = row[q], highest[q]
            better = (value > most) | ((value != value) & (most == most))
            highest[q] = value if better else most
            lines[q] = number if better else lines[q]


@kernel
def _highest_of_all(highest, lines, lefts, rights, step, y, places):
    """Find the maximum of the columns' maxima; of equal ones the first line's, then column's."""
    width = len(highest)
    for j in range(len(y)):
        best = lefts[j]
        most, line = highest[best], lines[best]
        for q in range(best + step, rights[j], step):
            value = highest[q]
            first = lines[q] < line
            beaten = (value > most) | ((value == most) & first)
            if beaten | ((value != value) & ((most == most) | first)):
                most, line, best = value, lines[q], q
        y[j] = most
        places[j] = line * width + best


@kernel
def _max_backward(t, count, dx, g, places):
    planes = len(dx)
    for p in range(t * planes // count, (t + 1) * planes // count):
        row, grad, at = dx[p].reshape(-1), g[p].reshape(-1), places[p].reshape(-1)
        row[:] = 0
        for q in range(len(grad)):
            row[at[q]] += grad[q]


@kernel
def _max_of_fours(t, count, x, y, places):
    planes, height, width = y.shape
    below = np.int32(x.shape[2])
    for p in range(t * planes // count, (t + 1) * planes // count):
        for i in range(height):
            upper, lower, out, at = x[p, 2 * i], x[p, 2 * i + 1], y[p, i], places[p, i]
            corner = np.int32(2 * i * below)
            for j in range(width):
                a, b, c, d = upper[2 * j], upper[2 * j + 1], lower[2 * j], lower[2 * j + 1]
                second, fourth = (b > a) | ((b != b) & (a == a)), (d > c) | ((d != d) & (c == c))
                top, low = b if second else a, d if fourth else c
                lower_wins = (low > top) | ((low != low) & (top == top))
                out[j] = low if lower_wins else top
                right = fourth if lower_wins else second
                down = below if lower_wins else np.int32(0)
                at[j] = corner + np.int32(2 * j) + down + np.int32(right)


# -- the mean -------------------------------------------------------------------------------------


@kernel(exact=True)
def _mean_forward(t, count, x, tops, ends, lefts, rights, over, across, y):
    planes, _, width = x.shape
    total = np.empty(width, x.dtype)
    for p in range(t * planes // count, (t + 1) * planes // count):
        for i in range(len(tops)):
            total[:] = 0
            for line in range(tops[i], ends[i]):
                row = x[p, line]
                for q in range(width):
                    total[q] += row[q]
            for j in range(len(lefts)):
                s = total[lefts[j]]
                for q in range(lefts[j] + 1, rights[j]):
                    s += total[q]
                y[p, i, j] = s / (over[i] * across[j])


@kernel(exact=True)
def _mean_backward(t, count, dx, tops, ends, lefts, rights, over, across, g):
    planes, _, width = dx.shape
    total = np.empty(width, dx.dtype)
    for p in range(t * planes // count, (t + 1) * planes // count):
        dx[p] = 0
        for i in range(len(tops)):
            total[:] = 0
            for j in range(len(lefts)):
                share = g[p, i, j] / (over[i] * across[j])
                for q in range(lefts[j], rights[j]):
                    total[q] += share
            for line in range(tops[i], ends[i]):
                row = dx[p, line]
                for q in range(width):
                    row[q] += total[q]


# -- shared by threads ----------------------------------------------------------------------------


@kernel(parallel=True)
def _max_forwards(count, *args):
    for t in prange(count):
        _max_forward(intp(t), count, *args)


@kernel(parallel=True)
def _max_backwards(count, *args):
    for t in prange(count):
        _max_backward(intp(t), count, *args)


@kernel(parallel=True)
def _max_of_fours_shared(count, *args):
    for t in prange(count):
        _max_of_fours(intp(t), count, *args)


@kernel(exact=True, parallel=True)
def _mean_forwards(count, *args):
    for t in prange(count):
        _mean_forward(intp(t), count, *args)


@kernel(exact=True, parallel=True)
def _mean_backwards(count, *args):
    for t in prange(count):
        _mean_backward(intp(t), count, *args)
