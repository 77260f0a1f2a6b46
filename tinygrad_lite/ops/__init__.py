"""All ops, a file a family. NumPy's functions bear NumPy's names, neural ones PyTorch's."""

from tinygrad_lite.ops import (
    activation,
    conv,
    elementwise,
    indexing,
    loss,
    pool,
    products,
    random,
    recurrent,
    reduce,
    shape,
    special,
)
from tinygrad_lite.ops.activation import *
from tinygrad_lite.ops.conv import *
from tinygrad_lite.ops.elementwise import *
from tinygrad_lite.ops.indexing import *
from tinygrad_lite.ops.loss import *
from tinygrad_lite.ops.pool import *
from tinygrad_lite.ops.products import *
from tinygrad_lite.ops.random import *
from tinygrad_lite.ops.recurrent import *
from tinygrad_lite.ops.reduce import *
from tinygrad_lite.ops.shape import *
from tinygrad_lite.ops.special import *

__all__: list[str] = []
__all__ += activation.__all__
__all__ += conv.__all__
__all__ += elementwise.__all__
__all__ += indexing.__all__
__all__ += loss.__all__
__all__ += pool.__all__
__all__ += products.__all__
__all__ += random.__all__
__all__ += recurrent.__all__
__all__ += reduce.__all__
__all__ += shape.__all__
__all__ += special.__all__
