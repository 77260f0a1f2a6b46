"""All ops, a file a family. NumPy's functions bear NumPy's names, neural ones PyTorch's."""

from typing import TYPE_CHECKING

from tinygrad_lite.ops import (
    activation,
    conv,
    elementwise,
    indexing,
    logic,
    pool,
    products,
    random,
    recurrent,
    reduce,
    rounding,
    shape,
    sorting,
    special,
    trigonometry,
)
from tinygrad_lite.ops import linalg as linalg  # in a namespace of its own, as NumPy has it
from tinygrad_lite.ops.activation import *
from tinygrad_lite.ops.classification import cross_entropy as cross_entropy
from tinygrad_lite.ops.conv import *
from tinygrad_lite.ops.elementwise import *
from tinygrad_lite.ops.indexing import *
from tinygrad_lite.ops.logic import *
from tinygrad_lite.ops.pool import *
from tinygrad_lite.ops.probability import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from tinygrad_lite.ops.products import *
from tinygrad_lite.ops.random import *
from tinygrad_lite.ops.recurrent import *
from tinygrad_lite.ops.reduce import *
from tinygrad_lite.ops.regression import mse_loss as mse_loss
from tinygrad_lite.ops.rounding import *
from tinygrad_lite.ops.shape import *
from tinygrad_lite.ops.sorting import *
from tinygrad_lite.ops.special import *
from tinygrad_lite.ops.trigonometry import *

if not TYPE_CHECKING:  # type checkers read no sums of lists: without a list they see every name
    __all__ = ["binary_cross_entropy_with_logits", "cross_entropy", "mse_loss"]
    __all__ += activation.__all__
    __all__ += conv.__all__
    __all__ += elementwise.__all__
    __all__ += indexing.__all__
    __all__ += logic.__all__
    __all__ += pool.__all__
    __all__ += products.__all__
    __all__ += random.__all__
    __all__ += recurrent.__all__
    __all__ += reduce.__all__
    __all__ += rounding.__all__
    __all__ += shape.__all__
    __all__ += sorting.__all__
    __all__ += special.__all__
    __all__ += trigonometry.__all__
