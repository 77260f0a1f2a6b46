"""Pooling: one number for each window, the first maximum or the mean; and the way back.

Along each axis a pooling knows nothing but which places each of its windows takes (`Windows`), so
that sliding windows of any geometry, adaptive ones and those of sequences are computed alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError, message
from tinygrad_lite.op import FLOATS, OBJECT, Op
from tinygrad_lite.ops import reduce
from tinygrad_lite.ops.conv import Pair, pair
from tinygrad_lite.ops.indexing import Places, getitem, plain_index, take_along_axis

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_unpool2d",
]

Single = int | tuple[int]
AdaptiveSize = int | None | tuple[int | None, int | None]


# -- windows along one axis -----------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Windows:
    """Which places along an axis each window takes: range(start, stop, step), never empty.

    `divisors` are what each window contributes to the number by which a mean divides.
    """

    starts: np.ndarray
    stops: np.ndarray
    step: int
    divisors: np.ndarray

    @property
    def ranges(self) -> tuple[np.ndarray, np.ndarray, int]:
        """What kernels need."""
        return self.starts, self.stops, self.step

    @cached_property
    def are_pairs(self) -> bool:
        """Whether neighbours are taken two by two, from the first place on."""
        even = np.arange(0, 2 * len(self.starts), 2)
        return (self.starts == even).all() and (self.stops == even + 2).all() and self.step == 1

    @cached_property
    def places(self) -> np.ndarray:
        """A row of places for each window; one that has fewer than others repeats its last."""
        last = (self.stops - 1 - self.starts) // self.step
        turns = np.minimum(np.arange(last.max() + 1), last[:, None])
        return self.starts[:, None] + turns * self.step  # type: ignore[no-any-return]

    @cached_property
    def distinct(self) -> np.ndarray:
        """Of each of the `places`, whether it is no repetition."""
        return np.diff(self.places, prepend=-1) != 0


@lru_cache(512)
def _sliding(
    n: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool, with_pad: bool
) -> Windows:
    """Return the windows that slide over an axis of length `n`, without what they take beyond it.

    With `ceil_mode` a last one may reach beyond the padding, if it begins before it.
    """
    reach = (kernel - 1) * dilation + 1
    count, rest = divmod(n + 2 * padding - reach, stride)
    count += 1 + (ceil_mode and rest > 0 and (count + 1) * stride < n + padding)
    first = np.arange(max(count, 0)) * stride - padding
    starts = np.where(first < 0, first % dilation, first)
    stops = np.minimum(first + reach, n)
    ends = np.minimum(first + reach, n + padding)
    return Windows(starts, stops, dilation, ends - first if with_pad else stops - starts)


@lru_cache(512)
def _adaptive(n: int, count: int) -> Windows:
    """Return `count` windows, as equal as possible, that cover an axis of length `n`."""
    numbers = np.arange(count)
    starts, stops = numbers * n // count, -(-(numbers + 1) * n // count)
    return Windows(starts, stops, 1, stops - starts)


# -- the ops --------------------------------------------------------------------------------------


def _patches(x: Any, rows: Windows, columns: Windows) -> Any:
    """Return all windows: (..., H, W) to (..., OH, OW, KH, KW)."""
    return getitem(x, (..., rows.places[:, None, :, None], columns.places[:, None, :]))


def _places_in_numpy(x: Any, rows: Windows, columns: Windows) -> Any:
    """Return where in its plane, counted row by row, each window has its first maximum."""
    patches = _patches(x, rows, columns)
    numbers = _patches(np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:]), rows, columns)
    oh, ow, kh, kw = numbers.shape
    turns = patches.reshape((*patches.shape[:4], kh * kw)).argmax(-1)
    i, j = np.ogrid[:oh, :ow]
    return numbers.reshape((oh, ow, kh * kw))[i, j, turns]


def _at(x: Any, places: Any) -> Any:
    """Return the numbers at these places of the planes."""
    n, c, oh, ow = places.shape
    planes = x.reshape((n, c, x.shape[2] * x.shape[3]))
    found = take_along_axis(planes, places.reshape((n, c, oh * ow)))
    return found.reshape((n, c, oh, ow))


def _max_forward(x: Any, rows: Windows, columns: Windows) -> tuple[Any, Any]:
    fours = rows.are_pairs and columns.are_pairs
    pool = kernels.pool.max_of_fours if fours else kernels.pool.max_forward
    return pool(x, rows.ranges, columns.ranges)  # type: ignore[no-any-return]


def _max_rule(g: Any, y: Any, x: Any, rows: Windows, columns: Windows) -> Any:
    """Send each gradient to its window's first maximum: x̄_p = Σ_w ȳ_w [p = argmax_w x]."""
    return kernels.pool.max_backward(g, y[1], x.shape[2:])


