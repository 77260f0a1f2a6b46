"""Direct convolution and its two gradients, on images that are padded already.

At the face images are (N, C, H, W) and weights (O, C, KH, KW). Inside, the output channels come
last, so that the innermost loop runs over contiguous numbers whatever the size of the image.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel


def forward(x, w, stride):
    """Return y[n, o, i, j] = sum over c, u, v of x[n, c, i s + u, j s + v] w[o, c, u, v]."""
    return _channels_first(_forward(x, _out_channels_last(w), stride))


def input_gradient(g, w, stride, size):
    """Return the gradient of the padded x, which has the given (H, W), from that of y."""
    return _input_gradient(_channels_last(g), _out_channels_last(w), stride, size)


def weight_gradient(g, x, stride, kernel_size):
    """Return the gradient of w from that of y and the padded x."""
    dw = _weight_gradient(_channels_last(g), x, stride, kernel_size)
    return np.ascontiguousarray(dw.transpose(3, 0, 1, 2))


def _channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def _channels_first(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


def _out_channels_last(w):
    return np.ascontiguousarray(w.transpose(1, 2, 3, 0))


@kernel
def _forward(x, w, stride):
    n_images, in_channels, height, width = x.shape
    _, kh, kw, out_channels = w.shape
    sh, sw = stride
    oh, ow = (height - kh) // sh + 1, (width - kw) // sw + 1
    y = np.zeros((n_images, oh, ow, out_channels), x.dtype)
    for n in range(n_images):
        for i in range(oh):
            for c in range(in_channels):
                for u in range(kh):
                    row = x[n, c, i * sh + u]
                    for v in range(kw):
                        weights = w[c, u, v]
                        for j in range(ow):
                            pixel, out = row[j * sw + v], y[n, i, j]
                            for o in range(out_channels):
                                out[o] += pixel * weights[o]
    return y


@kernel
def _input_gradient(g, w, stride, size):
    n_images, oh, ow, out_channels = g.shape
    in_channels, kh, kw, _ = w.shape
    sh, sw = stride
    dx = np.zeros((n_images, in_channels, size[0], size[1]), g.dtype)
    for n in range(n_images):
        for c in range(in_channels):
            for i in range(oh):
                for u in range(kh):
                    row = dx[n, c, i * sh + u]
                    for v in range(kw):
                        weights = w[c, u, v]
                        for j in range(ow):
                            grad, total = g[n, i, j], g.dtype.type(0)
                            for o in range(out_channels):
                                total += grad[o] * weights[o]
                            row[j * sw + v] += total
    return dx


@kernel
def _weight_gradient(g, x, stride, kernel_size):
    n_images, oh, ow, out_channels = g.shape
    in_channels = x.shape[1]
    sh, sw = stride
    kh, kw = kernel_size
    dw = np.zeros((in_channels, kh, kw, out_channels), g.dtype)
    for n in range(n_images):
        for c in range(in_channels):
            for u in range(kh):
                for v in range(kw):
                    weights = dw[c, u, v]
                    for i in range(oh):
                        row = x[n, c, i * sh + u]
                        for j in range(ow):
                            pixel, grad = row[j * sw + v], g[n, i, j]
                            for o in range(out_channels):
                                weights[o] += pixel * grad[o]
    return dw
