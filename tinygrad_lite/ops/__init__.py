"""All ops, a file a family. NumPy's functions bear NumPy's names, neural ones PyTorch's."""

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
from tinygrad_lite.ops.elementwise import (
    absolute,
    add,
    astype,
    clip,
    cos,
    divide,
    equal,
    exp,
    expm1,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    sign,
    sin,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from tinygrad_lite.ops.indexing import getitem, scatter
from tinygrad_lite.ops.linalg import linear, matmul
from tinygrad_lite.ops.reduce import (
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    std,
    sum,
    var,
)
from tinygrad_lite.ops.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    pad,
    ravel,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from tinygrad_lite.ops.conv import conv2d
from tinygrad_lite.ops.loss import binary_cross_entropy_with_logits, cross_entropy, mse_loss
from tinygrad_lite.ops.pool import avg_pool2d, max_pool2d
from tinygrad_lite.ops.random import bernoulli, dropout
from tinygrad_lite.ops.recurrent import gru, lstm, rnn
