"""What a model consists of, read off one traced call."""

from __future__ import annotations

import textwrap
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite import dry_run
from tinygrad_lite.errors import ArgumentError, TinygradLiteError, message
from tinygrad_lite.graph import Node, next_order, raw
from tinygrad_lite.memory import owner_of, saved_arrays
from tinygrad_lite.modes import enable_grad, standing_in
from tinygrad_lite.module import Buffer, Module, Parameter, trace_calls
from tinygrad_lite.op import Op
from tinygrad_lite.ops import random
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.tree import flatten

Shape = tuple[int, ...]


@dataclass
class Row:
    """One Module of a traced call. All numbers are its own, without those of Modules inside of it.

    Attributes:
        path: dotted path from the model; empty for the model itself.
        kind: class name.
        name: the part of the path that tells it from others in the Module around it.
        depth: how many Modules it is inside of.
        output_shapes: of all results, without the batch axis; None if it was not called.
        parameters: learned numbers; shared ones count where met first.
        frozen: numbers in Parameters that do not require a gradient.
        shared: numbers in Parameters and Buffers that were counted in a row before.
        buffers: numbers that belong to its state and are not learned.
        multiply_adds: multiplications (each with its addition) in products of matrices, vectors and
            filters, for one sample.
        activations: bytes that the graph of one sample holds for the backward pass: each array
            once, without the sample, parameters and buffers.
        calls: how often it was called.
    """

    path: str
    kind: str
    name: str = ""
    depth: int = 0
    output_shapes: tuple[Shape, ...] | None = None
    parameters: int = 0
    frozen: int = 0
    shared: int = 0
    buffers: int = 0
    multiply_adds: int = 0
    activations: int = 0
    calls: int = 0

    @property
    def output_shape(self) -> Shape | None:
        """Shape of the first result; None if it was not called, or returned no array."""
        return self.output_shapes[0] if self.output_shapes else None


_COUNTS = "parameters", "frozen", "shared", "buffers", "multiply_adds", "activations"


