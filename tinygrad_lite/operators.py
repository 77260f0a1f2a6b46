"""Python's operators and the elementary functions: the face that Scalar and Tensor share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tinygrad_lite import ops as _ops
from tinygrad_lite.graph import Node
from tinygrad_lite.short import of_two

Result = TypeVar("Result")

ops: Any = _ops  # whose functions return the kind of vertex that they are given


class Operators(Node, Generic[Result]):
    """A vertex to compute with; operations return a `Result`.

    NumPy calls the methods on the elements of object arrays, so np.exp(array of Scalars) works.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> Result: ...

        def __radd__(self, other: Any) -> Result: ...

        def __sub__(self, other: Any) -> Result: ...

        def __rsub__(self, other: Any) -> Result: ...

        def __mul__(self, other: Any) -> Result: ...

        def __rmul__(self, other: Any) -> Result: ...

        def __truediv__(self, other: Any) -> Result: ...

        def __rtruediv__(self, other: Any) -> Result: ...

        def __pow__(self, other: Any) -> Result: ...

        def __rpow__(self, other: Any) -> Result: ...

        def __neg__(self) -> Result: ...

        def __abs__(self) -> Result: ...

        def exp(self) -> Result: ...

        def expm1(self) -> Result: ...

        def log(self) -> Result: ...

        def log1p(self) -> Result: ...

        def sqrt(self) -> Result: ...

        def sin(self) -> Result: ...

        def cos(self) -> Result: ...

        def tanh(self) -> Result: ...

        def sigmoid(self) -> Result: ...

        def relu(self) -> Result: ...

    else:
        __add__, __radd__ = ops.add.of_two, of_two(ops.add, swapped=True)
        __sub__, __rsub__ = ops.subtract.of_two, of_two(ops.subtract, swapped=True)
        __mul__, __rmul__ = ops.multiply.of_two, of_two(ops.multiply, swapped=True)
        __truediv__, __rtruediv__ = ops.divide.of_two, of_two(ops.divide, swapped=True)
        __pow__, __rpow__ = ops.power.of_two, of_two(ops.power, swapped=True)
        __neg__, __abs__ = ops.negative.of_one, ops.absolute.of_one
        exp = ops.exp.of_one
        expm1 = ops.expm1.of_one
        log = ops.log.of_one
        log1p = ops.log1p.of_one
        sqrt = ops.sqrt.of_one
        sin = ops.sin.of_one
        cos = ops.cos.of_one
        tanh = ops.tanh.of_one
        sigmoid = ops.sigmoid.of_one
        relu = ops.relu.of_one
