"""Each layer against its naive twin: loops over numbers in float64."""

import math
from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import layers

CLOSE = {"rtol": 0, "atol": 1e-10}


def in_float64(layer):
    return layer.astype("float64").eval()


def weights(layer, *names):
    return [getattr(layer, name).data for name in names]


@pytest.mark.parametrize("bias", [True, False])
def test_dense(rng, bias):
    layer, x = in_float64(layers.Dense(4, 3, bias)), rng.standard_normal((5, 4))
    expected = naive.linear(x, layer.weight.data, layer.bias.data if bias else np.zeros(3))
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


def test_dense_keeps_leading_axes(rng):
    layer, x = in_float64(layers.Dense(4, 3)), rng.standard_normal((2, 5, 4))
    expected = [naive.linear(rows, layer.weight.data, layer.bias.data) for rows in x]
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)
    np.testing.assert_allclose(layer(x[0, 0]).data, expected[0][0], **CLOSE)


def test_dense_takes_scalars(rng):
    """The same layer on an array of Scalars: the same numbers, the same gradients."""
    layer, x = in_float64(layers.Dense(3, 2)), rng.standard_normal((2, 3))
    layer(x).sum().backward()
    expected = layer.weight.grad.data
    layer.zero_grad()
    y = layer(tg.to_scalars(x))
    np.testing.assert_allclose(y.data.astype(float), layer(x).data, **CLOSE)
    y.sum().backward()
    np.testing.assert_allclose(layer.weight.grad.data, expected, **CLOSE)


CONVOLUTIONS = [
    ("Conv2d", (3,), {}),
    ("Conv2d", (1, 1, 0, 1, 1, False), {}),
    ("Conv2d", ((2, 3), (2, 1), (1, 0)), {}),
    ("Conv2d", (2, 3, 1), {"bias": False, "groups": 2, "dilation": (1, 2)}),
    ("Conv2d", (4, 1, "same"), {}),
    ("Conv1d", (3, 2, 1, 2), {"groups": 2}),
    ("Conv1d", (2,), {"padding": "valid"}),
    ("Conv3d", (2, (1, 2, 1), 1, (2, 1, 1)), {}),
    ("ConvTranspose2d", (3, 2, 1, (1, 0), 2, False, 1), {}),
    ("ConvTranspose2d", ((2, 3),), {"dilation": (2, 1)}),
    ("ConvTranspose1d", (4, 3, 2, 2), {"groups": 2}),
]


def arguments_of(layer):
    """What the naive twin takes."""
    names = ["stride", "padding", "dilation", "groups"]
    names += ["output_padding"] * hasattr(layer, "output_padding")
    return {name: getattr(layer, name) for name in names}


@pytest.mark.parametrize(("kind", "args", "options"), CONVOLUTIONS, ids=str)
def test_convolution(rng, kind, args, options):
    layer = in_float64(getattr(layers, kind)(2, 4, *args, **options))
    x = rng.standard_normal((2, 2, 6, 5, 4)[: 2 + int(kind[-2])])
    b = None if layer.bias is None else layer.bias.data
    twin = naive.conv_transpose if "Transpose" in kind else naive.conv
    expected = twin(x, layer.weight.data, b, **arguments_of(layer))
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


