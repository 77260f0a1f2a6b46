"""What `detect_anomaly` does at every op: find the first that makes a NaN or an infinity."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite import memory
from tinygrad_lite.errors import PACKAGE, AnomalyError, describe, is_ours, message, user_origin
from tinygrad_lite.graph import Node, raw

if TYPE_CHECKING:
    from tinygrad_lite.op import Op

quiet = np.errstate(all="ignore")  # NumPy's warnings would come before the error that explains


def look_at_result(op: Op, out: Any, operands: dict[str, Any], result: Any) -> None:
    """Raise AnomalyError if an op made NaN or infinity; else let its vertex remember the call.

    Args:
        op: the op.
        out: the vertex that was made, or the tuple of them.
        operands: names and raw values, of the parameters too.
        result: the raw result, a tuple if there are several.
    """
    stack = _stack_of_user()
    problem = _made(op, operands, [result], "made {} in its result", "an operand came in with NaN")
    if problem:
        first = result[0] if type(result) is tuple else result
        raise _error(op, problem + _step_of(op, first, np.min), operands, stack)
    node = out[0].args[0] if type(out) is tuple and out[0].op else out
    origin = user_origin()
    if isinstance(node, Node) and node.op is op and origin is not None:
        node.origin = (*origin[:2], stack, memory.fingerprints(node))


def pull(op: Op, node: Node, grad: Any, create_graph: bool) -> list[tuple[Node, Any]]:
    """Do what `Op.pull` does, and look at what the rule was given and at what it made.

    Raises:
        GraphError: an array was changed behind the graph's back, as through `.numpy()`.
        AnomalyError: the rule made NaN or infinity.
    """
    _look_at_saved(node, grad, create_graph)
    try:
        with np.errstate(all="ignore"):
            pairs = op.pull_any(node, grad, create_graph, watched=True)
    except AnomalyError as error:  # at an op inside of the rule, which itself is being recorded
        inner = str(error).partition("\n")[0]
        raise _error(op, f"in its rule, {inner}", {}, _stack_of(node), node) from error
    operands = {"gradient": grad, "result": node.data} | op.named(node.saved) | node.params
    problem = _made(
        op,
        operands,
        [gradient for _, gradient in pairs],
        "its rule made {} in a gradient",
        "NaN came in with the gradient or the saved values",
    )
    if problem:
        of_first = next((g for parent, g in pairs if parent is node.args[0]), 0.0)
        problem += _step_of(op, of_first, np.max)  # backward, the latest step comes first
        raise _error(op, problem, operands, _stack_of(node), node)
    return pairs


def look_at_steps(subject: str, x: Any, lengths: Any = None) -> None:
    """Raise AnomalyError if a sequence of x (N, T, I) holds NaN at a step within its length."""
    bad = np.isnan(x).any(axis=2) if x.dtype.kind == "f" else np.zeros(x.shape[:2], bool)
    if lengths is not None:
        bad &= np.arange(x.shape[1]) < lengths[:, None]
    if bad.any():
        step = np.flatnonzero(bad.any(axis=0))[0]
        raise AnomalyError(
            message(
                subject,
                f"an operand came in with NaN, first at time step {step}",
                {"x": x},
                fix="look at the data, and at the layers before",
            )
        )


def _step_of(op: Op, value: Any, pick: Callable[[Any], Any]) -> str:
    """Tell at which time step a value of an op that has such went wrong."""
    if op.time_axis is None or not np.ndim(value):
        return ""
    others = tuple(axis for axis in range(np.ndim(value)) if axis != op.time_axis)
    steps = np.flatnonzero(~np.isfinite(raw(value)).all(axis=others))
    return f", first at time step {pick(steps)}" if steps.size else ""


def _look_at_saved(node: Node, grad: Any, create_graph: bool) -> None:
    if node.origin is None or len(node.origin) < 4:
        return
    arrays, now = memory.saved_arrays(node), memory.fingerprints(node)
    for (place, array), before, after in zip(arrays, node.origin[3], now, strict=True):
        if before != after and memory.reads(node, grad, create_graph, place):
            how = "past the graph: through .numpy(), .data or an array it shares"
            raise memory.changed(node, place, array, how)


@lru_cache
def _installed() -> tuple[str, ...]:
    """Return the folders of Python itself and of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return ("<frozen ", *(sysconfig.get_path(name) for name in names))


