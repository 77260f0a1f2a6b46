"""All time steps of RNN, LSTM and GRU in one call, forward and backward.

Each thread takes its part of the batch through the whole sequence, so none waits for another. Time
comes first in what is kept of the forward pass: `operand` (T + 1, N, I + H) holds for each step
what the weights are multiplied by, [x_t, h_(t-1)], so that its last row holds the last h; the
gates (T, N, 4 H) are activated. The backward functions make of the gradients of h those of the
gates before their nonlinearity, from which matrix products over all steps give the others.

`spans` (N, 2) tells in which steps a sequence goes on; in others its state stays as it is. Of x and
g, the gradient of h, both (N, T, ...), comes the first element with three strides.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.activation import sigmoid, tanh
from tinygrad_lite.kernels.gemm import multiply, panels_of, part, strided
from tinygrad_lite.kernels.jit import carray, intp, kernel, prange, routine
from tinygrad_lite.kernels.simd import at, get, pointer
from tinygrad_lite.kernels.threads import Team, get_num_threads

# sequences with fewer multiplications than these are not worth a second thread
_SHARED = 500_000


@kernel
def _row(array, step, n, column):
    """Return the address of an element of an array (T, N, size)."""
    return at(pointer(array), (step * array.shape[1] + n) * array.shape[2] + column)


@kernel
def _enter(x, x_batch, x_time, x_feature, spans, step, start, end, operand, inputs):
    """Write a step's x into the operand."""
    for n in range(start, end):
        row, source = operand[step, n], at(pointer(x), n * x_batch + step * x_time)
        if spans[n, 0] <= step < spans[n, 1]:
            if x_feature == 1:  # as mostly, and then by vectors
                for j in range(inputs):
                    row[j] = get(at(source, j))
            else:
                for j in range(inputs):
                    row[j] = get(at(source, j * x_feature))
        else:
            row[:inputs] = 0  # what stands there, NaN perhaps, has no part in any product


@kernel
def _add_row(g, g_batch, g_time, g_feature, step, n, total):
    source = at(pointer(g), n * g_batch + step * g_time)
    if g_feature == 1:  # as mostly, and then by vectors
        for j in range(len(total)):
            total[j] += get(at(source, j))
    else:
        for j in range(len(total)):
            total[j] += get(at(source, j * g_feature))


@routine("ppn")
def _add(a, b, size):
    a, b = carray(a, size), carray(b, size)
    for j in range(size):
        a[j] += b[j]


@routine("ppn")
def _keep(a, b, size):
    """Copy a to b: a slice assigned to another compiles NumPy's message for unequal shapes too."""
    a, b = carray(a, size), carray(b, size)
    for j in range(size):
        b[j] = a[j]


@routine("pn")
def _tanhs(a, size):
    a = carray(a, size)
    for j in range(size):
        a[j] = tanh(a[j])


@routine("pn")
def _sigmoids(a, size):
    a = carray(a, size)
    for j in range(size):
        a[j] = sigmoid(a[j])


# -- the plain network ----------------------------------------------------------------------------


@kernel
def _rnn_forward(
    t, count, x, x_batch, x_time, x_feature, spans, panels, bias, operand, inputs, relu
):
    start, end = part(t, count, operand.shape[1], 1)
    depth = operand.shape[2]
    size = depth - inputs
    for s in range(len(operand) - 1):
        _enter(x, x_batch, x_time, x_feature, spans, s, start, end, operand, inputs)
        a, h = _row(operand, s, start, 0), _row(operand, s + 1, start, inputs)
        multiply(a, depth, 1, pointer(panels), h, depth, end - start, depth, size, False)
        for n in range(start, end):
            if spans[n, 0] <= s < spans[n, 1]:
                _rnn_step(_row(operand, s + 1, n, inputs), pointer(bias), size, relu)
            else:
                _keep(_row(operand, s, n, inputs), _row(operand, s + 1, n, inputs), size)


@routine("ppnb")
def _rnn_step(at_h, bias, size, relu):
    _add(at_h, bias, size)
    if not relu:
        _tanhs(at_h, size)
        return
    h = carray(at_h, size)
    for j in range(size):
        h[j] = 0 if h[j] < 0 else h[j]  # NaN stays


@kernel
def _rnn_backward(
    t, count, g, g_batch, g_time, g_feature, spans, panels, operand, inputs, relu, da, db, dh
):
    steps, batch, size = da.shape
    start, end = part(t, count, batch, 1)
    for s in range(steps - 1, -1, -1):
        for n in range(start, end):
            if spans[n, 0] <= s < spans[n, 1]:
                _add_row(g, g_batch, g_time, g_feature, s, n, dh[n])
                h, d = _row(operand, s + 1, n, inputs), _row(da, s, n, 0)
                _rnn_step_back(h, at(pointer(dh), n * size), d, size, relu)
                _add(at(pointer(db), n * size), d, size)
            else:
                da[s, n] = 0
        a, y = _row(da, s, start, 0), at(pointer(dh), start * size)
        multiply(a, size, 1, pointer(panels), y, size, end - start, size, size, True)