@pytest.mark.parametrize("padding", [1, (2, 0), "same", "valid"], ids=str)
@pytest.mark.parametrize(
    ("mode", "of_numpy"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_padding_modes(rng, mode, of_numpy, padding):
    layer = in_float64(layers.Conv2d(2, 3, (2, 4), padding=padding, padding_mode=mode))
    x = rng.standard_normal((2, 2, 4, 5))
    named = {1: [(1, 1), (1, 1)], "same": [(0, 1), (1, 2)], "valid": [(0, 0), (0, 0)]}
    widths = [(0, 0), (0, 0), *named.get(padding, [(2, 2), (0, 0)])]
    padded = np.pad(x, widths, of_numpy)
    expected = naive.conv(padded, layer.weight.data, layer.bias.data)
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


def test_conv_is_conv2d():
    assert layers.Conv is layers.Conv2d


@pytest.mark.parametrize(("kernel", "stride"), [(2, None), ((2, 3), None), (3, 2), (2, (1, 3))])
@pytest.mark.parametrize(
    ("layer", "twin"),
    [(layers.MaxPool2d, naive.max_pool2d), (layers.AvgPool2d, naive.avg_pool2d)],
)
def test_pooling(rng, layer, twin, kernel, stride):
    x = rng.standard_normal((2, 3, 7, 6))
    np.testing.assert_allclose(layer(kernel, stride)(x).data, twin(x, kernel, stride), **CLOSE)


def test_global_and_adaptive_pooling(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    expected = [[np.mean(channel.tolist()) for channel in image] for image in x]
    np.testing.assert_allclose(layers.GlobalAvgPool2d()(x).data, expected, **CLOSE)
    kept = layers.GlobalAvgPool2d(keepdims=True)(x)
    np.testing.assert_allclose(kept.data, np.array(expected)[..., None, None], **CLOSE)
    adapted = layers.AdaptiveAvgPool2d((3, None))(x)
    np.testing.assert_allclose(adapted.data, naive.adaptive_avg_pool2d(x, (3, None)), **CLOSE)
    assert layers.AdaptiveAvgPool1d(2)(x[0]).shape == (3, 4, 2)


def test_unpooling_undoes_pooling(rng):
    x = np.abs(rng.standard_normal((2, 3, 5, 4)))
    y, places = layers.MaxPool2d(2, return_indices=True)(tg.tensor(x))
    z = layers.MaxUnpool2d(2)(y, places, output_size=(5, 4))
    np.testing.assert_array_equal(z.data, np.where(z.data > 0, x, 0))
    assert (z.data > 0).sum() == y.size


def test_upsample():
    x = tg.tensor([[[1.0, 2.0]]])
    assert layers.Upsample(scale_factor=2)(x).tolist() == [[[1.0, 1.0, 2.0, 2.0]]]
    linear = layers.Upsample(3, mode="linear", align_corners=True)
    assert linear(x).tolist() == [[[1.0, 1.5, 2.0]]]


def test_flatten(rng):
    x = rng.standard_normal((2, 3, 4, 2))
    expected = [[image[c, i, j] for c, i, j in product(*map(range, (3, 4, 2)))] for image in x]
    assert layers.Flatten()(x).tolist() == np.array(expected).tolist()
    assert layers.Flatten()(np.arange(6).reshape(3, 2, 1)).dtype == np.int64
    assert layers.Flatten()(np.zeros(3)).shape == (3, 1)


FUNCTIONS = {
    layers.ReLU: lambda x: max(x, 0.0),
    layers.Sigmoid: lambda x: 1 / (1 + math.exp(-x)),
    layers.Tanh: math.tanh,
    layers.Softplus: lambda x: math.log(1 + math.exp(x)),
    layers.SiLU: lambda x: x / (1 + math.exp(-x)),
    layers.LeakyReLU: lambda x: x if x > 0 else 0.01 * x,
    layers.ELU: lambda x: x if x > 0 else math.exp(x) - 1,
}


@pytest.mark.parametrize("layer", FUNCTIONS)
def test_activations(rng, layer):
    x = 3 * rng.standard_normal((4, 5))
    expected = [[FUNCTIONS[layer](value) for value in row] for row in x]
    np.testing.assert_allclose(layer()(x).data, expected, **CLOSE)


@pytest.mark.parametrize("layer", FUNCTIONS)
def test_activations_stay_finite(layer):
    x = tg.tensor([-1e4, -100.0, 0.0, 100.0, 1e4], requires_grad=True)
    y = layer()(x)
    y.sum().backward()
    assert np.isfinite(y.data).all()
    assert np.isfinite(x.grad.data).all()


def test_activations_use_their_arguments():
    x = np.array([-2.0, 3.0])
    np.testing.assert_allclose(layers.LeakyReLU(0.25)(x).data, [-0.5, 3.0], **CLOSE)
    np.testing.assert_allclose(layers.ELU(2.0)(x).data, [2 * math.expm1(-2.0), 3.0], **CLOSE)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax(rng, axis):
    x = rng.standard_normal((3, 4))
    expected = np.apply_along_axis(naive.softmax, axis, x)
    np.testing.assert_allclose(layers.Softmax(axis)(x).data, expected, **CLOSE)


# -- parameters -----------------------------------------------------------------------------------


def test_parameter_names_are_pytorchs():
    assert list(layers.Dense(4, 3).state_dict()) == ["weight", "bias"]
    shapes = {n: a.shape for n, a in layers.LSTM(3, 2, 2, True).state_dict().items()}
    assert shapes["weight_ih_l0"] == (8, 3)
    assert shapes["weight_ih_l1_reverse"] == (8, 4)
    assert shapes["bias_hh_l0_reverse"] == (8,)
    assert len(shapes) == 16
    assert layers.Conv2d(2, 5, (3, 4)).weight.shape == (5, 2, 3, 4)


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda: layers.Dense(400, 50), 400),
        (lambda: layers.Conv2d(16, 32, 5), 400),
        (lambda: layers.GRU(30, 100), 100),
    ],
)
def test_initial_weights(make, fan_in):
    """Uniform between ±1/√fan_in, biases included."""
    bound = 1 / math.sqrt(fan_in)
    for name, p in make().named_parameters():
        assert p.dtype == np.float32
        assert abs(p.data).max() <= bound
        if name.startswith("weight"):
            assert abs(p.data).max() > 0.99 * bound
            assert abs(p.data.mean()) < 0.03 * bound
            assert p.data.std() == pytest.approx(bound / math.sqrt(3), rel=0.03)
