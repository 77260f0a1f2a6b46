"""Transforms: functions in, derivative functions out; each composes with every other.

Every function here takes Tensors, Scalars, arrays or floats, also nested in lists, tuples and
dicts, and may be applied to the result of another: `grad(grad(f))`, `jvp(grad(f), ...)`.

Each transform gives `f` stand-ins for its inputs. They are younger than everything made before, so
the walk ends at them; and they hang on the inputs themselves, so an outer transform sees through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_lite import ops
from tinygrad_lite.broadcast import shape_of
from tinygrad_lite.errors import ArgumentError, DTypeError, GraphError, ShapeError, message
from tinygrad_lite.graph import Node, leaves_of, walk
from tinygrad_lite.modes import enable_grad, is_grad_enabled
from tinygrad_lite.op import FLOATS, alias
from tinygrad_lite.scalar import Scalar
from tinygrad_lite.tensor import Tensor, asarray
from tinygrad_lite.tree import flatten, leaves_like

Function = Callable[..., Any]
Argnums = int | Sequence[int]


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
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the function that computes `f` and its gradient: see `grad`.

    Returns:
        A function that returns (value, gradient); with `has_aux`, value is the pair of results.
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call("grad", f, args, kwargs, argnums)
        results, put = flatten(call.y)
        y = results[0] if has_aux and results else call.y
        if not isinstance(y, Node) or (shape_of(y.data) not in ((), (1,)) and y.data.size != 1):
            raise GraphError(
                message(
                    "grad",
                    "only a single number has a gradient",
                    {"returned": y},
                    fix="reduce it with .sum() or .mean(); or use jacobian",
                )
            )
        gradients = call.pull([y], [_ones_like(y)], call.connected)
        return call.released(put, results), call.arranged(gradients)

    return value_and_gradient


def vjp(f: Function, *xs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return `f(*xs)` and the function that pulls gradients of the result back to `xs`.

    The pullback takes a gradient nested like the result, and returns a tuple of gradients, one
    for each of `xs`; it may be called often. It is the product of a vector with the Jacobian.

    Raises:
        ShapeError: the gradient is not of the result's shape.
        ArgumentError: it is not nested like the result.
    """
    call = _Call("vjp", f, xs, {}, range(len(xs)))
    results, put = flatten(call.y)

    def pullback(gradient: Any) -> tuple[Any, ...]:
        seeds = _matched("vjp", gradient, call.y)
        return call.arranged(call.pull(results, seeds, call.connected or _tracked(seeds)))

    return call.released(put, results), pullback


def jvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return `f(*xs)` and its derivative in the direction of `tangents`.

    The pullback is linear in the gradient that it pulls; its own pullback therefore is the product
    of the Jacobian with a vector (Townsend, "A new trick for calculating Jacobian vector
    products", 2017).

    Raises:
        ShapeError: a tangent is not of its input's shape.
        ArgumentError: `tangents` are not nested like `xs`.
    """
    call = _Call("jvp", f, tuple(xs), {}, range(len(xs)))
    directions = _matched("jvp", tuple(tangents), tuple(xs))
    push = _Push(call)
    connected = call.connected or _tracked(directions)
    y = call.released(push.put, push.results)
    return y, push.put(push(directions, connected))


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """Return the function that computes the Jacobian of `f`.

    For one Tensor in and one out its shape is (*y.shape, *x.shape). A result that is nested gives
    a Jacobian nested alike, whose every leaf is nested like the argument (a tuple of several
    `argnums`). It is computed by rows or by columns, whichever are fewer.
    """

    @wraps(f)
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, args, kwargs, argnums)
        results, put = flatten(call.y)
        rows, columns = sum(map(_size, results)), sum(map(_size, call.inputs))
        blocks = (_by_columns if columns < rows else _by_rows)(call, results)
        return put([call.arranged(row) for row in blocks])

    return jacobian_of_f


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
    xs = tuple(xs)
    argnums: Argnums = 0 if len(xs) == 1 else range(len(xs))
    call = _Call("hvp", grad(f, argnums), xs, {}, argnums)
    vectors = _matched("hvp", tuple(vs), xs)
    # the Hessian is symmetric, so its product with v is what pulls v back
    gradients, _ = flatten(call.y)
    pulled = call.pull(gradients, vectors, call.connected or _tracked(vectors))
    return call.arranged(pulled)


# -- one call of f on stand-ins -------------------------------------------------------------------


class _Call:
    """A call of `f`, recorded from stand-ins of the inputs to differentiate by.

    Attributes:
        inputs: the stand-ins.
        y: what `f` returned.
        connected: derivatives must themselves be on the graph, since an outer derivative, or a
            parameter that `f` uses, may want them.
    """

    def __init__(
        self, subject: str, f: Function, args: tuple[Any, ...], kwargs: Any, argnums: Argnums
    ) -> None:
        self.subject = subject
        self.single = not isinstance(argnums, Sequence | range)
        numbers = [argnums] if self.single else [*argnums]  # type: ignore[misc, list-item]
        if any(not isinstance(n, int) or not -len(args) <= n < len(args) for n in numbers):
            raise ArgumentError(
                message(
                    subject,
                    f"argnums={argnums!r}, but there are {len(args)} positional arguments",
                    fix="number them from 0, and pass those to differentiate by positionally",
                )
            )
        wanted = flatten([args[n] for n in numbers])
        originals = [self._enter(leaf) for leaf in wanted[0]]
        self._put = wanted[1]
        recording = is_grad_enabled()
        outer = recording and _tracked(originals)
        with enable_grad():
            self.inputs = [_stand_in(x, recording) for x in originals]
            given = [*args]
            for n, value in zip(numbers, self._put(self.inputs), strict=True):
                given[n] = value
            self.y = f(*given, **kwargs)
        # leaves that the stand-ins do not stand for: parameters of f
        own = {id(parent) for x in self.inputs for parent in x.parents}
        results = [y for y in flatten(self.y)[0] if isinstance(y, Node) and y.requires_grad]
        self.connected = outer or (
            recording and any(id(leaf) not in own for leaf in leaves_of(results))
        )

    def _enter(self, leaf: Any) -> Any:
        leaf = leaf if isinstance(leaf, Node) else asarray(leaf)
        if isinstance(leaf, Tensor) and leaf.dtype not in FLOATS:
            raise DTypeError(
                message(
                    self.subject,
                    "there is no derivative by numbers that are not floats",
                    {"argument": leaf},
                    fix="choose other argnums, or convert it: x.astype('float32')",
                )
            )
        return leaf

    def pull(self, results: Sequence[Any], seeds: Sequence[Any], connected: bool) -> list[Any]:
        """Return the gradients of the inputs, zero where nothing depends on them."""
        with enable_grad():
            entering = [
                (y, seed if connected else seed.data)
                for y, seed in zip(results, seeds, strict=True)
                if isinstance(y, Node) and y.requires_grad
            ]
            found = walk(entering, self.inputs, connected) if entering else {}
        return [
            _vertex(x, found[id(x)][1]) if id(x) in found else _zeros_like(x) for x in self.inputs
        ]

    def arranged(self, leaves: list[Any]) -> Any:
        """Nest leaves, one for each input, like the arguments to differentiate by."""
        branches = self._put(leaves)
        return branches[0] if self.single else tuple(branches)

    def released(self, put: Callable[[list[Any]], Any], results: Sequence[Any]) -> Any:
        """Return what `f` returned, off the graph unless something else is tracked."""
        if self.connected:
            return self.y
        return put([_detached(y) for y in results])


class _Push:
    """The pullback of a pullback: pushes tangents forward."""

    def __init__(self, call: _Call) -> None:
        self.results, self.put = flatten(call.y)
        self.inputs = call.inputs
        with enable_grad():
            self.probes = [alias(_leaf(_zeros_like(y))) for y in self.results]
        self.pulled = call.pull(self.results, self.probes, connected=True)

    def __call__(self, directions: Sequence[Any], connected: bool) -> list[Any]:
        with enable_grad():
            entering = [
                (g, t if connected else t.data)
                for g, t in zip(self.pulled, directions, strict=True)
                if g.requires_grad
            ]
            found = walk(entering, self.probes, connected) if entering else {}
        return [
            _vertex(probe, found[id(probe)][1]) if id(probe) in found else _zeros_like(probe)
            for probe in self.probes
        ]


def _by_rows(call: _Call, results: Sequence[Any]) -> list[list[Any]]:
    """Return the Jacobian's blocks, one list a result, by a pullback for each element."""
    blocks = []
    for i, y in enumerate(results):
        seeds = [_zeros_like(other) for other in results]
        rows = []
        for unit in _units(y):
            seeds[i] = unit
            rows.append(call.pull(results, seeds, call.connected))
        blocks.append([_stacked(parts, y, x, x) for parts, x in _columns_of(rows, call.inputs)])
    return blocks


def _by_columns(call: _Call, results: Sequence[Any]) -> list[list[Any]]:
    """Return the same blocks by a push for each element of the inputs."""
    push = _Push(call)
    columns: list[list[Any]] = []  # for each input the blocks of all results
    for i, x in enumerate(call.inputs):
        directions = [_zeros_like(other) for other in call.inputs]
        pushed = []
        for unit in _units(x):
            directions[i] = unit
            pushed.append(push(directions, call.connected))
        columns.append(
            [_turned(_stacked(parts, x, y, x), x, y) for parts, y in _columns_of(pushed, results)]
        )
    return [list(row) for row in zip(*columns, strict=True)] if columns else []


def _columns_of(rows: list[list[Any]], like: Sequence[Any]) -> Iterable[tuple[list[Any], Any]]:
    return [([row[j] for row in rows], other) for j, other in enumerate(like)]


def _stacked(parts: list[Any], outer: Any, inner: Any, kind: Any) -> Any:
    """Join blocks of the shape of `inner`, one for each element of `outer`."""
    if isinstance(kind, Scalar):
        return parts[0]
    shape = (*shape_of(outer.data), *shape_of(inner.data))
    if not parts:
        return Tensor.make(np.zeros(shape, kind.dtype))
    return ops.stack(parts).reshape(shape)


def _turned(block: Any, x: Any, y: Any) -> Any:
    """Bring the axes of `y` before those of `x`."""
    if isinstance(block, Scalar):
        return block
    front, all_axes = len(shape_of(x.data)), range(block.ndim)
    return ops.transpose(block, (*all_axes[front:], *all_axes[:front]))


# -- vertices -------------------------------------------------------------------------------------


def _stand_in(x: Any, recording: bool) -> Any:
    """Return a younger vertex of the same value, which hangs on `x` if `x` is tracked."""
    return alias(x if recording and x.requires_grad else _leaf(x))


def _leaf(x: Any) -> Any:
    leaf = type(x).kind.make(x.data)
    leaf.requires_grad = True
    return leaf


def _vertex(like: Any, gradient: Any) -> Any:
    return gradient if isinstance(gradient, Node) else like.kind.make(gradient)


def _detached(y: Any) -> Any:
    return y.kind.make(y.data) if isinstance(y, Node) else y


def _filled(like: Any, value: float) -> Any:
    if isinstance(like, Scalar):
        return Scalar.make(value)
    data = like.data if isinstance(like, Tensor) else np.asarray(like)
    return Tensor.make(np.full(data.shape, value, data.dtype))


def _zeros_like(x: Any) -> Any:
    return _filled(x, 0.0)


def _ones_like(x: Any) -> Any:
    return _filled(x, 1.0)


def _size(x: Any) -> int:
    return int(np.size(x.data)) if isinstance(x, Node) else 0


def _units(x: Any) -> Iterable[Any]:
    """Yield what is 1 at one element of `x` and 0 elsewhere, for each element."""
    if isinstance(x, Scalar):
        yield Scalar.make(1.0)
        return
    for index in np.ndindex(shape_of(x.data)):
        unit = _zeros_like(x)
        unit.data[index] = 1.0
        yield unit


def _tracked(values: Iterable[Any]) -> bool:
    return is_grad_enabled() and any(getattr(value, "requires_grad", False) for value in values)


def _matched(subject: str, tree: Any, like: Any) -> list[Any]:
    """Return the leaves of `tree` as vertices of the kinds and dtypes of those of `like`."""
    matched = []
    for value, target in zip(leaves_like(subject, tree, like), flatten(like)[0], strict=True):
        target = target if isinstance(target, Node) else asarray(target)
        if isinstance(target, Scalar):
            vertex: Any = value if isinstance(value, Scalar) else Scalar.make(value)
        else:
            vertex = value if isinstance(value, Tensor) else Tensor(value, target.dtype)
        if shape_of(vertex.data) != shape_of(target.data) or (
            isinstance(vertex, Tensor) and vertex.dtype != target.dtype
        ):
            raise ShapeError(
                message(
                    subject,
                    "a vector must have the shape and dtype of what it belongs to",
                    {"vector": vertex, "belongs to": target},
                    fix="reshape it, or convert it with .astype(...)",
                )
            )
        matched.append(vertex)
    return matched