@routine("pppnb")
def _rnn_step_back(h, dh, da, size, relu):
    h, dh, da = carray(h, size), carray(dh, size), carray(da, size)
    one = h.dtype.type(1)
    if relu:
        for j in range(size):
            da[j] = dh[j] if h[j] > 0 else 0
    else:
        for j in range(size):
            da[j] = dh[j] * (one - h[j] * h[j])
    dh[:] = 0


# -- LSTM -----------------------------------------------------------------------------------------


@kernel
def _lstm_forward(
    t, count, x, x_batch, x_time, x_feature, spans, panels, bias, operand, inputs, gates, c
):
    steps, batch, size = gates.shape[0], gates.shape[1], c.shape[2]
    start, end = part(t, count, batch, 1)
    depth = operand.shape[2]
    for s in range(steps):
        _enter(x, x_batch, x_time, x_feature, spans, s, start, end, operand, inputs)
        y, wide = _row(gates, s, start, 0), 4 * size
        a = _row(operand, s, start, 0)
        multiply(a, depth, 1, pointer(panels), y, wide, end - start, depth, wide, False)
        for n in range(start, end):
            if spans[n, 0] <= s < spans[n, 1]:
                a, h = _row(gates, s, n, 0), _row(operand, s + 1, n, inputs)
                _lstm_step(a, pointer(bias), _row(c, s, n, 0), _row(c, s + 1, n, 0), h, size)
            else:
                _keep(_row(operand, s, n, inputs), _row(operand, s + 1, n, inputs), size)
                _keep(_row(c, s, n, 0), _row(c, s + 1, n, 0), size)


@routine("pppppn")
def _lstm_step(a, bias, before, c, at_h, size):
    _add(a, bias, 4 * size)
    _sigmoids(a, 2 * size)
    _tanhs(at(a, 2 * size), size)
    _sigmoids(at(a, 3 * size), size)
    i, f, g, o = carray(a, (4, size))
    before, c, h = carray(before, size), carray(c, size), carray(at_h, size)
    for j in range(size):
        c[j] = f[j] * before[j] + i[j] * g[j]
    for j in range(size):
        h[j] = c[j]
    _tanhs(at_h, size)
    for j in range(size):
        h[j] *= o[j]


@kernel
def _lstm_backward(t, count, g, g_batch, g_time, g_feature, spans, panels, gates, c, db, dh, dc):
    """Put the gradients of the gates in their place: no other memory has to be brought in."""
    steps, batch, wide = gates.shape
    size = wide // 4
    start, end = part(t, count, batch, 1)
    work = np.empty((2, size), gates.dtype)
    for s in range(steps - 1, -1, -1):
        for n in range(start, end):
            if spans[n, 0] <= s < spans[n, 1]:
                _add_row(g, g_batch, g_time, g_feature, s, n, dh[n])
                a, before, after = _row(gates, s, n, 0), _row(c, s, n, 0), _row(c, s + 1, n, 0)
                dh_n, dc_n = at(pointer(dh), n * size), at(pointer(dc), n * size)
                _lstm_step_back(a, before, after, dh_n, dc_n, pointer(work), size)
                _add(at(pointer(db), n * wide), a, wide)
            else:
                gates[s, n] = 0
        a, y = _row(gates, s, start, 0), at(pointer(dh), start * size)
        multiply(a, wide, 1, pointer(panels), y, size, end - start, wide, size, True)


@routine("ppppppn")
def _lstm_step_back(a, before, c, dh, dc, work, size):
    i, f, g, o = carray(a, (4, size))
    before, c, dh, dc = (carray(before, size), carray(c, size), carray(dh, size), carray(dc, size))
    y, total = carray(work, (2, size))
    one = y.dtype.type(1)
    for j in range(size):
        y[j] = c[j]
    _tanhs(work, size)
    for j in range(size):
        total[j] = dc[j] + dh[j] * o[j] * (one - y[j] * y[j])
    for j in range(size):
        o[j] = dh[j] * y[j] * o[j] * (one - o[j])
    for j in range(size):
        y[j] = total[j] * g[j] * i[j] * (one - i[j])
    for j in range(size):
        g[j] = total[j] * i[j] * (one - g[j] * g[j])
    for j in range(size):
        i[j] = y[j]
    for j in range(size):
        dc[j] = total[j] * f[j]
    for j in range(size):
        f[j] = total[j] * before[j] * f[j] * (one - f[j])
    dh[:] = 0


# -- GRU ------------------------------------------------------------------------------------------
# Of the gates r z n q, the last is the recurrent side of n before r is applied to it. In `da` they
# stand as n r z q, so that those of either side lie side by side.


