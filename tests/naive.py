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


def _each(value, axes):
    return (value,) * axes if isinstance(value, int) else tuple(value)


def _conv_terms(x_shape, w_shape, stride, padding, dilation, groups):
    """The size of y, and (where in y, where in x, where in w) of all products that convolution
    adds up: for each group, and each place of the filters."""
    (n, _, *lengths), (o, c, *kernel) = x_shape, w_shape
    stride, dilation = _each(stride, len(kernel)), _each(dilation, len(kernel))
    if padding == "same":
        size, before = lengths, [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    else:
        before = _each(0 if padding == "valid" else padding, len(kernel))
        all_of_each = zip(lengths, kernel, stride, before, dilation, strict=True)
        size = [(m + 2 * p - d * (k - 1) - 1) // s + 1 for m, k, s, p, d in all_of_each]
    terms = []
    for group, *tap in _positions(groups, *kernel):
        of_y, of_x = [], []
        for m, count, s, p, d, u in zip(lengths, size, stride, before, dilation, tap, strict=True):
            inside = [i for i in range(count) if 0 <= i * s + u * d - p < m]
            of_y.append(inside)
            of_x.append([i * s + u * d - p for i in inside])
        filters = range(group * o // groups, (group + 1) * o // groups)
        at_y = np.ix_(range(n), filters, *of_y)
        at_x = np.ix_(range(n), range(group * c, (group + 1) * c), *of_x)
        terms.append((at_y, at_x, (slice(filters.start, filters.stop), slice(None), *tap)))
    return size, terms


def _channels(x, matrix):
    """Multiply the channels of images by a matrix (out, in)."""
    return np.moveaxis(np.tensordot(matrix, x, (1, 1)), 0, 1)


def _correlation(g, x):
    """The products of all channels of g and x, over images and places."""
    others = [0, *range(2, g.ndim)]
    return np.tensordot(g, x, (others, others))


def conv(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """The cross-correlation of images with filters, over as many axes as they have."""
    size, terms = _conv_terms(x.shape, w.shape, stride, padding, dilation, groups)
    y = np.zeros((len(x), len(w), *size))
    for at_y, at_x, at_w in terms:
        y[at_y] += _channels(x[at_x], w[at_w])
    return y if b is None else y + b.reshape(-1, *[1] * len(size))


def conv_gradients(g, x, w, stride=1, padding=0, dilation=1, groups=1):
    """The gradients of x, w and b, from g, that of the result."""
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for at_y, at_x, at_w in _conv_terms(x.shape, w.shape, stride, padding, dilation, groups)[1]:
        dx[at_x] += _channels(g[at_y], w[at_w].T)
        dw[at_w] += _correlation(g[at_y], x[at_x])
    return dx, dw, g.sum(axis=(0, *range(2, g.ndim)))


def _transposed_terms(x_shape, w_shape, stride, padding, output_padding, groups, dilation):
    """The size of the uncut y, the part of it that stays, and (where in the uncut y, channels of x,
    where in w) of all copies of a place of the filters."""
    (_, c, *lengths), (_, o, *kernel) = x_shape, w_shape
    how = (stride, padding, output_padding, dilation)
    stride, padding, more, dilation = (_each(v, len(kernel)) for v in how)
    all_of_each = list(zip(lengths, kernel, stride, padding, more, dilation, strict=True))
    size = [(m - 1) * s + d * (k - 1) + 1 + e for m, k, s, _, e, d in all_of_each]
    inner = [slice(p, n - p) for n, p in zip(size, padding, strict=True)]
    terms = []
    for group, *tap in _positions(groups, *kernel):
        places = [
            slice(u * d, u * d + (m - 1) * s + 1, s)
            for u, (m, _, s, _, _, d) in zip(tap, all_of_each, strict=True)
        ]
        channels = slice(group * c // groups, (group + 1) * c // groups)
        at_y = (slice(None), slice(group * o, (group + 1) * o), *places)
        terms.append((at_y, (slice(None), channels), (channels, slice(None), *tap)))
    return size, (slice(None), slice(None), *inner), terms


def conv_transpose(
    x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):  # fmt: skip
    """Each place of images adds a copy of the filters; the border is cut off."""
    how = (stride, padding, output_padding, groups, dilation)
    size, inner, terms = _transposed_terms(x.shape, w.shape, *how)
    y = np.zeros((len(x), w.shape[1] * groups, *size))
    for at_y, at_x, at_w in terms:
        y[at_y] += _channels(x[at_x], w[at_w].T)
    return y[inner] if b is None else y[inner] + b.reshape(-1, *[1] * len(size))


def conv_transpose_gradients(
    g, x, w, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):  # fmt: skip
    """The gradients of x, w and b, from g, that of the result."""
    how = (stride, padding, output_padding, groups, dilation)
    size, inner, terms = _transposed_terms(x.shape, w.shape, *how)
    uncut, dx, dw = np.zeros((*g.shape[:2], *size)), np.zeros(x.shape), np.zeros(w.shape)
    uncut[inner] = g
    for at_y, at_x, at_w in terms:
        dx[at_x] += _channels(uncut[at_y], w[at_w])
        dw[at_w] += _correlation(x[at_x], uncut[at_y])
    return dx, dw, g.sum(axis=(0, *range(2, g.ndim)))


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


def batch_norm(x, weight, bias, eps, known=None):
    """Channels (axis 1) with mean 0 and variance 1; both; or by a mean and variance known."""
    y, means, variances = np.empty(x.shape), [], []
    for c in range(x.shape[1]):
        numbers = x[:, c].ravel().tolist()
        if known is None:
            mean = math.fsum(numbers) / len(numbers)
            variance = math.fsum((v - mean) ** 2 for v in numbers) / len(numbers)
        else:
            mean, variance = known[0][c], known[1][c]
        y[:, c] = (x[:, c] - mean) / math.sqrt(variance + eps) * weight[c] + bias[c]
        means.append(mean)
        variances.append(variance)
    return y, np.array(means), np.array(variances)


def batch_norm_gradients(g, x, weight, eps, known=None):
    """The gradients of x, weight and bias."""
    ones = np.ones(x.shape[1])
    standard, _, variances = batch_norm(x, ones, 0 * ones, eps, known)
    dx, dw, db = np.empty(x.shape), np.empty(x.shape[1]), np.empty(x.shape[1])
    for c in range(x.shape[1]):
        d, s = g[:, c], standard[:, c]
        dw[c], db[c] = math.fsum((d * s).flat), math.fsum(d.flat)
        if known is None:
            d = d - db[c] / d.size - s * dw[c] / d.size
        dx[:, c] = weight[c] / math.sqrt(variances[c] + eps) * d
    return dx, dw, db


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


def affine(image, linear, offset, size, fill):
    """An image (H, W) seen through an affine map of places, by bilinear interpolation.

    Beyond its edge it has the value `fill`, or that of the nearest pixel if there is none.
    """
    (h, w), out = image.shape, np.zeros(size)
    for place in np.ndindex(*size):
        y, x = linear @ place + offset
        if fill is None:
            y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
        i, j = int(np.floor(y)), int(np.floor(x))
        for a, b in ((i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)):
            inside = 0 <= a < h and 0 <= b < w
            value = image[a, b] if inside else fill or 0.0
            out[place] += max(0.0, 1 - abs(y - a)) * max(0.0, 1 - abs(x - b)) * value
    return out