def _divisors(rows: Windows, columns: Windows, dtype: Any) -> tuple[Any, Any]:
    return rows.divisors.astype(dtype), columns.divisors.astype(dtype)


def _mean_forward(x: Any, rows: Windows, columns: Windows) -> Any:
    divisors = _divisors(rows, columns, x.dtype)
    return kernels.pool.mean_forward(x, rows.ranges, columns.ranges, divisors)


def _mean_rule(g: Any, y: Any, x: Any, rows: Windows, columns: Windows) -> Any:
    """Share each gradient evenly: x̄_p = Σ_w ȳ_w [p in w] / divisor_w."""
    divisors = _divisors(rows, columns, x.dtype)
    return kernels.pool.mean_backward(g, rows.ranges, columns.ranges, divisors, x.shape[2:])


def _mean_in_plain_ops(x: Any, rows: Windows, columns: Windows) -> Any:
    down, across = _divisors(rows, columns, x.dtype)
    distinct = rows.distinct[:, None, :, None] & columns.distinct[:, None, :]
    total = reduce.sum(_patches(x, rows, columns), axis=(-2, -1), where=distinct)
    return total / (down[:, None] * across)


_places = Op(
    "max_pool_places",
    lambda x, rows, columns: _max_forward(x, rows, columns)[1].astype(np.int64),
    reference=Op("max_pool_places", _places_in_numpy),
)
_max_pool = Op(
    "max_pool",
    _max_forward,
    _max_rule,
    reference=lambda x, rows, columns: _at(x, _places.reference(x, rows=rows, columns=columns)),  # type: ignore[misc]
    keeps=True,
)
_avg_pool = Op("avg_pool", _mean_forward, _mean_rule, reference=_mean_in_plain_ops)


# -- arguments ------------------------------------------------------------------------------------

_AXES = {1: "sequences must be (N, C, L)", 2: "images must be (N, C, H, W)"}


def geometry(
    subject: str,
    axes: int,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
) -> tuple[tuple[int, ...], ...]:
    """Return kernel, stride, padding and dilation, a number for each axis, after checking them.

    Raises:
        ArgumentError: one of them is not of whole numbers from 1 (padding: 0) on, or there is more
            padding than half of a window.
    """
    kernel = _each(axes, kernel_size, "kernel_size", subject, 1)
    steps = kernel if stride is None else _each(axes, stride, "stride", subject, 1)
    border = _each(axes, padding, "padding", subject, 0)
    spacing = _each(axes, dilation, "dilation", subject, 1)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, spacing, strict=True)]
    if any(2 * p > r for p, r in zip(border, reach, strict=True)):
        raise ArgumentError(
            message(
                subject,
                f"padding={padding!r} is more than half of a window, which reaches over "
                f"{tuple(reach)}",
                fix="use less padding, or pad the images themselves with F.pad",
            )
        )
    return kernel, steps, border, spacing


def _each(axes: int, value: Any, name: str, subject: str, least: int) -> tuple[int, ...]:
    """Return a number for each axis."""
    if axes == 2:
        return pair(value, name, subject, least)
    if isinstance(value, tuple | list):
        value = value[0] if len(value) == 1 else (value,)
    return pair(value, name, subject, least)[1:]


