"""Ops of `tinygrad_lite.ops.activation`."""

import numpy as np

from tests.ops.strategies import Entry, along, one


def softmax(x, axis):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


TABLE = {
    "relu": Entry(lambda x: np.where(x > 0, x, 0), one()),
    "sigmoid": Entry(sigmoid, one()),
    "softplus": Entry(lambda x: np.log(1 + np.exp(x)), one()),
    "leaky_relu": Entry(
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), one(negative_slope=0.2)
    ),
    "elu": Entry(lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)), one(alpha=0.7)),
    "silu": Entry(lambda x: x * sigmoid(x), one()),
    "softmax": Entry(softmax, along()),
    "log_softmax": Entry(lambda x, axis: np.log(softmax(x, axis)), along()),
}