def _stack_of_user() -> traceback.StackSummary:
    """Return the calls in the user's files, innermost last."""
    frames = []
    for frame, line in traceback.walk_stack(None):
        foreign = frame.f_code.co_filename.startswith(_installed())
        example = frame.f_globals.get("__name__", "").startswith(PACKAGE)
        if not is_ours(frame) and (example or not foreign):
            frames.append((frame, line))
    return traceback.StackSummary.extract(reversed(frames))


def _stack_of(node: Node) -> traceback.StackSummary:
    """Return the stack that a vertex kept, which is empty where it was made without."""
    kept = node.origin is not None and len(node.origin) > 2
    return node.origin[2] if kept else traceback.StackSummary()  # type: ignore[index]


def _made(
    op: Op,
    operands: dict[str, Any],
    results: Sequence[Any],
    problem: str,
    passed_on: str,
) -> str:
    """Tell what is wrong with `results`, if anything that was not so with the operands."""
    before, after = [*_arrays(operands.values())], [*_arrays(results)]
    nan = sum(int(np.isnan(a).sum()) for a in after)
    had_nan = any(np.isnan(a).any() for a in before)
    if nan and had_nan:
        return passed_on
    infinite = sum(_new_infinities(op, before, a) for a in after)
    counts = [f"{count} {what}" for what, count in (("NaN", nan), ("infinity", infinite)) if count]
    return problem.format(" and ".join(counts)) if counts else ""


def _new_infinities(op: Op, operands: Sequence[np.ndarray], result: np.ndarray) -> int:
    """Count the infinities in a result that no infinite operand explains."""
    infinite = np.isinf(result)
    if not infinite.any():
        return 0
    for operand in operands:
        explained = np.isinf(operand)
        same = op.elementwise and _broadcasts(operand.shape, result.shape)
        infinite &= ~(explained if same else explained.any())
    return int(infinite.sum())


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def _error(
    op: Op,
    problem: str,
    operands: dict[str, Any],
    stack: traceback.StackSummary,
    node: Node | None = None,
) -> AnomalyError:
    lines = [message(op.name, problem, origin=node.origin if node is not None else None)]
    lines += [f"  {name}: {_statistics(value)}" for name, value in operands.items()]
    if stack:
        lines.append("  the call, innermost last:")
        lines += "".join(traceback.format_list(stack)).splitlines()
    lines.append("  fix: keep operands where the op has a finite value: eps, clip, a smaller lr")
    error = AnomalyError("\n".join(lines))
    error.order = 0 if node is None else node.order
    return error


def _arrays(values: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yield what holds floats, of raw values, vertices, and tuples of both."""
    for value in values:
        value = raw(value)
        if isinstance(value, tuple | list):
            yield from _arrays(value)
        elif isinstance(value, float) or getattr(value, "dtype", np.dtype(bool)).kind == "f":
            yield np.asarray(value)


def _statistics(value: Any) -> str:
    return "; ".join(map(_statistics_of_array, _arrays([value]))) or describe(value)


@quiet
def _statistics_of_array(array: np.ndarray) -> str:
    finite = array[np.isfinite(array)].astype(np.float64)
    parts = [f"{array.dtype} {array.shape}"]
    parts += [f"{n} NaN" for n in [np.isnan(array).sum()] if n]
    parts += [f"{n} infinity" for n in [np.isinf(array).sum()] if n]
    if finite.size:
        parts += [f"from {finite.min():.4g} to {finite.max():.4g}", f"mean {finite.mean():.4g}"]
    return ", ".join(parts)
