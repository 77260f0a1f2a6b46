"""Batch norm in a kernel: any shape, any number of threads, any mean, within the arrays' bounds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")

EITHER = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 2e-6, "float64": 1e-12}  # of 1, or of the largest entry
EPS = 1e-3
# below, at and above what is taken at a time: 1024 columns, 64 rows
SHAPES = [
    *[(2, 1), (5, 3), (70, 1030), (129, 2, 1), (2, 1, 1), (1, 3, 2, 1), (4, 5, 3, 3)],
    *[(3, 2, 1024), (3, 2, 1025), (65, 3, 1023), (2, 3, 40, 60), (1, 2, 70, 1000), (66, 600, 2)],
]


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(kernels.threads, "_chosen", None)


@pytest.fixture
def shared(monkeypatch):
    """Kernels share work of any size."""
    monkeypatch.setattr(kernels.norm, "_SHARED", 0)


def operands(rng, shape, dtype, shift=0.0):
    x = rng.standard_normal(shape) * rng.uniform(0.5, 2, shape[1:2] + (1,) * (len(shape) - 2))
    arrays = x + shift, rng.standard_normal(shape), *rng.standard_normal((2, shape[1]))
    return [a.astype(dtype) for a in arrays]


def close(found, expected, dtype):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        scale = max(1, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale)


def run(x, g, weight, bias, known=None):
    y, mean, var = kernels.norm.forward(x, weight, bias, EPS, known)
    slopes = kernels.norm.backward(g, x, weight, EPS, known is not None, mean, var)
    assert all(a.dtype == x.dtype for a in (y, *slopes))
    return y, mean, var, *slopes


def expected(x, g, weight, bias, known=None):
    x, g, weight, bias = (a.astype("float64") for a in (x, g, weight, bias))
    return (
        *naive.batch_norm(x, weight, bias, EPS, known),
        *naive.batch_norm_gradients(g, x, weight, EPS, known),
    )


@EITHER
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_against_loops(rng, shape, known, dtype):
    arrays = operands(rng, shape, dtype)
    known = tuple(rng.uniform(0.5, 2, (2, shape[1]))) if known else None
    close(run(*arrays, known), expected(*arrays, known), dtype)


@EITHER
@given(
    st.integers(1, 70),
    st.integers(1, 9),
    st.lists(st.integers(1, 40), max_size=2),
    st.integers(1, 5),
)
def test_any_shape_and_number_of_threads(dtype, n, c, places, threads):
    rng = np.random.default_rng(0)
    arrays = operands(rng, (n, c, *places), dtype)
    tg.set_num_threads(threads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels.norm, "_SHARED", 0)
        found = run(*arrays)
    close(found, expected(*arrays), dtype)


@EITHER
@pytest.mark.parametrize("shape", [(0, 3), (0, 2, 4, 4), (3, 0, 2), (3, 2, 0)], ids=str)
def test_nothing_to_normalise(rng, shape, dtype):
    known = np.zeros(shape[1]), np.ones(shape[1])
    y, _, _, dx, dw, db = run(*operands(rng, shape, dtype), known)
    assert y.shape == dx.shape == shape
    assert not dw.any()
    assert not db.any()


@EITHER
@pytest.mark.parametrize("outlier", [False, True])
@pytest.mark.parametrize("shape", [(64, 3, 5, 5), (300, 7), (2, 2, 50, 50)], ids=str)
def test_a_mean_far_from_0_costs_no_digits(rng, shape, outlier, dtype):
    """Not even where the first row, around which squares are taken at first, is far from it."""
    far = 2.0**10
    x, *others = operands(rng, shape, dtype)
    x = np.round(x * 64) / 64  # so that both are held exactly
    if outlier:
        x[0] -= far
    y, *rest = run(x, *others)
    y_far, mean, *rest_far = run(x + x.dtype.type(far), *others)
    close([y_far, *rest_far], [y, *rest[1:]], dtype)
    np.testing.assert_allclose(mean, rest[0] + far, rtol=1e-7 if dtype == "float32" else 1e-12)
    close([y, *rest], expected(x, *others), dtype)


@EITHER
def test_constant_channels(dtype):
    x = np.full((5, 2, 3), 0.1, dtype)
    y, mean, var, dx, *_ = run(x, np.ones_like(x), *np.ones((2, 2), dtype))
    np.testing.assert_allclose(y, 1, rtol=0, atol=1e-6)
    np.testing.assert_allclose(mean, x[0, 0, 0], rtol=1e-7)
    np.testing.assert_allclose(var, 0, atol=1e-15)
    np.testing.assert_allclose(dx, 0, atol=1e-5)


@EITHER
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_stays_in_its_channel(rng, value, dtype):
    x, *others = operands(rng, (5, 3, 4), dtype)
    x[2, 1, 3] = value
    y, mean, var, dx, dw, db = run(x, *others)
    for a in (y[:, [0, 2]], dx[:, [0, 2]], mean[[0, 2]], var[[0, 2]], dw[[0, 2]], db):
        assert np.isfinite(a).all()
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(dx[:, 1]).all()


@EITHER
def test_any_layout(rng, dtype):
    x, g, weight, bias = operands(rng, (6, 4, 5, 3), dtype)
    found = run(x, g, weight, bias)
    odd = [np.repeat(a, 2, axis=-1)[..., ::2] for a in (x, g, weight, bias)]
    odd[0] = np.asfortranarray(x)
    for a in odd:
        a.flags.writeable = False
    for a, b in zip(run(*odd), found, strict=True):
        np.testing.assert_array_equal(a, b)
    everywhere = np.broadcast_to(x.dtype.type(2), x.shape)
    full = run(x, np.full_like(x, 2), weight, bias)
    for a, b in zip(run(x, everywhere, weight, bias), full, strict=True):
        np.testing.assert_array_equal(a, b)


GUARD = 64


def guarded(array):
    """A copy of `array` with NaN before and behind it, and all of that."""
    room = np.full(array.size + 2 * GUARD, np.nan, array.dtype)
    inner = room[GUARD : GUARD + array.size].reshape(array.shape)
    inner[...] = array
    return inner, room


@EITHER
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(3, 5, 7), (70, 3), (2, 3, 1030), (2, 700)], ids=str)
def test_guards(rng, shape, threads, dtype, shared, monkeypatch):
    """Nothing outside of any array is read, as it is NaN, or written."""
    arrays = operands(rng, shape, dtype)
    tg.set_num_threads(1)
    plain = run(*arrays)
    tg.set_num_threads(threads)
    rooms, empty = [], np.empty

    def with_guards(shape, dtype=float):
        inner, room = guarded(empty(shape, dtype))
        rooms.append(room)
        return inner

    monkeypatch.setattr(kernels.norm.np, "empty", with_guards)
    inners = []
    for a in arrays:
        inner, room = guarded(a)
        inners.append(inner)
        rooms.append(room)
    found = run(*inners)
    monkeypatch.undo()
    close(found, plain, dtype)
    assert len(rooms) > len(arrays)
    for room in rooms:
        assert np.isnan(room[:GUARD]).all()
        assert np.isnan(room[-GUARD:]).all()


@EITHER
def test_large_batches_are_shared(rng, dtype, monkeypatch):
    counts = []
    for name in ("_forwards", "_backwards"):
        kernel = getattr(kernels.norm, name)
        monkeypatch.setattr(
            kernels.norm, name, lambda n, *a, k=kernel: counts.append(n) or k(n, *a)
        )
    tg.set_num_threads(3)
    for shape in ((40, 8, 10, 10), (4, 8, 10, 10)):
        arrays = operands(rng, shape, dtype)
        close(run(*arrays), expected(*arrays), dtype)
    assert counts == [3, 3]


@EITHER
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [(), ("weight",), ("bias",), ("weight", "bias")], ids=str)
def test_the_reference(rng, affine, training, dtype):
    data, g, weight, bias = operands(rng, (5, 3, 2, 4), dtype)
    given = {"weight": weight, "bias": bias}
    answers = []
    for context in (tg.enable_grad(), tg.reference()):
        x = tg.tensor(data, requires_grad=True)
        leaves = {name: tg.tensor(given[name], requires_grad=True) for name in affine}
        running = np.linspace(-1, 1, 3), np.linspace(1, 2, 3)
        with context:
            y = F.batch_norm(x, *running, **leaves, training=training, eps=EPS)
        y.backward(g)
        answers.append([y.data, *running, *(p.grad.data for p in (x, *leaves.values()))])
    close(*answers, dtype)


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives(rng, training):
    leaves = [
        tg.tensor(a, "float64", requires_grad=True)
        for a in (rng.standard_normal((3, 2, 2)), *rng.standard_normal((2, 2)))
    ]
    running = np.linspace(-1, 1, 2), np.linspace(1, 2, 2)
    for order in (1, 2):
        tg.gradcheck(
            lambda x, w, b: F.batch_norm(x, *running, w, b, training, momentum=0.0, eps=EPS),
            leaves,
            order=order,
        )


def test_evaluation_remembers_the_statistics_that_it_used():
    mean, var = np.zeros(2), np.ones(2)
    x = tg.tensor([[1.0, 2.0]], "float64", requires_grad=True)
    y = F.batch_norm(x, mean, var, eps=0.0)
    var[...] = 100.0
    y.sum().backward()
    np.testing.assert_allclose(x.grad.data, [[1.0, 1.0]])
