"""Curves as dots: which places of a grid they pass, and the Braille characters of a grid."""

from __future__ import annotations

import numpy as np

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # of U+2800


def raster(
    x: np.ndarray,
    y: np.ndarray,
    across: tuple[float, float],
    up: tuple[float, float],
    rows: int,
    columns: int,
) -> np.ndarray:
    """Return which places of a grid a curve passes, joined up and down where it is steep.

    Every value is met, and what lies between values where columns are more. Values that are not
    finite leave a gap.

    Shapes: x (M,), rising, y (M,), M from 1 on -> bool (rows, columns), the first row above.

    Args:
        x: where the values lie.
        y: the values.
        across: what the first and the last column stand for.
        up: what the last and the first row stand for.
        rows: of the grid.
        columns: of the grid.
    """
    (first, last), (low, high) = across, up
    places = np.union1d(x, np.linspace(max(x[0], first), min(x[-1], last), columns))
    column = np.rint((places - first) / (last - first) * (columns - 1)).astype(int)
    share = (high - np.interp(places, x, y)) / (high - low)
    seen = np.isfinite(share)
    row = np.rint(np.where(seen, share, 0.0) * (rows - 1)).astype(int)
    # a line reaches up or down to the neighbour of the dot before it
    joined = seen & np.append(False, seen[:-1])
    before = np.append(row[:1], row[:-1])
    start = np.where(joined, before + np.sign(row - before), row)
    down = np.arange(rows)[:, None]
    passed = (np.minimum(row, start) <= down) & (down <= np.maximum(row, start)) & seen
    at = np.zeros((rows, columns), bool)
    heads = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
    at[:, column[heads]] = np.logical_or.reduceat(passed, heads, axis=1)
    return at


def braille(at: np.ndarray) -> np.ndarray:
    """Return a grid of places as Braille characters, four by two places each.

    Shapes: bool (4 R, 2 C) -> int (R, C), offsets from U+2800; 0 where there is no dot.
    """
    rows, columns = at.shape[0] // 4, at.shape[1] // 2
    bits = at.reshape(rows, 4, columns, 2) * _DOTS[:, None]
    return bits.sum(axis=(1, 3))
