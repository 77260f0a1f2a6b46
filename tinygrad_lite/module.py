"""Module: anything with parameters. Assign Parameters and Modules, and write `forward`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import plugins
from tinygrad_lite.errors import (
    CheckpointError,
    DTypeError,
    PluginError,
    ShapeError,
    TinygradLiteError,
    message,
)
from tinygrad_lite.hooks import Hooked
from tinygrad_lite.op import FLOATS
from tinygrad_lite.tensor import ArrayLike, Tensor, asarray

if TYPE_CHECKING:
    from tinygrad_lite.summary import Summary

_RAW = (np.ndarray, list)
_Generator = np.random.Generator

_trace: ContextVar[Callable[[Module, tuple[Any, ...]], Any] | None] = ContextVar(
    "trace", default=None
)


@contextmanager
def trace_calls(trace: Callable[[Module, tuple[Any, ...]], Any]) -> Iterator[None]:
    """Let `trace(module, args)` stand in for `module.forward(*args)` inside of the context."""
    token = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(token)


class Parameter(Tensor):
    """A Tensor that is learned: it requires a gradient, and its Module lists it."""

    __slots__ = ()

    def __init__(
        self, data: ArrayLike, dtype: DTypeLike | None = None, requires_grad: bool = True
    ) -> None:
        super().__init__(data, dtype, requires_grad)


class Buffer(Tensor):
    """A Tensor that belongs to a Module's state but is not learned."""

    __slots__ = ()


