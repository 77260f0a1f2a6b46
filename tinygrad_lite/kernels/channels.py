"""The sum of each channel over all images and places, which is the gradient of a bias."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.gemm import part
from tinygrad_lite.kernels.jit import intp, kernel, prange
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.threads import Team, get_num_threads

# fewer elements are not worth a second thread
_SHARED = 100_000


@kernel
def _sums(t, count, x, out):
    """Add up the channels of one thread, in float64: what is added may cancel."""
    images, channels, places = x.shape
    first, last = part(t, count, channels, 1)
    for c in range(first, last):
        total = 0.0
        for n in range(images):
            row = x[n, c]
            for k in range(places):
                total += row[k]
        out[c] = total


@kernel(parallel=True)
def _sums_shared(count, *operands):
    for t in prange(count):
        _sums(intp(t), count, *operands)


def sums(x):
    """Return the sums (C,) of x (N, C, ...)."""
    x = in_one_piece(x)
    channels = x.shape[1]
    rows, out = x.reshape(len(x), channels, -1 if x.size else 0), np.empty(channels, x.dtype)
    with Team(min(channels, get_num_threads()) if x.size >= _SHARED else 1) as count:
        (_sums_shared(count, rows, out) if count > 1 else _sums(0, 1, rows, out))
    return out
