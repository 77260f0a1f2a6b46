"""Activations: ReLU of large arrays; tanh, sigmoid and exp as other kernels call them.

These are in float32 made of arithmetic that vectorises, else exact.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from tinygrad_lite.kernels.jit import intp, kernel, prange
from tinygrad_lite.kernels.layout import in_one_piece
from tinygrad_lite.kernels.threads import Team, get_num_threads

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


# e^x = 2^n e^r with r = x - n ln 2, so |r| <= ln 2 / 2. ln 2 is in two parts, the first of so few
# bits that n times it is exact (Cody & Waite, 1980). e^r = 1 + r + r² P(r) to 3e-9, where P is a
# minimax fit (Lawson's weights)
_LOG2_E, _BIAS = np.float32(1.44269504), np.int32(127)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_LEAST = np.float32(-87.3)  # e to it is nearly the smallest normal number
_E0, _E1, _E2, _E3, _E4 = np.array(
    [0.499999934, 0.166665204, 0.0416683908, 0.00836874512, 0.001381454], np.float32
)


def exp(x):
    """Return e^x for x up to 88, in float32 to 2 units in the last place, or 0 for what is tiny."""
    return np.exp(x)


@overload(exp, inline="never", jit_options={"fastmath": False})  # the order of r's parts counts
def _exp(x):
    if x != types.float32:
        return lambda x: np.exp(x)

    def reduced(x):
        z = _LEAST if x < _LEAST else x  # written so that NaN stays
        n = np.floor(z * _LOG2_E + _HALF)
        r = (z - n * _LN2_HIGH) - n * _LN2_LOW
        p = (((_E4 * r + _E3) * r + _E2) * r + _E1) * r + _E0
        power = np.int32((np.int32(n) + _BIAS) << np.int32(23)).view(np.float32)
        y = (p * r * r + r + _ONE) * power
        return y if x >= _LEAST or x != x else np.float32(0.0)

    return reduced


# -- whole arrays ---------------------------------------------------------------------------------


@kernel
def _piece(t, count, size):
    return t * size // count, (t + 1) * size // count


@kernel(exact=True)
def _relu(t, count, x, y):
    start, end = _piece(t, count, len(x))
    x, y, zero = x[start:end], y[start:end], x.dtype.type(0)
    for i in range(len(x)):
        y[i] = zero if x[i] <= 0 else x[i]  # NaN stays


@kernel(exact=True)
def _gate(t, count, g, y, out):
    start, end = _piece(t, count, len(g))
    g, y, out = g[start:end], y[start:end], out[start:end]
    for i in range(len(g)):
        out[i] = g[i] if y[i] > 0 else g[i] * 0  # as NumPy's g * (y > 0): NaN stays


@kernel(parallel=True)
def _relus(count, *operands):
    for t in prange(count):
        _relu(intp(t), count, *operands)


@kernel(parallel=True)
def _gates(count, *operands):
    for t in prange(count):
        _gate(intp(t), count, *operands)


def relu(x):
    """Return max(x, 0) of a large array, as NumPy does."""
    return _run(_relu, _relus, x)


def gate(g, y):
    """Return g where y > 0, and 0 elsewhere, of large arrays of the same shape."""
    return _run(_gate, _gates, g, y)


def _run(alone, shared, *arrays):
    flat = [in_one_piece(a).reshape(-1) for a in arrays]
    out = np.empty(arrays[0].shape, arrays[0].dtype)  # itself, not a view: a leaf may keep it
    with Team(get_num_threads()) as count:
        if count > 1:
            shared(count, *flat, out.reshape(-1))
        else:
            alone(0, 1, *flat, out.reshape(-1))
    return out
