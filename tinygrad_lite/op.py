"""Op: a function on values together with the rule of its gradient, and how a call is dispatched."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tinygrad_lite import anomaly, memory, modes, short
from tinygrad_lite.broadcast import BROADCASTING, fit, shape_of
from tinygrad_lite.errors import (
    ArgumentError,
    DTypeError,
    GraphError,
    Origin,
    ShapeError,
    TinygradLiteError,
    is_ours,
    message,
)
from tinygrad_lite.formula import Formula, formula_of
from tinygrad_lite.graph import Node, record, walk

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

    # What an op call means to a user; inside a rule it may as well be an ndarray or a Scalar.
    Result = Tensor

OBJECT = np.dtype(object)
_PLAIN = frozenset({np.ndarray, int, float, bool, type(None)})
_NUMPYS_OWN = np.ndarray.__array_ufunc__
FLOATS = frozenset({np.dtype(np.float32), np.dtype(np.float64)})

# A rule takes the gradient of the result, the result, the arguments and the parameters. It returns
# the gradients of all arguments; or it is a tuple of functions, one an argument, so that only those
# that are asked for are computed.
Rule = Callable[..., Any] | tuple[Callable[..., Any] | None, ...]

_mode_of_this_thread = modes.current.get


class Function(Protocol):
    """What `unary` and `binary` return: a function, and the op that it applies."""

    op: Op

    def __call__(self, *operands: Any) -> Result:
        """Apply the op."""


class Bundle(Node):
    """The results of an op that has several; its data is their tuple."""

    __slots__ = ()
    raw = tuple


class Parts(tuple[Any, ...]):
    """The gradients of a bundle, added place by place; None stands for no gradient."""

    __slots__ = ()

    def __add__(self, other: tuple[Any, ...]) -> Parts:  # type: ignore[override]
        pairs = zip(self, other, strict=True)
        return Parts(b if a is None else a if b is None else a + b for a, b in pairs)


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
        elementwise: each element of the result depends on one element of each argument, which
            broadcast; an array of Scalars is taken Scalar by Scalar.
        broadcasts: a gradient that the rule returns is summed down to its argument's shape.
        keeps: `forward` returns more than the result (or the tuple of results): what the rule,
            whose y is then all of it, needs besides. There must be a reference.
        hint: how to mend the commonest wrong call.
        doc: what `help` says of it.
    """

    # the axis of the first argument and the first result on which one time step follows the other
    time_axis: int | None = None

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        rule: Rule | None = None,
        reference: Callable[..., Any] | None = None,
        *,
        elementwise: bool = False,
        broadcasts: bool = False,
        keeps: bool = False,
        hint: str = "",
        doc: str | None = None,
    ) -> None:
        self.name = self.__name__ = name
        self.forward = forward
        self.rule = rule
        self.reference = reference
        self.elementwise = elementwise
        self.broadcasts = elementwise or broadcasts
        self.keeps = keeps
        self.hint = hint
        self.__doc__ = doc
        # the library's own rules are proven by its tests; those of users are checked at every call
        self.foreign = not is_ours(sys._getframe(1))
        self.pull = self.pull_any

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    @property
    def formula(self) -> Formula:
        """The formula of the gradient rule, in Unicode and LaTeX, read off its source."""
        return formula_of(self.rule)

    def __call__(self, *args: Any, **params: Any) -> Result:
        """Apply the op; record a vertex if any argument requires a gradient.

        Vertices and raw values mix. If no argument is a vertex the raw result is returned.

        Raises:
            ShapeError: the shapes do not go together.
            DTypeError: floating dtypes are mixed, or a value is no number.
        """
        return self.call(args, params)

    def call(self, args: tuple[Any, ...], params: dict[str, Any]) -> Result:
        """Apply the op to any operands in any mode: the long way of `__call__`."""
        mode = _mode_of_this_thread()
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
            elif arg.__class__ in _PLAIN or not is_foreign(arg):
                value = arg
            else:
                return self._leave_to_others(args, params)
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
            elif mode.stand_in is not None:
                y = mode.stand_in(self, raw, params)
            elif self.reference is not None and mode.reference:
                return self.reference(*args, **params)  # type: ignore[no-any-return]
            else:
                y = (anomaly.quiet(self.forward) if mode.anomaly else self.forward)(*raw, **params)
        except TinygradLiteError:
            raise
        except SystemError as error:
            raise _interrupt_in(error) or error from None
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            raise self._explain(error, args, raw) from error
        if mode.observer is not None:
            mode.observer(self, raw, y)
        if self.keeps and dtype is not OBJECT:
            y, *kept = y
            raw += kept
        if kind is None or dtype is OBJECT:
            return _wrapped(kind, y)
        if dtype is not None and dtype.kind in "biu" and "dtype" not in params and kind.rank:
            y = tuple(map(_single, y)) if type(y) is tuple else _single(y)
        track = track and mode.grad and self.rule is not None
        if type(y) is tuple:
            out: Any = self.several(kind, y, args, params, raw, track)
        elif track:
            y = y if y.__class__ is kind.raw else kind.to_raw(y)
            out = record(kind, self, y, args, params, raw)
        else:
            out = kind.make(y)
        if mode.anomaly:
            anomaly.look_at_result(self, out, self.named(raw[: len(args)]) | params, y)
        return out

    def _leave_to_others(self, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Let NumPy ask the class of another library's operand what it makes of the call."""
        ufunc = getattr(np, self.name, None)
        problem = "an operand is of another library"
        if isinstance(ufunc, np.ufunc) and not params:
            try:
                return ufunc(*args)
            except TypeError as error:
                problem = str(error)
        fix = "make a Tensor of it: tg.tensor(np.asarray(...))"
        raise DTypeError(message(self.name, problem, self.named(args), fix=fix))

    def several(
        self,
        kind: Any,
        y: tuple[Any, ...],
        args: tuple[Any, ...],
        params: dict[str, Any],
        raw: Sequence[Any],
        track: bool,
    ) -> Any:
        """Return the vertices of an op's several raw results."""
        if not track:
            return _wrapped(kind, y)
        return _picks(kind, record(Bundle, self, y, args, params, raw, 3))

    def _on_scalars(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Compute on arrays of Scalars, whose own graph then holds the history."""
        values = [arg.scalars() if isinstance(arg, Node) else arg for arg in args]  # type: ignore[attr-defined]
        if self.reference is not None:
            return self.reference(*values, **params)
        if self.elementwise:
            return np.frompyfunc(partial(self, **params), len(values), 1)(*values)
        return self.forward(*values, **params)

    def pull_any(
        self, node: Node, grad: Any, create_graph: bool, watched: bool = False
    ) -> list[tuple[Node, Any]]:
        """Apply the rule at `node`; return pairs of a parent and the gradient it receives."""
        if node.order < memory.latest:
            memory.check_unchanged(node, grad, create_graph)
        if not watched and _mode_of_this_thread().anomaly:
            return anomaly.pull(self, node, grad, create_graph)
        y, values = self.held(node.data, node.saved, len(node.args))
        if create_graph:
            memory.check_replaced(node)
            if self.reference is not None:
                return self._pull_reference(node, grad)
            y = _picks(_kind_of(node), node) if type(node) is Bundle else node
            values = [  # constants stay raw, in the dtype they were settled to
                arg if isinstance(arg, Node) and arg.requires_grad else value
                for arg, value in zip(node.args, node.saved, strict=True)
            ]
        try:
            pairs = self._apply_rule(node, grad, y, values)
        except SystemError as error:
            raise _interrupt_in(error) or error from None
        except TinygradLiteError:
            raise
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:  # such as a pole
            if self.foreign and isinstance(error, TypeError):
                raise self._rule_failed(error, node) from error
            raise self._explain(error, node.args, node.saved, node.origin) from error
        if self.broadcasts:
            pairs = [(parent, fit(gradient, parent)) for parent, gradient in pairs]
        elif self.foreign:
            for parent, gradient in pairs:
                self._check_gradient(node, parent, gradient)
        return pairs

    def held(self, y: Any, saved: Sequence[Any], count: int) -> tuple[Any, Sequence[Any]]:
        """Return what the rule takes as y, and as its `count` arguments."""
        return ((y, *saved[count:]), saved[:count]) if self.keeps else (y, saved)

    def _apply_rule(self, node: Node, grad: Any, y: Any, values: Any) -> list[tuple[Node, Any]]:
        """Return pairs of a parent and its gradient, by the rule alone."""
        rule, args, params = self.rule, node.args, node.params
        if isinstance(rule, tuple):
            if self.foreign and len(rule) != len(args):
                raise self._wrong_count(len(rule), node)
            return [
                (arg, part(grad, y, *values, **params))
                for arg, part in zip(args, rule, strict=False)
                if part is not None and isinstance(arg, Node) and arg.requires_grad
            ]
        gradients = rule(grad, y, *values, **params)  # type: ignore[misc]
        if gradients.__class__ is not tuple:
            gradients = (gradients,)
        if len(gradients) != len(args):
            raise self._wrong_count(len(gradients), node)
        return [
            (arg, gradient)
            for arg, gradient in zip(args, gradients, strict=True)
            if gradient is not None and isinstance(arg, Node) and arg.requires_grad
        ]

    def _rule_failed(self, error: Exception, node: Node) -> GraphError:
        names = [f"argument {i + 1}" for i in range(len(node.args))]
        return GraphError(
            message(
                self.name,
                f"its rule failed: {error}",
                dict(zip(names, node.args, strict=True)),
                fix="a rule takes g, y, the op's arguments, and its parameters by name, and "
                "computes with operators and ops",
                origin=node.origin,
            )
        )

    def _wrong_count(self, count: int, node: Node) -> GraphError:
        return GraphError(
            message(
                self.name,
                f"its rule returned {count} gradients for {len(node.args)} arguments",
                fix="return one gradient for each argument, None where there is none",
                origin=node.origin,
            )
        )

    def _check_gradient(self, node: Node, parent: Node, gradient: Any) -> None:
        if shape_of(gradient) != shape_of(parent.data):
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
        dtype = getattr(parent.data, "dtype", None)
        if dtype is not None and getattr(gradient, "dtype", dtype) != dtype:
            raise DTypeError(
                message(
                    self.name,
                    "its rule returned a gradient of another dtype than the argument's",
                    {"argument": parent, "gradient": gradient},
                    fix="compute with Python's floats, as in g * float(np.sqrt(2)): NumPy's are "
                    "float64; or convert with .astype(x.dtype)",
                    origin=node.origin,
                )
            )

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
                    self.named(args),
                    fix="bring one to the other's dtype with .astype(...)",
                )
            )
        dtype = vertices.pop() if vertices else np.result_type(*raw)
        raw = [
            value.astype(dtype, copy=False) if isinstance(value, np.ndarray | np.generic) else value
            for value in raw
        ]
        return raw, dtype

    def named(self, args: Sequence[Any]) -> dict[str, Any]:
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

    def _explain(
        self,
        error: Exception,
        args: Sequence[Any],
        raw: Sequence[Any],
        origin: Origin | None = None,
    ) -> Exception:
        """Turn NumPy's error into one with the operands and the user's line."""
        odd = [v for v in raw if isinstance(v, str) or getattr(v, "dtype", OBJECT).kind in "USV"]
        kind: type[TinygradLiteError] = ShapeError
        fix = self.hint or "look at what the op's forward and rule do with these operands"
        if odd or isinstance(error, TypeError):
            kind, fix = DTypeError, "pass numbers, and Tensors or arrays of numbers"
        elif isinstance(error, np.linalg.LinAlgError):
            kind = ArgumentError
        elif isinstance(error, ArithmeticError):
            kind, fix = ArgumentError, "keep the operand away from where the op has no value"
        problem = "operand is text, not numbers" if odd else str(error).splitlines()[0]
        return kind(message(self.name, problem, self.named(args), fix=fix, origin=origin))


def _picks(kind: Any, bundle: Node) -> tuple[Any, ...]:
    """Return a vertex for each of the results of an op that has several."""
    y = bundle.data
    return tuple(
        record(kind, _pick, kind.make(part).data, (bundle,), {"index": i, "count": len(y)}, (y,))
        for i, part in enumerate(y)
    )


def _kind_of(bundle: Node) -> Any:
    return next(arg.kind for arg in bundle.args if isinstance(arg, Node))  # type: ignore[attr-defined]


def unary(
    name: str, forward: Callable[..., Any], rule: Rule | None = None, doc: str | None = None
) -> Function:
    """Return the function of an elementwise op of one operand; see `Op`."""
    op = Op(name, forward, rule, elementwise=True, doc=doc)
    if rule is not None:
        op.pull = short.pull_one(op)
    return short.of_one(op)  # type: ignore[return-value]


def binary(
    name: str,
    forward: Callable[..., Any],
    rule: Rule | None = None,
    doc: str | None = None,
    *,
    elementwise: bool = True,
    hint: str = BROADCASTING,
) -> Function:
    """Return the function of an op of two operands, which broadcast; see `Op`."""
    op = Op(name, forward, rule, elementwise=elementwise, broadcasts=True, hint=hint, doc=doc)
    if isinstance(rule, tuple):
        op.pull = short.pull_two(op)
    return short.of_two(op)  # type: ignore[return-value]


def is_foreign(value: Any) -> bool:
    """Tell whether a value is of a class that decides itself what NumPy's ufuncs do with it."""
    method = getattr(type(value), "__array_ufunc__", _NUMPYS_OWN)
    return method is not _NUMPYS_OWN and not isinstance(value, Node)


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


def _pick_rule(g: Any, y: Any, bundle: Any, index: int, count: int) -> Any:
    """ȳ at the place of this result, nothing at the others."""
    places = [None] * count
    places[index] = g
    return (Parts(places),)


# One of the several results of an op.
_pick = Op("pick", lambda bundle, index, count: bundle[index], _pick_rule)
