"""Clipping against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.errors import AnomalyError, ArgumentError

SHAPES = [(3, 2), (4,), (), (0, 2)]


def with_gradients(seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    parameters = [tg.Parameter(np.zeros(shape), dtype) for shape in SHAPES]
    for parameter in parameters:
        parameter.grad = tg.tensor(rng.normal(size=parameter.shape), dtype)
    return [*parameters, tg.Parameter([1.0])]  # the last one has none


@given(
    st.integers(0, 2**32 - 1), st.floats(0.0, 10.0), st.sampled_from([1.0, 2.0, 3.0, float("inf")])
)
def test_norm(seed, max_norm, norm_type):
    parameters = with_gradients(seed)
    before = [p.grad.data.copy() for p in parameters[:-1]]
    entries = np.abs(np.concatenate([g.ravel() for g in before]))
    norm = entries.max() if norm_type == np.inf else (entries**norm_type).sum() ** (1 / norm_type)
    total = optim.clip_grad_norm_(iter(parameters), max_norm, norm_type)
    assert type(total) is float
    assert total == pytest.approx(norm)
    factor = min(1.0, max_norm / norm)
    for parameter, grad in zip(parameters, before, strict=False):
        np.testing.assert_allclose(parameter.grad.data, grad * factor, rtol=1e-12)
    assert parameters[-1].grad is None


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_value(seed, limit):
    parameters = with_gradients(seed)
    before = [p.grad.data.copy() for p in parameters[:-1]]
    optim.clip_grad_value_(iter(parameters), limit)
    for parameter, grad in zip(parameters, before, strict=False):
        expected = np.minimum(np.maximum(grad, -limit), limit)
        np.testing.assert_array_equal(parameter.grad.data, expected)


@pytest.mark.parametrize("clip", [optim.clip_grad_norm_, optim.clip_grad_value_])
def test_shared_buffers_and_dtype(clip):
    shared = tg.tensor([3.0, 4.0])
    a, b = tg.Parameter([0.0, 0.0]), tg.Parameter([0.0, 0.0])
    a.grad = b.grad = shared
    clip([a, b, a], np.float64(0.5))
    assert shared.tolist() == [3.0, 4.0]
    for parameter in (a, b):
        assert parameter.grad is not shared
        assert parameter.grad.dtype == np.float32
        assert np.abs(parameter.grad.data).max() <= 0.5


def test_a_tensor_listed_twice_counts_once():
    x = tg.tensor([3.0, 4.0], requires_grad=True)
    x.grad = tg.tensor([3.0, 4.0])
    assert optim.clip_grad_norm_([x, x], 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(x.grad.data, [0.6, 0.8], rtol=1e-6)


def test_a_finite_norm_is_no_error_when_asked_for():
    x = tg.Parameter([0.0, 0.0])
    x.grad = tg.tensor([3.0, 4.0])
    assert optim.clip_grad_norm_([x], 1.0, error_if_nonfinite=True) == pytest.approx(5.0)


def test_one_tensor_alone():
    x = tg.tensor([3.0, 4.0], requires_grad=True)
    (x * x).sum().backward()
    assert optim.clip_grad_norm_(x, 5.0) == pytest.approx(10.0)
    np.testing.assert_allclose(x.grad.data, [3.0, 4.0])
    optim.clip_grad_value_(x, 3.5)
    np.testing.assert_allclose(x.grad.data, [3.0, 3.5])


def test_no_gradients():
    assert optim.clip_grad_norm_([tg.Parameter([1.0])], 1.0) == 0.0


def test_large_float32_gradients_do_not_overflow():
    x = tg.Parameter([0.0, 0.0])
    x.grad = tg.tensor([3e30, 4e30])
    assert optim.clip_grad_norm_([x], 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(x.grad.data, [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_is_told_and_left(bad):
    x = tg.Parameter([0.0, 0.0])
    x.grad = tg.tensor([7.0, bad])
    assert not np.isfinite(optim.clip_grad_norm_([x], 1.0))
    np.testing.assert_array_equal(x.grad.data, np.float32([7.0, bad]))
    with pytest.raises(AnomalyError, match=f"(?s)gradients is {bad}.*detect_anomaly"):
        optim.clip_grad_norm_([x], 1.0, error_if_nonfinite=True)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: optim.clip_grad_norm_([], -1.0), "max_norm=-1.0 is not possible"),
        (lambda: optim.clip_grad_norm_([], np.nan), "max_norm=nan is not possible"),
        (lambda: optim.clip_grad_norm_([], 1.0, 0), "norm_type=0 is no norm"),
        (lambda: optim.clip_grad_norm_([np.ones(2)], 1.0), "item 0 .* is no Tensor"),
        (lambda: optim.clip_grad_value_([], -1.0), "clip_value=-1.0 is not possible"),
        (lambda: optim.clip_grad_value_([3], 1.0), "item 0 .* is no Tensor"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ArgumentError, match=text) as error:
        call()
    assert "fix:" in str(error.value)
