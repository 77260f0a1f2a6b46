"""tanh and sigmoid inside of kernels: in float32 quotients that vectorise, else exact."""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

# tanh x = x P(x²) / Q(x²) to 2e-8 for |x| < 9, beyond which tanh is 1 in float32: a rational
# minimax fit (Lawson's weights) of both polynomials, rounded to float32
_P = np.array([0.99999998, 1.3381033e-1, 3.4955963e-3, 2.0609207e-5, 1.3354818e-8], np.float32)
_Q = np.array([1.0, 4.6714348e-1, 2.5877014e-2, 3.2856477e-4, 7.7766258e-7], np.float32)
_P0, _P1, _P2, _P3, _P4 = _P
_Q0, _Q1, _Q2, _Q3, _Q4 = _Q
_END = np.float32(9.0)
_ONE = np.float32(1.0)
_HALF = np.float32(0.5)


def tanh(x):
    """Return tanh x, in float32 to 4e-7."""
    return np.tanh(x)


@overload(tanh, inline="never")
def _tanh(x):
    if x != types.float32:
        return lambda x: np.tanh(x)

    def rational(x):
        x = _END if x > _END else x  # written so that NaN stays
        x = -_END if x < -_END else x
        u = x * x
        p = (((_P4 * u + _P3) * u + _P2) * u + _P1) * u + _P0
        q = (((_Q4 * u + _Q3) * u + _Q2) * u + _Q1) * u + _Q0
        y = x * p / q
        y = _ONE if y > _ONE else y
        return -_ONE if y < -_ONE else y

    return rational


def sigmoid(x):
    """Return 1 / (1 + e^-x), in float32 to 2e-7."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


@overload(sigmoid, inline="never")
def _sigmoid(x):
    if x != types.float32:
        return lambda x: 0.5 + 0.5 * np.tanh(0.5 * x)
    return lambda x: _HALF + _HALF * tanh(_HALF * x)
