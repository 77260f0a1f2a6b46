"""ReLU as NumPy has it; tanh, sigmoid and exp, in float32 to a stated error."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")


@pytest.fixture(scope="module", params=["tanh", "sigmoid"])
def activation(request):
    """A function of arrays that runs the loop which the steps of recurrences call."""
    import numba

    pointer, loop = kernels.simd.pointer, getattr(kernels.recurrent, f"_{request.param}s")

    @numba.njit
    def over(array):
        loop(pointer(array), len(array))

    def apply(array):
        array = array.copy()
        kernels.jit.prepare(array.dtype)
        over(array)
        return array

    apply.exact, apply.bound, apply.least = {
        "tanh": (np.tanh, 4e-7, -1),
        "sigmoid": (lambda x: np.array([naive.sigmoid(v) for v in x.tolist()]), 2e-7, 0),
    }[request.param]
    return apply


def every(step):
    """Positive and negative finite float32, each `step`-th that there is."""
    last = np.float32(np.inf).view(np.int32)
    numbers = np.arange(0, last, step, dtype=np.int32).view(np.float32)
    return np.concatenate([numbers, -numbers])


def test_float32_is_within_its_bound(activation):
    x = every(10_007)
    x = np.concatenate([x, np.linspace(-12, 12, 200_001, dtype="float32")])
    y = activation(x)
    assert y.dtype == np.float32
    error = np.abs(y - activation.exact(x.astype("float64"))).max()
    assert error <= activation.bound
    assert (y <= 1).all()
    assert (y >= activation.least).all()


@pytest.mark.parametrize("activation", ["tanh"], indirect=True)
def test_small_numbers_keep_their_digits(activation):
    """The error of tanh is bounded relative to its value, which is x near 0, not only to 1."""
    x = every(10_007)
    x = x[np.abs(x) >= np.finfo("float32").tiny]
    np.testing.assert_allclose(activation(x), np.tanh(x.astype("float64")), rtol=4e-7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 15, 16, 17, 33])
def test_what_is_no_common_number(activation, dtype, count):
    """Also where it stands in a vector, or past the last one."""
    huge = np.finfo(dtype).max
    for value in (np.nan, np.inf, -np.inf, huge, -huge, 0.0, -0.0, np.finfo(dtype).tiny):
        for place in {0, count // 2, count - 1}:
            x = np.linspace(-3, 3, count).astype(dtype)
            x[place] = value
            expected = activation.exact(x.astype("float64"))  # NaN there and nowhere else
            np.testing.assert_allclose(activation(x), expected, rtol=0, atol=activation.bound)


def test_float64_is_exact(activation):
    x = np.concatenate([np.linspace(-40, 40, 10_001), 10.0 ** np.arange(-300, 300)])
    np.testing.assert_allclose(activation(x), activation.exact(x), rtol=0, atol=1e-15)


@pytest.fixture(scope="module")
def exp():
    """A function of arrays that calls the kernels' exp, in a loop whose sums may be reordered."""
    from tinygrad_lite.kernels.activation import exp
    from tinygrad_lite.kernels.jit import kernel

    def over(x, y):
        for i in range(len(x)):
            y[i] = exp(x[i])

    over = kernel(over)

    def apply(x):
        y = np.empty_like(x)
        over(x, y)
        return y

    return apply


def test_exp_is_within_two_units_in_the_last_place(exp):
    x = every(10_007)
    x = np.concatenate([x[(x > -87.3) & (x < 88)], np.linspace(-87.3, 88, 200_001, dtype="f")])
    wanted = np.exp(x.astype("float64"))
    assert (np.abs(exp(x) - wanted) / np.spacing(wanted.astype("float32"))).max() <= 2
    x = np.linspace(-700, 700, 1001)
    np.testing.assert_allclose(exp(x), np.exp(x), rtol=1e-15)


@pytest.mark.parametrize("count", [1, 16, 33])
def test_exp_of_what_is_tiny_and_of_what_is_no_number(exp, count):
    for value, wanted in ((np.nan, np.nan), (-np.inf, 0), (-88, 0), (-3e38, 0), (0, 1), (-0.0, 1)):
        x = np.full(count, value, "float32")
        np.testing.assert_array_equal(exp(x), np.full(count, wanted, "float32"))


# -- ReLU -----------------------------------------------------------------------------------------

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, -1e-40, 1.0, -1.0]


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 15, 64, 1001])
def test_relu_is_numpys(rng, size, dtype, threads, monkeypatch):
    monkeypatch.setattr(kernels.threads, "_chosen", threads)
    x, g = rng.standard_normal((2, size)).astype(dtype)
    x[: len(SPECIAL)] = SPECIAL[:size]
    g[-len(SPECIAL) :] = SPECIAL[:size]
    y = kernels.activation.relu(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x.clip(0, np.inf))
    with np.errstate(invalid="ignore"):
        wanted = g * (y > 0)
    np.testing.assert_array_equal(kernels.activation.gate(g, y), wanted)
    np.testing.assert_array_equal(np.signbit(kernels.activation.gate(g, y)), np.signbit(wanted))


def test_relu_of_any_layout(rng):
    x, g = rng.standard_normal((2, 4, 6, 5)).astype("float32")
    odd = np.asfortranarray(x), np.broadcast_to(g[:, :, :1], g.shape)
    y = kernels.activation.relu(odd[0])
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(kernels.activation.gate(odd[1], y), odd[1] * (x > 0))


def test_relu_keeps_to_its_arrays(rng, monkeypatch):
    """Between guards that nobody may touch; threads write each what is its own."""
    rooms, empty = [], np.empty

    def with_guards(shape, dtype):
        rooms.append(np.full((3, *shape), 7, dtype))
        return rooms[-1][1]

    x, g = rng.standard_normal((2, 1003)).astype("float32")
    for threads in (1, 3):
        monkeypatch.setattr(kernels.threads, "_chosen", threads)
        monkeypatch.setattr(kernels.activation.np, "empty", with_guards)
        y = kernels.activation.relu(x)
        d = kernels.activation.gate(g, y)
        monkeypatch.setattr(kernels.activation.np, "empty", empty)
        np.testing.assert_array_equal(y, np.maximum(x, 0))
        np.testing.assert_array_equal(d, g * (x > 0))
    assert len(rooms) == 4
    assert all((room[[0, 2]] == 7).all() for room in rooms)


@pytest.mark.parametrize("size", [100, 60_000])  # below and above what a kernel takes
def test_large_relus_reach_the_kernels(rng, size, monkeypatch):
    called = []
    for name in ("relu", "gate"):
        kernel = getattr(kernels.activation, name)
        monkeypatch.setattr(
            kernels.activation, name, lambda *a, k=kernel, n=name: called.append(n) or k(*a)
        )
    data = rng.standard_normal(size)
    x = tg.tensor(data, "float32", requires_grad=True)
    y = tg.relu(x)
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.data, 2 * np.maximum(data, 0), rtol=1e-6)
    assert called == ["relu", "gate"] * (size > 50_000)
