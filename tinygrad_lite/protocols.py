"""NumPy's and DLPack's protocols: calls of other libraries on a Tensor stay on the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import ops
from tinygrad_lite.errors import ArgumentError, GraphError, message

# what only looks at shape, dtype or printed form, and may look at the raw array
_LOOKS = {np.shape, np.ndim, np.size, np.array2string, np.array_repr, np.array_str}
_LOOKS |= {np.result_type, np.can_cast, np.shares_memory, np.may_share_memory, np.array_equal}
# ufunc.reduce and ufunc.accumulate under their names as functions
_METHODS = {
    ("add", "reduce"): "sum",
    ("multiply", "reduce"): "prod",
    ("maximum", "reduce"): "max",
    ("minimum", "reduce"): "min",
    ("logical_and", "reduce"): "all",
    ("logical_or", "reduce"): "any",
    ("add", "accumulate"): "cumsum",
    ("multiply", "accumulate"): "cumprod",
}

# functions that are no ops, by NumPy's names: those that make Tensors
no_ops: dict[str, Callable[..., Any]] = {}


def _counterpart(name: str, module: str | None) -> Callable[..., Any] | None:
    """Return the function of this library that bears a NumPy function's name."""
    family: Any = ops.linalg if module == "numpy.linalg" else ops
    return getattr(family, name, no_ops.get(name))


def _call(name: str, function: Callable[..., Any] | None, args: Any, kwargs: Any) -> Any:
    if function is None:
        raise GraphError(
            message(
                f"numpy.{name}",
                "has no counterpart on the graph",
                {f"operand {i + 1}": arg for i, arg in enumerate(args)},
                fix="x.detach().numpy() for its values; or make an op of it, with its rule: tg.Op",
            )
        )
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentError(
            message(
                f"numpy.{name}",
                f"{error} on the graph",
                {f"operand {i + 1}": arg for i, arg in enumerate(args)} | kwargs,
                fix=f"leave it out; help(tinygrad_lite.{name}) shows what can be given",
            )
        ) from None
    return function(*args, **kwargs)


class Protocols:
    """The protocols of Tensor."""

    __slots__ = ()

    data: np.ndarray
    requires_grad: bool

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            function = getattr(ops, ufunc.__name__, None)
            if function is not None and not kwargs:
                return function(*inputs)
            return _call(ufunc.__name__, function, inputs, kwargs)
        if method != "__call__" and method in ("reduce", "accumulate"):
            kwargs.setdefault("axis", 0)  # as NumPy's methods have it, unlike its functions
        name = _METHODS.get((ufunc.__name__, method))
        function = None if name is None else _counterpart(name, None)
        return _call(f"{ufunc.__name__}.{method}", function, inputs, kwargs)

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if func in _LOOKS:
            raw = [arg.data if isinstance(arg, Protocols) else arg for arg in args]
            return func(*raw, **kwargs)
        return _call(func.__name__, _counterpart(func.__name__, func.__module__), args, kwargs)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        self._must_be_constant("numpy.asarray", "turning a Tensor into an ndarray")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __dlpack__(self, **kwargs: Any) -> Any:
        """Share the values with another library: `torch.from_dlpack(x)`."""
        self._must_be_constant("dlpack", "sharing a Tensor with another library")
        return self.data.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the device of the values: the CPU."""
        return self.data.__dlpack_device__()

    def _must_be_constant(self, subject: str, what: str) -> None:
        if self.requires_grad:
            raise GraphError(
                message(
                    subject,
                    f"{what} would silently drop its gradient",
                    {"x": self},
                    fix="use x.detach(), or a function that stays on the graph",
                )
            )
