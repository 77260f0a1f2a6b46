"""tanh and sigmoid as kernels have them: in float32 quotients, to a stated error."""

import numpy as np
import pytest

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
