"""Normalisation layers: running statistics, and what goes into files; Dropout2d."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import layers


def seen(layer):
    return layer.num_batches_tracked.item()


@pytest.mark.parametrize("momentum", [0.1, 0.7, 1.0, None])
def test_running_statistics(rng, momentum):
    layer = layers.BatchNorm2d(3, momentum=momentum).astype("float64")
    means, variances = [np.zeros(3)], [np.ones(3)]
    for step in range(4):
        x = rng.standard_normal((4, 3, 2, 5)) + step
        layer(x)
        part = 1 / (step + 1) if momentum is None else momentum
        means.append((1 - part) * means[-1] + part * x.mean((0, 2, 3)))
        variances.append((1 - part) * variances[-1] + part * x.var((0, 2, 3), ddof=1))
        assert seen(layer) == step + 1
    np.testing.assert_allclose(layer.running_mean.data, means[-1])
    np.testing.assert_allclose(layer.running_var.data, variances[-1])
    y = layer.eval()(x)
    assert seen(layer) == 4
    known = means[-1], variances[-1]
    expected, *_ = naive.batch_norm(x, np.ones(3), np.zeros(3), layer.eps, known)
    np.testing.assert_allclose(y.data, expected, atol=1e-12)


def test_without_running_statistics_evaluation_is_training(rng):
    layer, x = layers.BatchNorm1d(3, track_running_stats=False), rng.standard_normal((5, 3))
    assert set(layer.state_dict()) == {"weight", "bias"}
    np.testing.assert_array_equal(layer(x).data, layer.eval()(x).data)


def test_momentum_0_keeps_what_there_is(rng):
    layer = layers.BatchNorm1d(2, momentum=0.0)
    layer(rng.standard_normal((4, 2)))
    assert (layer.running_mean.data.tolist(), layer.running_var.data.tolist()) == ([0, 0], [1, 1])


def model():
    return layers.Sequential(
        layers.Conv2d(1, 2, 3), layers.BatchNorm2d(2), layers.ReLU(), layers.Flatten(),
        layers.BatchNorm1d(8, affine=False), layers.Dense(8, 2),
    )  # fmt: skip


def test_what_belongs_to_a_model_is_saved_and_converted_but_not_learned(rng, tmp_path):
    net, x = model(), rng.standard_normal((3, 1, 4, 4)).astype("float32")
    for _ in range(2):
        net(x)
    buffers = dict(net.named_buffers())
    assert [*buffers] == [
        f"{i}.{name}"
        for i in (1, 4)
        for name in ("running_mean", "running_var", "num_batches_tracked")
    ]
    assert not set(buffers) & set(dict(net.named_parameters()))
    assert not any(buffer.requires_grad for buffer in buffers.values())
    learned = sum(p.size for p in net.parameters())
    assert net.summary((1, 4, 4)).parameters == learned == 20 + 4 + 18
    assert net.training  # the summary has not changed what it looked at
    assert seen(net[1]) == 2
    tg.save(net, tmp_path / "net.safetensors")
    loaded = tg.load(tmp_path / "net.safetensors")
    for name, value in net.state_dict().items():
        found = loaded.state_dict()[name]
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(found, value)
    np.testing.assert_array_equal(loaded.eval()(x).data, net.eval()(x).data)
    net.astype("float64")
    assert buffers["1.running_mean"].dtype == "float64"
    assert buffers["1.num_batches_tracked"].dtype == "int64"
    assert net(x.astype("float64")).dtype == "float64"


def test_running_statistics_that_are_missing_in_a_file():
    layer = layers.BatchNorm2d(2)
    state = layer.state_dict()
    del state["running_var"]
    with pytest.raises(tg.CheckpointError, match="running_var: missing there"):
        layer.load_state_dict(state)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda v: layers.BatchNorm1d(2, eps=v), "eps"),
        (lambda v: layers.BatchNorm2d(2, momentum=v), "momentum"),
        (lambda v: layers.LayerNorm(2, eps=v), "eps"),
        (lambda v: layers.GroupNorm(1, 2, eps=v), "eps"),
        (lambda v: layers.LocalResponseNorm(2, beta=v), "beta"),
    ],
)
@pytest.mark.parametrize("value", ["0.1", True, [1]], ids=repr)
def test_numbers(make, name, value):
    with pytest.raises(tg.ArgumentError, match=f"{name}={value!r}".replace("[", "\\[")):
        make(value)


def test_dropout2d_takes_whole_channels():
    layer, x = layers.Dropout2d(0.3), tg.ones(200, 50, 2, 3, requires_grad=True)
    y = layer(x)
    channels = y.data.reshape(200, 50, 6)
    assert (channels == channels[:, :, :1]).all()
    np.testing.assert_allclose(np.unique(y.data), [0, 1 / 0.7], rtol=1e-6)
    assert (y.data == 0).mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 10_000))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, y.data)
    assert layer(tg.ones(4, 2, 3)).shape == (4, 2, 3)
    np.testing.assert_array_equal(layer.eval()(x).data, x.data)
