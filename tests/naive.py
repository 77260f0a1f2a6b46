"""Slow oracles that share nothing with the library: nested loops over numbers, in float64.

Signatures are those of `tinygrad_lite.ops`; arguments and results are ndarrays.
"""

import math
from itertools import product

import numpy as np


def _pair(value):
    return (value, value) if isinstance(value, int) else value


def _positions(*lengths):
    return product(*map(range, lengths))


# -- products -------------------------------------------------------------------------------------


def matmul(a, b):
    """The product of two matrices."""
    y = np.zeros((len(a), b.shape[1]))
    for i, j, k in _positions(len(a), b.shape[1], len(b)):
        y[i, j] += a[i, k] * b[k, j]
    return y


def linear(x, weight, bias):
    """Each row of x through weight (out, in) and bias."""
    y = np.zeros((len(x), len(weight)))
    for n, o in _positions(*y.shape):
        y[n, o] = bias[o] + sum(x[n, i] * weight[o, i] for i in range(x.shape[1]))
    return y


# -- windows --------------------------------------------------------------------------------------


def _conv2d_terms(x_shape, w_shape, stride, padding):
    """Yield (place in y, place in x, place in w) of every product that convolution adds up."""
    (n, c, h, wide), (o, _, kh, kw) = x_shape, w_shape
    (sh, sw), (ph, pw) = _pair(stride), _pair(padding)
    oh, ow = (h + 2 * ph - kh) // sh + 1, (wide + 2 * pw - kw) // sw + 1
    for a, b, i, j, d, u, v in _positions(n, o, oh, ow, c, kh, kw):
        row, column = i * sh + u - ph, j * sw + v - pw
        if 0 <= row < h and 0 <= column < wide:
            yield (a, b, i, j), (a, d, row, column), (b, d, u, v)


def _window_count(size, kernel, stride, padding=(0, 0)):
    return tuple(
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(size, kernel, stride, padding, strict=True)
    )


def conv2d(x, w, b=None, stride=1, padding=0):
    """The cross-correlation of images with filters."""
    size = _window_count(x.shape[2:], w.shape[2:], _pair(stride), _pair(padding))
    y = np.zeros((len(x), len(w), *size))
    for at_y, at_x, at_w in _conv2d_terms(x.shape, w.shape, stride, padding):
        y[at_y] += x[at_x] * w[at_w]
    if b is not None:
        for place in _positions(*y.shape):
            y[place] += b[place[1]]
    return y


def conv2d_gradients(g, x, w, stride=1, padding=0):
    """The gradients of x, w and b, from g, that of the result."""
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(len(w))
    for at_y, at_x, at_w in _conv2d_terms(x.shape, w.shape, stride, padding):
        dx[at_x] += g[at_y] * w[at_w]
        dw[at_w] += g[at_y] * x[at_x]
    for place in _positions(*g.shape):
        db[place[1]] += g[place]
    return dx, dw, db


def _slides(n, kernel, stride, padding, dilation, ceil_mode):
    """The places of every window along an axis of length n, those in the padding too."""
    reach, windows, start = (kernel - 1) * dilation, [], -padding
    while start + reach < n + padding:
        windows.append(range(start, start + reach + 1, dilation))
        start += stride
    beyond = start + reach - (n + padding - 1)
    if ceil_mode and start < n and beyond < stride:
        windows.append(range(start, start + reach + 1, dilation))
    return windows


