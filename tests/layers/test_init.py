"""How weights start: distributions, shapes, and that users can draw their own."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.layers import init
from tinygrad_lite.ops.random import generator


@pytest.mark.parametrize("shape", [(300, 200), (40, 30, 5, 4)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_xavier(shape, gain):
    window = math.prod(shape[2:])
    fans = (shape[0] + shape[1]) * window
    bound, deviation = gain * math.sqrt(6 / fans), gain * math.sqrt(2 / fans)
    drawn = init.xavier_uniform(shape, gain)
    assert 0.99 * bound < abs(drawn).max() <= bound * (1 + 1e-6)
    for weights in (drawn, init.xavier_normal(shape, gain)):
        assert (weights.shape, weights.dtype) == (shape, np.float32)
        assert abs(weights.mean()) < 0.02 * deviation
        assert weights.std() == pytest.approx(deviation, rel=0.02)
    assert abs(init.xavier_normal(shape, gain)).max() > 1.1 * bound


def test_xavier_keeps_the_variance():
    """Of values on the way forward, and of gradients on the way back."""
    layer = layers.Dense(400, 400, bias=False)
    layer.weight.data = init.xavier_uniform(layer.weight.shape)
    x = tg.randn(500, 400, requires_grad=True)
    y = layer(x)
    y.backward(tg.randn(500, 400))
    assert y.data.std() == pytest.approx(1, rel=0.05)
    assert x.grad.data.std() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("shape", [(300, 200), (40, 30, 5, 4)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(
    ("options", "gain"),
    [
        ({}, math.sqrt(2)),
        ({"a": 0.5}, math.sqrt(1.6)),
        ({"nonlinearity": "relu", "a": 0.5}, math.sqrt(2)),
        ({"nonlinearity": "tanh"}, 5 / 3),
        ({"nonlinearity": "linear"}, 1),
    ],
    ids=str,
)
def test_kaiming(shape, mode, options, gain):
    fan = math.prod(shape[2:]) * (shape[1] if mode == "fan_in" else shape[0])
    deviation = gain / math.sqrt(fan)
    bound = deviation * math.sqrt(3)
    drawn = init.kaiming_uniform(shape, mode=mode, **options)
    assert 0.99 * bound < abs(drawn).max() <= bound * (1 + 1e-6)
    for weights in (drawn, init.kaiming_normal(shape, mode=mode, **options)):
        assert (weights.shape, weights.dtype) == (shape, np.float32)
        assert abs(weights.mean()) < 0.02 * deviation
        assert weights.std() == pytest.approx(deviation, rel=0.02)
    assert abs(init.kaiming_normal(shape, mode=mode, **options)).max() > 1.1 * bound


@pytest.mark.parametrize("draw", [init.kaiming_uniform, init.kaiming_normal])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_kaiming_keeps_the_scale_through_many_layers(draw, slope):
    """Of values behind ten layers, and of gradients before them; each would halve it else."""
    x = tg.randn(400, 300, requires_grad=True)
    for mode in ("fan_in", "fan_out"):
        y = x
        for _ in range(10):
            y = tg.leaky_relu(y @ draw((300, 300), slope, mode), slope)
        x.grad = None
        y.backward(tg.randn(400, 300))
        assert 0.5 < (y.data**2).mean() < 2
        assert 0.5 < (x.grad.data**2).mean() < 2


def test_gains():
    expected = {"linear": 1, "sigmoid": 1, "conv2d": 1, "tanh": 5 / 3, "relu": math.sqrt(2)}
    for nonlinearity, gain in expected.items():
        assert init.calculate_gain(nonlinearity) == pytest.approx(gain)
    assert init.calculate_gain("leaky_relu", 2.0) == pytest.approx(math.sqrt(0.4))


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (1, 1), (4, 3, 2), (1, 5)])
def test_orthogonal(shape):
    drawn = init.orthogonal(shape, gain=2.0)
    assert (drawn.shape, drawn.dtype) == (shape, np.float32)
    matrix = drawn.reshape(shape[0], -1) / 2
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6)


def test_orthogonal_prefers_no_direction():
    """The mean over many rotations is zero, as is that of the diagonal: QR alone would bias it."""
    drawn = np.mean([init.orthogonal((2, 2)) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(drawn, 0, atol=0.05)


@pytest.mark.parametrize(
    "draw", [*init.BY_NAME.values(), init.kaiming_uniform, init.kaiming_normal]
)
def test_repeatable(draw):
    tg.seed(5)
    first = draw((4, 4))
    tg.seed(5)
    np.testing.assert_array_equal(first, draw((4, 4)))


def test_weights_of_ones_own():
    layer = layers.LSTM(3, 4)
    layer.weight_ih_l0.data = layers.init.xavier_uniform(layer.weight_ih_l0.shape)
    layer(tg.ones(2, 5, 3))[0].sum().backward()
    assert layer.weight_ih_l0.grad.shape == (16, 3)


def test_large_weights_are_drawn_as_if_at_once():
    """However many pieces that takes; what is drawn next is the same, too."""
    shape = (2, 3 * init._PIECE // 2 + 5)
    for draw, at_once in (
        (init.kaiming_normal, lambda g: g.standard_normal(shape) * math.sqrt(2 / shape[1])),
        (init.xavier_uniform, lambda g: g.uniform(-1, 1, shape) * math.sqrt(6 / sum(shape))),
    ):
        tg.seed(5)
        rng = np.random.default_rng(5)
        np.testing.assert_allclose(draw(shape), at_once(rng), rtol=1e-6, atol=1e-9)
        assert generator().random() == rng.random()


def test_for_relu():
    """A deep network neither loses nor blows up what passes it."""
    make = (lambda: layers.Conv2d(32, 32, 3, padding=1), lambda: layers.ReLU())
    net = layers.Sequential(*(part() for _ in range(20) for part in make), layers.BatchNorm2d(32))
    assert init.for_relu(net) is net
    with tg.no_grad():
        values = layers.Sequential(*net[:-1])(tg.randn(4, 32, 16, 16)).data
    assert 0.1 < (values**2).mean() < 3
    for part in net[:-1:2]:
        bound = math.sqrt(6 / (32 * 9))
        assert 0.95 * bound < abs(part.weight.data).max() <= bound
        assert not part.bias.data.any()
        assert part.weight.dtype == part.bias.dtype == np.float32
    assert (net[-1].weight.data == 1).all()  # what normalises is left alone


def test_for_relu_of_a_layer_without_bias_or_weight():
    assert init.for_relu(layers.Dense(3, 2, bias=False)).bias is None
    assert isinstance(init.for_relu(layers.ReLU()), layers.ReLU)


def test_for_scores():
    tg.seed(0)
    large = layers.Dense(30, 10)
    tg.seed(0)
    small = init.for_scores(layers.Dense(30, 10))
    for p, q in zip(large.parameters(), small.parameters(), strict=True):
        np.testing.assert_allclose(q.data, p.data / 10, rtol=1e-6)
        assert q.dtype == np.float32
    loss = tg.functional.cross_entropy(small(tg.randn(64, 30)), np.arange(64) % 10)
    assert loss.item() == pytest.approx(math.log(10), rel=0.02)
