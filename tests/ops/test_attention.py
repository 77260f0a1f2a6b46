"""Attention: both faces, masks, dropout, numbers that are large."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F

MASKS = {
    "none": {},
    "causal": {"is_causal": True},
    "boolean": {"attn_mask": np.arange(12).reshape(4, 3) % 5 > 2},
    "-inf": {"attn_mask": np.where(np.arange(12).reshape(4, 3) % 5 > 2, 0.5, -np.inf)},
    "dropout": {"dropout_p": 0.4},
}


def run(arrays, dtype="float64", mask=None, **params):
    operands = [tg.tensor(a, dtype, requires_grad=True) for a in arrays]
    tg.seed(3)
    y = F.scaled_dot_product_attention(*operands, **params)
    y.backward(np.cos(np.arange(y.size)).reshape(y.shape))
    return [y, *(x.grad for x in operands)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", MASKS)
def test_kernel_and_reference_agree(rng, kind, dtype):
    arrays = [rng.standard_normal(shape) for shape in ((2, 4, 5), (2, 3, 5), (2, 3, 2))]
    kernel = run(arrays, dtype, **MASKS[kind])
    with tg.reference():
        reference = run(arrays, dtype, **MASKS[kind])
    for a, b in zip(kernel, reference, strict=True):
        assert a.dtype == b.dtype == dtype
        np.testing.assert_allclose(a.data, b.data, atol=1e-13 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("kind", MASKS)
def test_gradients_of_both_orders(rng, kind):
    xs = [
        tg.tensor(rng.standard_normal(shape), requires_grad=True)
        for shape in ((4, 2), (3, 2), (3, 1))
    ]

    def attend(*xs):
        tg.seed(5)
        return F.scaled_dot_product_attention(*xs, **MASKS[kind])

    tg.gradcheck(attend, xs, order=2)


def test_a_mask_learns(rng):
    """Gradients reach what is added to the scores, save where it forbids."""
    mask = tg.tensor(MASKS["-inf"]["attn_mask"], requires_grad=True)
    q, k, v = (tg.tensor(rng.standard_normal(s)) for s in ((2, 4, 5), (2, 3, 5), (2, 3, 2)))
    F.scaled_dot_product_attention(q, k, v, mask).sum().backward()
    assert mask.grad.shape == (4, 3)
    np.testing.assert_array_equal(mask.grad.data == 0, ~(np.isfinite(mask.data)) | (
        np.isfinite(mask.data).sum(1, keepdims=True) < 2
    ))  # fmt: skip


def test_a_query_that_may_look_nowhere_gets_zeros():
    q, k, v = (tg.ones(2, 3, requires_grad=True) for _ in range(3))
    y = F.scaled_dot_product_attention(q, k, v, np.array([[False, False], [True, False]]))
    y.sum().backward()
    assert y.tolist() == [[0.0] * 3, [1.0] * 3]
    assert q.grad.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_scores_do_not_overflow(dtype):
    x = [[1000.0, -1000.0], [-1000.0, 1000.0]]
    for values in run([x, x, x], dtype, is_causal=True):
        assert np.isfinite(values.data).all()


def test_dropout_keeps_the_mean():
    q, k = tg.zeros(500, 4), tg.zeros(40, 4)
    y = F.scaled_dot_product_attention(q, k, tg.ones(40, 1), dropout_p=0.3)
    assert y.data.mean() == pytest.approx(1, abs=0.01)
    assert y.data.std() == pytest.approx((0.3 / 0.7 / 40) ** 0.5, rel=0.1)
