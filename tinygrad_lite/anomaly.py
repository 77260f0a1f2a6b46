"""What `detect_anomaly` does at every op: find the first that makes a NaN or an infinity."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite import memory
from tinygrad_lite.errors import AnomalyError, GraphError, is_ours, message, user_origin
from tinygrad_lite.graph import Node


def look_at_result(
    names: Sequence[str], node: Node, op_name: str, raw: Sequence[Any], result: Any
) -> None:
    """Raise AnomalyError if an op made NaN or infinity; else let its vertex remember the call.

    Args:
        names: what the op calls its operands.
        node: the vertex that was made.
        op_name: the op.
        raw: the operands' values.
        result: the raw result, a tuple if there are several.
    """
    stack = _stack_of_user()
    _look(op_name, "made {} in its result", dict(zip(names, raw, strict=False)), [result], stack)
    origin = user_origin()
    if node.op is not None and origin is not None:
        node.origin = (*origin[:2], stack, memory.fingerprint(node.saved))


def look_at_saved(node: Node) -> None:
    """Raise GraphError if an array was changed behind the graph's back, as through `.numpy()`."""
    if node.origin is None or len(node.origin) < 4 or node.op is None:
        return
    if memory.fingerprint(node.saved) != node.origin[3]:
        values = [v for v in node.saved if isinstance(v, np.ndarray)]
        raise GraphError(
            memory.changed(
                node, values[0], "past the graph: through .numpy(), .data or an array it shares"
            )
        )


def look_at_gradients(
    names: Sequence[str], node: Node, grad: Any, pairs: Iterable[tuple[Node, Any]]
) -> None:
    """Raise AnomalyError if the rule at `node` made NaN or infinity."""
    stack = node.origin[2] if node.origin is not None and len(node.origin) > 2 else None
    operands = {"gradient of the result": grad, "result": node.data}
    operands |= dict(zip(names, node.saved, strict=False))
    gradients = [gradient for _, gradient in pairs]
    name = str(node.op and node.op.name)
    _look(name, "its rule made {} in a gradient", operands, gradients, stack, node)


def _stack_of_user() -> traceback.StackSummary:
    """Return the call stack without the library's own frames."""
    frames = [(frame, line) for frame, line in traceback.walk_stack(None) if not is_ours(frame)]
    return traceback.StackSummary.extract(reversed(frames))


def _look(
    name: str,
    problem: str,
    operands: dict[str, Any],
    results: Sequence[Any],
    stack: traceback.StackSummary | None,
    node: Node | None = None,
) -> None:
    made, had = _odd(results), _odd(operands.values())
    new = [what for what, count in made.items() if count and not (had[what] or had["NaN"])]
    if made["NaN"] and had["infinity"] and not had["NaN"] and "NaN" not in new:
        new.append("NaN")  # such as infinity minus infinity
    if not new and not (had["NaN"] and node is None):
        return
    counts = ", ".join(f"{made[what]} {what}" for what in new)
    text = problem.format(counts) if new else "an operand came in with NaN"
    lines = [message(name, text, origin=node.origin if node else None)]
    lines += [f"  {label}: {_statistics(value)}" for label, value in operands.items()]
    if stack is not None:
        lines.append("  the call:")
        lines += traceback.format_list(stack[-8:])
    lines.append(
        "  fix: keep operands where the op has a value (eps, clip), or lower the learning rate"
    )
    raise AnomalyError("\n".join(line.rstrip() for line in lines))


def _arrays(values: Iterable[Any]) -> Iterable[np.ndarray]:
    """Yield what holds floats, of raw values, vertices, and tuples of both."""
    for value in values:
        value = value.data if isinstance(value, Node) else value
        if isinstance(value, tuple | list):
            yield from _arrays(value)
        elif isinstance(value, float) or getattr(value, "dtype", np.dtype(bool)).kind == "f":
            yield np.asarray(value)


def _odd(values: Iterable[Any]) -> dict[str, int]:
    arrays = [*_arrays(values)]
    return {
        "NaN": sum(int(np.isnan(a).sum()) for a in arrays),
        "infinity": sum(int(np.isinf(a).sum()) for a in arrays),
    }


def _statistics(value: Any) -> str:
    parts = []
    for array in _arrays([value]):
        finite = array[np.isfinite(array)]
        text = f"{array.dtype} {array.shape}"
        if finite.size:
            text += f", from {finite.min():.4g} to {finite.max():.4g}, mean {finite.mean():.4g}"
        odd = ", ".join(f"{count} {what}" for what, count in _odd([array]).items() if count)
        parts.append(text + (f", {odd}" if odd else ""))
    return "; ".join(parts) or repr(value)[:60]
