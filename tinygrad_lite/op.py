"""Op: a function on values together with the rule of its gradient, and how a call is dispatched."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import (
    ArgumentError,
    DTypeError,
    GraphError,
    ShapeError,
    TinygradLiteError,
    message,
    user_origin,
)
from tinygrad_lite.graph import Node, next_order, walk

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

    # What an op call means to a user; inside a rule it may as well be an ndarray or a Scalar.
    Result = Tensor

OBJECT = np.dtype(object)
FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

# A rule takes the gradient of the result, the result, the arguments and the parameters. It returns
# the gradients of all arguments; or it is a tuple of functions, one an argument, so that only those
# that are asked for are computed.
Rule = Callable[..., Any] | tuple[Callable[..., Any] | None, ...]


class Modes(NamedTuple):
    """How calls are dispatched in this thread."""

    grad: bool = True
    reference: bool = not kernels.available()
    observer: Callable[[Op, Sequence[Any], Any], None] | None = None


_modes: ContextVar[Modes] = ContextVar("modes", default=Modes())  # noqa: B039


@contextmanager
def _with_modes(**changes: Any) -> Iterator[None]:
    token = _modes.set(_modes.get()._replace(**changes))
    try:
        yield
    finally:
        _modes.reset(token)


def no_grad() -> Any:
    """Return a context (or decorator) in which nothing is recorded on the graph."""
    return _with_modes(grad=False)


def enable_grad() -> Any:
    """Return a context (or decorator) that records again inside of `no_grad`."""
    return _with_modes(grad=True)


def reference() -> Any:
    """Return a context (or decorator) in which fused ops run as the plain ops they stand for."""
    return _with_modes(reference=True)


def observe(observer: Callable[[Op, Sequence[Any], Any], None]) -> Any:
    """Return a context in which `observer(op, raw arguments, raw result)` sees every call."""
    return _with_modes(observer=observer)


def is_grad_enabled() -> bool:
    """Tell whether ops are being recorded."""
    return _modes.get().grad


class Bundle(Node):
    """The results of an op that has several; its data is their tuple."""

    __slots__ = ()

    def add_gradients(self, old: Any, new: Any, owned: bool) -> Any:
        """Add place by place, where None stands for no gradient."""
        return tuple(
            b if a is None else a if b is None else a + b for a, b in zip(old, new, strict=True)
        )


class Op:
    """A differentiable function.

    >>> cube = Op("cube", lambda x: x**3, lambda g, y, x: 3 * g * x**2)

    `forward` and `rule` are written on anything array-like: they receive ndarrays (or floats, for
    Scalars), and the rule receives vertices when the gradient itself is to be differentiated.

    Args:
        name: the field's standard name; NumPy's where NumPy has it.
        forward: takes the arguments' raw values and the parameters; returns the raw result,
            a tuple if there are several.
        rule: takes (g, y, *args, **params): gradient of the result, result, arguments. Returns a
            gradient for each argument, None for "does not depend". With one argument it may return
            the gradient itself. A tuple of functions, one an argument, computes only what is asked
            for. None: the op is not differentiable.
        reference: the same function composed of other ops. Given when `forward` or `rule` is
            opaque (a kernel); it then serves higher derivatives, Scalars and `reference()`.
        elementwise: each element of the result depends on one element of each argument; an array
            of Scalars is then taken Scalar by Scalar.
        hint: how to mend the commonest wrong call.
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        rule: Rule | None = None,
        reference: Callable[..., Any] | None = None,
        *,
        elementwise: bool = False,
        hint: str = "",
        doc: str | None = None,
    ) -> None:
        self.name = self.__name__ = name
        self.forward = forward
        self.rule = rule
        self.reference = reference
        self.elementwise = elementwise
        self.hint = hint
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __call__(self, *args: Any, **params: Any) -> Result:
        """Apply the op; record a vertex if any argument requires a gradient.

        Vertices and raw values mix. If no argument is a vertex the raw result is returned.

        Raises:
            ShapeError: the shapes do not go together.
            DTypeError: floating dtypes are mixed, or a value is no number.
        """
        modes = _modes.get()
        kind, dtype, mixed, track = None, None, False, False
        raw = []
        for arg in args:
            if isinstance(arg, Node):
                value = arg.data
                if kind is None or arg.rank > kind.rank:  # type: ignore[attr-defined]
                    kind = arg.kind  # type: ignore[attr-defined]
                if arg.requires_grad:
                    track = True
            elif arg.__class__ is list or arg.__class__ is tuple:
                return self(*(np.asarray(a) if a is arg else a for a in args), **params)
            else:
                value = arg
            if type(value) is not float:
                if dtype is None:
                    dtype = getattr(value, "dtype", None)
                elif getattr(value, "dtype", dtype) is not dtype:
                    mixed = True
            raw.append(value)
        try:
            if mixed:
                raw, dtype = self._settle(args, raw)
            if dtype is not None and kind is not None and not kind.rank and _any_array(raw):
                kind, dtype = None, OBJECT  # a Scalar and a raw array make a raw array of Scalars
            if dtype is OBJECT:
                y = self._on_scalars(args, params)
            elif self.reference is not None and modes.reference:
                return self.reference(*args, **params)  # type: ignore[no-any-return]
            else:
                y = self.forward(*raw, **params)
        except TinygradLiteError:
            raise
        except SystemError as error:
            raise _interrupt_in(error) or error from None
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            raise self._explain(error, args, raw) from error
        if modes.observer is not None:
            modes.observer(self, raw, y)
        if dtype is not None and dtype.kind in "biu" and "dtype" not in params:
            y = _single(y) if kind is not None else y
        if kind is None or dtype is OBJECT or not (track and modes.grad and self.rule is not None):
            return _wrapped(kind, y)  # type: ignore[no-any-return]
        if type(y) is tuple:
            bundle = self._record(Bundle(), y, args, params, raw)
            return tuple(  # type: ignore[return-value]
                _pick._record(kind.make(part), part, (bundle,), {"index": i, "count": len(y)}, (y,))
                for i, part in enumerate(y)
            )
        out = kind.make(y)
        return self._record(out, out.data, args, params, raw)  # type: ignore[return-value]

    def _on_scalars(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Compute on arrays of Scalars, whose own graph then holds the history."""
        values = [arg.scalars() if isinstance(arg, Node) else arg for arg in args]  # type: ignore[attr-defined]
        if self.reference is not None:
            return self.reference(*values, **params)
        if self.elementwise:
            return np.frompyfunc(partial(self, **params), len(values), 1)(*values)
        return self.forward(*values, **params)

    def _record(
        self, out: Node, data: Any, args: tuple[Any, ...], params: dict[str, Any], raw: Any
    ) -> Node:
        out.data = data
        out.requires_grad = True
        out.grad = out.hooks = None
        out.op = self
        out.args = args
        out.params = params
        out.saved = raw
        out.order = next_order()
        out.origin = user_origin()
        return out

    def pull(self, node: Node, grad: Any, create_graph: bool) -> list[tuple[Node, Any]]:
        """Apply the rule at `node`; return pairs of a parent and the gradient it receives."""
        if not create_graph:
            y, values = node.data, node.saved
        elif self.reference is not None:
            return self._pull_reference(node, grad)
        else:  # constants stay raw, in the dtype they were settled to
            y, values = (
                node,
                [
                    arg if isinstance(arg, Node) and arg.requires_grad else value
                    for arg, value in zip(node.args, node.saved, strict=True)
                ],
            )
        try:
            pairs = self._apply_rule(node, grad, y, values)
        except SystemError as error:
            raise _interrupt_in(error) or error from None
        for parent, gradient in pairs:
            if getattr(gradient, "shape", ()) != getattr(parent.data, "shape", ()):
                raise GraphError(
                    message(
                        self.name,
                        "its rule returned a gradient of another shape than the argument's",
                        {"argument": parent, "gradient": gradient},
                        fix="sum the gradient over the axes that broadcasting or a sum added or "
                        "removed",
                        origin=node.origin,
                    )
                )
        return pairs

    def _apply_rule(self, node: Node, grad: Any, y: Any, values: Any) -> list[tuple[Node, Any]]:
        rule, args, params = self.rule, node.args, node.params
        if rule.__class__ is tuple:
            return [
                (arg, part(grad, y, *values, **params))
                for arg, part in zip(args, rule, strict=False)  # type: ignore[arg-type]
                if part is not None and isinstance(arg, Node) and arg.requires_grad
            ]
        gradients = rule(grad, y, *values, **params)  # type: ignore[misc, operator]
        if gradients.__class__ is not tuple:
            gradients = (gradients,)
        if len(gradients) != len(args):
            raise GraphError(
                message(
                    self.name,
                    f"its rule returned {len(gradients)} gradients for {len(args)} arguments",
                    fix="return one gradient for each argument, None where there is none",
                    origin=node.origin,
                )
            )
        return [
            (arg, gradient)
            for arg, gradient in zip(args, gradients, strict=True)
            if gradient is not None and isinstance(arg, Node) and arg.requires_grad
        ]

    def _pull_reference(self, node: Node, grad: Any) -> list[tuple[Node, Any]]:
        """Differentiate the reference in place of the rule, which a kernel makes opaque."""
        # The walk stops at these aliases: they are older than anything the reference makes.
        aliases = [
            alias(arg) if isinstance(arg, Node) and arg.requires_grad else arg for arg in node.args
        ]
        y = self.reference(*aliases, **node.params)  # type: ignore[misc]
        seeds = zip(y, grad, strict=False) if isinstance(y, tuple) else [(y, grad)]
        entering = [(result, g) for result, g in seeds if g is not None]
        inputs = [a for a, arg in zip(aliases, node.args, strict=True) if a is not arg]
        found = walk(entering, inputs, create_graph=True)
        return [
            (arg, found[id(a)][1])
            for a, arg in zip(aliases, node.args, strict=True)
            if id(a) in found
        ]

    def _settle(self, args: tuple[Any, ...], raw: list[Any]) -> tuple[list[Any], np.dtype[Any]]:
        """Bring operands of several dtypes to that of the floating vertices among them.

        Integers and raw arrays are constants and take the vertices' dtype; two vertices of
        different floating dtypes are an error, since one of them would change silently.
        """
        arrays = [value for value in raw if isinstance(value, np.ndarray)]
        if any(value.dtype is OBJECT for value in arrays):
            return raw, OBJECT
        vertices = {
            value.dtype
            for arg, value in zip(args, raw, strict=True)
            if isinstance(arg, Node) and getattr(value, "dtype", None) in FLOATS
        }
        if len(vertices) > 1:
            raise DTypeError(
                message(
                    self.name,
                    "operands of different floating dtypes",
                    self._named(args),
                    fix="bring one to the other's dtype with .astype(...)",
                )
            )
        dtype = vertices.pop() if vertices else np.result_type(*raw)
        raw = [
            value.astype(dtype, copy=False) if isinstance(value, np.ndarray | np.generic) else value
            for value in raw
        ]
        return raw, dtype

    def _named(self, args: Sequence[Any]) -> dict[str, Any]:
        """Name the operands as the op's own definition does."""
        try:
            names = [
                p.name
                for p in inspect.signature(self.forward).parameters.values()
                if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
            ]
        except ValueError:  # a C function without a signature
            names = []
        names += [f"operand {i + 1}" for i in range(len(names), len(args))]
        return dict(zip(names, args, strict=False))

    def _explain(self, error: Exception, args: Sequence[Any], raw: Sequence[Any]) -> Exception:
        """Turn NumPy's error into one with the operands and the user's line."""
        odd = [v for v in raw if isinstance(v, str) or getattr(v, "dtype", OBJECT).kind in "USV"]
        kind: type[TinygradLiteError] = ShapeError
        fix = self.hint
        if odd or isinstance(error, TypeError):
            kind, fix = DTypeError, "pass numbers, and Tensors or arrays of numbers"
        elif isinstance(error, ArithmeticError):
            kind, fix = ArgumentError, "keep the operand away from where the op has no value"
        problem = "operand is text, not numbers" if odd else str(error).splitlines()[0]
        return kind(message(self.name, problem, self._named(args), fix=fix))


def _any_array(raw: Sequence[Any]) -> bool:
    return any(isinstance(value, np.ndarray) for value in raw)


def _single(y: Any) -> Any:
    """Bring what NumPy computes of integers in float64 to the default, float32."""
    return y.astype(np.float32) if getattr(y, "dtype", None) == np.float64 else y


def _interrupt_in(error: BaseException) -> KeyboardInterrupt | None:
    """Return the Ctrl-C that Numba hid inside of an error of its own, if there was one."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause


def _wrapped(kind: Any, y: Any) -> Any:
    """Make vertices without history of raw results; leave them raw where `kind` is None."""
    if kind is None:
        return y
    return tuple(kind.make(part) for part in y) if type(y) is tuple else kind.make(y)


# A vertex of its own for an existing value.
alias = Op("alias", lambda x: x, lambda g, y, x: g)


# One of the several results of an op.
_pick = Op(
    "pick",
    lambda bundle, index, count: bundle[index],
    lambda g, y, bundle, index, count: (tuple(g if i == index else None for i in range(count)),),
)
