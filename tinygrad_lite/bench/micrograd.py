"""A scalar engine after the plan of micrograd (A. Karpathy, 2020), as the rival of `Scalar`.

Written anew from its published description: a value holds its gradient, the set of values it was
computed from, and a closure that passes its gradient on to them; `backward` sorts the graph
topologically by recursion and calls the closures in reverse. It is here to be timed, not used.
"""

from __future__ import annotations

from collections.abc import Callable


class Value:
    """A float with a gradient."""

    def __init__(self, data: float, parents: tuple[Value, ...] = (), op: str = "") -> None:
        self.data = data
        self.grad = 0.0
        self._prev = set(parents)
        self._op = op
        self._backward: Callable[[], None] = lambda: None

    def __add__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def backward() -> None:
            self.grad += out.grad
            other.grad += out.grad

        out._backward = backward
        return out

    def __mul__(self, other: Value | float) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def backward() -> None:
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = backward
        return out

    __radd__ = __add__
    __rmul__ = __mul__

    def relu(self) -> Value:
        """Return max(0, x)."""
        out = Value(self.data if self.data > 0 else 0.0, (self,), "relu")

        def backward() -> None:
            self.grad += (out.data > 0) * out.grad

        out._backward = backward
        return out

    def backward(self) -> None:
        """Add d(self)/d(value) to the gradient of every value that self was computed from."""
        order: list[Value] = []
        seen: set[Value] = set()

        def visit(value: Value) -> None:
            if value not in seen:
                seen.add(value)
                for parent in value._prev:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):
            value._backward()

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = 0.0
