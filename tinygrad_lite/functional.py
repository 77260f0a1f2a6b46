"""The neural functions under PyTorch's names; customarily imported as F."""

from tinygrad_lite.ops.activation import (
    elu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
)
from tinygrad_lite.ops.conv import conv2d
from tinygrad_lite.ops.elementwise import tanh
from tinygrad_lite.ops.linalg import linear
from tinygrad_lite.ops.loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)
from tinygrad_lite.ops.pool import avg_pool2d, max_pool2d
from tinygrad_lite.ops.random import dropout
from tinygrad_lite.ops.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell

__all__ = [
    "avg_pool2d",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "dropout",
    "elu",
    "gru",
    "gru_cell",
    "leaky_relu",
    "linear",
    "log_softmax",
    "lstm",
    "lstm_cell",
    "max_pool2d",
    "mse_loss",
    "relu",
    "rnn",
    "rnn_cell",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]
