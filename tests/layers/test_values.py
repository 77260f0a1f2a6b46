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


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "bias"),
    [(3, 1, 0, True), (1, 1, 0, False), ((2, 3), (2, 1), (1, 0), True), (2, 3, 1, False)],
)
def test_conv2d(rng, kernel, stride, padding, bias):
    layer = in_float64(layers.Conv2d(2, 3, kernel, stride, padding, bias))
    x = rng.standard_normal((2, 2, 6, 5))
    b = layer.bias.data if bias else None
    expected = naive.conv2d(x, layer.weight.data, b, stride, padding)
    np.testing.assert_allclose(layer(x).data, expected, **CLOSE)


@pytest.mark.parametrize(("kernel", "stride"), [(2, None), ((2, 3), None), (3, 2), (2, (1, 3))])
@pytest.mark.parametrize(
    ("layer", "twin"),
    [(layers.MaxPool2d, naive.max_pool2d), (layers.AvgPool2d, naive.avg_pool2d)],
)
def test_pooling(rng, layer, twin, kernel, stride):
    x = rng.standard_normal((2, 3, 7, 6))
    np.testing.assert_allclose(layer(kernel, stride)(x).data, twin(x, kernel, stride), **CLOSE)


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


# -- recurrence -----------------------------------------------------------------------------------

RECURRENT = {
    layers.RNN: (naive.rnn, 1),
    layers.LSTM: (naive.lstm, 2),
    layers.GRU: (naive.gru, 1),
}
recurrent = pytest.mark.parametrize("kind", RECURRENT, ids=lambda kind: kind.__name__)


def stacked(layer, x, states):
    """Layers and directions in loops, each with the naive function; x is (N, T, I)."""
    run, _ = RECURRENT[type(layer)]
    suffixes = [""] if not layer.bidirectional else ["", "_reverse"]
    ends = []
    for number in range(layer.num_layers):
        outputs = []
        for suffix in suffixes:
            w = weights(layer, f"weight_ih_l{number}{suffix}", f"weight_hh_l{number}{suffix}")
            if layer.bias:
                w += weights(layer, f"bias_ih_l{number}{suffix}", f"bias_hh_l{number}{suffix}")
            else:
                w += [np.zeros(len(w[0]))] * 2
            steps = x[:, ::-1] if suffix else x
            y, *end = run(steps, *(s[len(ends)] for s in states), *w)
            outputs.append(y[:, ::-1] if suffix else y)
            ends.append(end)
        x = np.concatenate(outputs, axis=-1)
    return x, [np.array(parts) for parts in zip(*ends, strict=True)]


def as_tuple(state):
    return [s.data for s in (state if isinstance(state, tuple) else (state,))]


@recurrent
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [True, False])
def test_recurrent(rng, kind, num_layers, bidirectional, bias):
    layer = in_float64(kind(3, 2, num_layers, bidirectional, bias=bias))
    x, count = rng.standard_normal((2, 4, 3)), RECURRENT[kind][1]
    starts = rng.standard_normal((count, num_layers * (1 + bidirectional), 2, 2))
    for states, given in [(starts, tuple(starts)), (starts * 0, None)]:
        y, ends = stacked(layer, x, states)
        given = given[0] if given and count == 1 else given
        output, state = layer(x, given)
        np.testing.assert_allclose(output.data, y, **CLOSE)
        for got, expected in zip(as_tuple(state), ends, strict=True):
            np.testing.assert_allclose(got, expected, **CLOSE)


@recurrent
def test_recurrent_time_first(rng, kind):
    tg.seed(1)
    first = in_float64(kind(3, 2, 2, True))
    tg.seed(1)
    second = in_float64(kind(3, 2, 2, True, batch_first=False))
    x = rng.standard_normal((4, 5, 3))
    start = first(rng.standard_normal((4, 1, 3)))[1]
    y, state = first(x, start)
    swapped, same_state = second(x.swapaxes(0, 1), start)
    np.testing.assert_array_equal(y.data, swapped.data.swapaxes(0, 1))
    np.testing.assert_array_equal(as_tuple(state), as_tuple(same_state))


@recurrent
@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_single_sequence(rng, kind, batch_first):
    """Two axes are one sequence without a batch, as in PyTorch, whatever batch_first says."""
    layer = in_float64(kind(3, 2, 2, True, batch_first=batch_first))
    x = rng.standard_normal((5, 3))
    start = layer(x[:1])[1]
    y, state = layer(x, start)
    assert y.shape == (5, 4)
    batch = x[None] if batch_first else x[:, None]
    starts = tuple(s[:, None] for s in start) if isinstance(start, tuple) else start[:, None]
    batched, states = layer(batch, starts)
    np.testing.assert_allclose(y.data, batched.data.reshape(5, 4), **CLOSE)
    for one, many in zip(as_tuple(state), as_tuple(states), strict=True):
        assert one.shape == (4, 2)
        np.testing.assert_allclose(one, many[:, 0], **CLOSE)


@recurrent
def test_recurrent_continues_from_a_state(rng, kind):
    layer, x = in_float64(kind(3, 2, 2)), rng.standard_normal((2, 6, 3))
    whole, end = layer(x)
    head, state = layer(x[:, :4])
    tail, state = layer(x[:, 4:], state)
    np.testing.assert_allclose(whole.data[:, :4], head.data, **CLOSE)
    np.testing.assert_allclose(whole.data[:, 4:], tail.data, **CLOSE)
    np.testing.assert_allclose(as_tuple(end), as_tuple(state), **CLOSE)


@recurrent
def test_recurrent_gradients_of_the_state(rng, kind):
    layer, count = kind(2, 2, 2, True).astype("float64"), RECURRENT[kind][1]
    x = tg.tensor(rng.standard_normal((2, 3, 2)), requires_grad=True)
    starts = [tg.tensor(rng.standard_normal((4, 2, 2)), requires_grad=True) for _ in range(count)]
    given = starts[0] if count == 1 else tuple(starts)
    tg.gradcheck(lambda *_: layer(x, given), [x, *starts, *layer.parameters()])


@recurrent
def test_recurrent_takes_scalars(rng, kind):
    layer, x = in_float64(kind(2, 2)), rng.standard_normal((1, 3, 2))
    layer(x)[0].sum().backward()
    expected = [p.grad.data for p in layer.parameters()]
    layer.zero_grad()
    y = layer(tg.to_scalars(x))[0]
    np.testing.assert_allclose(y.data.astype(float), layer(x)[0].data, **CLOSE)
    y.sum().backward()
    for p, gradient in zip(layer.parameters(), expected, strict=True):
        np.testing.assert_allclose(p.grad.data, gradient, **CLOSE)


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
