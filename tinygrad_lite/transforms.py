"""Transforms: functions in, derivative functions out; each composes with every other.

Every function here takes Tensors, Scalars, arrays or floats, also nested in lists, tuples, dicts
and arrays of Scalars, and may be applied to the result of another: `grad(grad(f))`,
`jvp(grad(f), ...)`. A list is a nest, never an array: `[1.0, 2.0]` is two inputs.

Each transform gives `f` stand-ins for its inputs. They are younger than everything made before, so
the walk ends at them; and they hang on the inputs themselves, so an outer transform sees through.
No transform touches anybody's `x.grad`.

A derivative stays on the graph where somebody may want to differentiate it again: if an input
requires a gradient, or if `f` uses a parameter that does; never under `no_grad`. Otherwise the
rules run on raw arrays, as fast as in `backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, wraps
from typing import Any, Concatenate, Literal, overload

import numpy as np

from tinygrad_lite import ops
from tinygrad_lite.errors import (
    ArgumentError,
    DTypeError,
    GraphError,
    ShapeError,
    TinygradLiteError,
    message,
)
from tinygrad_lite.graph import Node, deliver, walk
from tinygrad_lite.modes import enable_grad, is_grad_enabled
from tinygrad_lite.op import FLOATS, alias
from tinygrad_lite.scalar import Scalar
from tinygrad_lite.tensor import ArrayLike, Tensor
from tinygrad_lite.tree import flatten, leaves_like

Function = Callable[..., Any]
# what type checkers can tell of: a Tensor in, and one out
FunctionOfTensor = Callable[Concatenate[Tensor, ...], Tensor]
Derivative = Callable[Concatenate[ArrayLike, ...], Tensor]
Argnums = int | Sequence[int]


@overload
def grad(f: FunctionOfTensor, argnums: int = 0, has_aux: Literal[False] = False) -> Derivative: ...


@overload
def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function: ...


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the function that computes the gradient of `f`, whose result is a single number.

    Args:
        f: a function of Tensors, pure or with closures.
        argnums: which positional argument to differentiate by, or several: then the gradients
            come as a tuple. An argument may be nested; its gradient is nested alike.
        has_aux: `f` returns a pair, and only the first is differentiated.

    Returns:
        A function of the same arguments that returns the gradient; with `has_aux` the pair
        (gradient, second result).

    Raises:
        GraphError: the result is not a single number.
        DTypeError: an argument to differentiate by is not of floats.
        ArgumentError: `argnums` do not fit the arguments, or `f` returns no Tensor.
    """
    both = value_and_grad(f, argnums, has_aux)

    @_like(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


@overload
def value_and_grad(
    f: FunctionOfTensor, argnums: int = 0, has_aux: Literal[False] = False
) -> Callable[Concatenate[ArrayLike, ...], tuple[Tensor, Tensor]]: ...


@overload
def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function: ...


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the function that computes `f` and its gradient: see `grad`.

    Returns:
        A function that returns (value, gradient); with `has_aux`, value is the pair of results.
    """
    _check_function("grad", f)

    @_like(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call("grad", f, args, kwargs, argnums, has_aux)
        y = call.results[0] if len(call.results) == 1 else None
        if y is None or np.size(y.data) != 1 or np.asarray(y.data).dtype not in FLOATS:
            raise GraphError(
                message(
                    "grad",
                    "only a single number, of floats, has a gradient",
                    {"returned": call.y},
                    fix="reduce it with .sum() or .mean(); or use jacobian",
                )
            )
        gradients = call.pull([_filled(y, 1.0)])
        value = call.value()
        return (value, call.aux) if has_aux else value, call.arranged(gradients)

    return value_and_gradient


def vjp(f: Function, *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return `f(*xs)` and the function that pulls gradients of the result back to `xs`.

    The pullback takes a gradient nested like the result, and returns a tuple of gradients, one
    for each of `xs`; it may be called often. It is the product of a vector with the Jacobian.

    Raises:
        ShapeError: the gradient is not of the result's shape and dtype.
        ArgumentError: it is not nested like the result.
    """
    _check_function("vjp", f)
    call = _Call("vjp", f, xs, {}, range(len(xs)))

    def pullback(gradient: Any) -> tuple[Any, ...]:
        seeds = _vectors("vjp", gradient, call.y, call.results)
        return call.arranged(call.pull(seeds))  # type: ignore[no-any-return]

    return call.value(), pullback


def jvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return `f(*xs)` and its derivative in the direction of `tangents`.

    The pullback is linear in the gradient that it pulls; its own pullback therefore is the product
    of the Jacobian with a vector (Townsend, "A new trick for calculating Jacobian vector
    products", 2017).

    Raises:
        ShapeError: a tangent is not of its input's shape and dtype.
        ArgumentError: `tangents` are not nested like `xs`.
    """
    _check_function("jvp", f)
    xs, tangents = _sequences("jvp", xs, tangents)
    call = _Call("jvp", f, xs, {}, range(len(xs)))
    directions = _vectors("jvp", tangents, xs, call.inputs)
    return call.value(), call.put(_pushforward(call)(directions))


@overload
def jacobian(f: FunctionOfTensor, argnums: int = 0) -> Derivative: ...


@overload
def jacobian(f: Function, argnums: Argnums = 0) -> Function: ...


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that computes the Jacobian of `f`.

    For one Tensor in and one out its shape is (*y.shape, *x.shape), its dtype that of x. A result
    that is nested gives a Jacobian nested alike, whose every leaf is nested like the argument (a
    tuple of several `argnums`). It is computed by rows or, if they are far fewer, by columns.
    """
    _check_function("jacobian", f)

    @_like(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, args, kwargs, argnums)
        rows, columns = (sum(np.size(v.data) for v in vs) for vs in (call.results, call.inputs))
        # a push takes about twice the time of a pull
        blocks = (_by_columns if 2 * columns < rows else _by_rows)(call)
        return call.put([call.arranged(row) for row in blocks])

    return jacobian_of_f


@overload
def hessian(f: FunctionOfTensor, argnums: int = 0) -> Derivative: ...


@overload
def hessian(f: Function, argnums: Argnums = 0) -> Function: ...


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that computes all second derivatives of `f`, a single number.

    For one Tensor their shape is (*x.shape, *x.shape); nested arguments give nested Hessians.
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, xs: Sequence[Any], vs: Sequence[Any]) -> Any:
    """Return the product of the Hessian of `f` at `xs` with `vs`, without forming the Hessian.

    Like the gradient it has the form of the argument; for several `xs` it is a tuple.

    Source: Pearlmutter, "Fast exact multiplication by the Hessian", 1994.
    """
    xs, vs = _sequences("hvp", xs, vs)
    argnums: Argnums = 0 if len(xs) == 1 else range(len(xs))
    call = _Call("hvp", grad(f, argnums), xs, {}, argnums)
    # the Hessian is symmetric, so its product with v is what pulls v back
    return call.arranged(call.pull(_vectors("hvp", vs, xs, call.inputs)))


# -- one call of f on stand-ins -------------------------------------------------------------------


class _Call:
    """A call of `f`, recorded from stand-ins of the inputs to differentiate by.

    Attributes:
        inputs: the stand-ins, in one list.
        y: what `f` returned; its second result apart, in `aux`, if it has one.
        results: the leaves of `y`, in one list.
        put: the function that nests others, one for each result, like `y`.
        connected: derivatives must themselves be on the graph, since an outer derivative, or a
            parameter that `f` uses, may want them.
    """

    def __init__(
        self,
        subject: str,
        f: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
    ) -> None:
        self._single = not isinstance(argnums, Sequence)
        places = _places(subject, argnums, len(args))
        leaves, self._put = flatten([args[place] for place in places])
        originals = [_input(subject, leaf) for leaf in leaves]
        recording = is_grad_enabled()
        with enable_grad():
            self.inputs = [_stand_in(x, recording) for x in originals]
            given = [*args]
            for place, value in zip(places, self._put(self.inputs), strict=True):
                given[place] = value
            self.y = f(*given, **kwargs)
        self.aux: Any = None
        if has_aux:
            self.y, self.aux = _pair(subject, self.y)
        self.results, self.put = flatten(self.y)
        _check_results(subject, self.results)
        aux, put_aux = flatten(self.aux)
        self.connected = recording and (
            _tracked(originals) or self._others_in([*self.results, *aux])
        )
        if not self.connected:
            self.aux = put_aux([_detached(value) for value in aux])

    def _others_in(self, values: Sequence[Any]) -> bool:
        """Tell whether values were computed from tracked vertices other than the stand-ins."""
        seen = {id(x) for x in self.inputs}
        oldest = min((x.order for x in self.inputs), default=float("inf"))
        stack = [value for value in values if isinstance(value, Node) and value.requires_grad]
        while stack:
            vertex = stack.pop()
            if id(vertex) not in seen:
                if vertex.order < oldest:  # it was there before, or is a leaf
                    return True
                seen.add(id(vertex))
                stack += [a for a in vertex.args if isinstance(a, Node) and a.requires_grad]
        return False

    def value(self) -> Any:
        """Return what `f` returned, off the graph unless something else is tracked."""
        return self.y if self.connected else self.put([_detached(y) for y in self.results])

    def pull(self, seeds: Sequence[Any]) -> list[Any]:
        """Return the gradients of the inputs, given those of the results."""
        return _pulled(self.results, seeds, self.inputs, _wanted(self.connected, seeds))

    def arranged(self, leaves: list[Any]) -> Any:
        """Nest leaves, one for each input, like the arguments to differentiate by."""
        branches = self._put(leaves)
        return branches[0] if self._single else tuple(branches)


def _pulled(
    results: Sequence[Any], seeds: Sequence[Any], inputs: Sequence[Any], create_graph: bool
) -> list[Any]:
    """Return the gradients of `inputs`, each in a buffer of its own; zero where none arrives.

    A seed may be None, which stands for zeros.
    """
    entering = [
        (y, seed if create_graph else seed.data)
        for y, seed in zip(results, seeds, strict=True)
        if y.requires_grad and seed is not None
    ]
    with enable_grad():
        found = walk(entering, inputs, create_graph) if entering and inputs else {}
        takers = [_constant(x) for x in inputs]
        pairs = zip(inputs, takers, strict=True)
        deliver({id(x): (t, found[id(x)][1]) for x, t in pairs if id(x) in found}, entering)
    return [_filled(taker, 0.0) if taker.grad is None else taker.grad for taker in takers]


def _pushforward(call: _Call) -> Callable[[Sequence[Any]], list[Any]]:
    """Return the pullback of the pullback, which pushes tangents forward.

    The pullback is linear, so it does not matter which gradient it is differentiated at.
    """
    with enable_grad():
        probes = [alias(_leaf(_filled(y, 1.0))) for y in call.results]
    pulled = _pulled(call.results, probes, call.inputs, create_graph=True)
    return lambda tangents: _pulled(pulled, tangents, probes, _wanted(call.connected, tangents))


def _by_rows(call: _Call) -> list[list[Any]]:
    """Return the Jacobian's blocks, one list a result, by a pullback for each element."""
    return [
        [_block([row[j] for row in rows], y, x, False) for j, x in enumerate(call.inputs)]
        for y, rows in zip(call.results, _through(call.pull, call.results), strict=True)
    ]


def _by_columns(call: _Call) -> list[list[Any]]:
    """Return the same blocks by a push for each element of the inputs."""
    pushed = [*_through(_pushforward(call), call.inputs)]
    return [
        [
            _block([column[i] for column in columns], y, x, True)
            for x, columns in zip(call.inputs, pushed, strict=True)
        ]
        for i, y in enumerate(call.results)
    ]


def _through(function: Callable[[list[Any]], list[Any]], places: Sequence[Any]) -> Iterator[Any]:
    """Yield for each place what `function` makes of every unit vector there, nothing elsewhere."""
    for i, value in enumerate(places):
        outcomes = []
        for index in np.ndindex(np.shape(value.data)):
            vectors: list[Any] = [None] * len(places)
            unit = np.zeros_like(value.data)
            unit[index] = 1
            vectors[i] = value.kind.make(unit)
            outcomes.append(function(vectors))
        yield outcomes


def _block(parts: list[Any], y: Any, x: Any, by_columns: bool) -> Any:
    """Join the derivatives of `y` by each element of `x`, or of each element of `y` by `x`."""
    if isinstance(y, Scalar) and isinstance(x, Scalar):
        return parts[0]
    dtype = (y if isinstance(x, Scalar) else x).dtype
    outer, inner = (np.shape(v.data) for v in ((x, y) if by_columns else (y, x)))
    if any(part.requires_grad for part in parts):
        zero = Tensor.make(np.zeros((), dtype))
        parts = [part if isinstance(part, Tensor) else zero + part for part in parts]
        block = ops.stack(parts).reshape(outer + inner)
        block = block if block.dtype == dtype else block.astype(dtype)
    else:
        block = Tensor.make(np.array([part.data for part in parts], dtype).reshape(outer + inner))
    if not by_columns:
        return block
    axes = range(block.ndim)
    return ops.transpose(block, (*axes[len(outer) :], *axes[: len(outer)]))


# -- vertices -------------------------------------------------------------------------------------


def _stand_in(x: Any, recording: bool) -> Any:
    """Return a younger vertex of the same value, which hangs on `x` if `x` is tracked."""
    return alias(x if recording and x.requires_grad else _leaf(x))


def _leaf(x: Any) -> Any:
    leaf = _constant(x)
    leaf.requires_grad = True
    return leaf


def _constant(x: Any) -> Any:
    return x.kind.make(x.data)


def _detached(value: Any) -> Any:
    return _constant(value) if isinstance(value, Node) and value.op else value


def _filled(x: Any, value: float) -> Any:
    return x.kind.make(np.full_like(x.data, value))


def _tracked(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Node) and value.requires_grad for value in values)


