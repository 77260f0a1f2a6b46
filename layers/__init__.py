"""The built-in layers, a file a family, each registered as a plugin under its lower-case name."""

from tinygrad_lite.layers.activation import (
    ELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_lite.layers.conv import (
    Conv,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
)
from tinygrad_lite.layers.dense import Dense
from tinygrad_lite.layers.dropout import Dropout, Dropout2d
from tinygrad_lite.layers.flatten import Flatten
from tinygrad_lite.layers.gru import GRU, GRUCell
from tinygrad_lite.layers.highway import Highway, HighwayConv2d
from tinygrad_lite.layers.inception import Inception
from tinygrad_lite.layers.jordan import Jordan, JordanCell
from tinygrad_lite.layers.lstm import LSTM, LSTMCell
from tinygrad_lite.layers.maxout import Maxout, Maxout2d
from tinygrad_lite.layers.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    LocalResponseNorm,
)
from tinygrad_lite.layers.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    GlobalAvgPool2d,
    MaxPool1d,
    MaxPool2d,
    MaxUnpool2d,
    Upsample,
)
from tinygrad_lite.layers.rbm import RBM
from tinygrad_lite.layers.residual import BasicBlock, Bottleneck
from tinygrad_lite.layers.rnn import RNN, RNNCell
from tinygrad_lite.layers.sequential import Sequential
from tinygrad_lite.layers.squeeze import SqueezeExcitation

__all__ = [
    "ELU",
    "GRU",
    "GRUCell",
    "Jordan",
    "JordanCell",
    "LSTM",
    "LSTMCell",
    "RBM",
    "RNN",
    "RNNCell",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BasicBlock",
    "BatchNorm1d",
    "BatchNorm2d",
    "Bottleneck",
    "Conv",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Dense",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GlobalAvgPool2d",
    "GroupNorm",
    "Highway",
    "HighwayConv2d",
    "Inception",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "MaxPool1d",
    "MaxPool2d",
    "MaxUnpool2d",
    "Maxout",
    "Maxout2d",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SqueezeExcitation",
    "Tanh",
    "Upsample",
]
