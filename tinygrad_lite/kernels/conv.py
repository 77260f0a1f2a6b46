"""Direct convolution and its gradients, with three spatial axes.

Images are (N, C, D, H, W), weights (O, C / groups, KD, KH, KW). `padding` is what stands before the
first place of each axis; what stands after the last one follows from `size`.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lite.kernels.jit import kernel


def forward(x, w, bias, size, stride, padding, dilation, groups):
    """Return y[n, o, i] = bias[o] + sum over c, u of x[n, c, i stride - padding + u dilation]
    w[o, c, u], of the given size.
    """
    y = np.zeros((len(x), len(w), *size), x.dtype)
    if bias is not None:
        y += bias.reshape((-1, 1, 1, 1))
    _forward(*map(_owned, (x, w)), y, stride, padding, dilation, groups)
    return y


def input_gradient(g, w, size, stride, padding, dilation, groups):
    """Return the gradient of x, which has the given size, from that of y."""
    dx = np.zeros((len(g), w.shape[1] * groups, *size), g.dtype)
    _input_gradient(dx, *map(_owned, (w, g)), stride, padding, dilation, groups)
    return dx


def weight_gradient(g, x, kernel, stride, padding, dilation, groups):
    """Return the gradient of w from that of y, and x."""
    dw = np.zeros((g.shape[1], x.shape[1] // groups, *kernel), g.dtype)
    x, g = _owned(x), _owned(g)
    _weight_gradient(x, dw, g, stride, padding, dilation, groups)
    return dw


def bias_gradient(g):
    """Return the gradient of the bias from that of y."""
    return g.sum(axis=(0, 2, 3, 4))


def _owned(x):
    return np.require(x, requirements=["C", "W"])


@kernel
def _forward(x, w, y, stride, padding, dilation, groups):
    inner, outer = w.shape[1], w.shape[0] // groups
    for n in range(y.shape[0]):
        for o in range(y.shape[1]):
            for place in np.ndindex(y.shape[2:]):
                for c in range(inner):
                    for u in np.ndindex(w.shape[2:]):
                        i = place[0] * stride[0] - padding[0] + u[0] * dilation[0]
                        j = place[1] * stride[1] - padding[1] + u[1] * dilation[1]
                        k = place[2] * stride[2] - padding[2] + u[2] * dilation[2]
                        if 0 <= i < x.shape[2] and 0 <= j < x.shape[3] and 0 <= k < x.shape[4]:
                            y[n, o, place[0], place[1], place[2]] += (
                                x[n, o // outer * inner + c, i, j, k] * w[o, c, u[0], u[1], u[2]]
                            )


@kernel
def _input_gradient(x, w, y, stride, padding, dilation, groups):
    inner, outer = w.shape[1], w.shape[0] // groups
    for n in range(y.shape[0]):
        for o in range(y.shape[1]):
            for place in np.ndindex(y.shape[2:]):
                for c in range(inner):
                    for u in np.ndindex(w.shape[2:]):
                        i = place[0] * stride[0] - padding[0] + u[0] * dilation[0]
                        j = place[1] * stride[1] - padding[1] + u[1] * dilation[1]
                        k = place[2] * stride[2] - padding[2] + u[2] * dilation[2]
                        if 0 <= i < x.shape[2] and 0 <= j < x.shape[3] and 0 <= k < x.shape[4]:
                            x[n, o // outer * inner + c, i, j, k] += (
                                y[n, o, place[0], place[1], place[2]] * w[o, c, u[0], u[1], u[2]]
                            )


@kernel
def _weight_gradient(x, w, y, stride, padding, dilation, groups):
    inner, outer = w.shape[1], w.shape[0] // groups
    for n in range(y.shape[0]):
        for o in range(y.shape[1]):
            for place in np.ndindex(y.shape[2:]):
                for c in range(inner):
                    for u in np.ndindex(w.shape[2:]):
                        i = place[0] * stride[0] - padding[0] + u[0] * dilation[0]
                        j = place[1] * stride[1] - padding[1] + u[1] * dilation[1]
                        k = place[2] * stride[2] - padding[2] + u[2] * dilation[2]
                        if 0 <= i < x.shape[2] and 0 <= j < x.shape[3] and 0 <= k < x.shape[4]:
                            w[o, c, u[0], u[1], u[2]] += (
                                y[n, o, place[0], place[1], place[2]]
                                * x[n, o // outer * inner + c, i, j, k]
                            )
