"""NumPy's and DLPack's protocols: calls of other libraries on a Tensor stay on the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import ops
from tinygrad_lite.errors import ArgumentError, GraphError, message
from tinygrad_lite.op import is_foreign

# what only looks at shape, dtype, identity or printed form, and may look at the raw array
_LOOKS = {np.shape, np.ndim, np.size, np.array2string, np.array_repr, np.array_str}
_LOOKS |= {np.result_type, np.can_cast, np.shares_memory, np.may_share_memory}
_LOOKS |= {np.array_equal, np.array_equiv, np.iscomplexobj, np.isrealobj}
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
_IRRELEVANT = {"optimize"}  # options that change no value

# functions that are no ops, by NumPy's names: those that make Tensors
no_ops: dict[str, Callable[..., Any]] = {}


def _counterpart(name: str, module: str = "numpy") -> Callable[..., Any] | None:
    """Return the function of this library that bears a NumPy function's name."""
    if module == "numpy.linalg":
        return getattr(ops.linalg, name) if name in ops.linalg.__all__ else None
    if module != "numpy":  # such as numpy.emath, whose sqrt is another one
        return None
    return getattr(ops, name) if name in ops.__all__ else no_ops.get(name)  # type: ignore[attr-defined]


def _translated(
    name: str, numpys: inspect.Signature, ours: inspect.Signature, args: Any, kwargs: Any
) -> dict[str, Any]:
    """Return the arguments of a call of NumPy's function under the names that ours has for them.

    What NumPy does by default may be said; the rest must be something that ours can do.
    """
    given = numpys.bind(*args, **kwargs).arguments
    names, by_numpy = [*ours.parameters], numpys.parameters
    translated: dict[str, Any] = {}
    for place, (theirs, parameter) in enumerate(by_numpy.items()):
        if theirs not in given or given[theirs] is parameter.default:
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            translated |= given[theirs]
        elif theirs not in names and place < len(names) and names[place] not in by_numpy:
            translated[names[place]] = given[theirs]  # the same argument by another name
        else:
            translated[theirs] = given[theirs]
    _refuse_unknown(name, names, args, translated)
    return translated


def _refuse_unknown(name: str, known: Container[str], args: Any, options: Iterable[str]) -> None:
    for option in sorted(options, key=lambda option: option != "out"):  # the telling one first
        if option not in known:
            fix = "leave it out"
            if option == "out":
                fix = "take the result instead; on the graph x += y is x = x + y"
            problem = f"has no `{option}` on the graph"
            raise ArgumentError(message(name, problem, _numbered(args), fix=fix))


def _refuse_if_missing(name: str, function: Any, args: Any) -> None:
    if function is None:
        raise GraphError(
            message(
                name,
                "has no counterpart on the graph",
                _numbered(args),
                fix="x.detach().numpy() for its values; or make an op of it, with its rule: tg.Op",
            )
        )


def _numbered(args: Any) -> dict[str, Any]:
    return {f"operand {i + 1}": arg for i, arg in enumerate(args)}


def _value(arg: Any) -> Any:
    return arg.data if isinstance(arg, Protocols) else arg


class Protocols:
    """The protocols of Tensor."""

    __slots__ = ()

    data: np.ndarray
    requires_grad: bool

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(map(is_foreign, inputs)):
            return NotImplemented
        name, function = ufunc.__name__, None
        if method in ("__call__", "outer"):
            function = _counterpart(name)
        elif method in ("reduce", "accumulate"):
            function = _counterpart(_METHODS.get((name, method), ""))
            kwargs = {"axis": 0} | kwargs  # as NumPy's methods have it, unlike its functions
        name = f"numpy.{name}" if method == "__call__" else f"numpy.{name}.{method}"
        _refuse_if_missing(name, function, inputs)
        if kwargs:
            _refuse_unknown(name, inspect.signature(function).parameters, inputs, kwargs)  # type: ignore[arg-type]
        if method == "outer":
            a, b = inputs
            inputs = ops.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b
        return function(*inputs, **kwargs)  # type: ignore[misc]

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not all(issubclass(kind, Protocols | np.ndarray) for kind in types):
            return NotImplemented
        if func in _LOOKS:
            return func(*map(_value, args), **{k: _value(v) for k, v in kwargs.items()})
        name = f"{func.__module__}.{func.__name__}"
        function = _counterpart(func.__name__, func.__module__)
        _refuse_if_missing(name, function, args)
        ours = inspect.signature(function)  # type: ignore[arg-type]
        kwargs = {k: v for k, v in kwargs.items() if k not in _IRRELEVANT}
        try:
            numpys = inspect.signature(func)
        except ValueError:  # a C function, before NumPy 2.4
            numpys = ours
        if any(p.kind is p.VAR_POSITIONAL for p in numpys.parameters.values()):
            _refuse_unknown(name, ours.parameters, args, kwargs)
            return function(*args, **kwargs)  # type: ignore[misc]
        return function(**_translated(name, numpys, ours, args, kwargs))  # type: ignore[misc]

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
