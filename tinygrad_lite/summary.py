"""What a model consists of, read off one traced call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.modes import no_grad, observe, reference
from tinygrad_lite.module import Module, trace_calls
from tinygrad_lite.op import Op
from tinygrad_lite.tensor import Tensor


@dataclass
class Row:
    """One Module of a traced call.

    Attributes:
        path: dotted path from the model; empty for the model itself.
        kind: class name.
        output_shape: of the first result, without the batch axis; None if it was not called.
        parameters: learned numbers of the Module itself; shared ones count where met first.
        multiply_adds: multiplications (each with its addition) in matrix products, for one sample.
    """

    path: str
    kind: str
    output_shape: tuple[int, ...] | None = None
    parameters: int = 0
    multiply_adds: int = 0


@dataclass
class Summary:
    """The rows of a model, and their totals; prints as a table."""

    rows: list[Row]

    @property
    def parameters(self) -> int:
        """Learned numbers of the whole model."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the whole model, for one sample."""
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        cells = [("layer", "kind", "output", "parameters", "multiply-adds")]
        cells += [
            (
                row.path or "(model)",
                row.kind,
                "-" if row.output_shape is None else str(row.output_shape),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
            )
            for row in self.rows
        ]
        cells.append(("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}"))
        widths = [max(len(line[i]) for line in cells) for i in range(5)]
        lines = [
            "  ".join(
                text.rjust(width) if i > 2 else text.ljust(width)
                for i, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    __repr__ = __str__


def summarize(model: Module, input_shape: Sequence[int], dtype: DTypeLike = np.float32) -> Summary:
    """Run one sample of zeros through `model` and note what each Module did.

    The call runs in reference mode, where every product of a layer is a matmul that can be counted.
    """
    rows: dict[int, Row] = {}
    counted: set[int] = set()
    for path, module in model.named_modules():
        row = rows[id(module)] = Row(path, type(module).__name__)
        for _, member in module._members():
            if isinstance(member, Tensor) and member.requires_grad and id(member) not in counted:
                counted.add(id(member))
                row.parameters += member.size

    running: list[Row] = []

    def see(op: Op, args: Sequence[Any], result: Any) -> None:
        if op.name == "matmul" and running:
            running[-1].multiply_adds += result.size * args[0].shape[-1]

    def trace(module: Module, args: tuple[Any, ...]) -> Any:
        row = rows.get(id(module), Row("", ""))
        running.append(row)
        result = module.forward(*args)
        running.pop()
        row.output_shape = tuple(np.shape(result[0] if isinstance(result, tuple) else result)[1:])
        return result

    modes = [(module, module.training) for module in model.modules()]
    sample = Tensor.make(np.zeros((1, *input_shape), dtype))
    try:
        with no_grad(), reference(), observe(see), trace_calls(trace):
            model.eval()(sample)
    finally:
        for module, training in modes:
            module.training = training
    return Summary(list(rows.values()))