@kernel
def _gru_forward(
    t, count, x, x_batch, x_time, x_feature, spans, panels, of_n, of_q, bias, operand, inputs, gates
):
    steps, batch, wide = gates.shape
    size, depth = wide // 4, operand.shape[2]
    start, end = part(t, count, batch, 1)
    rows = end - start
    for s in range(steps):
        _enter(x, x_batch, x_time, x_feature, spans, s, start, end, operand, inputs)
        a, h = _row(operand, s, start, 0), _row(operand, s, start, inputs)
        y, n, q = (
            _row(gates, s, start, 0),
            _row(gates, s, start, 2 * size),
            _row(gates, s, start, 3 * size),
        )
        multiply(a, depth, 1, pointer(panels), y, wide, rows, depth, 2 * size, False)
        multiply(a, depth, 1, pointer(of_n), n, wide, rows, inputs, size, False)
        multiply(h, depth, 1, pointer(of_q), q, wide, rows, size, size, False)
        for k in range(start, end):
            if spans[k, 0] <= s < spans[k, 1]:
                before, h = _row(operand, s, k, inputs), _row(operand, s + 1, k, inputs)
                _gru_step(_row(gates, s, k, 0), pointer(bias), before, h, size)
            else:
                _keep(_row(operand, s, k, inputs), _row(operand, s + 1, k, inputs), size)


@routine("ppppn")
def _gru_step(a, bias, before, h, size):
    _add(a, bias, 4 * size)
    _sigmoids(a, 2 * size)
    r, z, n, q = carray(a, (4, size))
    before, h = carray(before, size), carray(h, size)
    for j in range(size):
        n[j] += r[j] * q[j]
    _tanhs(at(a, 2 * size), size)
    for j in range(size):
        h[j] = n[j] + z[j] * (before[j] - n[j])


@kernel
def _gru_backward(
    t, count, g, g_batch, g_time, g_feature, spans, panels, operand, inputs, gates, da, db, dh
):
    steps, batch, wide = da.shape
    size = wide // 4
    start, end = part(t, count, batch, 1)
    for s in range(steps - 1, -1, -1):
        for k in range(start, end):
            if spans[k, 0] <= s < spans[k, 1]:
                _add_row(g, g_batch, g_time, g_feature, s, k, dh[k])
                a, before = _row(gates, s, k, 0), _row(operand, s, k, inputs)
                d = _row(da, s, k, 0)
                _gru_step_back(a, before, at(pointer(dh), k * size), d, size)
                _add(at(pointer(db), k * wide), d, wide)
            else:
                da[s, k] = 0
        a, y = _row(da, s, start, size), at(pointer(dh), start * size)
        multiply(a, wide, 1, pointer(panels), y, size, end - start, 3 * size, size, True)


@routine("ppppn")
def _gru_step_back(a, before, dh, da, size):
    r, z, n, q = carray(a, (4, size))
    dn, dr, dz, dq = carray(da, (4, size))
    before, dh = carray(before, size), carray(dh, size)
    one = dh.dtype.type(1)
    for j in range(size):
        dz[j] = dh[j] * (before[j] - n[j]) * z[j] * (one - z[j])
    for j in range(size):
        dn[j] = dh[j] * (one - z[j]) * (one - n[j] * n[j])
    for j in range(size):
        dr[j] = dn[j] * q[j] * r[j] * (one - r[j])
    for j in range(size):
        dq[j] = dn[j] * r[j]
    for j in range(size):
        dh[j] *= z[j]


# -- the threads' shares --------------------------------------------------------------------------


@kernel(parallel=True)
def _rnn_forwards(count, *args):
    for t in prange(count):
        _rnn_forward(intp(t), count, *args)


@kernel(parallel=True)
def _rnn_backwards(count, *args):
    for t in prange(count):
        _rnn_backward(intp(t), count, *args)


@kernel(parallel=True)
def _lstm_forwards(count, *args):
    for t in prange(count):
        _lstm_forward(intp(t), count, *args)


@kernel(parallel=True)
def _lstm_backwards(count, *args):
    for t in prange(count):
        _lstm_backward(intp(t), count, *args)


@kernel(parallel=True)
def _gru_forwards(count, *args):
    for t in prange(count):
        _gru_forward(intp(t), count, *args)


@kernel(parallel=True)
def _gru_backwards(count, *args):
    for t in prange(count):
        _gru_backward(intp(t), count, *args)


def _run(serial, parallel, work, batch, *args):
    """Run a kernel over the batch: in one thread, or shared, if there is so much to multiply."""
    with Team(min(get_num_threads(), batch) if work >= _SHARED else 1) as count:
        if count > 1:
            parallel(count, *args)
        elif batch:
            serial(0, 1, *args)


