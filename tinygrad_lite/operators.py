"""Python's operators and the elementary functions: the face that Scalar and Tensor share."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from tinygrad_lite import ops as _ops
from tinygrad_lite.graph import Node

Result = TypeVar("Result")

ops: Any = _ops  # whose functions return the kind of vertex that they are given


class Operators(Node, Generic[Result]):
    """A vertex to compute with; operations return a `Result`.

    NumPy calls the methods on the elements of object arrays, so np.exp(array of Scalars) works.
    """

    __slots__ = ()

    def __add__(self, other: Any) -> Result:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Result:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Result:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Result:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Result:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Result:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Result:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Result:
        return ops.divide(other, self)

    def __pow__(self, other: Any) -> Result:
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Result:
        return ops.power(other, self)

    def __neg__(self) -> Result:
        return ops.negative(self)

    def __abs__(self) -> Result:
        return ops.absolute(self)

    def exp(self) -> Result:
        """Return e to the power of this."""
        return ops.exp(self)

    def expm1(self) -> Result:
        """Return exp(x) - 1, exact for small x."""
        return ops.expm1(self)

    def log(self) -> Result:
        """Return the natural logarithm."""
        return ops.log(self)

    def log1p(self) -> Result:
        """Return log(1 + x), exact for small x."""
        return ops.log1p(self)

    def sqrt(self) -> Result:
        """Return the square root."""
        return ops.sqrt(self)

    def sin(self) -> Result:
        """Return the sine."""
        return ops.sin(self)

    def cos(self) -> Result:
        """Return the cosine."""
        return ops.cos(self)

    def tanh(self) -> Result:
        """Return the hyperbolic tangent."""
        return ops.tanh(self)

    def sigmoid(self) -> Result:
        """Return 1 / (1 + exp(-x))."""
        return ops.sigmoid(self)

    def relu(self) -> Result:
        """Return max(x, 0)."""
        return ops.relu(self)
