"""Pooling against PyTorch, values, places and gradients (optional)."""

from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F

torch = pytest.importorskip("torch")


def run(library, name, data, *args, **options):
    functions = F if library is tg else torch.nn.functional
    x = library.tensor(data, requires_grad=True)
    y = getattr(functions, name)(x, *args, **options)
    results = list(y) if isinstance(y, tuple) else [y]
    weight = np.cos(np.arange(np.prod(results[0].shape))).reshape(tuple(results[0].shape))
    results[0].backward(library.tensor(weight))
    return [*(r.detach().numpy() for r in results), x.grad.numpy()]


def compare(name, data, *args, **options):
    ours, theirs = (run(library, name, data, *args, **options) for library in (tg, torch))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-12)


GEOMETRIES = [
    (k, s, p, ceil)
    for k, s, p, ceil in product([1, 2, 3, (2, 3)], [1, 2, 3], [0, 1], [False, True])
    if 2 * p <= (k if isinstance(k, int) else min(k))
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_any_geometry(rng, geometry):
    kernel, stride, padding, ceil_mode = geometry
    for shape in ((2, 2, 6, 7), (1, 1, 3, 9)):
        data = rng.integers(0, 5, shape).astype("float64")
        data[data == 4] = -np.inf
        for dilation in (1, 2) if shape[2] > 3 else (1,):
            options = {"dilation": dilation, "ceil_mode": ceil_mode, "return_indices": True}
            compare("max_pool2d", data, kernel, stride, padding, **options)
        data = rng.standard_normal(shape)
        for options in ({}, {"count_include_pad": False}, {"divisor_override": 3}):
            compare("avg_pool2d", data, kernel, stride, padding, ceil_mode, **options)


@pytest.mark.parametrize("size", [1, 2, 5, (3, None), (None, 8)])
def test_adaptive(rng, size):
    compare("adaptive_avg_pool2d", rng.standard_normal((2, 3, 7, 4)), size)


def test_sequences(rng):
    data = rng.standard_normal((2, 3, 11))
    compare("max_pool1d", data, 3, 2, 1, 2, return_indices=True)
    compare("avg_pool1d", data, 4, 3, 2, True, False)
    compare("adaptive_avg_pool1d", data, 4)


def test_nan():
    data = np.ones((1, 1, 4, 4))
    data[0, 0, 1, 1] = np.nan
    ours, theirs = (run(library, "max_pool2d", data, 2, 1) for library in (tg, torch))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("geometry", [(2,), (3, 2, 1), ((2, 3), (1, 2))])
def test_unpooling(rng, geometry):
    data = rng.standard_normal((2, 3, 7, 8))
    results = []
    for library, functions in ((tg, F), (torch, torch.nn.functional)):
        y, places = functions.max_pool2d(library.tensor(data), *geometry, return_indices=True)
        z = functions.max_unpool2d(y, places, *geometry, output_size=[7, 8])
        results.append(z.numpy())
    np.testing.assert_array_equal(*results)
