"""Softmax cross-entropy in a kernel, of float32, against loops in float64."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(kernels.threads, "_chosen", None)


def operands(rng, shape, scale=3.0):
    x = (scale * rng.standard_normal(shape)).astype("float32")
    return x, rng.integers(0, shape[1], shape[0])


def expected(x, labels):
    rows = [naive.softmax(row) for row in x.astype("float64")]
    losses = [-np.log(row[label]) for row, label in zip(rows, labels, strict=True)]
    return np.array(losses), np.array(rows) - np.eye(x.shape[1])[labels]


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    "shape", [(1, 1), (4, 2), (3, 31), (2, 32), (7, 33), (5, 100), (2, 1000), (40, 257)], ids=str
)
def test_against_loops(rng, shape, threads, monkeypatch):
    monkeypatch.setattr(kernels.loss, "_SHARED", 0)
    tg.set_num_threads(threads)
    x, labels = operands(rng, shape)
    for found, wanted in zip(
        kernels.loss.cross_entropy(x, labels), expected(x, labels), strict=True
    ):
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=5e-7)


def test_no_rows():
    losses, slopes = kernels.loss.cross_entropy(np.ones((0, 5), "float32"), np.ones(0, int))
    assert (losses.shape, slopes.shape) == ((0,), (0, 5))


def test_large_scores_do_not_overflow(rng):
    x, labels = operands(rng, (6, 50))
    near, far = (kernels.loss.cross_entropy(x + shift, labels) for shift in (0, np.float32(2**14)))
    np.testing.assert_allclose(far[0], near[0], atol=2e-2)  # what the sums were rounded by
    for place in (0, 31, 32, 49):  # in a vector of maxima, and past the last one
        x, _ = operands(rng, (6, 50))
        x[:, place] = 3e38
        losses, slopes = kernels.loss.cross_entropy(x, np.full(6, place))
        assert not losses.any()
        assert not slopes.any()


@pytest.mark.parametrize("place", [0, 20, 40])
def test_what_is_no_common_number(rng, place):
    x, labels = operands(rng, (3, 41))
    labels[:] = 5
    x[1, place] = -np.inf  # a class that is ruled out
    for found, wanted in zip(
        kernels.loss.cross_entropy(x, labels), expected(x, labels), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=5e-7)
    for value in (np.nan, np.inf):
        x[1, place] = value
        losses, slopes = kernels.loss.cross_entropy(x, labels)
        assert np.isnan(losses).tolist() == [False, True, False]
        assert np.isfinite(slopes[[0, 2]]).all()
        assert np.isnan(slopes[1]).any()
    x[1] = -np.inf
    assert np.isnan(kernels.loss.cross_entropy(x, labels)[0][1])


def test_any_layout(rng):
    x, labels = operands(rng, (8, 60))
    found = kernels.loss.cross_entropy(x, labels)
    odd = np.asfortranarray(x), np.repeat(labels.astype("int32"), 2)[::2]
    for a in odd:
        a.flags.writeable = False
    for a, b in zip(kernels.loss.cross_entropy(*odd), found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "options",
    [{}, {"ignore_index": 2}, {"label_smoothing": 0.1}, {"weight": np.linspace(1, 2, 600)}],
    ids=lambda options: next(iter(options), "plain"),
)
def test_the_reference(rng, options, reduction, monkeypatch):
    """Large enough for the kernel, which is reached."""
    data, labels = operands(rng, (90, 600))
    called, kernel = [], kernels.loss.cross_entropy
    monkeypatch.setattr(
        kernels.loss, "cross_entropy", lambda *a: called.append(a[0].shape) or kernel(*a)
    )
    answers = []
    for context in (tg.enable_grad(), tg.reference()):
        x = tg.tensor(data, requires_grad=True)
        with context:
            loss = F.cross_entropy(x, labels, reduction=reduction, **options)
        loss.sum().backward()
        answers.append((loss.data, x.grad.data))
    assert called == [(90, 600)]
    for a, b in zip(*answers, strict=True):
        assert a.dtype == b.dtype == "float32"
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("shape", "dtype"), [((90, 600), "float64"), ((9000, 6), "float32")])
def test_what_numpy_does_sooner_is_left_to_it(rng, shape, dtype, monkeypatch):
    monkeypatch.setattr(kernels.loss, "cross_entropy", None)
    x, labels = operands(rng, shape)
    assert np.isfinite(F.cross_entropy(tg.tensor(x.astype(dtype)), labels).item())