# -- what ops call --------------------------------------------------------------------------------


def rnn_forward(x, h0, w_ih, w_hh, b_ih, b_hh, spans, relu):
    """Return the operand of every step."""
    operand = _operand(1, x, h0, w_ih, w_hh, b_ih, b_hh)
    args = *strided(x), spans, panels_of(w_ih.T, w_hh.T), b_ih + b_hh, operand, x.shape[2], relu
    _run(_rnn_forward, _rnn_forwards, operand.size * len(w_ih), len(x), *args)
    return operand


def rnn_backward(g, dh, w_hh, spans, operand, relu):
    """Return the gradients of the gate (T, N, H) and their sum; those of h0 replace dh."""
    da, db = _gradients(operand, 1, dh)
    inputs = operand.shape[2] - dh.shape[1]
    args = *strided(g), spans, panels_of(w_hh), operand, inputs, relu, da, db, dh
    _run(_rnn_backward, _rnn_backwards, da.size * dh.shape[1], len(dh), *args)
    return da, db.sum(axis=0)


def lstm_forward(x, h0, c0, w_ih, w_hh, b_ih, b_hh, spans):
    """Return the operand of every step, the gates, and c (T + 1, N, H), before and after each."""
    operand = _operand(4, x, h0, w_ih, w_hh, b_ih, b_hh)
    steps, (batch, size) = len(operand) - 1, h0.shape
    gates = np.empty((steps, batch, 4 * size), x.dtype)
    c = np.empty((steps + 1, batch, size), x.dtype)
    c[0] = c0
    panels = panels_of(w_ih.T, w_hh.T)
    args = *strided(x), spans, panels, b_ih + b_hh, operand, x.shape[2], gates, c
    _run(_lstm_forward, _lstm_forwards, operand.size * 4 * size, batch, *args)
    return operand, gates, c


def lstm_backward(g, dh, dc, w_hh, spans, gates, c):
    """Put gradients in place of the gates, and those of h0 and c0 in place of dh and dc.

    Returns the sums of the former.
    """
    db = np.zeros((len(dh), gates.shape[2]), dh.dtype)
    args = *strided(g), spans, panels_of(w_hh), gates, c, db, dh, dc
    _run(_lstm_backward, _lstm_backwards, gates.size * dh.shape[1], len(dh), *args)
    return db.sum(axis=0)


def gru_forward(x, h0, w_ih, w_hh, b_ih, b_hh, spans):
    """Return the operand of every step, and the gates r z n q."""
    operand = _operand(3, x, h0, w_ih, w_hh, b_ih, b_hh)
    steps, (batch, size), inputs = len(operand) - 1, h0.shape, x.shape[2]
    gates = np.empty((steps, batch, 4 * size), x.dtype)
    both = 2 * size  # gates whose two sides act as one
    panels = panels_of(w_ih[:both].T, w_hh[:both].T)
    of_n, of_q = panels_of(w_ih[both:].T), panels_of(w_hh[both:].T)
    bias = np.concatenate([b_ih[:both] + b_hh[:both], b_ih[both:], b_hh[both:]])
    args = *strided(x), spans, panels, of_n, of_q, bias, operand, inputs, gates
    _run(_gru_forward, _gru_forwards, operand.size * 3 * size, batch, *args)
    return operand, gates


def gru_backward(g, dh, w_hh, spans, operand, gates):
    """Return the gradients of the gates, as n r z q, and their sum; those of h0 replace dh."""
    da, db = _gradients(operand, 4, dh)
    inputs = operand.shape[2] - dh.shape[1]
    args = *strided(g), spans, panels_of(w_hh), operand, inputs, gates, da, db, dh
    _run(_gru_backward, _gru_backwards, da.size * dh.shape[1], len(dh), *args)
    return da, db.sum(axis=0)


def _operand(gates, x, h0, w_ih, w_hh, b_ih, b_hh):
    """Return the operand of every step, empty but for h0.

    Raises:
        ValueError: the sizes do not agree: nothing looks at them later.
    """
    (batch, steps, inputs), size = x.shape, h0.shape[1]
    rows = gates * size
    found = [array.shape for array in (w_ih, w_hh, b_ih, b_hh, h0)]
    if found != [(rows, inputs), (rows, size), (rows,), (rows,), (batch, size)]:
        raise ValueError("the sizes of a recurrent kernel's operands do not agree")
    operand = np.empty((steps + 1, batch, inputs + size), x.dtype)
    operand[0, :, inputs:] = h0
    return operand


def _gradients(states, gates, dh):
    """Return room for the gradients of the gates, and for their sums over time (N, gates H)."""
    steps, (batch, size) = len(states) - 1, dh.shape
    da = np.empty((steps, batch, gates * size), dh.dtype)
    return da, np.zeros((batch, gates * size), dh.dtype)
