"""The contract: what every layer promises, and the kit that holds a layer to it.

The kit needs nothing but the library, so that a plugin's own tests can run it:

    >>> from tinygrad_lite import contract
    >>> contract.check_layer(lambda: Swish(4), input_shape=(4,))

`CLAUSES` lists the promises: each is a function of a `Candidate`, and its docstring is the promise.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite import plugins
from tinygrad_lite.check import gradcheck
from tinygrad_lite.checkpoint import load, save
from tinygrad_lite.errors import PluginError, TinygradLiteError, describe
from tinygrad_lite.modes import reference
from tinygrad_lite.module import Module, build
from tinygrad_lite.op import FLOATS
from tinygrad_lite.ops import random
from tinygrad_lite.tensor import Tensor

Shape = tuple[int, ...]
Sample = Callable[[np.random.Generator, Shape], np.ndarray]


class ContractError(TinygradLiteError, AssertionError):
    """A layer that breaks a promise; `clause` is the name of the promise."""

    clause: str = ""


def check_layer(
    make: Callable[[], Module],
    input_shape: Sequence[int],
    *,
    stochastic: bool = False,
    sample: Sample | None = None,
    call: Callable[[Any, Tensor], Any] | None = None,
    rejects: Sequence[Shape] = (),
) -> None:
    """Raise unless the layers that `make` returns keep every clause of the contract.

    The gradient check calls the layer twice for each number of its input and its parameters: choose
    a small one.

    Args:
        make: returns a fresh instance, the same arguments each time.
        input_shape: shape of one input that the layer takes, without the batch axis.
        stochastic: whether the layer draws random numbers in training.
        sample: returns the values of an input, given a generator and a shape; standard normal
            numbers by default.
        call: takes a layer and an input, and uses all of the layer's parameters; `layer(x)` by
            default.
        rejects: shapes, with the batch axis, that the layer must refuse.

    Raises:
        ContractError: a clause is broken; names it, the promise, and what happened instead.
    """
    candidate = Candidate(
        make, tuple(input_shape), stochastic, sample or _normal, call or _call, rejects
    )
    for clause in CLAUSES:
        try:
            with random.using(np.random.default_rng(0)):
                clause(candidate)
        except Exception as error:  # whatever a foreign layer does, it is reported as its breach
            promise = " ".join((clause.__doc__ or "").split())
            what = str(error) if isinstance(error, _Broken) else f"{type(error).__name__}: {error}"
            broken = ContractError(
                f"{candidate.name} breaks the clause {clause.__name__!r}\n"
                f"  promise: {promise}\n  why: {what}"
            )
            broken.clause = clause.__name__
            raise broken from error


class Candidate:
    """A layer on trial: makes instances, inputs and calls for the clauses; see `check_layer`."""

    def __init__(
        self,
        make: Callable[[], Module],
        input_shape: Shape,
        stochastic: bool,
        sample: Sample,
        call: Callable[[Any, Tensor], Any],
        rejects: Sequence[Shape],
    ) -> None:
        self.make, self.input_shape, self.stochastic = make, input_shape, stochastic
        self.sample, self.call, self.rejects = sample, call, rejects
        self.name = "the layer"  # until there is one

    def layer(self, dtype: str = "float64", seed: int = 0) -> Module:
        """Return a fresh instance, in training mode."""
        random.seed(seed)
        layer = self.make()
        _demand(isinstance(layer, Module), f"make() returned {layer!r}, which is no Module")
        self.name = type(layer).__name__
        return layer.astype(dtype)

    def input(self, batch: int = 3, dtype: str = "float64") -> Tensor:
        """Return the same input at each call; it requires a gradient if it is of floats."""
        values = self.sample(np.random.default_rng(0), (batch, *self.input_shape))
        x = Tensor(values.astype(dtype) if values.dtype in FLOATS else values)
        return x.requires_grad_(x.dtype in FLOATS)

    def run(self, layer: Module, x: Any, seed: int = 0) -> tuple[Tensor, ...]:
        """Call the layer with its random numbers fixed; return all its results in one tuple."""
        random.seed(seed)
        return tuple(_flat(self.call(layer, x)))

    def trained(self) -> Module:
        """Return an instance that has seen a batch in training mode, ready for evaluation."""
        layer = self.layer()
        self.run(layer, self.input())
        return layer.eval()


class _Broken(Exception):  # noqa: N818
    """A demand that was not met."""


def _demand(kept: Any, why: str) -> None:
    if not kept:
        raise _Broken(why)


def _demand_equal(a: Sequence[Tensor], b: Sequence[Tensor], why: str, rtol: float = 0.0) -> None:
    """Demand the same shapes and values; `rtol` is relative to the largest value."""
    same = len(a) == len(b) and all(
        x.shape == y.shape
        and np.allclose(x.data, y.data, 0.0, rtol * max(1.0, abs(x.data).max(initial=0.0)))
        for x, y in zip(a, b, strict=True)
    )
    _demand(same, why)


def _flat(results: Any) -> Iterator[Tensor]:
    if isinstance(results, tuple):
        for result in results:
            yield from _flat(result)
    else:
        _demand(isinstance(results, Tensor), f"it returned {results!r}, which is no Tensor")
        yield results


def _call(layer: Module, x: Tensor) -> Any:
    return layer(x)


def _normal(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    return rng.standard_normal(shape)


def _gradients(candidate: Candidate, layer: Module, x: Tensor) -> list[Tensor]:
    """Return the gradients of the input and all parameters, from fixed weights of the results."""
    layer.zero_grad()
    x.zero_grad()
    rng = np.random.default_rng(1)
    weighted = [
        (y * rng.standard_normal(y.shape).astype(y.dtype)).sum()
        for y in candidate.run(layer, x)
        if y.requires_grad
    ]
    if weighted:
        sum(weighted[1:], weighted[0]).backward()
    named = [("its input", x), *layer.named_parameters()]
    wanted = [(name, leaf) for name, leaf in named if leaf.requires_grad]
    for name, leaf in wanted:
        _demand(leaf.grad is not None, f"{name} gets no gradient")
    return [leaf.grad for _, leaf in wanted if leaf.grad is not None]


# -- the clauses ----------------------------------------------------------------------------------


def output(candidate: Candidate) -> None:
    """The result is a Tensor or a tuple of Tensors; the batch is the first axis of the first."""
    results = candidate.run(candidate.layer(), candidate.input(7))
    _demand(results, "it returned nothing")
    shape = results[0].shape
    _demand(shape[:1] == (7,), f"a batch of 7 gave a result of shape {shape}")


def shapes(candidate: Candidate) -> None:
    """Batches of 3, of 1 and of 0 give results that differ in the length of one axis alone."""
    layer = candidate.layer().eval()
    sizes = (3, 1, 0)
    found = [[y.shape for y in candidate.run(layer, candidate.input(n))] for n in sizes]
    _demand(len(set(map(len, found))) == 1, "the number of results changes with the batch")
    for alike in zip(*found, strict=True):
        expected = [
            [(*alike[0][:axis], n, *alike[0][axis + 1 :]) for n in sizes]
            for axis in range(len(alike[0]))
        ]
        _demand(
            list(alike) in expected,
            f"batches of 3, 1 and 0 gave results of shape {alike[0]}, {alike[1]} and {alike[2]}",
        )


def gradients(candidate: Candidate) -> None:
    """In float64 the gradients of the input and all parameters are those of finite differences."""
    layer, x = candidate.layer(), candidate.input(2)
    leaves = [leaf for leaf in (x, *layer.parameters()) if leaf.requires_grad]
    if leaves:
        gradcheck(lambda *_: candidate.run(layer, x), leaves)


def parameters(candidate: Candidate) -> None:
    """The input and every parameter get a gradient, of their own shape and dtype."""
    for dtype in ("float64", "float32"):
        layer, x = candidate.layer(dtype), candidate.input(dtype=dtype)
        _gradients(candidate, layer, x)
        for name, leaf in [("its input", x), *layer.named_parameters()]:
            g = leaf.grad
            _demand(
                g is None or (g.shape == leaf.shape and g.dtype == leaf.dtype),
                f"{name} is {leaf.dtype} {leaf.shape}, its gradient {describe(g)}",
            )


def state(candidate: Candidate) -> None:
    """A state_dict, loaded into a fresh instance, gives the same outputs."""
    layer, x = candidate.trained(), candidate.input()
    fresh = candidate.layer(seed=1).eval()
    fresh.load_state_dict(layer.state_dict())
    _demand_equal(
        candidate.run(layer, x), candidate.run(fresh, x), "the fresh instance's outputs differ"
    )


def saved(candidate: Candidate) -> None:
    """If it is registered, what tg.save wrote and tg.load read gives the same outputs."""
    layer = candidate.trained().astype("float32")
    if not _is_registered(layer):
        return
    with tempfile.TemporaryDirectory() as folder:
        save(layer, Path(folder) / "layer.safetensors")
        loaded = load(Path(folder) / "layer.safetensors").eval()
    x = candidate.input(dtype="float32")
    _demand_equal(candidate.run(layer, x), candidate.run(loaded, x), "the outputs differ")


def modes(candidate: Candidate) -> None:
    """In evaluation nothing is random; in training a stochastic layer is, and no other."""
    layer, x = candidate.layer(), candidate.input()
    for training in (True, False):
        layer.train(training)
        _demand(
            all(module.training is training for module in layer.modules()),
            f"after train({training}) a part of it is in the other mode",
        )
        random.seed(0)
        first, second = (tuple(_flat(candidate.call(layer, x))) for _ in range(2))
        same = all(np.array_equal(a.data, b.data) for a, b in zip(first, second, strict=True))
        random_is_due = training and candidate.stochastic
        _demand(
            same != random_is_due,
            f"with training={training} two calls gave {'equal' if same else 'different'} results, "
            f"and it is declared with stochastic={candidate.stochastic}",
        )


def seeds(candidate: Candidate) -> None:
    """Under one tg.seed two instances start with the same weights and give the same outputs."""
    first, second, x = candidate.layer(), candidate.layer(), candidate.input()
    for name, value in first.state_dict().items():
        _demand(np.array_equal(value, second.state_dict()[name]), f"{name} differs")
    _demand_equal(candidate.run(first, x), candidate.run(second, x), "the outputs differ")


def dtypes(candidate: Candidate) -> None:
    """float64 in and out, float32 in and out."""
    for dtype in ("float64", "float32"):
        results = candidate.run(candidate.layer(dtype), candidate.input(dtype=dtype))
        for y in results:
            _demand(y.dtype.kind != "f" or y.dtype == dtype, f"{dtype} went in, {y.dtype} came out")


def faces(candidate: Candidate) -> None:
    """The reference face, under tg.reference(), gives the kernel's values and gradients."""
    for dtype, rtol in (("float64", 1e-9), ("float32", 1e-4)):
        layer, x = candidate.layer(dtype), candidate.input(dtype=dtype)
        kernel = candidate.run(layer, x), _gradients(candidate, layer, x)
        with reference():
            plain = candidate.run(layer, x), _gradients(candidate, layer, x)
        for a, b, what in zip(kernel, plain, ("values", "gradients"), strict=True):
            _demand_equal(a, b, f"the two faces' {what} differ in {dtype}", rtol)


