"""Scalar: a Python float on the graph, for those who want to see every number.

    >>> a, b = Scalar(2.0), Scalar(-3.0)
    >>> y = (a * b + 1).tanh()
    >>> y.backward()
    >>> a.grad.data, b.grad.data

It shares the graph, the walk and every rule with Tensor.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_lite.errors import DTypeError, GraphError, message
from tinygrad_lite.graph import Node, deliver, kinds, walk
from tinygrad_lite.modes import recording
from tinygrad_lite.operators import Operators

_empty = object.__new__


class Scalar(Operators["Scalar"]):
    """A float that remembers how it was computed.

    Args:
        data: the value.
        requires_grad: whether gradients are wanted; True, unlike for Tensors.

    Raises:
        DTypeError: `data` is not a number.
    """

    __slots__ = ()
    rank = 0
    raw = to_raw = float

    data: float
    grad: Scalar | None
    kind: ClassVar[type[Scalar]]  # the class of results computed from this one

    def __init__(self, data: float, requires_grad: bool = True) -> None:
        try:
            self.data = float(data)
        except (TypeError, ValueError) as error:
            raise DTypeError(
                message("Scalar", "not a number", {"data": data}, fix="pass an int or a float")
            ) from error
        self.requires_grad = requires_grad
        self.grad = self.op = self.hooks = None
        self.order = 0

    @staticmethod
    def make(data: Any) -> Scalar:
        """Wrap a raw result."""
        out = _empty(Scalar)
        out.data = data if data.__class__ is float else float(data)
        out.requires_grad = False
        out.grad = out.op = out.hooks = None
        out.order = 0
        return out

    def receive(self, grad: Any, shared: set[int]) -> None:
        """Add a finished gradient to `grad`."""
        grad = self.expect(grad)
        self.grad = grad if self.grad is None else self.grad + grad

    def expect(self, grad: Any) -> Scalar:
        """Return a gradient as a Scalar, with its history if it has one."""
        if isinstance(grad, Scalar):
            return grad
        # where both kinds meet, it arrives as a Tensor of one element
        return grad.scalars().item() if isinstance(grad, Node) else Scalar.make(grad)  # type: ignore[attr-defined]

    def backward(self, gradient: float | Scalar = 1.0, create_graph: bool = False) -> None:
        """Add d(self)/d(leaf) to the `grad` of every leaf.

        Raises:
            GraphError: this value was not computed from anything that requires a gradient.
        """
        if not self.requires_grad:
            raise GraphError(
                message(
                    "backward",
                    "this Scalar has no history that requires a gradient",
                    {"scalar": self.data},
                    fix="compute it from Scalars, outside of no_grad()",
                )
            )
        if create_graph and not isinstance(gradient, Scalar):
            gradient = Scalar(gradient, requires_grad=False)
        seeds = [(self, gradient)]
        with recording():
            deliver(walk(seeds, create_graph=create_graph), seeds)

    def scalars(self) -> Scalar:
        """Return self: what an op on arrays of Scalars computes with."""
        return self

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None

    def item(self) -> float:
        """Return the value."""
        return self.data

    def __float__(self) -> float:
        return self.data

    def __repr__(self) -> str:
        made = f", op={self.op.name}" if self.op else ""
        return f"Scalar({self.data:.6g}{made})"

    def __bool__(self) -> bool:
        return bool(self.data)

    def __eq__(self, other: object) -> bool:
        return self.data == _value(other)

    __hash__ = Node.__hash__

    def __lt__(self, other: Any) -> bool:
        return self.data < _value(other)  # type: ignore[no-any-return]

    def __le__(self, other: Any) -> bool:
        return self.data <= _value(other)  # type: ignore[no-any-return]

    def __gt__(self, other: Any) -> bool:
        return self.data > _value(other)  # type: ignore[no-any-return]

    def __ge__(self, other: Any) -> bool:
        return self.data >= _value(other)  # type: ignore[no-any-return]


Scalar.kind = kinds[Scalar] = Scalar


def _value(other: Any) -> Any:
    return other.data if isinstance(other, Scalar) else other
