"""Copies within memory: whole arrays, runs, and matrices that are turned."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel, routine
from tinygrad_lite.kernels.simd import at, copy_some, copy_vector, get, lanes, put, transpose


def in_one_piece(x, dtype=None):
    """Return x in C's order, or a copy: for all of them, kernels are compiled only once.

    A read-only array, as what is broadcast, would be of another type to Numba.
    """
    right = x.flags.c_contiguous and x.flags.writeable and x.flags.aligned
    return x if right and (dtype is None or x.dtype == dtype) else np.array(x, dtype, order="C")


@kernel
def copy_run(source, target, length):
    """Copy elements that lie side by side."""
    size = lanes(source)
    whole = length - length % size
    for j in range(0, whole, size):
        copy_vector(at(source, j), at(target, j))
    if whole < length:
        copy_some(at(source, whole), at(target, whole), length - whole)


@kernel
def fill(target, length, value):
    """Set elements that lie side by side."""
    for j in range(length):
        put(at(target, j), value)


@routine("pnnnpn")
def turn(source, source_row, rows, columns, target, target_row):
    """Copy (rows, columns), whose columns lie side by side, to (columns, rows)."""
    size = lanes(source)
    if rows < size or columns < size:
        for i in range(rows):
            for j in range(columns):
                put(at(target, j * target_row + i), get(at(source, i * source_row + j)))
        return
    for i in range((rows + size - 1) // size):
        row = min(i * size, rows - size)  # the last square overlaps the one before
        for j in range((columns + size - 1) // size):
            column = min(j * size, columns - size)
            spot = at(source, row * source_row + column)
            transpose(spot, source_row, at(target, column * target_row + row), target_row)
