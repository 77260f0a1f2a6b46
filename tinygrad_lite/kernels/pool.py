"""Pooling: the first maximum, or the mean, of every window of planes (P, H, W), and the gradients.

A window takes the rows range(start, stop, step) of its plane, and columns likewise: `rows` and
`columns` are triples (starts, stops, step) of them all. None of them may be empty, nor reach out of
the plane. Rows are taken together first, in loops over contiguous numbers; what is left for the
columns of a window is one row.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel, prange
from tinygrad_lite.kernels.threads import Team, get_num_threads

_SHARED = 30_000  # elements from which a second thread pays


def max_forward(x, rows, columns):
    """Return the maxima (P, OH, OW), and where in its plane each one lies; NaN is above all."""
    x, size = _ready(x), (len(x), len(rows[0]), len(columns[0]))
    y, places = np.empty(size, x.dtype), np.empty(size, np.int32)
    _run(_max_forward, _max_forwards, x, *rows, *columns, y, places)
    return y, places


def max_backward(g, places, size):
    """Return the gradient of planes of `size` from that of their maxima."""
    dx = np.zeros((len(g), size[0] * size[1]), g.dtype)
    _run(_max_backward, _max_backwards, dx, _ready(g), places)
    return dx


def max_of_fours(x):
    """Return the same as `max_forward` for windows of 2 by 2 numbers, side by side."""
    x, size = _ready(x), (len(x), x.shape[1] // 2, x.shape[2] // 2)
    y, places = np.empty(size, x.dtype), np.empty(size, np.int32)
    _run(_max_of_fours, _max_of_fours_shared, x, y, places)
    return y, places


def mean_forward(x, rows, columns, divisors):
    """Return the sum of every window, by the divisors of its row and of its column."""
    x = _ready(x)
    y = np.empty((len(x), len(rows[0]), len(columns[0])), x.dtype)
    _run(_mean_forward, _mean_forwards, x, *rows[:2], *columns[:2], *divisors, y)
    return y


def mean_backward(g, rows, columns, divisors, size):
    """Return the gradient of planes of `size` from that of their means."""
    dx = np.zeros((len(g), *size), g.dtype)
    _run(_mean_backward, _mean_backwards, dx, *rows[:2], *columns[:2], *divisors, _ready(g))
    return dx


def _ready(x):
    """Return what Numba takes for the one type that kernels are compiled for."""
    return np.require(x, requirements="CAW")


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
        row, grad, at = dx[p], g[p].reshape(-1), places[p].reshape(-1)
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


@kernel
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


@kernel
def _mean_backward(t, count, dx, tops, ends, lefts, rights, over, across, g):
    planes, _, width = dx.shape
    total = np.empty(width, dx.dtype)
    for p in range(t * planes // count, (t + 1) * planes // count):
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
        _max_forward(t, count, *args)


@kernel(parallel=True)
def _max_backwards(count, *args):
    for t in prange(count):
        _max_backward(t, count, *args)


@kernel(parallel=True)
def _max_of_fours_shared(count, *args):
    for t in prange(count):
        _max_of_fours(t, count, *args)


@kernel(parallel=True)
def _mean_forwards(count, *args):
    for t in prange(count):
        _mean_forward(t, count, *args)


@kernel(parallel=True)
def _mean_backwards(count, *args):
    for t in prange(count):
        _mean_backward(t, count, *args)
