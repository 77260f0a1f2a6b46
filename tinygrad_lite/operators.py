"""Python's operators and the elementary functions: the face that Scalar and Tensor share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tinygrad_lite import ops as _ops
from tinygrad_lite.graph import Node
from tinygrad_lite.short import of_two

Result = TypeVar("Result")

ops: Any = _ops  # whose functions return the kind of vertex that they are given


def _method(name: str) -> Callable[[Operators[Result]], Result]:
    """Return the op of that name as a method."""
    return getattr(ops, name)


def _operator(op: Any) -> Callable[[Operators[Result], Any], Result]:
    return op


def _reflected(op: Any) -> Callable[[Operators[Result], Any], Result]:
    return of_two(op.op, swapped=True)


class Operators(Node, Generic[Result]):
    """A vertex to compute with; operations return a `Result`.

    NumPy calls the methods on the elements of object arrays, so np.exp(array of Scalars) works.
    """

    __slots__ = ()

    __add__, __radd__ = _operator(ops.add), _reflected(ops.add)
    __sub__, __rsub__ = _operator(ops.subtract), _reflected(ops.subtract)
    __mul__, __rmul__ = _operator(ops.multiply), _reflected(ops.multiply)
    __truediv__, __rtruediv__ = _operator(ops.divide), _reflected(ops.divide)
    __pow__, __rpow__ = _operator(ops.power), _reflected(ops.power)
    __neg__ = _method("negative")
    __abs__ = _method("absolute")
    __pos__ = _method("positive")
    __floordiv__, __rfloordiv__ = _operator(ops.floor_divide), _reflected(ops.floor_divide)
    __mod__, __rmod__ = _operator(ops.remainder), _reflected(ops.remainder)

    def __divmod__(self, other: Any) -> tuple[Result, Result]:
        return ops.divmod(self, other)

    def __rdivmod__(self, other: Any) -> tuple[Result, Result]:
        return ops.divmod(other, self)

    def __round__(self, ndigits: int | None = None) -> Result:
        return ops.round(self, ndigits or 0)

    def __floor__(self) -> Result:
        return ops.floor(self)

    def __ceil__(self) -> Result:
        return ops.ceil(self)

    def __trunc__(self) -> Result:
        return ops.trunc(self)

    exp = _method("exp")
    exp2 = _method("exp2")
    expm1 = _method("expm1")
    log = _method("log")
    log2 = _method("log2")
    log10 = _method("log10")
    log1p = _method("log1p")
    sqrt = _method("sqrt")
    cbrt = _method("cbrt")
    square = _method("square")
    reciprocal = _method("reciprocal")
    sin = _method("sin")
    cos = _method("cos")
    tan = _method("tan")
    arcsin = _method("arcsin")
    arccos = _method("arccos")
    arctan = _method("arctan")
    sinh = _method("sinh")
    cosh = _method("cosh")
    tanh = _method("tanh")
    arcsinh = _method("arcsinh")
    arccosh = _method("arccosh")
    arctanh = _method("arctanh")
    deg2rad = radians = _method("deg2rad")
    rad2deg = degrees = _method("rad2deg")
    floor = _method("floor")
    ceil = _method("ceil")
    trunc = _method("trunc")
    rint = _method("rint")
    sigmoid = _method("sigmoid")
    relu = _method("relu")