def _wanted(connected: bool, vectors: Sequence[Any]) -> bool:
    """Tell whether what is computed of `vectors` shall be on the graph."""
    return is_grad_enabled() and (connected or _tracked(vectors))


# -- what users hand in ---------------------------------------------------------------------------

# a Module's attributes are not copied to the function that differentiates it
_like = partial(wraps, updated=())


def _check_function(subject: str, f: Any) -> None:
    if not callable(f):
        raise ArgumentError(
            message(
                subject,
                "only functions can be differentiated, this is a value",
                {"f": f},
                fix="pass the function that computes it; or call backward() on the value",
            )
        )


def _places(subject: str, argnums: Argnums, count: int) -> list[int]:
    """Return the positions of the arguments to differentiate by, counted from 0."""
    numbers = [*argnums] if isinstance(argnums, Sequence) else [argnums]
    places = [n % count for n in numbers if type(n) is int and -count <= n < count]
    if not places or len(set(places)) != len(numbers):
        raise ArgumentError(
            message(
                subject,
                f"argnums={argnums!r} does not fit {count} positional arguments",
                fix="number them from 0, each once; pass what to differentiate by positionally",
            )
        )
    return places


def _sequences(subject: str, xs: Any, vectors: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    if not (isinstance(xs, list | tuple) and isinstance(vectors, list | tuple)):
        raise ArgumentError(
            message(
                subject,
                "inputs and vectors come as two tuples, an entry for each argument of the function",
                {"inputs": xs, "vectors": vectors},
                fix=f"tg.{subject}(f, (x,), (v,))",
            )
        )
    return tuple(xs), tuple(vectors)


def _input(subject: str, leaf: Any) -> Any:
    """Return an input as a vertex, which it must be possible to differentiate by."""
    try:
        x = leaf if isinstance(leaf, Node) else Tensor(leaf)  # a copy: the caller's may change
    except TinygradLiteError as error:
        raise ArgumentError(
            message(
                subject,
                "one differentiates by Tensors, Scalars, arrays and floats, also nested",
                {"argument": leaf},
                fix="choose other argnums; for the parameters of a module call loss.backward()",
            )
        ) from error
    if isinstance(x, Tensor) and x.dtype not in FLOATS:
        raise DTypeError(
            message(
                subject,
                "there is no derivative by numbers that are not floats",
                {"argument": x},
                fix="choose other argnums, or convert it: x.astype('float32')",
            )
        )
    return x


def _pair(subject: str, y: Any) -> tuple[Any, Any]:
    if not isinstance(y, list | tuple) or len(y) != 2:
        raise ArgumentError(
            message(
                subject,
                "with has_aux, a function returns two things: a number, and anything",
                {"returned": y},
                fix="return y, aux",
            )
        )
    return y[0], y[1]


def _check_results(subject: str, results: Sequence[Any]) -> None:
    for y in results:
        if not isinstance(y, Node):
            raise ArgumentError(
                message(
                    subject,
                    "the function must return Tensors or Scalars, also nested",
                    {"returned": y},
                    fix="return what is computed of its arguments; or has_aux for what is not",
                )
            )


def _vectors(subject: str, tree: Any, like: Any, targets: Sequence[Any]) -> list[Any]:
    """Return the leaves of `tree`, nested like `like`, as vertices of the kinds of `targets`."""
    vectors = []
    for value, target in zip(leaves_like(subject, tree, like), targets, strict=True):
        dtype = getattr(target, "dtype", None)  # a Scalar has none
        vector = value if isinstance(value, Node) else Tensor(value, dtype or "float64")
        same_shape = np.shape(vector.data) == np.shape(target.data)
        if not same_shape or (dtype and getattr(vector, "dtype", None) != dtype):
            raise ShapeError(
                message(
                    subject,
                    "a vector must have the shape and dtype of what it belongs to",
                    {"vector": vector, "belongs to": target},
                    fix="reshape it, or convert it with .astype(...)",
                )
            )
        vectors.append(target.expect(vector))
    return vectors
