"""Scaled dot-product attention (Vaswani et al., 2017, eq. 1), a fused op."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.graph import raw
from tinygrad_lite.op import Op
from tinygrad_lite.ops.activation import softmax
from tinygrad_lite.ops.elementwise import where
from tinygrad_lite.ops.random import check_probability, drop_mask

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "scaled_dot_product_attention",
]


def _masked(scores: Any, allowed: Any) -> Any:
    """Put what is forbidden below every score; finite, so that rows of it alone have a softmax."""
    return scores * allowed + (allowed - 1.0) * 1e30


# allowed: ones and zeros, or None for all; kept: the factors of dropout, or None without
def _reference(
    q: Any, k: Any, v: Any, bias: Any = 0.0, *, scale: float, allowed: Any, kept: Any
) -> Any:
    scores = q @ k.mT * scale + bias
    weights = softmax(scores) if allowed is None else softmax(_masked(scores, allowed)) * allowed
    return (weights if kept is None else weights * kept) @ v


def _forward(
    q: Any, k: Any, v: Any, bias: Any = None, *, scale: float, allowed: Any, kept: Any
) -> tuple[Any, Any]:
    weights = q @ k.mT
    weights *= scale
    if bias is not None:
        weights = weights + bias
    if allowed is not None:
        weights = _masked(weights, allowed)
    weights -= weights.max(axis=-1, keepdims=True)
    np.exp(weights, out=weights)
    weights /= weights.sum(axis=-1, keepdims=True)
    if allowed is not None:
        weights *= allowed
    return (weights if kept is None else weights * kept) @ v, weights


def _rule(
    g: Any, y: Any, q: Any, k: Any, v: Any, *bias: Any, scale: float, allowed: Any, kept: Any
) -> tuple[Any, ...]:
    """With w the softmax of the scores s, w̄ = ȳ vᵀ and s̄ = w · (w̄ - Σ(w̄ · w)):
    q̄ = s̄ k scale, k̄ = s̄ᵀ q scale, v̄ = wᵀ ȳ.

    These follow from eq. 1 of Vaswani et al. (2017).
    """
    _, weights = y
    d_weights, used = g @ v.mT, weights
    if kept is not None:
        d_weights, used = d_weights * kept, weights * kept
    d_scores = weights * (d_weights - (d_weights * weights).sum(axis=-1, keepdims=True))
    return (
        d_scores @ k * scale,
        d_scores.mT @ q * scale,
        used.mT @ g,
        *(d_scores for _ in bias),
    )


_attention = Op(
    "scaled_dot_product_attention",
    _forward,
    _rule,
    reference=_reference,
    broadcasts=True,
    keeps=True,
)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: ArrayLike | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return softmax(query keyᵀ scale + mask) value.

    A query to which every key is forbidden gets zeros, as in PyTorch.

    Shapes: query (..., L, E), key (..., S, E), value (..., S, D) to (..., L, D); leading axes
    broadcast, and attn_mask against (..., L, S).

    Args:
        query: what each place looks for.
        key: what each place offers to be found by.
        value: what each place hands out.
        attn_mask: booleans that are True where attention is allowed, or floats to add to the
            scores, where -inf forbids; a gradient reaches these.
        dropout_p: probability of zeroing a weight; applied whenever it is above zero.
        is_causal: let place i see the places up to i only.
        scale: 1 / √E by default.

    Raises:
        ShapeError: the operands do not go together.
        ArgumentError: both attn_mask and is_causal, or dropout_p is no probability.
    """
    subject, operands = "scaled_dot_product_attention", {"query": query, "key": key, "value": value}
    check_probability(subject, dropout_p)
    if attn_mask is not None and is_causal:
        raise ArgumentError(
            message(subject, "both attn_mask and is_causal are given", operands, fix="join them")
        )
    shape = _score_shape(subject, operands, attn_mask)
    allowed, bias = _split_mask(attn_mask)
    if is_causal:
        allowed = np.tril(np.ones(shape[-2:], bool))
    if allowed is not None:
        allowed = allowed.astype(query.dtype if query.dtype.kind == "f" else float)
    kept = drop_mask(query, shape, dropout_p) if dropout_p else None
    if scale is None:
        scale = 1.0 / math.sqrt(max(query.shape[-1], 1))
    return _attention(query, key, value, *bias, scale=scale, allowed=allowed, kept=kept)


def _split_mask(mask: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what a mask allows (None for all), and what it adds to the scores (if anything)."""
    if mask is None:
        return None, ()
    values = np.asarray(raw(mask))
    if values.dtype.kind == "b":
        return values, ()
    allowed = np.asarray(values != -math.inf, bool)
    return (None, (mask,)) if allowed.all() else (allowed, (where(allowed, mask, 0.0),))


def _score_shape(subject: str, operands: dict[str, Any], mask: Any) -> tuple[int, ...]:
    """Return the shape of the scores, after checking those of the operands."""
    shapes = [x.shape for x in operands.values()]
    try:
        (*lead_q, length, e_q), (*lead_k, places, e_k), (*lead_v, places_v, _) = shapes
        scores = (*np.broadcast_shapes(lead_q, lead_k, lead_v), length, places)  # type: ignore[arg-type]
        fits = e_q == e_k and places == places_v
        fits &= mask is None or np.broadcast_shapes(np.shape(mask), scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            message(
                subject,
                "query (..., L, E), key (..., S, E), value (..., S, D) and mask (..., L, S) "
                "do not go together",
                operands if mask is None else operands | {"attn_mask": mask},
                fix="give key and query equal last axes, key and value equally many places",
            )
        )
    return scores
