"""The product of matrices: any shape, any strides, within its bounds, at any width of vectors."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")

GUARD = 7  # elements around an array that nobody may touch


def gemm(*args, **options):
    return kernels.gemm.gemm(*args, **options)


def in_layout(x, layout):
    """The same numbers, lying in memory in another way."""
    if layout == "fortran":
        return np.asfortranarray(x)
    if layout == "strided":
        return np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3]
    if layout == "packed record":  # steps between elements that are no multiple of their size
        records = np.zeros(x.shape, [("flag", "i1"), ("number", x.dtype)])
        records["number"] = x
        return records["number"]
    return x[::-1, ::-1].copy()[::-1, ::-1] if layout == "backward" else x


def guarded(x):
    """A copy of x in the middle of a larger array, around which stand values that spoil sums."""
    around = np.full(x.size + 2 * GUARD, np.nan, x.dtype)
    inside = around[GUARD : GUARD + x.size].reshape(x.shape)
    inside[...] = x
    return around, inside


def untouched(around):
    return np.isnan(around[:GUARD]).all() and np.isnan(around[-GUARD:]).all()


layouts = st.sampled_from(["c", "fortran", "strided", "backward", "packed record"])
# around the heights and widths of tiles, and beyond a block of each kind
sizes = st.one_of(st.integers(1, 40), st.sampled_from([96, 97, 255, 256, 257, 300]))


@given(
    sizes, sizes, sizes, layouts, layouts, st.sampled_from(["float32", "float64"]), st.booleans()
)
def test_any_shape_and_strides_within_bounds(rows, depth, columns, of_a, of_b, dtype, add):
    rng = np.random.default_rng(rows * 10_000 + depth * 100 + columns)
    a, b, c = (
        rng.standard_normal(shape).astype(dtype)
        for shape in ((rows, depth), (depth, columns), (rows, columns))
    )
    expected = a.astype("longdouble") @ b.astype("longdouble") + (c if add else 0)
    around, out = guarded(c)
    around_a, inside_a = guarded(a)
    result = gemm(in_layout(inside_a, of_a), in_layout(b, of_b), out, add=add)
    assert result is out
    # each of the sums is within the error that rounding every step allows
    bound = (depth + 2) * np.finfo(dtype).eps * (np.abs(a) @ np.abs(b) + np.abs(c))
    assert (np.abs(out - expected) <= bound).all()
    assert untouched(around)
    assert untouched(around_a)


@pytest.mark.parametrize("shape", [(5, 3, 2500), (130, 600, 40), (2500, 7, 5), (64, 784, 256)])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_several_blocks_and_threads_give_one_result(shape, threads, rng):
    rows, depth, columns = shape
    a, b = rng.standard_normal((rows, depth)), rng.standard_normal((depth, columns))
    before = kernels.threads.get_num_threads()
    try:
        kernels.threads.set_num_threads(1)
        alone = gemm(a, b)
        kernels.threads.set_num_threads(threads)
        np.testing.assert_array_equal(gemm(a, b), alone)
    finally:
        kernels.threads.set_num_threads(before)
    np.testing.assert_allclose(alone, a @ b, rtol=1e-12, atol=1e-12)


def test_what_is_copied_stays_within_its_room(rng, monkeypatch):
    """The room for copies of blocks stands between guards too."""
    rooms = []
    empty = np.empty

    def guarded_room(shape, dtype=float):
        if isinstance(shape, tuple):
            return empty(shape, dtype)
        around, inside = guarded(np.zeros(shape, dtype))
        rooms.append(around)
        return inside

    monkeypatch.setattr(kernels.gemm.np, "empty", guarded_room)
    for rows, depth, columns in ((1, 1, 1), (13, 300, 33), (200, 257, 2100), (97, 5, 4097)):
        for turned in (False, True):
            a = rng.standard_normal((depth, rows) if turned else (rows, depth)).astype("f")
            b = rng.standard_normal((columns, depth) if turned else (depth, columns)).astype("f")
            gemm(a.T if turned else a, b.T if turned else b)
    assert len(rooms) >= 8
    assert all(untouched(room) for room in rooms)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0)])
def test_empty_products(shape):
    rows, depth, columns = shape
    c = np.ones((rows, columns))
    a, b = np.ones((rows, depth)), np.ones((depth, columns))
    np.testing.assert_array_equal(gemm(a, b, c.copy(), add=True), c)
    np.testing.assert_array_equal(gemm(a, b), np.zeros((rows, columns)))


def test_nan_and_infinity_go_where_they_belong():
    a, b = np.ones((20, 20)), np.ones((20, 40))
    a[3, 4], b[5, 35] = np.nan, np.inf
    c = gemm(a, b)
    assert np.isnan(c[3]).all()
    assert np.isposinf(np.delete(c[:, 35], 3)).all()
    assert (np.delete(np.delete(c, 3, 0), 35, 1) == 20).all()


@pytest.mark.parametrize(
    ("a", "b", "out", "problem"),
    [
        (np.ones((2, 3)), np.ones((2, 3)), None, "times .* does not go into"),
        (np.ones((2, 3)), np.ones((3, 4)), np.ones((2, 3)), "does not go into"),
        (np.ones((2, 3)), np.ones((3, 4), "f"), None, "must be float32 or float64"),
        (np.ones((2, 3), int), np.ones((3, 4), int), None, "must be float32 or float64"),
        (np.ones((2, 3)), np.ones((3, 4)), np.ones((4, 2)).T, "side by side"),
    ],
)
def test_what_does_not_fit_is_refused_before_memory_is_touched(a, b, out, problem):
    with pytest.raises(ValueError, match=problem):
        gemm(a, b, out)


OTHER_WIDTH = """
import numpy as np
from tinygrad_lite import kernels
import tinygrad_lite as tg
from tinygrad_lite.kernels import simd
assert simd.VECTOR_BYTES == {width}
rng = np.random.default_rng(0)
for rows, depth, columns in ((1, 1, 1), (5, 7, 9), (13, 300, 33), (100, 64, 130)):
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-11)):
        a = rng.standard_normal((rows, depth)).astype(dtype)
        b = rng.standard_normal((columns, depth)).astype(dtype)
        for left, right in ((a, b.T), (np.asfortranarray(a), np.ascontiguousarray(b.T))):
            np.testing.assert_allclose(kernels.gemm.gemm(left, right), a @ b.T, atol=tolerance)
tg.seed(0)
layer, x = tg.layers.LSTM(3, 5), tg.randn(2, 4, 3)
y = layer(x)[0]
with tg.reference():
    np.testing.assert_allclose(y.data, layer(x)[0].data, atol=1e-6)
print("agree")
"""


@pytest.mark.parametrize("width", [16, 32])
def test_narrower_vectors_than_this_processor_has(width, tmp_path):
    environment = os.environ | {
        "TINYGRAD_LITE_VECTOR_BYTES": str(width),
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", OTHER_WIDTH.format(width=width)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "agree", ran.stderr