class Module(Hooked):
    """The base of layers and models.

    Parameters, Buffers and Modules are found wherever they are attributes, or in lists, tuples and
    dicts that are attributes, in the order of assignment. There is no `super().__init__()` to
    remember. A class registered with `register_layer` or `register_model` can be rebuilt by name.
    """

    training: bool = True
    plugin_name: str | None = None
    plugin_kind: str = "layers"
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Module:  # noqa: D102
        self = super().__new__(cls)
        self._arguments = args, kwargs
        return self

    def forward(self, *args: Any) -> Any:
        """Compute the result; every Module defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(self, x)")

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run `forward`; raw arrays and lists become Tensors of this Module's dtype."""
        if named:
            bound = inspect.signature(self.forward).bind(*args, **named)
            bound.apply_defaults()
            args = bound.args
        try:
            for arg in args:
                if isinstance(arg, _RAW):
                    args = tuple(map(self._enter, args))
                    break
            hooks = self._hooks
            return self._call_forward(args) if hooks is None else self._run_with_hooks(hooks, args)
        except TinygradLiteError as error:
            if not str(error).startswith(self._headline()):
                error.add_note(f"  in:  {self._headline()}")
            raise

    def _call_forward(self, args: tuple[Any, ...]) -> Any:
        trace = _trace.get()
        return self.forward(*args) if trace is None else trace(self, args)

    def _enter(self, arg: Any) -> Any:
        if isinstance(arg, list) and any(isinstance(item, Tensor) for item in arg):
            return arg  # several states
        if not isinstance(arg, _RAW):
            return arg
        arg = asarray(arg)
        own = next(self.parameters(), None)
        if own is not None and arg.dtype in FLOATS and own.dtype != arg.dtype:
            arg = Tensor.make(arg.data.astype(own.dtype))
        return arg

    # -- what it consists of ----------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Any]]:
        for name, value in vars(self).items():
            if name not in ("_arguments", "_hooks"):
                yield from _flatten(name, value)

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield (dotted path, Module) for this one and all below it, each once."""
        seen: set[int] = set()

        def visit(path: str, module: Module) -> Iterator[tuple[str, Module]]:
            if id(module) in seen:
                return
            seen.add(id(module))
            yield path, module
            for name, member in module._members():
                if isinstance(member, Module):
                    yield from visit(f"{path}.{name}" if path else name, member)

        yield from visit(prefix, self)

    def _named_tensors(self, kind: type[Tensor]) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, member in module._members():
                if isinstance(member, kind) and id(member) not in seen:
                    seen.add(id(member))
                    yield f"{path}.{name}" if path else name, member

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted path, Parameter); a shared one appears once, under its first path."""
        return self._named_tensors(Parameter)

    def parameters(self) -> Iterator[Parameter]:
        """Yield every Parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield (dotted path, Buffer)."""
        return self._named_tensors(Buffer)

    def modules(self) -> Iterator[Module]:
        """Yield this Module and all below it."""
        return (module for _, module in self.named_modules())

    # -- state ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of all parameters and buffers under their dotted paths."""
        tensors = [*self.named_parameters(), *self.named_buffers()]
        return {name: tensor.data.copy() for name, tensor in tensors}

    def load_state_dict(self, state: dict[str, Any], strict: bool = True) -> None:
        """Copy values from `state` into this Module, converted to its dtypes.

        Args:
            state: arrays under the names that `state_dict` uses.
            strict: also refuse names that are missing or left over.

        Raises:
            CheckpointError: names or shapes do not fit; then nothing has been changed.
        """
        own: dict[str, Tensor] = dict([*self.named_parameters(), *self.named_buffers()])
        values = {name: np.asarray(getattr(v, "data", v)) for name, v in state.items()}
        problems = [
            f"{name}: is {values[name].shape} there, {tensor.shape} here"
            for name, tensor in own.items()
            if name in values and values[name].shape != tensor.shape
        ]
        if strict:
            problems += [f"{name}: missing there" for name in own if name not in values]
            problems += [f"{name}: unknown here" for name in values if name not in own]
        if problems:
            raise CheckpointError(
                message(
                    self._headline(),
                    "the state does not fit:\n    " + "\n    ".join(problems),
                    fix="build the Module with the arguments it was saved with, or strict=False",
                )
            )
        for name, tensor in own.items():
            if name in values:
                tensor.data = values[name].astype(tensor.dtype)

    def get_extra_state(self) -> dict[str, Any]:
        """Return what a bit-exact resume needs of this Module beside its parameters and buffers.

        These are the states of the random generators among its attributes; a Module that keeps
        more between steps adds it here: numbers, text, arrays, and lists and dicts of those.
        """
        own = {name: value for name, value in vars(self).items() if isinstance(value, _Generator)}
        return {name: generator.bit_generator.state for name, generator in own.items()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take over what `get_extra_state` returned."""
        for name, value in state.items():
            getattr(self, name).bit_generator.state = value

    def astype(self, dtype: DTypeLike) -> Module:
        """Convert all floating parameters and buffers in place; return self."""
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            if tensor.dtype in FLOATS:
                tensor.data, tensor.grad = tensor.data.astype(dtype), None
        return self

    def train(self, mode: bool = True) -> Module:
        """Switch to training behaviour (dropout, batch statistics); return self."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation behaviour; return self."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    # -- describing and rebuilding ----------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return what `build` makes an equal, freshly initialised Module from.

        Raises:
            PluginError: the class is not registered, so it has no name to be rebuilt by.
        """
        if "plugin_name" not in vars(type(self)):
            for registry in (plugins.layers, plugins.models):
                registry.all()  # brings in the entry points, one of which may name it
        if "plugin_name" not in vars(type(self)) or self.plugin_name is None:
            raise PluginError(
                f"{type(self).__name__} has no plugin name to be rebuilt by\n"
                f'  fix: decorate the class with @tg.register_layer("...") or @tg.register_model'
            )
        args, kwargs = self._arguments
        bound = inspect.signature(type(self)).bind(*args, **kwargs).arguments
        extra = bound.pop("kwargs", {})
        kind = {} if self.plugin_kind == "layers" else {"kind": self.plugin_kind}
        arguments = {name: _plain(value) for name, value in (bound | extra).items()}
        return {"name": self.plugin_name} | kind | arguments

    def summary(self, *inputs: Any, dtype: DTypeLike = np.float32) -> Summary:
        """Trace one sample; return a printable table of layers.

        `model.summary((1, 28, 28))`, a shape without batch axis, or what the model is called with,
        `model.summary(x, lengths)`, of which the first sample is taken; see `summary.summarize`.
        """
        from tinygrad_lite.summary import summarize

        return summarize(self, *inputs, dtype=dtype)

    def _headline(self) -> str:
        args, kwargs = self._arguments
        shown = [_short(a) for a in args] + [f"{k}={_short(v)}" for k, v in kwargs.items()]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __repr__(self) -> str:
        children = [(n, m) for n, m in self._members() if isinstance(m, Module)]
        if not children:
            return self._headline()
        lines = [f"({n}): {m!r}".replace("\n", "\n  ") for n, m in children]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"

    # -- checks that layers share -----------------------------------------------------------------

    def check_input(self, x: Tensor, axes: str, **lengths: int) -> None:
        """Raise unless `x` is of floats, has the axes that `axes` names, and the given lengths.

        Args:
            x: the operand.
            axes: a word an axis, e.g. `"batch channels height width"`; a leading `"..."` stands
                for any number of axes.
            lengths: the length that a named axis must have.
        """
        if not isinstance(x, Tensor | np.ndarray):
            raise DTypeError(
                message(
                    self._headline(),
                    f"needs a Tensor or an array, not a {type(x).__name__}",
                    {"x": x},
                    fix="pass one Tensor; of a tuple the part you need: output, state = rnn(x)",
                )
            )
        if x.dtype not in FLOATS and x.dtype != object:
            raise DTypeError(
                message(
                    self._headline(),
                    "needs floating-point input",
                    {"x": x},
                    fix="convert it first: x.astype('float32')",
                )
            )
        free, names = _parsed(axes)
        if x.ndim < len(names) or (x.ndim > len(names) and not free):
            raise ShapeError(
                message(
                    self._headline(),
                    f"needs input of shape ({axes.replace(' ', ', ')})",
                    {"x": x},
                    fix="add or merge axes with reshape",
                )
            )
        for name, length in zip(names, x.shape[x.ndim - len(names) :], strict=True):
            if lengths.get(name, length) != length:
                raise ShapeError(
                    message(
                        self._headline(),
                        f"needs {lengths[name]} {name}, got {length}; "
                        f"input is ({axes.replace(' ', ', ')})",
                        {"x": x},
                        fix=self._fix_for(x, lengths),
                    )
                )

    @staticmethod
    def _fix_for(x: Tensor, lengths: dict[str, int]) -> str:
        if "channels" in lengths and x.shape[-1] == lengths["channels"]:
            order = (0, x.ndim - 1, *range(1, x.ndim - 1))
            return f"x seems to have its channels last: x.transpose{order}"
        return "change the layer's size, or the layer before it"


@cache
def _parsed(axes: str) -> tuple[bool, list[str]]:
    """Return whether more axes may stand in front, and the names of the others."""
    names = axes.split()
    return names[0] == "...", names[names[0] == "..." :]


def _flatten(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Tensor | Module):
        yield name, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _flatten(f"{name}.{i}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(f"{name}.{key}", item)


def _short(value: Any) -> str:
    return f"{type(value).__name__}(…)" if isinstance(value, Module) else repr(value)


def _plain(value: Any) -> Any:
    """Turn an argument into what JSON can hold."""
    if isinstance(value, Module):
        return value.config()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def build(config: dict[str, Any]) -> Module:
    """Make a layer or model from a config: its plugin `name`, and its arguments by name.

    Arguments that are configs themselves are built first. `kind`, "layers" or "models", says where
    to look the name up; by default a layer goes before a model of the same name.

    Raises:
        PluginError: a name is unknown, or the arguments are not the plugin's.
    """
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise PluginError(
            f"a config is a dict with the name of a layer or model, and its arguments; this is "
            f"{config!r:.100}"
        )
    arguments = {k: _built(value) for k, value in config.items() if k not in ("name", "kind")}
    make = _find(config["name"], config.get("kind"))
    signature = inspect.signature(make, eval_str=True)
    variadic = [p.name for p in signature.parameters.values() if p.kind is p.VAR_POSITIONAL]
    positional = arguments.pop(variadic[0], []) if variadic else []
    takes = signature.replace(return_annotation=signature.empty)
    try:
        signature.bind(*positional, **arguments)
    except TypeError as error:
        raise PluginError(f"{config['name']}: {error}\n  takes: {config['name']}{takes}") from None
    return make(*positional, **arguments)  # type: ignore[no-any-return]


def _find(name: str, kind: str | None) -> Any:
    """Look a name up among the layers, the models, or both."""
    if kind is None:
        is_layer = name in plugins.layers or name not in plugins.models
        kind = "layers" if is_layer else "models"
    if kind not in ("layers", "models"):
        raise PluginError(f"{name}: {kind!r} is no kind of module\n  fix: use layers or models")
    return (plugins.layers if kind == "layers" else plugins.models).get(name)


def _built(value: Any) -> Any:
    if isinstance(value, dict) and "name" in value:
        return build(value)
    if isinstance(value, list):
        return [_built(item) for item in value]
    return value