def errors(candidate: Candidate) -> None:
    """Input that it cannot take raises a TinygradLiteError whose text names the layer."""
    layer, shape = candidate.layer("float32"), candidate.input().shape
    longer = [(*shape[:i], shape[i] + 1, *shape[i + 1 :]) for i in range(1, len(shape))]
    probes = {s: np.zeros(s, np.float32) for s in ((), shape[:-1], (*shape, 1), *longer)}
    for tried, x in (probes | {"int64": np.zeros(shape, np.int64)}).items():
        _refusal(layer, x, str(tried))
    _demand(_refusal(layer, np.full(shape, "text"), "text"), "it takes text for numbers")
    for refused in candidate.rejects:
        x = np.zeros(refused, np.float32)
        _demand(_refusal(layer, x, str(refused)), f"it takes input of shape {refused}")


def _refusal(layer: Module, x: np.ndarray, tried: str) -> bool:
    """Tell whether the layer refuses x; demand that it does so properly."""
    try:
        for _ in _flat(layer(x)):
            pass
    except TinygradLiteError as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        _demand(type(layer).__name__ in text, f"given {tried}, the error names no layer: {text}")
        return True
    except _Broken:
        raise
    except Exception as error:
        raise _Broken(f"given {tried}, it raises {type(error).__name__}: {error}") from error
    return False


