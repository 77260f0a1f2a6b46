"""Pooling kernels stay within their arrays."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels
from tinygrad_lite.kernels.threads import get_num_threads

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
GUARD = 4096


def guarded(array):
    """A copy in the middle of a larger array, around which stand values that spoil results."""
    evil = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).min
    around = np.full(array.size + 2 * GUARD, evil, array.dtype)
    inside = around[GUARD : GUARD + array.size].reshape(array.shape)
    inside[...] = array
    return around, inside


def untouched(around):
    guards = np.concatenate([around[:GUARD], around[-GUARD:]])
    evil = np.nan if around.dtype.kind == "f" else np.iinfo(around.dtype).min
    return np.array_equal(guards, np.full_like(guards, evil), equal_nan=around.dtype.kind == "f")


def run_between_guards(monkeypatch):
    """Let all that kernels read or write stand between guards; return the arrays around it.

    Fresh memory is full of what spoils results. Kernels must be compiled: Numba knows no other
    `np.empty` than NumPy's.
    """
    found, empty, real = [], np.empty, kernels.pool._run

    def spoilt(shape, dtype=float):
        array = empty(shape, dtype)
        array.fill(np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).min)
        return array

    def guarded_run(serial, parallel, *args):
        pairs = [guarded(a) if isinstance(a, np.ndarray) else (None, a) for a in args]
        real(serial, parallel, *(inside for _, inside in pairs))
        for (around, inside), original in zip(pairs, args, strict=True):
            if around is not None:
                found.append(around)
                original[...] = inside

    monkeypatch.setattr(kernels.pool.np, "empty", spoilt)
    monkeypatch.setattr(kernels.pool, "_run", guarded_run)
    return found


POOLS = {
    "fours": lambda x: F.max_pool2d(x, 2),
    "max": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max with gaps": lambda x: F.max_pool2d(x, 2, (3, 1), 1, (2, 3), ceil_mode=True),
    "avg": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (2, 3, 7, 9), (3, 5, 64, 65), (0, 2, 8, 8)])
@pytest.mark.parametrize("name", POOLS)
def test_guards_stay_as_they_are(rng, name, shape, dtype, monkeypatch):
    x = tg.Tensor.make(rng.standard_normal(shape).astype(dtype)).requires_grad_()

    def results():
        x.grad = None
        y = POOLS[name](x)
        y.backward(np.ones(y.shape))
        return y.data, x.grad.data

    expected = results()
    with monkeypatch.context() as patch:
        rooms = run_between_guards(patch)
        found = results()
    assert len(rooms) >= 6
    assert all(untouched(room) for room in rooms)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", POOLS)
def test_the_number_of_threads_changes_nothing(rng, name):
    data = rng.standard_normal((3, 5, 64, 65))
    results, before = [], get_num_threads()
    try:
        for threads in (1, 2, 5):
            tg.set_num_threads(threads)
            x = tg.Tensor.make(data).requires_grad_()
            y = POOLS[name](x)
            y.backward(np.cos(data[:, :, : y.shape[2], : y.shape[3]]))
            results.append((y.data, x.grad.data))
    finally:
        tg.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_mean_of_whole_images_needs_no_windows(rng, monkeypatch):
    monkeypatch.setattr(kernels.pool, "_run", None)
    x = tg.tensor(rng.standard_normal((2, 3, 4, 5)), requires_grad=True)
    for pool in (F.adaptive_avg_pool2d(x, 1), F.avg_pool2d(x, (4, 5))):
        np.testing.assert_allclose(pool.data[:, :, 0, 0], x.data.mean(axis=(2, 3)))
        x.grad = None
        pool.backward(np.full((2, 3, 1, 1), 20.0))
        np.testing.assert_allclose(x.grad.data, np.ones(x.shape))
