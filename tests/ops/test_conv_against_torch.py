"""Convolution in PyTorch, where it is installed: values and gradients, in single precision too."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.ops.test_conv import LARGE, UNEVEN
from tinygrad_lite import functional as F

torch = pytest.importorskip("torch")
# PyTorch's own remark about what "same" costs it
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

# of the largest number
CLOSE = {"float32": 1e-4, "float64": 1e-10}


def run(library, name, arrays, how):
    """The result, and the gradients of the arrays, of our function or of PyTorch's."""
    if library is torch:
        xs = [torch.tensor(a, requires_grad=True) for a in arrays]
        y = getattr(torch.nn.functional, name)(*xs, **how)
    else:
        xs = [tg.tensor(a, requires_grad=True) for a in arrays]
        y = getattr(F, name)(*xs, **how)
    weight = np.cos(np.arange(np.prod(y.shape))).reshape(tuple(y.shape)).astype(arrays[0].dtype)
    y.backward(torch.tensor(weight) if library is torch else weight)
    return [y.detach().numpy(), *(x.grad.numpy() for x in xs)]


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(("images", "filters", "how"), [*UNEVEN, *LARGE], ids=str)
def test_values_and_gradients(rng, images, filters, how, with_bias, dtype):
    transposed = "_transpose" * ("output_padding" in how)
    name = f"conv{transposed}{len(images) - 2}d"
    bias = filters[1] * how.get("groups", 1) if transposed else filters[0]
    shapes = [images, filters, (bias,)][: 2 + with_bias]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    ours, theirs = (run(library, name, arrays, how) for library in (tg, torch))
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.shape, mine.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(mine, other, rtol=0, atol=CLOSE[dtype] * abs(other).max())
