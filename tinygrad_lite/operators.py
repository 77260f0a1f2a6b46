"""Python's operators and the elementary functions: the face that Scalar and Tensor share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tinygrad_lite import ops as _ops
from tinygrad_lite.graph import Node
from tinygrad_lite.short import of_two

Result = TypeVar("Result")

ops: Any = _ops  # whose functions return the kind of vertex that they are given


def _method(name: str, doc: str) -> Callable[[Operators[Result]], Result]:
    """Return the op of that name as a method."""
    method = getattr(ops, name)
    method.__doc__ = doc
    return method


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
    __neg__ = _method("negative", "Return -x.")
    __abs__ = _method("absolute", "Return x without its sign.")
    __pos__ = _method("positive", "Return x.")
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

    exp = _method("exp", "Return e to the power of this.")
    exp2 = _method("exp2", "Return 2 to the power of this.")
    expm1 = _method("expm1", "Return exp(x) - 1, exact for small x.")
    log = _method("log", "Return the natural logarithm.")
    log2 = _method("log2", "Return the logarithm to base 2.")
    log10 = _method("log10", "Return the logarithm to base 10.")
    log1p = _method("log1p", "Return log(1 + x), exact for small x.")
    sqrt = _method("sqrt", "Return the square root.")
    cbrt = _method("cbrt", "Return the cube root.")
    square = _method("square", "Return x times x.")
    reciprocal = _method("reciprocal", "Return 1 / x.")
    sin = _method("sin", "Return the sine.")
    cos = _method("cos", "Return the cosine.")
    tan = _method("tan", "Return the tangent.")
    arcsin = _method("arcsin", "Return the angle of this sine.")
    arccos = _method("arccos", "Return the angle of this cosine.")
    arctan = _method("arctan", "Return the angle of this tangent.")
    sinh = _method("sinh", "Return the hyperbolic sine.")
    cosh = _method("cosh", "Return the hyperbolic cosine.")
    tanh = _method("tanh", "Return the hyperbolic tangent.")
    arcsinh = _method("arcsinh", "Return the inverse of sinh.")
    arccosh = _method("arccosh", "Return the inverse of cosh.")
    arctanh = _method("arctanh", "Return the inverse of tanh.")
    deg2rad = radians = _method("deg2rad", "Return this number of degrees in radians.")
    rad2deg = degrees = _method("rad2deg", "Return this number of radians in degrees.")
    floor = _method("floor", "Return the next whole number below.")
    ceil = _method("ceil", "Return the next whole number above.")
    trunc = _method("trunc", "Return the next whole number towards 0.")
    rint = _method("rint", "Return the nearest whole number.")
    sigmoid = _method("sigmoid", "Return 1 / (1 + exp(-x)).")
    relu = _method("relu", "Return max(x, 0).")
