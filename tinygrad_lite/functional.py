"""The neural functions under PyTorch's names; customarily imported as F.

An axis is called `axis` here as in NumPy, where PyTorch has `dim`.
"""

from tinygrad_lite.ops import (
    activation,
    classification,
    conv,
    ctc,
    margin,
    pool,
    probability,
    recurrent,
    regression,
)
from tinygrad_lite.ops.activation import *
from tinygrad_lite.ops.classification import *
from tinygrad_lite.ops.conv import *
from tinygrad_lite.ops.ctc import *
from tinygrad_lite.ops.margin import *
from tinygrad_lite.ops.pool import *
from tinygrad_lite.ops.probability import *
from tinygrad_lite.ops.products import linear
from tinygrad_lite.ops.random import dropout
from tinygrad_lite.ops.recurrent import *
from tinygrad_lite.ops.recurrent import gru_cell, lstm_cell, rnn_cell
from tinygrad_lite.ops.regression import *
from tinygrad_lite.ops.trigonometry import tanh

__all__ = ["dropout", "gru_cell", "linear", "lstm_cell", "rnn_cell", "tanh"]
__all__ += activation.__all__
__all__ += classification.__all__
__all__ += conv.__all__
__all__ += ctc.__all__
__all__ += margin.__all__
__all__ += pool.__all__
__all__ += probability.__all__
__all__ += recurrent.__all__
__all__ += regression.__all__
