"""A call without its arithmetic: what ops would return, and how many multiply-adds it would take.

Ops that cost much, or need a kernel, return zeros of the right shape and dtype, which nobody writes
to and which therefore take up no memory; all others, and operands that do not fit, are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.op import FLOATS, Op

Raw = Sequence[Any]
Params = dict[str, Any]


def run(op: Op, args: Raw, params: Params) -> Any:
    """Return what `op.forward` would, of the same shapes and dtypes."""
    make = _RESULTS.get(op.name, _elementwise if op.elementwise else None)
    result = None if make is None or op.foreign else make(op, args, params)
    return op.forward(*args, **params) if result is None else result


def multiply_adds(op: Op, args: Raw, params: Params, result: Any) -> int:
    """Return how many multiplications, each with its addition, the products of an op take."""
    count = None if op.foreign else _COSTS.get(op.name)
    return 0 if count is None else int(count(args, params, result))


# -- results: None where the op itself is to compute, or to complain ------------------------------


def _elementwise(op: Op, args: Raw, params: Params) -> Any:
    """Find out the dtype by one element."""
    shapes = [np.shape(arg) for arg in args]
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:
        return None
    if not math.prod(shape):
        return None
    firsts = [arg.flat[:1] if isinstance(arg, np.ndarray) else arg for arg in args]
    dtype = getattr(op.forward(*firsts, **params), "dtype", None)
    return np.zeros(shape, dtype) if dtype in FLOATS else None


def _linear(op: Op, args: Raw, params: Params) -> Any:
    x, weight, *bias = args
    fits = x.ndim and weight.ndim == 2 and x.shape[-1] == weight.shape[1]
    if not fits or any(np.shape(b) != (len(weight),) for b in bias):
        return None
    return np.zeros((*x.shape[:-1], len(weight)), x.dtype)


def _matmul(op: Op, args: Raw, params: Params) -> Any:
    a, b = args
    if min(np.ndim(a), np.ndim(b)) < 2 or a.shape[-1] != b.shape[-2]:
        return None
    try:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        return None
    return np.zeros((*lead, a.shape[-2], b.shape[-1]), np.result_type(a, b))


def _conv(op: Op, args: Raw, params: Params) -> Any:
    x, weight, *_ = args
    return np.zeros((len(x), len(weight), *params["size"]), x.dtype)


def _conv_input(op: Op, args: Raw, params: Params) -> Any:
    g, weight = args
    channels = weight.shape[1] * params["groups"]
    return np.zeros((len(g), channels, *params["size"]), g.dtype)


def _recurrent(op: Op, args: Raw, params: Params) -> Any:
    """Return the results, and what the op keeps of the operands, gates and inner states."""
    x, h = args[:2]
    n, steps, features = x.shape
    size = h.shape[1]
    operand = np.zeros((steps + 1, n, features + size), x.dtype)
    outputs = operand[1:, :, -size:].swapaxes(0, 1)
    if params["lengths"] is not None:
        outputs = np.zeros(outputs.shape, x.dtype)
    states: tuple[Any, ...] = (operand[-1, :, -size:],)
    kept: tuple[Any, ...] = (operand,)
    if op.name != "rnn":
        kept += (np.zeros((steps, n, 4 * size), x.dtype),)
    if op.name == "lstm":
        inner = np.zeros((steps + 1, n, size), x.dtype)
        states, kept = (*states, inner[-1]), (*kept, inner)
    return (outputs, *states), *kept


def _batch_norm(op: Op, args: Raw, params: Params) -> Any:
    x = args[0]
    dtype = x.dtype if x.dtype in FLOATS else np.dtype(float)
    mean, var = np.zeros((2, x.shape[1]))
    return (np.zeros(x.shape, dtype), mean.astype(dtype), var.astype(dtype)), mean, var


def _pool(op: Op, args: Raw, params: Params) -> Any:
    x = args[0]
    size = len(params["rows"].starts), len(params["columns"].starts)
    y = np.zeros((*x.shape[:2], *size), x.dtype)
    if op.name == "max_pool":
        return y, np.zeros(y.shape, np.int32)
    return y if op.name == "avg_pool" else y.astype(np.int64)


def _attention(op: Op, args: Raw, params: Params) -> Any:
    query, key, value, *bias = args
    further = [*bias, *(params[name] for name in ("allowed", "kept") if params[name] is not None)]
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], *(b.shape[:-2] for b in further))
    scores = np.zeros((*lead, query.shape[-2], key.shape[-2]), query.dtype)
    lead = np.broadcast_shapes(lead, value.shape[:-2])
    return np.zeros((*lead, query.shape[-2], value.shape[-1]), query.dtype), scores


_RESULTS: dict[str, Callable[[Op, Raw, Params], Any]] = {
    "linear": _linear,
    "matmul": _matmul,
    **{f"conv{axes}d": _conv for axes in (1, 2, 3)},
    **{f"conv{axes}d_input": _conv_input for axes in (1, 2, 3)},
    **dict.fromkeys(("rnn", "lstm", "gru"), _recurrent),
    "batch_norm": _batch_norm,
    **dict.fromkeys(("max_pool", "max_pool_places", "avg_pool"), _pool),
    "scaled_dot_product_attention": _attention,
}

# -- costs ----------------------------------------------------------------------------------------


def _of_windows(of: Any, weight: Any) -> int:
    """Each number of the images on whose side the windows are meets one filter."""
    return int(of.size * math.prod(weight.shape[1:]))


def _of_einsum(args: Raw, params: Params, y: Any) -> int:
    """Each combination of the labels takes a product of all operands."""
    terms = params["subscripts"].partition("->")[0].split(",")
    lengths: dict[str, int] = {}
    for term, arg in zip(terms, args, strict=True):
        for label, length in zip(term, np.shape(arg), strict=True):
            lengths[label] = max(length, lengths.get(label, 1))
    return (len(args) - 1) * math.prod(lengths.values())


def _of_steps(args: Raw, params: Params, y: Any) -> int:
    """Each step of each sequence meets w_ih (gates H, I) and w_hh (gates H, H)."""
    n, steps, _ = args[0].shape
    w_ih, w_hh, *_ = args[-4:]
    return int(n * steps * (w_ih.size + w_hh.size))


def _of_attention(args: Raw, params: Params, y: Any) -> int:
    """Each query meets each key, and each of its weights a value."""
    query, key, *_ = args
    lead = np.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    *_, length, features = query.shape
    places = key.shape[-2]
    return math.prod(lead) * length * places * features + int(y[0].size) * places


_COSTS: dict[str, Callable[[Raw, Params, Any], int]] = {
    "linear": lambda args, params, y: y.size * args[0].shape[-1],
    "matmul": lambda args, params, y: np.size(y) * args[0].shape[-1],
    "tensordot": lambda args, params, y: math.isqrt(args[0].size * args[1].size * np.size(y)),
    "einsum": _of_einsum,
    **{f"conv{n}d": lambda args, params, y: _of_windows(y, args[1]) for n in (1, 2, 3)},
    **{f"conv{n}d_input": lambda args, params, y: _of_windows(*args) for n in (1, 2, 3)},
    **dict.fromkeys(("rnn", "lstm", "gru"), _of_steps),
    "scaled_dot_product_attention": _of_attention,
}
