"""The product of two matrices, on which recurrences, convolutions and dense layers stand.

Of both operands a block that fits into the cache is copied, so that the innermost product, a tile
that stays in registers, reads memory in order (Goto & van de Geijn, 2008, "Anatomy of
high-performance matrix multiplication"). Each thread computes a rectangle of the result and copies
what it needs for it, so none waits for another.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import intp, kernel, prange, prepare, routine
from tinygrad_lite.kernels.simd import (
    HEIGHTS,
    VECTOR_BYTES,
    at,
    copy_row,
    get,
    lanes,
    pointer,
    put,
    tiles,
    transpose,
)
from tinygrad_lite.kernels.threads import Team, get_num_threads, keep_blas_to_one_thread

# how much of the operands is copied at a time: steps of the sum, rows of a, columns of b
_DEPTH = 384
_ROWS = 8 * HEIGHTS[0]
_COLUMNS = 2048
_PAD = 16  # keeps the rows of a copy from falling on the same lines of the cache
_A_SIZE = max(_ROWS * (_DEPTH + _PAD), _DEPTH * (_ROWS + _PAD))
# Elements between the rooms of two threads: processors fetch what comes next before it is asked
# for, and so would take from each other what stands near.
APART = 2048
# fewer multiplications, or elements to copy, than these are not worth a second thread
_SHARED = 200_000

keep_blas_to_one_thread()

_HIGH, _LOWER, _LOW, _PAIR, _ = HEIGHTS
_high, _lower, _low, _pair, _row = tiles


@routine("pnnppnnnnb")
def panel(a, a_row, a_step, b, c, c_row, rows, depth, width, add):
    """Let c (rows, width) = or += a (rows, depth) b, a panel: rows of two vectors in order."""
    step = 2 * lanes(b)
    i = 0
    while i < rows:
        left = rows - i
        x, y = at(a, i * a_row), at(c, i * c_row)
        if left >= _HIGH and left != 2 * _LOWER:
            _high(x, a_row, a_step, b, step, y, c_row, depth, width, add)
            i += _HIGH
        elif left >= _LOWER:
            _lower(x, a_row, a_step, b, step, y, c_row, depth, width, add)
            i += _LOWER
        elif left >= _LOW:
            _low(x, a_row, a_step, b, step, y, c_row, depth, width, add)
            i += _LOW
        elif left >= _PAIR:
            _pair(x, a_row, a_step, b, step, y, c_row, depth, width, add)
            i += _PAIR
        else:
            _row(x, a_row, a_step, b, step, y, c_row, depth, width, add)
            i += 1


@routine("pnnppnnnnb")
def multiply(a, a_row, a_step, panels, c, c_row, rows, depth, columns, add):
    """Let c (rows, columns) = or += a (rows, depth) b, which is there in panels."""
    wide = 2 * lanes(a)
    for j in range(0, columns, wide):
        for k in range(0, depth, _DEPTH):  # as much of a panel as stays in the first cache
            x, b = at(a, k * a_step), at(panels, j * depth + k * wide)
            deep = min(_DEPTH, depth - k)
            panel(x, a_row, a_step, b, at(c, j), c_row, rows, deep, columns - j, add or k > 0)


@routine("pnnnnpn")
def pack(b, b_row, b_column, depth, columns, out, height):
    """Copy b (depth, columns) into panels (height, two vectors), zeros right of the last column."""
    size = lanes(b)
    wide = 2 * size
    full = columns - columns % wide
    whole = 0  # steps of full panels that are copied by vectors
    if b_column == 1:
        whole = depth
        for k in range(depth):  # as b lies in memory
            for j in range(0, full, wide):
                copy_row(at(b, k * b_row + j), at(out, j * height + k * wide))
    elif b_row == 1:
        whole = depth - depth % size
        for j in range(0, full, size):
            target = at(out, j // wide * wide * height + j % wide)
            for k in range(0, whole, size):
                transpose(at(b, k + j * b_column), b_column, at(target, k * wide), wide)
    for j in range(0, columns, wide):
        width = min(wide, columns - j)
        source, target = at(b, j * b_column), at(out, j * height)
        for k in range(whole if width == wide else 0, depth):
            for q in range(width):
                put(at(target, k * wide + q), get(at(source, k * b_row + q * b_column)))
            for q in range(width, wide):
                put(at(target, k * wide + q), 0)


@routine("pnnnpn")
def _copy(a, a_row, rows, columns, out, out_row):
    """Copy a (rows, columns), whose columns lie side by side."""
    wide = 2 * lanes(a)
    whole = columns - columns % wide
    for i in range(rows):
        source, target = at(a, i * a_row), at(out, i * out_row)
        for j in range(0, whole, wide):
            copy_row(at(source, j), at(target, j))
        for j in range(whole, columns):
            put(at(target, j), get(at(source, j)))


@routine("pnnpnnpnnnnbp")
def _rectangle(a, a_row, a_step, b, b_row, b_column, c, c_row, rows, columns, depth, add, scratch):
    """Compute c (rows, columns) = or += a (rows, depth) b (depth, columns), block by block."""
    panels = at(scratch, _A_SIZE)
    for j in range(0, columns, _COLUMNS):
        width = min(_COLUMNS, columns - j)
        for k in range(0, depth, _DEPTH):
            deep = min(_DEPTH, depth - k)
            pack(at(b, k * b_row + j * b_column), b_row, b_column, deep, width, panels, deep)
            for i in range(0, rows, _ROWS):
                high = min(_ROWS, rows - i)
                x, x_row, x_step = at(a, i * a_row + k * a_step), a_row, a_step
                if a_step == 1:
                    _copy(x, a_row, high, deep, scratch, deep + _PAD)
                    x, x_row = scratch, deep + _PAD
                elif a_row == 1:
                    _copy(x, a_step, deep, high, scratch, high + _PAD)
                    x, x_step = scratch, high + _PAD
                y = at(c, i * c_row + j)
                multiply(x, x_row, x_step, panels, y, c_row, high, deep, width, add or k > 0)


@kernel
def part(index, parts, size, unit):
    """Return where the part of a range begins and ends, if it is cut at multiples of `unit`."""
    units = (size + unit - 1) // unit
    return min(size, index * units // parts * unit), min(size, (index + 1) * units // parts * unit)


@kernel
def _share(
    t,
    down,
    across,
    a,
    a_row,
    a_step,
    b,
    b_row,
    b_column,
    c,
    c_row,
    rows,
    columns,
    depth,
    add,
    scratch,
):
    """Compute the rectangle of one thread, of a grid of `down` by `across`."""
    i, end = part(t // across, down, rows, _HIGH)
    j, right = part(t % across, across, columns, 2 * lanes(pointer(a)))
    if end > i and right > j:
        _rectangle(
            at(pointer(a), i * a_row),
            a_row,
            a_step,
            at(pointer(b), j * b_column),
            b_row,
            b_column,
            at(pointer(c), i * c_row + j),
            c_row,
            end - i,
            right - j,
            depth,
            add,
            at(pointer(scratch), t * (len(scratch) // (down * across))),
        )


@kernel(parallel=True)
def _shares(down, across, *operands):
    for t in prange(down * across):
        _share(intp(t), down, across, *operands)


def strided(x):
    """Return the first element of x and its strides in elements.

    They are those of a copy where these are no whole numbers, as in a field of a packed record, and
    where x is read-only, as what is broadcast, for which Numba would compile every kernel again.
    """
    size = x.itemsize
    if not x.flags.writeable or any(stride % size for stride in x.strides):
        x = x.copy()
    return x[(slice(1),) * x.ndim], *(stride // size for stride in x.strides)


def room_for(elements, dtype):
    """Return an array whose vectors do not straddle lines of the cache: these load half as fast."""
    size = np.dtype(dtype).itemsize
    room = np.empty(elements + VECTOR_BYTES // size, dtype)
    start = -room.__array_interface__["data"][0] % VECTOR_BYTES // size
    return room[start : start + elements]


@kernel
def _pack_share(t, count, b, b_row, b_column, depth, columns, panels, above, height):
    """Pack the columns of one thread, below `above` rows that others fill."""
    wide = 2 * lanes(pointer(b))
    j, right = part(t, count, columns, wide)
    target = at(pointer(panels), j * height + above * wide)
    pack(at(pointer(b), j * b_column), b_row, b_column, depth, right - j, target, height)


@kernel(parallel=True)
def _pack_shares(count, *operands):
    for t in prange(count):
        _pack_share(intp(t), count, *operands)


def panels_of(*parts):
    """Return the panels of one matrix: of parts (depth, columns) that stand on one another."""
    columns, height = parts[0].shape[1], sum(map(len, parts))
    dtype = parts[0].dtype
    prepare(dtype)
    wide = 2 * VECTOR_BYTES // dtype.itemsize
    panels, above = room_for(-(-columns // wide) * wide * height, dtype), 0
    for b in parts:
        operands = *strided(b), len(b), columns, panels, above, height
        with Team(get_num_threads() if b.size >= _SHARED else 1) as count:
            if count > 1:
                _pack_shares(count, *operands)
            else:
                _pack_share(0, 1, *operands)
        above += len(b)
    return panels


def gemm(a, b, out=None, add=False):
    """Return the matrix product a b (M, K) (K, N), in `out`, or added to it.

    Args:
        a: float32 or float64, with any strides.
        b: of the same dtype, with any strides.
        out: where to write, (M, N), rows in one piece; a new array by default.
        add: add the product to `out`.

    Raises:
        ValueError: shapes, dtypes or the strides of `out` do not fit; nothing was touched.
    """
    if out is None:
        out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    (rows, depth), columns = a.shape, b.shape[1]
    if b.shape[0] != depth or out.shape != (rows, columns):
        raise ValueError(f"gemm: {a.shape} times {b.shape} does not go into {out.shape}")
    if not a.dtype == b.dtype == out.dtype or a.dtype.char not in "fd":
        raise ValueError(f"gemm: {a.dtype}, {b.dtype}, {out.dtype} must be float32 or float64")
    if not (rows and columns and depth):
        if not add:
            out[...] = 0
        return out
    if (columns > 1 and out.strides[1] != out.itemsize) or out.strides[0] % out.itemsize:
        raise ValueError("gemm: the columns of out must lie side by side")
    prepare(a.dtype)
    wanted = get_num_threads() if rows * columns * depth >= _SHARED else 1
    with Team(wanted) as count:
        down, across = _grid(count, rows, columns)
        packed = min(_COLUMNS, -(-columns // across // 64) * 64 + 64) * min(_DEPTH, depth)
        scratch = room_for(count * (_A_SIZE + packed), a.dtype)
        corner, c_row = out[:1, :1], out.strides[0] // out.itemsize  # of out itself, no copy
        operands = *strided(a), *strided(b), corner, c_row, rows, columns, depth, add, scratch
        if count > 1:
            _shares(down, across, *operands)
        else:
            _share(0, 1, 1, *operands)
    return out


def _grid(count, rows, columns):
    """Return how many rectangles there are downwards and across, so that they are near squares."""
    return min(
        ((down, count // down) for down in range(1, count + 1) if count % down == 0),
        key=lambda grid: rows / grid[0] + 2 * columns / grid[1],
    )