@dataclass
class Summary:
    """The rows of a model, each Module before those inside of it; prints as a table.

    Attributes:
        rows: a row for each Module.
        parameter_bytes: memory of all parameters, trainable and frozen.
    """

    rows: list[Row]
    parameter_bytes: int = 0

    @property
    def parameters(self) -> int:
        """Learned numbers of the whole model."""
        return sum(row.parameters for row in self.rows)

    @property
    def frozen(self) -> int:
        """Numbers in Parameters of the whole model that do not require a gradient."""
        return sum(row.frozen for row in self.rows)

    @property
    def buffers(self) -> int:
        """Numbers in Buffers of the whole model."""
        return sum(row.buffers for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the whole model, for one sample."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activations(self) -> int:
        """Bytes that the graph of one sample holds for the backward pass."""
        return sum(row.activations for row in self.rows)

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    def table(self, width: int = 80, height: int | None = None, depth: int | None = None) -> str:
        """Return a table of no more than `width` columns and, if it can be, `height` lines.

        Where there is no room, long texts are cut in the middle, then columns are left out, and
        Modules are counted in those around them, the deepest first.

        Args:
            width: columns there are, 30 or more.
            height: lines there are; no limit by default.
            depth: how many levels of Modules inside of Modules are shown; all by default.

        Raises:
            ArgumentError: there are fewer than 30 columns, or depth is negative.
        """
        for name, value, least in (("width", width, 30), ("depth", depth, 0)):
            if value is not None and value < least:
                raise ArgumentError(
                    message("summary", f"{name}={value!r} is too little", fix=f"{least} or more")
                )
        footer = [
            line
            for text in self._totals()
            for line in textwrap.wrap(text, width, break_on_hyphens=False)
        ]
        rows = self._collapsed(depth)
        if height is not None:
            deepest = max(row.depth for row in rows)
            while _lines(rows, footer) > height and deepest > 1:
                deepest -= 1
                rows = self._collapsed(deepest)
            if _lines(rows, footer) > height:
                rows = _abridged(rows, len(rows) - _lines(rows, footer) + height)
        lines = _laid_out([_cells(row) for row in rows], width)
        rule = "-" * max(map(len, [*lines, *footer]))
        return "\n".join([lines[0], rule, *lines[1:], rule, *footer])

    def _totals(self) -> list[str]:
        both = self.parameters + self.frozen
        trained = f"{self.frozen:,} frozen" if self.frozen else "all trainable"
        held = f"; {self.buffers:,} numbers in buffers" if self.buffers else ""
        return [
            f"total {both:,} parameters ({_bytes(self.parameter_bytes)}), {trained}{held}",
            f"a sample takes {self.multiply_adds:,} multiply-adds, "
            f"{_bytes(self.activations)} of activations",
        ]

    def _collapsed(self, depth: int | None) -> list[Row]:
        """Return rows down to a depth, each with the counts of those below it that are left out."""
        rows: list[Row] = []
        for row in self.rows:
            if depth is None or row.depth <= depth:
                rows.append(replace(row))
            else:
                _add(rows[-1], row)
        return rows


def _add(row: Row, other: Row) -> None:
    for name in _COUNTS:
        setattr(row, name, getattr(row, name) + getattr(other, name))


# -- laying out -----------------------------------------------------------------------------------

# name: whether its cells are set to the right, and how far a cell may be shortened
_COLUMNS = {
    "layer": (False, 14),
    "kind": (False, 8),
    "output": (False, 15),
    "parameters": (True, None),
    "multiply-adds": (True, None),
    "memory": (True, None),
}
# what is left out first where there is no room
_DISPENSABLE = "memory", "kind", "multiply-adds", "output"
_GAP = "  "


def _lines(rows: Sequence[Row], footer: Sequence[str]) -> int:
    return len(rows) + len(footer) + 3  # the head and two rules


def _abridged(rows: list[Row], count: int) -> list[Row]:
    """Return so many rows, with one in the middle that stands for those left out."""
    count = max(count, 3)
    first = (count - 1) // 2 + 1
    last = len(rows) - (count - first - 1)
    name = f"… {last - first} more"
    rest = Row(name, "", name, depth=1, output_shapes=())
    for row in rows[first:last]:
        _add(rest, row)
    return [*rows[:first], rest, *rows[last:]]


def _cells(row: Row) -> dict[str, str]:
    """Return the text of a row in each column."""
    notes = [f"×{row.calls}"] * (row.calls > 1) + ["shared"] * (row.shared > 0)
    if row.frozen:
        notes.append("partly frozen" if row.parameters else "frozen")
    shapes = row.output_shapes
    return {
        "layer": "  " * (row.depth - 1) + row.name if row.depth else "(model)",
        "kind": " ".join([row.kind, *notes]),
        "output": "not called" if shapes is None else ", ".join(map(_shape_text, shapes)),
        "parameters": _number(row.parameters + row.frozen),
        "multiply-adds": _number(row.multiply_adds),
        "memory": _bytes(row.activations) if row.activations else "-",
    }


def _shape_text(shape: Shape) -> str:
    return "×".join(map(str, shape)) if shape else "()"


def _number(count: int) -> str:
    return f"{count:,}" if count else "-"


def _laid_out(rows: list[dict[str, str]], width: int) -> list[str]:
    """Return lines of cells, the head first, that take no more than `width` columns."""
    names = [*_COLUMNS]
    lines = [{name: name for name in names}, *rows]
    natural = {name: max(len(line[name]) for line in lines) for name in names}
    least = {n: min(natural[n], _COLUMNS[n][1] or natural[n]) for n in names}

    def spare() -> int:
        return width - sum(least[n] for n in names) - len(_GAP) * (len(names) - 1)

    for name in _DISPENSABLE:
        if spare() < 0:
            names.remove(name)
    widths = {name: least[name] for name in names}
    for name in names:  # those in front are the first to get what is left
        widths[name] += min(natural[name] - least[name], spare())
        least[name] = widths[name]
    return [
        _GAP.join(
            line[n].rjust(widths[n]) if _COLUMNS[n][0] else _shortened(line[n], widths[n])
            for n in names
        ).rstrip()
        for line in lines
    ]


def _shortened(text: str, width: int) -> str:
    """Return text of exactly this width, its middle left out where it is longer."""
    if len(text) <= width:
        return text.ljust(width)
    indent = len(text) - len(text.lstrip())
    indent = min(indent, width // 3)
    text, room = text.strip(), width - indent - 1
    return " " * indent + text[: room // 2] + "…" + text[len(text) - (room - room // 2) :]


def _bytes(count: int) -> str:
    """Return a number of bytes in the unit that leaves one to three digits before the point."""
    if count < 1000:
        return f"{count} B"
    power = min(len(str(count)) - 1, 12) // 3
    return f"{count / 1000**power:.1f} {' kMGT'[power]}B"


# -- tracing --------------------------------------------------------------------------------------


def summarize(model: Module, *inputs: Any, dtype: DTypeLike = np.float32) -> Summary:
    """Call `model` with one sample and note what each Module did.

    It takes little time and memory whatever the model's size, and compiles nothing: costly ops
    return zeros in place of results (see `dry_run`). The call is one in evaluation mode that is
    recorded on the graph: what dropout would add in training is not in it. It leaves the model, its
    modes and buffers and the library's random generator as they were; hooks are not called.

    Args:
        model: what to look at.
        inputs: for each input of the model its shape without the batch axis, which stands for a
            sample of zeros; or an array or Tensor with batch axis, of which the first sample is
            taken. Anything else is passed on as it is.
        dtype: of the zeros; "int64" where the model wants indices.

    Raises:
        ArgumentError: there is no input, no sample in it, or no `forward`; or `forward` fails with
            an error that is not one of the library's, which are passed on.
    """
    sample = _sample(model, inputs, dtype)
    if type(model).forward is Module.forward:
        raise ArgumentError(
            message(
                "summary",
                f"{type(model).__name__} defines no forward, so there is no call to trace",
                fix="write forward(self, x); training_step may stand beside it",
            )
        )
    tracer = _Tracer(model)
    with _left_as_it_was(model):
        for module in model.modules():
            module.training = False
            module._hooks = None
        result = tracer.call(model, sample, _told(sample, any(map(_is_shape, inputs))))
        tracer.measure_graph(result, sample)
    tensors = [tensor for _, tensor in model.named_parameters()]
    return Summary([*tracer.rows.values()], sum(tensor.data.nbytes for tensor in tensors))


def _sample(model: Module, inputs: Sequence[Any], dtype: DTypeLike) -> list[Any]:
    """Return the first sample of each input, in a batch of one."""
    arrays = [np.zeros((1, *given), dtype) if _is_shape(given) else raw(given) for given in inputs]
    batched = [isinstance(array, np.ndarray) and array.ndim > 0 for array in arrays]
    if not any(batched) or any(b and not len(a) for a, b in zip(arrays, batched, strict=True)):
        raise ArgumentError(
            message(
                "summary",
                "there is no sample to trace",
                _numbered(inputs),
                fix="pass the shape of a sample, as in model.summary((1, 28, 28)), or a batch",
            )
        )
    return [
        model._enter(array[:1].copy()) if b else given
        for given, array, b in zip(inputs, arrays, batched, strict=True)
    ]


def _is_shape(given: Any) -> bool:
    return isinstance(given, tuple | list) and all(isinstance(n, int | np.integer) for n in given)


@contextmanager
def _left_as_it_was(model: Module) -> Iterator[None]:
    """Give every Module its attributes back, and every Buffer its numbers."""
    attributes = [(vars(module), dict(vars(module))) for module in model.modules()]
    tensors = [t for _, t in [*model.named_parameters(), *model.named_buffers()]]
    kept = [(tensor, tensor.data, tensor.grad) for tensor in tensors]
    numbers = [(buffer.data, buffer.data.copy()) for _, buffer in model.named_buffers()]
    try:
        with random.using(np.random.default_rng(0)):
            yield
    finally:
        for current, before in attributes:
            current.clear()
            current.update(before)
        for tensor, data, grad in kept:
            tensor.data, tensor.grad = data, grad
        for data, copy in numbers:
            data[...] = copy


@dataclass
class _Tracer:
    """Notes, in a row for each Module, what happens while it runs.

    Attributes:
        rows: by id of the Module.
        running: rows of the Modules that are being called, the innermost last.
        turns: (order, row): vertices of this order and later are the row's, up to the next turn.
    """

    model: Module
    rows: dict[int, Row] = field(default_factory=dict)
    running: list[Row] = field(default_factory=list)
    turns: list[tuple[int, Row]] = field(default_factory=list)

    def __post_init__(self) -> None:
        counted: set[int] = set()
        inside: list[str] = []  # the beginnings that paths have inside of the Modules around
        for path, module in self.model.named_modules():
            while inside and not path.startswith(inside[-1]):
                inside.pop()
            name = path[len(inside[-1]) :] if inside else path
            row = self.rows[id(module)] = Row(path, type(module).__name__, name, len(inside))
            inside.append(f"{path}." if path else "")
            for _, member in module._members():
                if isinstance(member, Parameter | Buffer):
                    _count(row, member, counted)

    def call(self, model: Module, sample: Sequence[Any], told: str) -> Any:
        """Call the model, without its arithmetic."""
        try:
            with (
                np.errstate(all="ignore"),
                enable_grad(),
                standing_in(self._compute),
                trace_calls(self._trace),
            ):
                return model(*sample)
        except TinygradLiteError as error:
            error.add_note(f"  in:  the summary's call with {told}")
            raise
        except Exception as error:
            raise ArgumentError(
                message(
                    "summary",
                    f"{type(model).__name__} failed on one sample, {type(error).__name__}: {error}",
                    _numbered(sample),
                    fix="pass what the model is called with, as in model.summary(x, lengths)",
                )
            ) from error

    def _compute(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> Any:
        result = dry_run.run(op, args, params)
        self.running[-1].multiply_adds += dry_run.multiply_adds(op, args, params, result)
        return result

    def _trace(self, module: Module, args: tuple[Any, ...]) -> Any:
        row = self.rows.get(id(module))
        if row is None:  # made on the way: what it does is its maker's
            return module.forward(*args)
        self._turn_to(row)
        result = module.forward(*args)
        self.running.pop()
        if self.running:
            self._turn_to(self.running.pop())
        row.calls += 1
        leaves = flatten(result)[0]
        row.output_shapes = tuple(_of_sample(x.shape) for x in leaves if hasattr(x, "shape"))
        return result

    def _turn_to(self, row: Row) -> None:
        self.running.append(row)
        self.turns.append((next_order(), row))

    def measure_graph(self, result: Any, sample: Sequence[Any]) -> None:
        """Count each array that the graph holds in the row of the Module that first put it there.

        The sample, and what belongs to the model, is there anyway.
        """
        own = [*sample, *self.model.parameters(), *(b for _, b in self.model.named_buffers())]
        seen = {id(owner_of(t.data)) for t in own if isinstance(t, Tensor)}
        orders = [order for order, _ in self.turns]
        for node in _history(result):
            row = self.turns[bisect(orders, node.order) - 1][1]
            for _, array in saved_arrays(node):
                owner = owner_of(array)
                if id(owner) not in seen:
                    seen.add(id(owner))
                    row.activations += owner.nbytes


def _count(row: Row, tensor: Parameter | Buffer, counted: set[int]) -> None:
    """Count what a Module itself holds."""
    if id(tensor) in counted:
        row.shared += tensor.size
    elif isinstance(tensor, Buffer):
        row.buffers += tensor.size
    elif tensor.requires_grad:
        row.parameters += tensor.size
    else:
        row.frozen += tensor.size
    counted.add(id(tensor))


def _of_sample(shape: Shape) -> Shape:
    """Leave out the batch axis, of length 1: the first one, or the second as in a state."""
    at = 1 if len(shape) > 1 and shape[0] != 1 == shape[1] else 0
    return (*shape[:at], *shape[at + 1 :])


def _history(result: Any) -> list[Node]:
    """Return all vertices that a result was computed by, in the order of their creation."""
    waiting = [leaf for leaf in flatten(result)[0] if isinstance(leaf, Node)]
    found: dict[int, Node] = {}
    while waiting:
        node = waiting.pop()
        if node.op is not None and id(node) not in found:
            found[id(node)] = node
            waiting += node.parents
    return sorted(found.values(), key=lambda node: node.order)


def _numbered(inputs: Sequence[Any]) -> dict[str, Any]:
    return {f"input {i + 1}": given for i, given in enumerate(inputs)}


def _told(sample: Sequence[Any], of_zeros: bool) -> str:
    """Return what the model was called with, and what else could be tried."""
    parts = [f"{p.dtype} {p.shape}" if isinstance(p, Tensor) else repr(p) for p in sample]
    if not of_zeros:
        return ", ".join(parts)
    return (
        f"zeros, {', '.join(parts)}\n"
        '  fix: where these do not fit, pass dtype="int64", or inputs: model.summary(x)'
    )