def registered(candidate: Candidate) -> None:
    """If it is registered, its name finds its class, and its config() builds an equal instance."""
    layer = candidate.layer("float32")
    if not _is_registered(layer):
        return
    try:
        found = plugins.layers.get(layer.plugin_name or "")
    except PluginError:  # then it is a model
        found = plugins.models.get(layer.plugin_name or "")
    _demand(found is type(layer), f"{layer.plugin_name!r} is the name of {found}")
    config = json.loads(json.dumps(layer.config()))
    rebuilt = build(config)
    _demand(type(rebuilt) is type(layer), f"its config builds a {type(rebuilt).__name__}")
    for a, b, what in [
        (config, json.loads(json.dumps(rebuilt.config())), "config"),
        (_shapes(layer), _shapes(rebuilt), "state"),
    ]:
        _demand(a == b, f"the rebuilt instance has another {what}: {b} instead of {a}")


def _is_registered(layer: Module) -> bool:
    """Tell whether the layer's own class, not one that it inherits from, has a name."""
    for registry in (plugins.layers, plugins.models):
        registry.all()  # a class that an entry point declares gets its name when that is loaded
    return vars(type(layer)).get("plugin_name") is not None


def _shapes(layer: Module) -> dict[str, Shape]:
    return {name: array.shape for name, array in layer.state_dict().items()}