def _check(subject: str, axes: int, x: Any) -> None:
    if len(x.shape) != axes + 2:
        raise ShapeError(message(subject, _AXES[axes], {"x": x}, fix="add the missing axes"))
    if x.dtype not in FLOATS and x.dtype != OBJECT:
        fix = "convert x first: x.astype('float32')"
        raise DTypeError(message(subject, "needs floating-point numbers", {"x": x}, fix=fix))


def _windows(
    subject: str,
    x: Any,
    geometry: tuple[tuple[int, ...], ...],
    ceil_mode: bool,
    with_pad: bool = False,
) -> list[Windows]:
    """Return the windows along each of the last axes of `x`."""
    _check(subject, len(geometry[0]), x)
    found = [
        _sliding(n, *numbers, bool(ceil_mode), with_pad)
        for n, *numbers in zip(x.shape[2:], *geometry, strict=True)
    ]
    if not all(len(w.starts) and (w.starts < w.stops).all() for w in found):
        kernel, _, padding, dilation = geometry
        gaps = f", {dilation} apart," if max(dilation) > 1 else ""
        raise ShapeError(
            message(
                subject,
                f"a window of {kernel}{gaps} does not fit into an image of {tuple(x.shape[2:])} "
                f"with padding {padding}",
                {"x": x},
                fix="use a smaller window, more padding, or larger images",
            )
        )
    return found


def _pooled(pool: Callable[..., Any], x: Any, windows: list[Windows]) -> Any:
    """Apply `pool` to images, or to sequences as to images of one row."""
    if len(windows) == 2:
        return pool(x, rows=windows[0], columns=windows[1])
    y = pool(np.expand_dims(x, 2), rows=_adaptive(1, 1), columns=windows[0])
    return tuple(part[:, :, 0] for part in y) if isinstance(y, tuple) else y[:, :, 0]


# -- maxima ---------------------------------------------------------------------------------------


