"""Softmax cross-entropy, with its derivative, in one pass over the rows.

It is of float32 only: NumPy takes exponentials of float64 by vectors, which is quicker.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.activation import exp
from tinygrad_lite.kernels.gemm import part
from tinygrad_lite.kernels.jit import intp, kernel, prange
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.threads import Team, get_num_threads

_LANES = 32  # maxima that are carried on side by side, so that they vectorise
# arrays with fewer elements than these are not worth a second thread
_SHARED = 10_000


@kernel
def _largest(x, best):
    """Return the largest number of a row; NaN counts nothing."""
    largest, whole = x[0], len(x) - len(x) % _LANES
    if whole:
        best[:] = largest
        for start in range(0, whole, _LANES):
            some = x[start : start + _LANES]
            for k in range(_LANES):
                best[k] = some[k] if some[k] > best[k] else best[k]
        for k in range(_LANES):
            largest = max(largest, best[k])
    for j in range(whole, len(x)):
        largest = max(largest, x[j])
    return largest


@kernel
def _softmax(x, largest, p):
    """Write a row's softmax; return the sum by which it was divided."""
    total = np.float32(0)
    for j in range(len(x)):
        p[j] = exp(x[j] - largest)
        total += p[j]
    scale = 1 / total
    for j in range(len(x)):
        p[j] *= scale
    return total


@kernel
def _cross_entropy(t, count, x, labels, losses, slopes, best):
    start, end = part(t, count, len(x), 1)
    for n in range(start, end):
        largest = _largest(x[n], best[t])
        total = _softmax(x[n], largest, slopes[n])
        losses[n] = np.log(total) - (x[n, labels[n]] - largest)
        slopes[n, labels[n]] -= 1


@kernel(parallel=True)
def _cross_entropies(count, *operands):
    for t in prange(count):
        _cross_entropy(intp(t), count, *operands)


def cross_entropy(logits, labels):
    """Return the loss of each row, and its derivative by the row: softmax - one-hot.

    Args:
        logits: (N, C), float32, with at least one class.
        labels: (N,), integers from 0 to C - 1, which is not checked here.
    """
    logits, labels = in_one_piece(logits), in_one_piece(labels, np.dtype(np.intp))
    losses, slopes = np.empty(len(logits), np.float32), np.empty_like(logits)
    with Team(get_num_threads() if logits.size >= _SHARED else 1) as count:
        operands = logits, labels, losses, slopes, np.empty((count, _LANES), np.float32)
        if count > 1:
            _cross_entropies(count, *operands)
        else:
            _cross_entropy(0, 1, *operands)
    return losses, slopes
