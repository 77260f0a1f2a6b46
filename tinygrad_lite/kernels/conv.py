"""Direct convolution and its two gradients, on images that are padded already.

Shapes: x (N, C, H, W), w (O, C, KH, KW), y (N, O, OH, OW). The innermost loops run along rows of
contiguous pixels, which the compiler turns into vector instructions.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel


@kernel
def forward(x, w, stride):
    """Return y[n, o, i, j] = sum over c, u, v of x[n, c, i s + u, j s + v] w[o, c, u, v]."""
    n_images, in_channels, height, width = x.shape
    out_channels, _, kh, kw = w.shape
    sh, sw = stride
    oh, ow = (height - kh) // sh + 1, (width - kw) // sw + 1
    y = np.zeros((n_images, out_channels, oh, ow), x.dtype)
    for n in range(n_images):
        for o in range(out_channels):
            for c in range(in_channels):
                for u in range(kh):
                    for v in range(kw):
                        weight = w[o, c, u, v]
                        for i in range(oh):
                            row, out = x[n, c, i * sh + u], y[n, o, i]
                            for j in range(ow):
                                out[j] += weight * row[j * sw + v]
    return y


@kernel
def input_gradient(g, w, stride, size):
    """Return the gradient of the padded x, of the given (H, W), from that of y."""
    n_images, out_channels, oh, ow = g.shape
    _, in_channels, kh, kw = w.shape
    sh, sw = stride
    dx = np.zeros((n_images, in_channels, size[0], size[1]), g.dtype)
    for n in range(n_images):
        for c in range(in_channels):
            for o in range(out_channels):
                for u in range(kh):
                    for v in range(kw):
                        weight = w[o, c, u, v]
                        for i in range(oh):
                            row, grad = dx[n, c, i * sh + u], g[n, o, i]
                            for j in range(ow):
                                row[j * sw + v] += weight * grad[j]
    return dx


@kernel
def weight_gradient(g, x, stride, kernel_size):
    """Return the gradient of w from that of y and the padded x."""
    n_images, out_channels, oh, ow = g.shape
    in_channels = x.shape[1]
    sh, sw = stride
    kh, kw = kernel_size
    dw = np.zeros((out_channels, in_channels, kh, kw), g.dtype)
    for n in range(n_images):
        for o in range(out_channels):
            for c in range(in_channels):
                for u in range(kh):
                    for v in range(kw):
                        total = g.dtype.type(0)
                        for i in range(oh):
                            row, grad = x[n, c, i * sh + u], g[n, o, i]
                            for j in range(ow):
                                total += grad[j] * row[j * sw + v]
                        dw[o, c, u, v] += total
    return dw
