"""RNN, LSTM and GRU: kernel, reference and naive loops agree."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive

# name: gates, states
KINDS = {"rnn": (1, 1), "lstm": (4, 2), "gru": (3, 1)}
TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
EACH = pytest.mark.parametrize("name", KINDS)
# batch, steps, inputs, hidden
SIZES = [(3, 5, 4, 6), (1, 1, 1, 1), (1, 7, 2, 3), (5, 1, 3, 2), (4, 2, 1, 5), (0, 3, 2, 2)]


def operands(rng, name, sizes, dtype="float64"):
    gates, states = KINDS[name]
    n, t, i, h = sizes
    shapes = [(n, t, i), *[(n, h)] * states]
    shapes += [(gates * h, i), (gates * h, h), (gates * h,), (gates * h,)]
    return [tg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in shapes]


def run(name, xs, which=slice(None)):
    """The results, and the gradients of all operands when those of some results are fixed."""
    for x in xs:
        x.grad = None
    results = getattr(tg, name)(*xs)
    total = sum((y * np.cos(np.arange(y.size)).reshape(y.shape)).sum() for y in results[which])
    total.backward()
    return [y.data for y in results], [x.grad.data for x in xs]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", SIZES)
@EACH
def test_kernel_reference_and_naive_agree(rng, name, sizes, dtype):
    xs = operands(rng, name, sizes, dtype)
    values, gradients = run(name, xs)
    with tg.reference():
        reference_values, reference_gradients = run(name, xs)
    oracle = getattr(naive, name)(*(x.data.astype("float64") for x in xs))
    for found, reference, expected in zip(values, reference_values, oracle, strict=True):
        assert found.dtype == reference.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype])
        np.testing.assert_allclose(reference, expected, rtol=0, atol=TOLERANCE[dtype])
    for found, expected in zip(gradients, reference_gradients, strict=True):
        assert found.dtype == expected.dtype == dtype
        scale = max(1, np.abs(expected).max(initial=0))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("which", [0, 1, -1])
@EACH
def test_gradients_through_one_result_only(rng, name, which):
    """The rule is right where no gradient arrives at the other results."""
    xs = operands(rng, name, (2, 3, 2, 2))
    which = slice(which, which + 1 or None)
    _, found = run(name, xs, which)
    with tg.reference():
        _, expected = run(name, xs, which)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@EACH
def test_first_and_second_order(rng, name):
    xs = operands(rng, name, (2, 2, 1, 2))
    tg.gradcheck(getattr(tg, name), xs, order=2)
    with tg.reference():
        tg.gradcheck(getattr(tg, name), xs)


@EACH
def test_a_memory_layout_of_any_kind_gives_the_same(rng, name):
    xs = operands(rng, name, (3, 4, 2, 3))
    expected = run(name, xs)
    odd = [tg.Tensor.make(np.asfortranarray(x.data)).requires_grad_() for x in xs]
    for found, want in zip(run(name, odd), expected, strict=True):
        for a, b in zip(found, want, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)


@EACH
def test_a_state_carries_on_where_a_sequence_was_cut(rng, name):
    x, *rest = operands(rng, name, (2, 6, 3, 4))
    states = KINDS[name][1]
    whole, *last = getattr(tg, name)(x, *rest)
    first, *between = getattr(tg, name)(x[:, :4], *rest)
    second, *end = getattr(tg, name)(x[:, 4:], *between, *rest[states:])
    np.testing.assert_allclose(tg.concatenate([first, second], 1).data, whole.data, atol=1e-12)
    for a, b in zip(end, last, strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-12)


@EACH
def test_a_sequence_of_scalars(rng, name):
    xs = operands(rng, name, (1, 2, 2, 2))
    _, expected = run(name, xs)
    for x in xs:
        x.grad = None
    results = getattr(tg, name)(*(tg.tensor(x.scalars()) for x in xs))
    total = sum((y * np.cos(np.arange(y.size)).reshape(y.shape)).sum() for y in results)
    total.backward()
    for x, want in zip(xs, expected, strict=True):
        np.testing.assert_allclose(x.grad.data, want, atol=1e-12)


@EACH
def test_a_second_backward_adds_the_same(rng, name):
    """What backward overwrites of its own is made again."""
    xs = operands(rng, name, (3, 5, 2, 4))
    results = getattr(tg, name)(*xs, lengths=[5, 2, 4], reverse=True)
    total = sum((y * y).sum() for y in results)
    total.backward()
    first = [x.grad.data.copy() for x in xs]
    xs[0].data[...] += 1  # of which the op keeps a copy
    total.backward()
    for x, once in zip(xs, first, strict=True):
        np.testing.assert_allclose(x.grad.data, 2 * once, rtol=1e-12)
