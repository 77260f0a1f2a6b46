"""Ops of `tinygrad_lite.ops.attention`."""

import math

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry


@st.composite
def queries(draw):
    length, places, e, d = draw(
        st.sampled_from([(1, 1, 1, 1), (2, 3, 2, 1), (3, 2, 1, 2), (0, 2, 1, 1)])
    )
    lead_q, lead_k = draw(st.sampled_from([((), ()), ((2,), (2,)), ((2,), (1,)), ((), (2,))]))
    shapes = [(*lead_q, length, e), (*lead_k, places, e), (*lead_k, places, d)]
    params = {"scale": draw(st.sampled_from([None, 0.7]))}
    kind = draw(st.sampled_from(["none", "causal", "boolean", "added"]))
    if kind == "causal":
        params["is_causal"] = True
    if kind == "boolean":  # the first query may look nowhere
        params["attn_mask"] = np.add.outer(np.arange(length), np.arange(places)) % 3 > 0
        params["attn_mask"][:1] = False
    if kind == "added":
        shapes.append((length, places))
    return shapes, params


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None):
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2])
    length, places = q.shape[-2], k.shape[-2]
    q, k, v = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (q, k, v))
    y = np.zeros((*lead, length, v.shape[-1]))
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    for *at, i in np.ndindex(*lead, length):
        keys, values, query = k[tuple(at)], v[tuple(at)], q[tuple(at)][i]
        weights = []
        for j in range(places):
            mask = True if attn_mask is None else attn_mask[i, j]
            boolean = isinstance(mask, bool | np.bool_)
            score = query @ keys[j] * factor + (0.0 if boolean else mask)
            forbidden = (boolean and not mask) or (is_causal and j > i)
            weights.append(0.0 if forbidden else math.exp(score))
        if any(weights):
            y[(*at, i)] = sum(w * u for w, u in zip(weights, values, strict=True)) / sum(weights)
    return y


TABLE = {"F.scaled_dot_product_attention": Entry(attention, queries())}