def _windows(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Yield (place in y, the places in x of its window, how many are in the padded image)."""
    (kh, kw), (sh, sw) = _pair(kernel), _pair(stride or kernel)
    (ph, pw), (dh, dw) = _pair(padding), _pair(dilation)
    n, c, height, width = x.shape
    down = _slides(height, kh, sh, ph, dh, ceil_mode)
    across = _slides(width, kw, sw, pw, dw, ceil_mode)
    for a, b, i, j in _positions(n, c, len(down), len(across)):
        inside = [
            (a, b, u, v)
            for u, v in product(down[i], across[j])
            if 0 <= u < height and 0 <= v < width
        ]
        counted = sum(u < height + ph for u in down[i]) * sum(v < width + pw for v in across[j])
        yield (a, b, i, j), inside, counted


def _pooled(x, windows):
    """The array of these (place, number)."""
    found = dict(windows)
    size = [max((place[axis] + 1 for place in found), default=0) for axis in (2, 3)]
    y = np.zeros((*x.shape[:2], *size))
    for place, number in found.items():
        y[place] = number
    return y


def _first_maximum(x, places):
    best = places[0]
    for at in places[1:]:
        if x[at] > x[best] or (math.isnan(x[at]) and not math.isnan(x[best])):
            best = at
    return best


def max_pool2d(x, *geometry, **options):
    """The maximum of each window; any NaN is above all numbers."""
    windows = _windows(x, *geometry, **options)
    return _pooled(x, ((place, x[_first_maximum(x, inside)]) for place, inside, _ in windows))


def max_pool2d_indices(x, *geometry, **options):
    """Where in its plane the first maximum of each window lies."""
    first = (
        (place, _first_maximum(x, inside)) for place, inside, _ in _windows(x, *geometry, **options)
    )
    return _pooled(x, ((place, at[2] * x.shape[3] + at[3]) for place, at in first)).astype(int)


def max_pool2d_gradient(g, x, *geometry, **options):
    """The gradient of x, which goes to the first maximum of each window."""
    dx = np.zeros(x.shape)
    for place, inside, _ in _windows(x, *geometry, **options):
        dx[_first_maximum(x, inside)] += g[place]
    return dx


def _means(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """Yield (place in y, the places of its window, what its sum is divided by)."""
    for place, inside, counted in _windows(x, kernel, stride, padding, 1, ceil_mode):
        usual = counted if count_include_pad else len(inside)
        yield place, inside, divisor_override or usual


def avg_pool2d(
    x,
    kernel,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """The mean of each window."""
    means = _means(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return _pooled(x, ((place, sum(x[at] for at in places) / d) for place, places, d in means))


def avg_pool2d_gradient(
    g, x, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """The gradient of x, shared evenly by each window."""
    dx = np.zeros(x.shape)
    for place, inside, d in _means(x, kernel, stride, padding, ceil_mode, count_include_pad, None):
        for at in inside:
            dx[at] += g[place] / d
    return dx


def adaptive_avg_pool2d(x, output_size):
    """The mean of each of so many windows, from the last whole place before to the first after."""
    oh, ow = (s or n for s, n in zip(_pair(output_size) or (None, None), x.shape[2:], strict=True))
    y = np.zeros((*x.shape[:2], oh, ow))
    for n, c, i, j in _positions(*y.shape):
        rows = range(math.floor(i * x.shape[2] / oh), math.ceil((i + 1) * x.shape[2] / oh))
        columns = range(math.floor(j * x.shape[3] / ow), math.ceil((j + 1) * x.shape[3] / ow))
        values = [x[n, c, u, v] for u, v in product(rows, columns)]
        y[n, c, i, j] = sum(values) / len(values)
    return y


def max_unpool2d(x, indices, size):
    """Each number at its place of the plane, zeros elsewhere; the last one stays."""
    y = np.zeros((*x.shape[:2], *size))
    for place in _positions(*x.shape):
        y[place[:2]].reshape(-1)[indices[place]] = x[place]
    return y


# -- recurrence -----------------------------------------------------------------------------------


def sigmoid(x):
    """1 / (1 + exp(-x)) of one number."""
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def _affine(v, weight, bias):
    """weight v + bias of one vector, as a list."""
    zero = [0.0] * len(weight) if bias is None else bias
    return [zero[j] + sum(weight[j, i] * v[i] for i in range(len(v))) for j in range(len(weight))]


NONLINEARITIES = {
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": sigmoid,
    "linear": lambda a: a,
}


def _sequences(step, x, states, mask=None, lengths=None, reverse=False):
    """Run step(x_t, what the weights see of h, *state vectors) -> new state vectors over each
    sequence by itself, up to its own length."""
    states = [np.array(s, float) for s in states]
    outputs = np.zeros((*x.shape[:2], states[0].shape[1]))
    for n in range(len(x)):
        steps = range(x.shape[1] if lengths is None else lengths[n])
        for t in reversed(steps) if reverse else steps:
            seen = states[0][n] * (1.0 if mask is None else mask[n])
            new = step(x[n, t], seen, *(s[n] for s in states))
            for state, values in zip(states, new, strict=True):
                state[n] = values
            outputs[n, t] = states[0][n]
    return (outputs, *states)


def rnn(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, nonlinearity="tanh", **how):
    """The outputs (N, T, H) and the last h (N, H) of a plain RNN."""
    f = NONLINEARITIES[nonlinearity]

    def step(x, seen, h):
        a, u = _affine(x, w_ih, b_ih), _affine(seen, w_hh, b_hh)
        return ([f(p + q) for p, q in zip(a, u, strict=True)],)

    return _sequences(step, x, [h0], **how)


def jordan(
    x, y0, w_ih, w_hh, w_hr, b_ih=None, b_hh=None, b_hr=None,
    nonlinearity="tanh", output_nonlinearity="linear", **how,
):  # fmt: skip
    """The outputs (N, T, O) and the last y (N, O) of a network that remembers its output."""
    f, g = NONLINEARITIES[nonlinearity], NONLINEARITIES[output_nonlinearity]

    def step(x, seen, y):
        a, u = _affine(x, w_ih, b_ih), _affine(seen, w_hh, b_hh)
        hidden = [f(p + q) for p, q in zip(a, u, strict=True)]
        return ([g(v) for v in _affine(hidden, w_hr, b_hr)],)

    return _sequences(step, x, [y0], **how)


def _normalised(values, gain, shift):
    """gain (v - mean) / √(variance + 1e-5) + shift of one vector."""
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + 1e-5)
    return [
        gain[j] * (v - mean) / deviation + (0.0 if shift is None else shift[j])
        for j, v in enumerate(values)
    ]


def lstm(
    x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, w_c=None,
    norm_ih=None, norm_hh=None, norm_c=None, b_c=None, coupled=False, **how,
):  # fmt: skip
    """The outputs, the last h and the last c of an LSTM; gates in the order i f g o."""
    size = c0.shape[1]
    places = {"i": 0, "g": 1, "o": 2} if coupled else {"i": 0, "f": 1, "g": 2, "o": 3}
    peepholes = {"i": 0, "o": 1} if coupled else {"i": 0, "f": 1, "o": 2}

    def gate_inputs(v, weight, bias, gain):
        if gain is None:
            return _affine(v, weight, bias)
        return _normalised(_affine(v, weight, None), gain, bias)

    def step(x, seen, h, c):
        a = np.add(gate_inputs(x, w_ih, b_ih, norm_ih), gate_inputs(seen, w_hh, b_hh, norm_hh))

        def gate(name, j, memory):
            peep = 0.0 if w_c is None else w_c[peepholes[name] * size + j] * memory
            return sigmoid(a[places[name] * size + j] + peep)

        new_c = []
        for j in range(size):
            i = gate("i", j, c[j])
            f = 1 - i if coupled else gate("f", j, c[j])
            new_c.append(f * c[j] + i * math.tanh(a[places["g"] * size + j]))
        inside = new_c if norm_c is None else _normalised(new_c, norm_c, b_c)
        new_h = [gate("o", j, new_c[j]) * math.tanh(inside[j]) for j in range(size)]
        return (new_h if w_hr is None else _affine(new_h, w_hr, None)), new_c

    return _sequences(step, x, [h0, c0], **how)


def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, reset_after=True, **how):
    """The outputs and the last h of a GRU; gates in the order r z n."""
    size = h0.shape[1]

    def step(x, seen, h):
        a, u = _affine(x, w_ih, b_ih), _affine(seen, w_hh, b_hh)
        r = [sigmoid(a[j] + u[j]) for j in range(size)]
        if reset_after:
            of_n = [r[j] * u[2 * size + j] for j in range(size)]
        else:
            of_n = _affine([r[j] * seen[j] for j in range(size)], w_hh, b_hh)[2 * size :]
        new = []
        for j in range(size):
            z, n = sigmoid(a[size + j] + u[size + j]), math.tanh(a[2 * size + j] + of_n[j])
            new.append((1 - z) * n + z * h[j])
        return (new,)

    return _sequences(step, x, [h0], **how)


# -- losses ---------------------------------------------------------------------------------------


def softmax(row):
    """exp(row) over its sum, of one row."""
    top = max(row)
    parts = [math.exp(v - top) for v in row]
    return np.array(parts) / sum(parts)


def cross_entropy(logits, target):
    """The mean of -log softmax(logits)[target]."""
    losses = [-math.log(softmax(row)[label]) for row, label in zip(logits, target, strict=True)]
    return sum(losses) / len(losses)


def cross_entropy_gradient(logits, target):
    """The gradient of the logits, from that of the mean being 1."""
    dx = np.array([softmax(row) for row in logits])
    for n, label in enumerate(target):
        dx[n, label] -= 1
    return dx / len(logits)


def class_loss(x, label, weight, smoothing=0.0):
    """The loss of one row of log-probabilities, without that of its label's weight in a mean."""
    spread = sum(-w * v for w, v in zip(weight, x, strict=True)) / len(x)
    return -(1 - smoothing) * weight[label] * x[label] + smoothing * spread


def ctc_loss(log_probs, target, blank):
    """-log of the summed probabilities of all paths of one sequence (T, C)."""
    total = 0.0
    for path in product(range(log_probs.shape[1]), repeat=len(log_probs)):
        merged = [k for i, k in enumerate(path) if i == 0 or k != path[i - 1]]
        if [k for k in merged if k != blank] == list(target):
            total += math.exp(sum(log_probs[t, k] for t, k in enumerate(path)))
    return -math.log(total) if total else math.inf
