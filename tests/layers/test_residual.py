"""Residual, squeeze-and-excitation and highway layers: their values, and why depth needs them."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite import layers

BLOCKS = {"basic": layers.BasicBlock, "bottleneck": layers.Bottleneck}
every_block = pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)


# -- what they compute ----------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def conv_norm(x, conv, norm):
    """A convolution and batch norm with the statistics of the batch, by plain loops."""
    weight = conv.weight.data
    y = naive.conv(x, weight, None, conv.stride, weight.shape[-1] // 2)
    return naive.batch_norm(y, norm.weight.data, norm.bias.data, norm.eps)[0]


def by_hand(block, x):
    parts = vars(block)
    names = [name[-1] for name in parts if name.startswith("conv")]
    y = x
    for i in names:
        y = np.maximum(y, 0) if i != names[0] else y
        y = conv_norm(y, parts[f"conv{i}"], parts[f"bn{i}"])
    if block.downsample is not None:
        x = conv_norm(x, *block.downsample)
    elif y.shape != x.shape:
        small = x[:, :, :: block.stride, :: block.stride]
        x = np.zeros_like(y)
        x[:, : small.shape[1]] = small
    return np.maximum(y + x, 0)


@every_block
@pytest.mark.parametrize(
    ("in_channels", "channels", "stride", "shortcut"),
    [
        (8, 2, 1, "B"),
        (2, 2, 1, "B"),
        (3, 2, 2, "B"),
        (2, 2, 3, "A"),
        (1, 4, 1, "A"),
        (8, 8, 2, "A"),
    ],
)
def test_values(rng, block, in_channels, channels, stride, shortcut):
    block = block(in_channels, channels, stride, shortcut).astype("float64")
    for p in block.parameters():
        p.data = rng.standard_normal(p.shape)
    x = rng.standard_normal((2, in_channels, 5, 6))
    np.testing.assert_allclose(block(x).data, by_hand(block, x), atol=1e-10)


def test_where_the_shortcut_has_weights():
    for block, out in ((layers.BasicBlock, 4), (layers.Bottleneck, 16)):
        assert block(out, 4).downsample is None
        assert block(out, 4, 2, "A").downsample is None
        assert block(out, 4, 2).downsample[0].weight.shape == (out, out, 1, 1)
        assert block(3, 4).downsample[0].weight.shape == (out, 3, 1, 1)


def test_the_stride_is_in_the_3x3():
    block = layers.Bottleneck(8, 4, 2)
    strides = [conv.stride for conv in (block.conv1, block.conv2, block.conv3)]
    assert strides == [(1, 1), (2, 2), (1, 1)]
    block = layers.BasicBlock(8, 4, 2)
    assert [conv.stride for conv in (block.conv1, block.conv2)] == [(2, 2), (1, 1)]


@every_block
def test_state_is_named_as_in_torchvision(block):
    block = block(3, 4, 2)
    count = 2 if isinstance(block, layers.BasicBlock) else 3
    pairs = [(f"conv{i}", f"bn{i}") for i in range(1, count + 1)]
    pairs.append(("downsample.0", "downsample.1"))
    assert [name for name, _ in block.named_parameters()] == [
        f"{part}.{name}"
        for conv, norm in pairs
        for part, name in ((conv, "weight"), (norm, "weight"), (norm, "bias"))
    ]


@every_block
def test_weights_begin_as_large_as_their_way_back_asks(block):
    block = block(64, 64, 2)
    for conv in (m for m in block.modules() if isinstance(m, layers.Conv2d)):
        out, _, height, width = conv.weight.shape
        wanted = np.sqrt(2 / (out * height * width))
        assert conv.weight.data.std() == pytest.approx(wanted, rel=0.05)
        assert conv.bias is None


def test_squeeze_and_excitation(rng):
    layer, x = layers.SqueezeExcitation(6, 2).astype("float64"), rng.standard_normal((3, 6, 2, 5))
    assert layer.fc1.weight.shape == (3, 6)
    w1, b1, w2, b2 = (p.data for p in layer.parameters())
    hidden = np.maximum(x.mean((2, 3)) @ w1.T + b1, 0)
    scale = sigmoid(hidden @ w2.T + b2)
    np.testing.assert_allclose(layer(x).data, x * scale[:, :, None, None], atol=1e-12)
    assert layers.SqueezeExcitation(6).fc1.weight.shape == (1, 6)


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_highway(rng, nonlinearity):
    layer = layers.Highway(4, -1.5, nonlinearity).astype("float64")
    np.testing.assert_array_equal(layer.gate.bias.data, -1.5)
    x = rng.standard_normal((2, 3, 4))
    wt, bt, wg, bg = (p.data for p in layer.parameters())
    h = x @ wt.T + bt
    h = np.maximum(h, 0) if nonlinearity == "relu" else np.tanh(h)
    t = sigmoid(x @ wg.T + bg)
    np.testing.assert_allclose(layer(x).data, t * h + (1 - t) * x, atol=1e-12)


def test_highway_of_images(rng):
    layer = layers.HighwayConv2d(2, (3, 2)).astype("float64")
    x = rng.standard_normal((2, 2, 4, 3))
    wt, bt, wg, bg = (p.data for p in layer.parameters())
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 1)))  # an even kernel has more behind
    h, t = np.maximum(naive.conv(wide, wt, bt), 0), sigmoid(naive.conv(wide, wg, bg))
    np.testing.assert_allclose(layer(x).data, t * h + (1 - t) * x, atol=1e-12)
    dense, pixels = layers.Highway(2), layers.HighwayConv2d(2, 1)
    for ours, theirs in zip(pixels.parameters(), dense.parameters(), strict=True):
        ours.data = theirs.data.reshape(ours.shape)
    x = tg.randn(2, 2, 3, 3)
    one_by_one = dense(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(pixels(x).data, one_by_one.data, atol=1e-6)


@pytest.mark.parametrize("bias", [-100.0, 100.0])
def test_a_highway_gate_that_is_closed_or_open(rng, bias):
    layer, x = layers.Highway(5, bias), rng.standard_normal((3, 5)).astype("float32")
    wanted = x if bias < 0 else F.relu(layer.transform(x)).data
    np.testing.assert_allclose(layer(x).data, wanted, atol=1e-6)


# -- how gradients pass fifty of them -------------------------------------------------------------

DEPTH = 50


def arriving(rng, layer_of, shape=(2, 4, 6, 6)):
    """The norm of the gradient at the input of 50 layers, as a multiple of that at the output."""
    x = tg.tensor(np.abs(rng.standard_normal(shape)), requires_grad=True)
    y = x
    for _ in range(DEPTH):
        y = layer_of(y)
    g = rng.standard_normal(y.shape)
    y.backward(tg.asarray(g))
    return np.linalg.norm(x.grad.data) / np.linalg.norm(g)


def two_convolutions():
    return layers.Sequential(
        layers.Conv2d(4, 4, 3, padding=1), layers.ReLU(), layers.Conv2d(4, 4, 3, padding=1)
    ).astype("float64")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_identity_carries_gradients_past_any_number_of_weights(rng, seed):
    tg.seed(seed)
    assert 0.5 < arriving(rng, lambda x: F.relu(x + two_convolutions()(x))) < 4
    assert arriving(rng, lambda x: F.relu(two_convolutions()(x))) < 1e-30


@every_block
def test_blocks_that_begin_as_their_shortcut_hand_gradients_on_as_they_are(rng, block):
    def zero(x):
        return block(4, 4 // block.expansion, zero_init=True).astype("float64")(x)

    assert arriving(rng, zero) == pytest.approx(1, abs=1e-12)
    x = rng.random((2, 4, 3, 3))
    np.testing.assert_array_equal(zero(tg.asarray(x)).data, x)


def test_what_batch_norm_makes_explode_the_shortcut_keeps(rng):
    """It restores the size of values at every layer, and thereby enlarges gradients: 1.3 ^ 50."""

    def make():
        return layers.BasicBlock(4, 4).astype("float64")

    assert arriving(rng, lambda x: make()(x)) < 300
    assert arriving(rng, lambda x: F.relu(make()._residual(x))) > 1e5


def test_closed_highway_gates_let_gradients_pass(rng):
    def gated(bias):
        return lambda x: layers.Highway(8, bias).astype("float64")(x)

    assert 0.5 < arriving(rng, gated(-6.0), (5, 8)) < 2
    assert arriving(rng, gated(6.0), (5, 8)) < 1e-10  # as if there were no gates