def max_pool1d(
    x: ArrayLike,
    kernel_size: Single,
    stride: Single | None = None,
    padding: Single = 0,
    dilation: Single = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window of sequences: `max_pool2d` for one axis.

    With `return_indices`, a pair: also where in its sequence each maximum lies.

    Shapes: x (N, C, L) to (N, C, OL), OL = (L + 2 p - ((K - 1) d + 1)) // s + 1.

    Raises:
        ShapeError: x are no sequences, or shorter, with padding, than a window.
        ArgumentError: a size or step below 1, or padding that is negative or more than half of a
            window.
        DTypeError: x is not of floats.
    """
    windows = geometry("max_pool1d", 1, kernel_size, stride, padding, dilation)
    pool = _with_places if return_indices else _max_pool
    return _pooled(pool, x, _windows("max_pool1d", x, windows, ceil_mode))


def max_pool2d(
    x: ArrayLike,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the maximum of each window; its gradient goes to the first of equal ones.

    NaN counts as larger than any number.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H + 2 p - ((KH - 1) d + 1)) // s + 1.

    Args:
        x: the images.
        kernel_size: height and width of a window; one number for a square.
        stride: step from one window to the next; the window's size by default.
        padding: how far windows reach beyond each border, where nothing is taken.
        dilation: distance between the places that a window takes.
        ceil_mode: round OH up instead of down, unless the last window begins beyond the images.
        return_indices: return also where each maximum lies in its plane (H, W), counted row by row.

    Raises:
        ShapeError: x are no images, or smaller, with padding, than a window.
        ArgumentError: a size or step below 1, or padding that is negative or more than half of a
            window.
        DTypeError: x is not of floats.
    """
    windows = geometry("max_pool2d", 2, kernel_size, stride, padding, dilation)
    pool = _with_places if return_indices else _max_pool
    return _pooled(pool, x, _windows("max_pool2d", x, windows, ceil_mode))


def _with_places(x: Any, rows: Windows, columns: Windows) -> tuple[Any, Any]:
    places = _places(x, rows=rows, columns=columns)
    return _at(x, places), places


def max_unpool2d(
    x: ArrayLike,
    indices: ArrayLike | None,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    output_size: Pair | None = None,
) -> Tensor:
    """Put pooled numbers back to where they came from, zeros elsewhere (Zeiler et al., 2011).

    Where two go to the same place the last one stays, and has the gradient.

    Shapes: x and indices (N, C, H, W) to (N, C, OH, OW), OH = (H - 1) s - 2 p + KH.

    Args:
        x: the pooled images.
        indices: of each number its place in the new plane, counted row by row, as
            `max_pool2d(..., return_indices=True)` returns them; None for the upper left corner of
            each window (Dosovitskiy et al., 2015).
        kernel_size: height and width of the windows of the pooling; one number for a square.
        stride: their steps; the window's size by default.
        padding: their padding.
        output_size: (OH, OW), since poolings of several sizes give the same; may differ from the
            formula by less than a step.

    Raises:
        ShapeError: x are no images, or there is not one index for each number.
        DTypeError: x is not of floats, or the indices are not of integers.
        DataError: an index lies outside of the new plane.
        ArgumentError: a size or step below 1, impossible padding or `output_size`.
    """
    kernel, steps, border, _ = geometry("max_unpool2d", 2, kernel_size, stride, padding)
    _check("max_unpool2d", 2, x)
    usual = [
        (n - 1) * s - 2 * p + k
        for n, k, s, p in zip(x.shape[2:], kernel, steps, border, strict=True)
    ]
    size = _unpooled_size(usual, steps, output_size)
    if indices is None:
        down, across = (
            np.maximum(np.arange(n) * s - p, 0)
            for n, s, p in zip(x.shape[2:], steps, border, strict=True)
        )
        indices = np.broadcast_to(down[:, None] * size[1] + across, x.shape)
    places = _checked_places(x, np.asarray(plain_index(indices)), size)
    n, c, _, _ = x.shape
    at = (*np.ogrid[:n, :c, :1, :1][:2], places)
    empty: Any = np.zeros((n, c, size[0] * size[1]), x.dtype)
    return Places(empty, at).set(x).reshape((n, c, *size))


def _unpooled_size(usual: list[int], steps: tuple[int, ...], given: Any) -> Pair:
    size = usual if given is None else list(given)[-2:]
    near = [abs(a - b) < s for a, b, s in zip(size, usual, steps, strict=False)]
    if len(near) != 2 or not all(near) or min(size) < 1:
        raise ArgumentError(
            message(
                "max_unpool2d",
                f"an output of {tuple(size)} is not possible, where {tuple(usual)} is usual",
                fix=f"give as output_size the size of the images before pooling: less than "
                f"{steps} from the usual one",
            )
        )
    return size[0], size[1]


def _checked_places(x: Any, places: np.ndarray, size: Pair) -> np.ndarray:
    operands = {"x": x, "indices": places}
    if places.dtype.kind not in "iu":
        fix = "pass what max_pool2d(..., return_indices=True) returned"
        raise DTypeError(message("max_unpool2d", "indices must be integers", operands, fix=fix))
    if places.shape != x.shape:
        fix = "give one index for each number of x"
        raise ShapeError(
            message("max_unpool2d", "x and indices differ in shape", operands, fix=fix)
        )
    if places.size and not 0 <= places.min() <= places.max() < size[0] * size[1]:
        raise DataError(
            message(
                "max_unpool2d",
                f"indices from {places.min()} to {places.max()} lie outside of a plane of {size}",
                operands,
                fix="give kernel_size, stride and padding of the pooling, and output_size",
            )
        )
    return places


# -- means ----------------------------------------------------------------------------------------


def avg_pool1d(
    x: ArrayLike,
    kernel_size: Single,
    stride: Single | None = None,
    padding: Single = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Return the mean of each window of sequences: `avg_pool2d` for one axis.

    Shapes: x (N, C, L) to (N, C, OL), OL = (L + 2 p - K) // s + 1.

    Raises:
        ShapeError: x are no sequences, or shorter, with padding, than a window.
        ArgumentError: a size or step below 1, or padding that is negative or more than half of a
            window.
        DTypeError: x is not of floats.
    """
    windows = geometry("avg_pool1d", 1, kernel_size, stride, padding)
    found = _windows("avg_pool1d", x, windows, ceil_mode, bool(count_include_pad))
    return _pooled(_avg_pool, x, found)  # type: ignore[no-any-return]


def avg_pool2d(
    x: ArrayLike,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H + 2 p - KH) // s + 1.

    Args:
        x: the images.
        kernel_size: height and width of a window; one number for a square.
        stride: step from one window to the next; the window's size by default.
        padding: rows and columns of zeros on each side of the images.
        ceil_mode: round OH up instead of down, unless the last window begins beyond the images.
        count_include_pad: whether the zeros of the padding count as numbers.
        divisor_override: what to divide by in place of how many numbers a window has.

    Raises:
        ShapeError: x are no images, or smaller, with padding, than a window.
        ArgumentError: a size or step below 1, padding that is negative or more than half of a
            window, or a `divisor_override` of 0.
        DTypeError: x is not of floats.
    """
    windows = geometry("avg_pool2d", 2, kernel_size, stride, padding)
    rows, columns = _windows("avg_pool2d", x, windows, ceil_mode, bool(count_include_pad))
    if divisor_override is not None:
        if divisor_override == 0:
            fix = "give what to divide the sums by; None for the usual"
            raise ArgumentError(message("avg_pool2d", "divisor_override=0", fix=fix))
        rows = replace(rows, divisors=np.full(len(rows.starts), divisor_override))
        columns = replace(columns, divisors=np.ones(len(columns.starts)))
    return _avg_pool(x, rows=rows, columns=columns)


def adaptive_avg_pool1d(x: ArrayLike, output_size: Single) -> Tensor:
    """Return the means of `output_size` windows, as equal as possible, that cover sequences.

    Shapes: x (N, C, L) to (N, C, output_size).

    Raises:
        ShapeError: x are no sequences, or empty.
        ArgumentError: `output_size` is no whole number from 1 on.
        DTypeError: x is not of floats.
    """
    return _adapted("adaptive_avg_pool1d", 1, x, output_size)


def adaptive_avg_pool2d(x: ArrayLike, output_size: AdaptiveSize) -> Tensor:
    """Return the means of so many windows, as equal as possible, that cover the images.

    Window i of n takes the places from ⌊i H / n⌋ up to ⌈(i + 1) H / n⌉.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), where (OH, OW) is `output_size`: one number for both,
    None for that of x.

    Raises:
        ShapeError: x are no images, or empty ones.
        ArgumentError: `output_size` is not of whole numbers from 1 on.
        DTypeError: x is not of floats.
    """
    return _adapted("adaptive_avg_pool2d", 2, x, output_size)


def _adapted(subject: str, axes: int, x: Any, output_size: Any) -> Any:
    _check(subject, axes, x)
    if min(x.shape[2:]) < 1:
        fix = "give images of one place at least"
        raise ShapeError(message(subject, "there is nothing to pool", {"x": x}, fix=fix))
    counts = adaptive_size(subject, axes, output_size, x.shape[2:])
    found = [_adaptive(n, count) for n, count in zip(x.shape[2:], counts, strict=True)]
    return _pooled(_avg_pool, x, found)


def adaptive_size(subject: str, axes: int, value: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the length of each axis, that in `size` where `value` has None.

    Raises:
        ArgumentError: `value` is not of whole numbers from 1 on.
    """
    if value is None or isinstance(value, tuple | list):
        given = size if value is None else value
        usual = (*size, *given)[: len(given)]  # of as many axes as were given
        value = tuple(n if v is None else v for v, n in zip(given, usual, strict=True))
    return _each(axes, value, "output_size", subject, 1)
