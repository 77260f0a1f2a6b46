"""Kernels of large dense layers against NumPy, bit by bit."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels, optim

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (17, 2), (0, 3), (3, 0)])
def test_outer(rng, shape, dtype):
    a, b = (rng.standard_normal(n).astype(dtype) for n in shape)
    found = kernels.dense.outer(a, b)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, a[:, None] * b)
    np.testing.assert_array_equal(kernels.dense.outer(a[::-1], b[::-1]), found[::-1, ::-1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (7, 3), (0, 2), (1000,)])
def test_descend_rounds_as_numpy_does(rng, shape, dtype):
    parameter, grad = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    between_guards = np.full((3, *shape), 7.0, dtype)
    between_guards[1] = parameter
    kernels.dense.descend(between_guards[1], np.array(grad), 0.1)
    np.testing.assert_array_equal(between_guards[1], parameter - 0.1 * grad)
    assert (between_guards[[0, 2]] == 7.0).all()


def gradient_of_one_row(size):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((1, size)).astype("float32"))
    w = tg.tensor(rng.standard_normal((300, size)).astype("float32"), requires_grad=True)
    y = tg.linear(x, w)
    y.backward(np.ones((1, 300)))
    return x, w


@pytest.mark.parametrize("size", [100, 300])  # below and above what a kernel takes
def test_the_weight_gradient_of_one_row(size):
    x, w = gradient_of_one_row(size)
    np.testing.assert_allclose(w.grad.data, np.broadcast_to(x.data, (300, size)), rtol=1e-6)


def trained(size):
    tg.seed(0)
    weight = tg.Parameter(tg.randn(300, size))
    optimizer = optim.SGD([weight], lr=0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        (weight * weight).sum().backward()
        optimizer.step()
    return weight.data


def test_sgd_is_the_same_bit_by_bit_without_kernels():
    code = "import hashlib; from tests.kernels.test_dense import trained;"
    code += "print(hashlib.sha256(trained(300).tobytes()).hexdigest())"
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": off},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for off in ("0", "1")
    ]
    assert digests[0] == digests[1] != ""


def test_odd_layouts_take_the_way_of_numpy(rng):
    parameter = np.asfortranarray(rng.standard_normal((300, 300)).astype("float32"))
    grad, before = np.ones((300, 300), "float32"), parameter.copy()
    optim.SGD.descend(parameter, grad, 0.5)
    np.testing.assert_array_equal(parameter, before - 0.5)


def test_the_kernels_are_reached(monkeypatch):
    called = []
    monkeypatch.setattr(
        kernels.dense, "outer", lambda a, b: called.append("outer") or a[:, None] * b
    )
    monkeypatch.setattr(kernels.dense, "descend", lambda *_: called.append("descend"))
    gradient_of_one_row(300)
    gradient_of_one_row(100)
    trained(300)
    trained(100)
    assert called == ["outer", *["descend"] * 3]
