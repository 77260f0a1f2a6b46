"""One time step of RNN, LSTM and GRU for a few sequences, where calling counts more than counting.

x (N, I) and the states (N, H); weights as they are. Nothing is kept for a gradient.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.activation import sigmoid, tanh
from tinygrad_lite.kernels.jit import kernel


@kernel
def _affine(weight, v, bias, out):
    """Let out = weight v + bias, a row at a time."""
    for r in range(len(out)):
        row = weight[r]
        total = bias[r]
        for k in range(len(v)):
            total += row[k] * v[k]
        out[r] = total


@kernel
def _check(gates, x, h, c, w_ih, w_hh, b_ih, b_hh):
    rows, inputs = gates * h.shape[1], x.shape[1]
    fit = w_ih.shape == (rows, inputs) and w_hh.shape == (rows, h.shape[1]) and c.shape == h.shape
    if not fit or len(b_ih) != rows or len(b_hh) != rows or len(h) != len(x):
        raise ValueError("the sizes of a cell's operands do not agree")


@kernel
def rnn(x, h, w_ih, w_hh, b_ih, b_hh):
    """Return tanh of both products: the next h."""
    _check(1, x, h, h, w_ih, w_hh, b_ih, b_hh)
    new, a = np.empty_like(h), np.empty_like(b_ih)
    for n in range(len(x)):
        y = new[n]
        _affine(w_ih, x[n], b_ih, a)
        _affine(w_hh, h[n], b_hh, y)
        for j in range(len(y)):
            y[j] = tanh(y[j] + a[j])
    return new


@kernel
def lstm(x, h, c, w_ih, w_hh, b_ih, b_hh):
    """Return the next h and c."""
    _check(4, x, h, c, w_ih, w_hh, b_ih, b_hh)
    size = h.shape[1]
    new_h, new_c = np.empty_like(h), np.empty_like(c)
    a, u = np.empty_like(b_ih), np.empty_like(b_ih)
    i, f, g, o = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
    for n in range(len(x)):
        before, kept, shown = c[n], new_c[n], new_h[n]
        _affine(w_ih, x[n], b_ih, a)
        _affine(w_hh, h[n], b_hh, u)
        for j in range(len(a)):
            a[j] += u[j]
        for j in range(size):
            kept[j] = sigmoid(f[j]) * before[j] + sigmoid(i[j]) * tanh(g[j])
        for j in range(size):
            shown[j] = sigmoid(o[j]) * tanh(kept[j])
    return new_h, new_c


@kernel
def gru(x, h, w_ih, w_hh, b_ih, b_hh):
    """Return the next h; the reset gate acts after the product."""
    _check(3, x, h, h, w_ih, w_hh, b_ih, b_hh)
    size = h.shape[1]
    new = np.empty_like(h)
    a, u = np.empty_like(b_ih), np.empty_like(b_ih)
    for n in range(len(x)):
        before, y = h[n], new[n]
        _affine(w_ih, x[n], b_ih, a)
        _affine(w_hh, before, b_hh, u)
        for j in range(2 * size):
            a[j] = sigmoid(a[j] + u[j])
        r, z, m, q = a[:size], a[size : 2 * size], a[2 * size :], u[2 * size :]
        for j in range(size):
            m[j] = tanh(m[j] + r[j] * q[j])
        for j in range(size):
            y[j] = m[j] + z[j] * (before[j] - m[j])
    return new