def shown(candidate: Candidate) -> None:
    """Its repr is one expression that calls its class; a Module of Modules shows them inside."""
    layer = candidate.layer()
    text, name = repr(layer), type(layer).__name__
    _demand(text.startswith(f"{name}(") and text.endswith(")"), f"it shows as {text}")
    if sum(1 for _ in layer.modules()) == 1:
        try:
            ast.parse(text, mode="eval")
        except SyntaxError:
            raise _Broken(f"it shows as {text}, which is no expression") from None


def summary(candidate: Candidate) -> None:
    """Its summary tells its class, its output's shape and the number of its parameters."""
    layer, x = candidate.layer("float32"), candidate.input(dtype="float32")
    table = layer.summary(candidate.input_shape, dtype=x.dtype)
    expected = sum(p.size for p in layer.parameters() if p.requires_grad)
    _demand(table.rows[0].kind == type(layer).__name__, f"its row is called {table.rows[0].kind}")
    _demand(
        table.parameters == expected, f"it counts {table.parameters} parameters, not {expected}"
    )
    shape = next(_flat(layer.eval()(x))).shape[1:]
    told = table.rows[0].output_shape
    _demand(told == shape, f"it tells an output of shape {told}, not {shape}")


def purity(candidate: Candidate) -> None:
    """A call changes neither its input nor, in evaluation, the layer's state."""
    layer, x = candidate.layer(), candidate.input()
    before = x.data.copy()
    for training in (True, False):
        layer.train(training)
        kept = layer.state_dict()
        candidate.run(layer, x)
        _demand(np.array_equal(before, x.data), "it writes into its input")
        for name, value in layer.state_dict().items():
            learned = name in dict(layer.named_parameters())
            _demand(
                np.array_equal(kept[name], value) or (training and not learned),
                f"a call changes {name}",
            )


CLAUSES: tuple[Callable[[Candidate], None], ...] = (
    output,
    shapes,
    dtypes,
    purity,
    modes,
    seeds,
    parameters,
    gradients,
    faces,
    state,
    registered,
    saved,
    errors,
    shown,
    summary,
)
