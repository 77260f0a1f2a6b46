"""Whole sequences in kernels: any size, any number of threads, within the bounds of all arrays."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")

# name: op, gates, states, options
KINDS = {
    "tanh": ("rnn", 1, 1, {}),
    "relu": ("rnn", 1, 1, {"nonlinearity": "relu"}),
    "lstm": ("lstm", 4, 2, {}),
    "gru": ("gru", 3, 1, {}),
}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of 1, or of the largest gradient
THREADS = 1, 2, 3, 5
GUARD = 64  # elements around an array that nobody may touch: two vectors of the widest, and more

EACH = pytest.mark.parametrize("kind", KINDS)
EITHER = pytest.mark.parametrize("dtype", TOLERANCE)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(kernels.threads, "_chosen", None)


@pytest.fixture
def shared(monkeypatch):
    """Kernels share work of any size."""
    monkeypatch.setattr(kernels.recurrent, "_SHARED", 0)


def operands(rng, kind, sizes):
    """x (N, T, I), the states, the weights: large enough to bend, small enough not to saturate."""
    _, gates, states, _ = KINDS[kind]
    n, t, i, h = sizes
    shapes = [(n, t, i), *[(n, h)] * states]
    shapes += [(gates * h, i), (gates * h, h), (gates * h,), (gates * h,)]
    scale = [1.0] * (1 + states) + [i**-0.5, h**-0.5, 0.5, 0.5]
    return [s * rng.standard_normal(shape) for s, shape in zip(scale, shapes, strict=True)]


def run(kind, arrays, dtype="float64", which=slice(None), **how):
    """All results and the gradients of all operands, where those of `which` results are given.

    What is raised to `dtype` keeps its layout in memory.
    """
    name, *_, options = KINDS[kind]
    xs = [tg.Tensor.make(a.astype(dtype, copy=False)).requires_grad_() for a in arrays]
    results = getattr(tg, name)(*xs, **options, **how)
    total = sum((y * np.cos(np.arange(y.size)).reshape(y.shape)).sum() for y in results[which])
    total.backward()
    return [y.data for y in results], [x.grad.data for x in xs]


def everything(pair):
    values, gradients = pair
    return [*values, *gradients]


def agree(found, expected, dtype):
    for a, b in zip(everything(found), everything(expected), strict=True):
        assert a.dtype == dtype
        scale = max(1, np.abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale)


def check(kind, arrays, dtype, by_loops=True, **how):
    """A kernel has the values of naive loops, and the reference's gradients, both in float64.

    All start from the same numbers, which float32 can hold.
    """
    arrays = [a.astype("float32", order="K") for a in arrays]
    found = run(kind, arrays, dtype, **how)
    with tg.reference():
        values, gradients = run(kind, arrays, **how)
    if by_loops:
        name, *_, options = KINDS[kind]
        how.pop("which", None)
        oracle = getattr(naive, name)(*(a.astype("float64") for a in arrays), **options, **how)
        agree((oracle, []), (values, []), "float64")
    agree(found, (values, gradients), dtype)
    return found


@EITHER
@EACH
def test_work_that_threads_share(rng, kind, dtype, monkeypatch):
    sizes = {"tanh": (7, 20, 30, 61), "relu": (7, 20, 30, 61)}.get(kind, (7, 11, 30, 45))
    ways = []
    for way in ("forwards", "backwards"):
        name = f"_{KINDS[kind][0]}_{way}"
        kernel = getattr(kernels.recurrent, name)
        monkeypatch.setattr(
            kernels.recurrent, name, lambda n, *a, k=kernel: ways.append(n) or k(n, *a)
        )
    tg.set_num_threads(2)
    check(kind, operands(rng, kind, sizes), dtype, by_loops=False)  # these take seconds here
    assert ways == [2, 2]


@EITHER
@pytest.mark.parametrize("reverse", [False, True])
@EACH
def test_lengths(rng, kind, reverse, dtype, shared):
    """Unsorted; what stands past the end of a sequence is never looked at."""
    tg.set_num_threads(3)
    lengths = np.array([4, 6, 1, 6, 3])
    x, *rest = operands(rng, kind, (5, 6, 3, 17))
    x[np.arange(6) >= lengths[:, None]] = np.nan
    _, gradients = check(kind, [x, *rest], dtype, lengths=lengths, reverse=reverse)
    assert not gradients[0][np.arange(6) >= lengths[:, None]].any()


@pytest.mark.parametrize("reverse", [False, True])
@EACH
def test_a_short_sequence_is_what_it_is_alone(rng, kind, reverse, shared):
    """Bit by bit, whatever its neighbours are."""
    x, *rest = operands(rng, kind, (3, 6, 3, 17))
    states = KINDS[kind][2]
    values, _ = run(kind, [x, *rest], lengths=[6, 2, 4], reverse=reverse)
    for n, length in enumerate((6, 2, 4)):
        alone = [x[n : n + 1, :length], *(s[n : n + 1] for s in rest[:states]), *rest[states:]]
        expected, _ = run(kind, alone, reverse=reverse)
        np.testing.assert_array_equal(values[0][n, :length], expected[0][0])
        for found, want in zip(values[1:], expected[1:], strict=True):
            np.testing.assert_array_equal(found[n], want[0])


@EITHER
@EACH
def test_in_reverse(rng, kind, dtype):
    check(kind, operands(rng, kind, (3, 5, 4, 18)), dtype, reverse=True)


LAYOUTS = {
    "time first": lambda a: a.swapaxes(0, 1).copy().swapaxes(0, 1),
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=1), 3, axis=2)[:, ::2, ::3],
    "backward": lambda a: a[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "one for all": lambda a: np.broadcast_to(a[:1], a.shape),
}


@EITHER
@pytest.mark.parametrize("layout", LAYOUTS)
@EACH
def test_x_of_any_strides(rng, kind, layout, dtype, shared):
    x, *rest = operands(rng, kind, (4, 3, 5, 19))
    odd = LAYOUTS[layout](x.astype("float32"))
    assert not odd.flags.c_contiguous
    found = check(kind, [odd, *rest], dtype)
    rest = [a.astype("float32") for a in rest]
    even = run(kind, [np.ascontiguousarray(odd), *rest], dtype)
    for a, b in zip(everything(found), everything(even), strict=True):
        np.testing.assert_array_equal(a, b)


@EITHER
@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(-1, None)])
@EACH
def test_gradients_of_some_results_only(rng, kind, which, dtype):
    check(kind, operands(rng, kind, (2, 4, 3, 18)), dtype, which=which)


# around the width of a vector of floats, and below it
@EITHER
@pytest.mark.parametrize("hidden", [1, 15, 16, 17, 31, 33])
@EACH
def test_sizes_that_suit_no_vector(rng, kind, hidden, dtype, shared):
    check(kind, operands(rng, kind, (3, 2, 1, hidden)), dtype)
    check(kind, operands(rng, kind, (2, 2, hidden, 2)), dtype)


@EITHER
@pytest.mark.parametrize("sizes", [(0, 3, 2, 4), (1, 1, 1, 1), (5, 1, 3, 17), (1, 9, 2, 16)])
@EACH
def test_none_and_one(rng, kind, sizes, dtype, shared):
    tg.set_num_threads(2)
    check(kind, operands(rng, kind, sizes), dtype)


@EITHER
@EACH
def test_any_number_of_threads_gives_the_same_bits(rng, kind, dtype, shared, monkeypatch):
    """A row of a product is summed in the same order wherever it stands, and no thread needs
    another's: so the result does not depend on how many there are, nor on whose part a sequence is.
    """
    monkeypatch.setattr(kernels.gemm, "_SHARED", 0)
    arrays = operands(rng, kind, (7, 6, 5, 33))  # 7 is no multiple of any
    how = {"lengths": [6, 2, 5, 1, 6, 3, 6], "reverse": True}
    results = []
    for threads in THREADS:
        tg.set_num_threads(threads)
        results.append(everything(run(kind, arrays, dtype, **how)))
    for other in results[1:]:
        for a, b in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_more_threads_than_sequences(rng, shared):
    tg.set_num_threads(5)
    check("lstm", operands(rng, "lstm", (2, 3, 2, 5)), "float64")


# -- guards ---------------------------------------------------------------------------------------


def guarded(array):
    """A copy in the middle of a larger array, around which stand values that spoil sums."""
    evil = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).min
    around = np.full(array.size + 2 * GUARD, evil, array.dtype)
    inside = around[GUARD : GUARD + array.size].reshape(array.shape)
    inside[...] = array
    return around, inside


def untouched(around):
    guards = np.concatenate([around[:GUARD], around[-GUARD:]])
    if around.dtype.kind == "f":
        return np.isnan(guards).all()
    return (guards == np.iinfo(around.dtype).min).all()


def run_between_guards(monkeypatch):
    """Let all that a kernel reads or writes, but x and g, stand between guards from now on.

    Returns the arrays around them. Fresh memory is full of NaN.
    """
    rooms, empty, real = [], np.empty, kernels.recurrent._run
    room_for = kernels.gemm.room_for

    def spoilt(shape, dtype=float):
        array = empty(shape, dtype)
        if array.dtype.kind == "f":
            array.fill(np.nan)
        return array

    def guarded_room(*args):
        around, inside = guarded(room_for(*args))
        rooms.append(around)
        return inside

    def guarded_run(serial, parallel, work, batch, corner, *args):
        pairs = [guarded(a) if isinstance(a, np.ndarray) else (None, a) for a in args]
        real(serial, parallel, work, batch, corner, *(inside for _, inside in pairs))
        for (around, inside), original in zip(pairs, args, strict=True):
            if around is not None:
                rooms.append(around)
                original[...] = inside

    monkeypatch.setattr(np, "empty", spoilt)
    monkeypatch.setattr(kernels.gemm, "room_for", guarded_room)
    monkeypatch.setattr(kernels.recurrent, "_run", guarded_run)
    return rooms


def directly(kind, x, g, states, weights, spans, slopes):
    """All that the kernels of a kind return or overwrite."""
    slopes = [np.array(s) for s in slopes]
    if kind in ("tanh", "relu"):
        relu = kind == "relu"
        kept = (kernels.recurrent.rnn_forward(x, *states, *weights, spans, relu),)
        back = kernels.recurrent.rnn_backward(g, *slopes, weights[1], spans, *kept, relu)
    elif kind == "lstm":
        kept = kernels.recurrent.lstm_forward(x, *states, *weights, spans)
        back = kernels.recurrent.lstm_backward(g, *slopes, weights[1], spans, *kept[1:])
    else:
        kept = kernels.recurrent.gru_forward(x, *states, *weights, spans)
        back = kernels.recurrent.gru_backward(g, *slopes, weights[1], spans, *kept)
    return [*kept, *back, *slopes]


@EITHER
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (5, 3, 1, 15), (3, 2, 17, 33), (13, 2, 40, 16)])
@EACH
def test_kernels_stay_within_their_arrays(rng, kind, sizes, dtype, shared, monkeypatch):
    """Guards stay as they are, and what they hold reaches no result: that is the same without."""
    tg.set_num_threads(2)
    n, t, _, h = sizes
    states = KINDS[kind][2]
    x, *rest = (a.astype(dtype) for a in operands(rng, kind, sizes))
    g = rng.standard_normal((n, t, h)).astype(dtype)
    slopes = rng.standard_normal((states, n, h)).astype(dtype)
    lengths = rng.integers(1, t + 1, n)
    spans = np.stack([np.zeros(n, np.int64), lengths], axis=1)
    whole = np.full_like(spans, t)
    whole[:, 0] = 0
    for turn in (lambda a: a, lambda a: a[:, ::-1]):
        for span in (spans, whole):
            args = rest[:states], rest[states:], span, slopes
            expected = directly(kind, turn(x), turn(g), *args)
            around_x, inside_x = guarded(x)
            around_g, inside_g = guarded(g)
            inside_weights = [guarded(w) for w in rest[states:]]
            with monkeypatch.context() as patch:
                rooms = run_between_guards(patch)
                args = rest[:states], [w for _, w in inside_weights], span, slopes
                found = directly(kind, turn(inside_x), turn(inside_g), *args)
            rooms += around_x, around_g, *(w for w, _ in inside_weights)
            assert len(rooms) >= 12
            assert all(untouched(room) for room in rooms)
            for operand in (found[0], expected[0]):
                operand[-1, :, :-h] = 0  # no x follows the last step
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)


def test_sizes_that_do_not_agree_are_refused_before_memory_is_touched(rng):
    x, h0, *weights = operands(rng, "gru", (2, 3, 4, 5))
    spans = np.array([[0, 3], [0, 3]])
    for place in range(4):
        wrong = [w[:-1] if i == place else w for i, w in enumerate(weights)]
        with pytest.raises(ValueError, match="do not agree"):
            kernels.recurrent.gru_forward(x, h0, *wrong, spans)
    with pytest.raises(ValueError, match="do not agree"):
        kernels.recurrent.gru_forward(x, h0[:1], *weights, spans)
