"""All time steps of RNN, LSTM and GRU in one call, forward and backward.

Time comes first here: p (T, N, gates H) holds W_ih x + biases of every step, h0 and c0 (N, H) the
initial states, w_hh the recurrent weights: transposed, (H, gates H), in the forward functions, as
they are, (gates H, H), in the backward ones. The backward functions return the gradients of the
gates before their nonlinearity, from which matrix products over all steps give the rest.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel


@kernel
def add_product(out, a, b):
    """Add the matrix product a b into `out`, four rows at a time to reuse b from cache."""
    rows, inner = a.shape
    columns = b.shape[1]
    full = rows - rows % 4
    for r in range(0, full, 4):
        y0, y1, y2, y3 = out[r], out[r + 1], out[r + 2], out[r + 3]
        for k in range(inner):
            a0, a1, a2, a3 = a[r, k], a[r + 1, k], a[r + 2, k], a[r + 3, k]
            bk = b[k]
            for j in range(columns):
                y0[j] += a0 * bk[j]
                y1[j] += a1 * bk[j]
                y2[j] += a2 * bk[j]
                y3[j] += a3 * bk[j]
    for r in range(full, rows):
        y = out[r]
        for k in range(inner):
            a0, bk = a[r, k], b[k]
            for j in range(columns):
                y[j] += a0 * bk[j]


@kernel
def rnn_forward(p, h0, w_hh):
    """Return every h (T, N, H)."""
    steps, n, size = p.shape
    h = p.copy()
    before = h0
    for t in range(steps):
        add_product(h[t], before, w_hh)
        for r in range(n):
            for j in range(size):
                h[t, r, j] = np.tanh(h[t, r, j])
        before = h[t]
    return h


@kernel
def rnn_backward(g, g_last, h, w_hh):
    """From the gradients of every h and of the last return those of the gates and of h0."""
    steps, n, size = h.shape
    one = h.dtype.type(1)
    da = np.empty((steps, n, size), h.dtype)
    dh = g_last.copy()
    for t in range(steps - 1, -1, -1):
        for r in range(n):
            for j in range(size):
                y = h[t, r, j]
                da[t, r, j] = (dh[r, j] + g[t, r, j]) * (one - y * y)
        dh[:] = 0
        add_product(dh, da[t], w_hh)
    return da, dh


@kernel
def lstm_forward(p, h0, c0, w_hh):
    """Return every h and c (T, N, H), and the activated gates i f g o (T, N, 4 H)."""
    steps, n, wide = p.shape
    size = wide // 4
    half = p.dtype.type(0.5)
    gates = p.copy()
    h = np.empty((steps, n, size), p.dtype)
    c = np.empty((steps, n, size), p.dtype)
    h_before, c_before = h0, c0
    for t in range(steps):
        add_product(gates[t], h_before, w_hh)
        for r in range(n):
            a = gates[t, r]
            for j in range(2 * size):
                a[j] = half * np.tanh(half * a[j]) + half
            for j in range(2 * size, 3 * size):
                a[j] = np.tanh(a[j])
            for j in range(3 * size, 4 * size):
                a[j] = half * np.tanh(half * a[j]) + half
            i, f, g, o = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
            for j in range(size):
                c[t, r, j] = f[j] * c_before[r, j] + i[j] * g[j]
                h[t, r, j] = o[j] * np.tanh(c[t, r, j])
        h_before, c_before = h[t], c[t]
    return h, c, gates


@kernel
def lstm_backward(g_h, g_last, g_cell, c, c0, gates, w_hh):
    """From the gradients of every h, the last h and the last c: those of the gates, h0 and c0."""
    steps, n, size = c.shape
    one = c.dtype.type(1)
    da = np.empty(gates.shape, gates.dtype)
    dh, dc = g_last.copy(), g_cell.copy()
    for t in range(steps - 1, -1, -1):
        c_before = c[t - 1] if t > 0 else c0
        for r in range(n):
            a, d = gates[t, r], da[t, r]
            i, f, g, o = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
            di, df, dg, do = d[:size], d[size : 2 * size], d[2 * size : 3 * size], d[3 * size :]
            for j in range(size):
                y = np.tanh(c[t, r, j])
                gh = dh[r, j] + g_h[t, r, j]
                gc = dc[r, j] + gh * o[j] * (one - y * y)
                di[j] = gc * g[j] * i[j] * (one - i[j])
                df[j] = gc * c_before[r, j] * f[j] * (one - f[j])
                dg[j] = gc * i[j] * (one - g[j] * g[j])
                do[j] = gh * y * o[j] * (one - o[j])
                dc[r, j] = gc * f[j]
        dh[:] = 0
        add_product(dh, da[t], w_hh)
    return da, dh, dc


@kernel
def gru_forward(p, h0, w_hh, b_n):
    """Return every h (T, N, H), and r z n and the reset gate's operand (T, N, 4 H).

    `b_n` (H,) is the recurrent bias of n, the only one that is not part of p.
    """
    steps, n, wide = p.shape
    size = wide // 3
    half, one = p.dtype.type(0.5), p.dtype.type(1)
    h = np.empty((steps, n, size), p.dtype)
    gates = np.empty((steps, n, 4 * size), p.dtype)
    u = np.empty((n, wide), p.dtype)
    before = h0
    for t in range(steps):
        u[:] = 0
        add_product(u, before, w_hh)
        for k in range(n):
            a, x, v = gates[t, k], p[t, k], u[k]
            for j in range(2 * size):
                a[j] = half * np.tanh(half * (x[j] + v[j])) + half
            r, z, new, q = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
            for j in range(size):
                q[j] = v[2 * size + j] + b_n[j]
                new[j] = np.tanh(x[2 * size + j] + r[j] * q[j])
                h[t, k, j] = (one - z[j]) * new[j] + z[j] * before[k, j]
        before = h[t]
    return h, gates


@kernel
def gru_backward(g_h, g_last, h, h0, gates, w_hh):
    """From the gradients of every h and of the last: those of the gates' two sides, and of h0.

    The input side and the recurrent side differ in n, where the reset gate stands between them.
    """
    steps, n, size = h.shape
    one = h.dtype.type(1)
    da = np.empty((steps, n, 3 * size), h.dtype)
    du = np.empty((steps, n, 3 * size), h.dtype)
    dh = g_last.copy()
    for t in range(steps - 1, -1, -1):
        before = h[t - 1] if t > 0 else h0
        for k in range(n):
            a, d, e = gates[t, k], da[t, k], du[t, k]
            r, z, new, q = a[:size], a[size : 2 * size], a[2 * size : 3 * size], a[3 * size :]
            for j in range(size):
                gh = dh[k, j] + g_h[t, k, j]
                dn = gh * (one - z[j]) * (one - new[j] * new[j])
                dz = gh * (before[k, j] - new[j]) * z[j] * (one - z[j])
                dr = dn * q[j] * r[j] * (one - r[j])
                d[j] = e[j] = dr
                d[size + j] = e[size + j] = dz
                d[2 * size + j] = dn
                e[2 * size + j] = dn * r[j]
                dh[k, j] = gh * z[j]
        add_product(dh, du[t], w_hh)
    return da, du, dh
