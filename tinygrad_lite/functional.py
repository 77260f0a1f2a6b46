"""The neural functions under PyTorch's names; customarily imported as F.

An axis is called `axis` here as in NumPy, where PyTorch has `dim`.
"""

from tinygrad_lite.ops import (
    activation,
    attention,
    classification,
    conv,
    ctc,
    distance,
    image,
    margin,
    norm,
    pool,
    probability,
    recurrent,
    regression,
)
from tinygrad_lite.ops.activation import *
from tinygrad_lite.ops.attention import *
from tinygrad_lite.ops.bilinear import bilinear
from tinygrad_lite.ops.cells import gru_cell, jordan_cell, lstm_cell, rnn_cell
from tinygrad_lite.ops.classification import *
from tinygrad_lite.ops.conv import *
from tinygrad_lite.ops.ctc import *
from tinygrad_lite.ops.distance import *
from tinygrad_lite.ops.embedding import embedding, one_hot
from tinygrad_lite.ops.image import *
from tinygrad_lite.ops.margin import *
from tinygrad_lite.ops.norm import *
from tinygrad_lite.ops.pool import *
from tinygrad_lite.ops.probability import *
from tinygrad_lite.ops.products import linear
from tinygrad_lite.ops.random import alpha_dropout, dropout, dropout1d, dropout2d
from tinygrad_lite.ops.recurrent import *
from tinygrad_lite.ops.regression import *
from tinygrad_lite.ops.trigonometry import tanh

__all__ = ["alpha_dropout", "bilinear", "dropout", "dropout1d", "dropout2d", "embedding"]
__all__ += ["gru_cell", "jordan_cell", "linear", "lstm_cell", "one_hot", "rnn_cell", "tanh"]
__all__ += activation.__all__
__all__ += attention.__all__
__all__ += classification.__all__
__all__ += conv.__all__
__all__ += ctc.__all__
__all__ += distance.__all__
__all__ += image.__all__
__all__ += margin.__all__
__all__ += norm.__all__
__all__ += pool.__all__
__all__ += probability.__all__
__all__ += recurrent.__all__
__all__ += regression.__all__
