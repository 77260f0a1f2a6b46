"""Images with zeros around them, so that filters need not ask where an image ends.

Columns that a stride joins stand side by side in them: whatever the stride, one place of a filter
sees neighbours for neighbouring results.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel, routine
from tinygrad_lite.kernels.layout import copy_run, fill
from tinygrad_lite.kernels.simd import at, get, put

# The geometry of a call begins with these rows, a number each for depth, rows and columns: images,
# what filters see of them and of a border, results; the step from one to the next; zeros in front.
IMAGE, SEEN, RESULT, STRIDE, PADDING = range(5)


@kernel
def three(geometry, row):
    """Return the numbers of a row."""
    start = at(geometry, 3 * row)
    return get(start), get(at(start, 1)), get(at(start, 2))


@kernel
def _inside(phase, left, stride, columns, run):
    """Return which of the `run` columns of a phase lie inside of an image, first and end."""
    shift = phase - left  # column k of the phase is column k stride + shift of the image
    first = min(run, max(0, (stride - 1 - shift) // stride))
    return first, max(first, min(run, (columns - shift + stride - 1) // stride))


@kernel
def _between(source, source_step, target, target_step, length):
    """Copy elements that lie a step apart to where they lie a step apart."""
    if source_step == target_step == 1:
        copy_run(source, target, length)
    else:
        for k in range(length):
            put(at(target, k * target_step), get(at(source, k * source_step)))


@routine("pnip")
def surround(x, channels, geometry, out):
    """Copy an image into one with a border, zeros where it does not reach."""
    depth, rows, columns = three(geometry, IMAGE)
    deep, high, wide = three(geometry, SEEN)
    front, top, left = three(geometry, PADDING)
    stride = three(geometry, STRIDE)[2]
    run = wide // stride
    for phase in range(stride):
        first, end = _inside(phase, left, stride, columns, run)
        start = first * stride + phase - left
        for c in range(channels):
            for i in range(deep):
                inside = 0 <= i - front < depth
                above = at(x, ((c * depth + i - front) * rows - top) * columns + start)
                below = at(out, (c * deep + i) * high * wide + phase * run)
                for j in range(high):
                    source, target = at(above, j * columns), at(below, j * wide)
                    if not inside or j < top or j >= top + rows:
                        fill(target, run, 0)
                        continue
                    fill(target, first, 0)
                    _between(source, stride, at(target, first), 1, end - first)
                    fill(at(target, end), run - end, 0)


@routine("pnip")
def uncover(x, channels, geometry, out):
    """Copy back what `surround` copied: to `out`, an image, from x, which has a border.

    What lies beyond the border of x becomes zero.
    """
    depth, rows, columns = three(geometry, IMAGE)
    deep, high, wide = three(geometry, SEEN)
    front, top, left = three(geometry, PADDING)
    stride = three(geometry, STRIDE)[2]
    run = wide // stride
    for phase in range(stride):
        first, end = _inside(phase, left, stride, columns, run)
        start = first * stride + phase - left
        beyond = left < 0 or wide < columns + left
        for c in range(channels):
            for i in range(depth):
                inside = 0 <= i + front < deep
                above = at(x, ((c * deep + i + front) * high + top) * wide + phase * run + first)
                below = at(out, (c * depth + i) * rows * columns)
                for j in range(rows):
                    source, target = at(above, j * wide), at(below, j * columns)
                    reached = inside and 0 <= j + top < high
                    if phase == 0 and (beyond or not reached):
                        fill(target, columns, 0)
                    if reached:
                        _between(source, 1, at(target, start), stride, end - first)


def seen_by(window, size, stride, dilation):
    """Return the size of an image that filters see all of, columns in multiples of the stride."""
    places = zip(window, size, stride, dilation, strict=True)
    depth, rows, columns = ((n - 1) * step + (k - 1) * apart + 1 for k, n, step, apart in places)
    return depth, rows, -(-columns // stride[2]) * stride[2]


def places_of(channels, window, seen, stride, dilation):
    """Return how far from the first pixel that a result sees each tap of its filter looks."""
    c, i, j, k = np.indices((channels, *window)).reshape(4, -1)
    line = (c * seen[0] + i * dilation[0]) * seen[1] + j * dilation[1]
    column, run = k * dilation[2], seen[2] // stride[2]
    return line * seen[2] + column % stride[2] * run + column // stride[2]
