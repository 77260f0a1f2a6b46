"""Scalar: micrograd's face and more, alone and together with Tensors."""

import math
import operator

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import Scalar, layers

# name: function, value and derivative in closed form
UNARY = {
    "neg": (operator.neg, lambda x: -x, lambda x: -1),
    "abs": (abs, abs, lambda x: math.copysign(1, x)),
    "exp": (Scalar.exp, math.exp, math.exp),
    "expm1": (Scalar.expm1, math.expm1, math.exp),
    "log": (Scalar.log, math.log, lambda x: 1 / x),
    "log1p": (Scalar.log1p, math.log1p, lambda x: 1 / (1 + x)),
    "sqrt": (Scalar.sqrt, math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "sin": (Scalar.sin, math.sin, math.cos),
    "cos": (Scalar.cos, math.cos, lambda x: -math.sin(x)),
    "tanh": (Scalar.tanh, math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "sigmoid": (
        Scalar.sigmoid,
        lambda x: 1 / (1 + math.exp(-x)),
        lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    ),
    "relu": (Scalar.relu, lambda x: max(x, 0), lambda x: float(x > 0)),
    "cube": (lambda x: x**3, lambda x: x**3, lambda x: 3 * x * x),
    "inverse": (lambda x: x**-1, lambda x: 1 / x, lambda x: -1 / x**2),
}
# name: function, derivatives
BINARY = {
    "add": (operator.add, lambda a, b: (1, 1)),
    "sub": (operator.sub, lambda a, b: (1, -1)),
    "mul": (operator.mul, lambda a, b: (b, a)),
    "truediv": (operator.truediv, lambda a, b: (1 / b, -a / b**2)),
    "pow": (operator.pow, lambda a, b: (b * a ** (b - 1), a**b * math.log(a))),
}


@pytest.mark.parametrize("x", [0.3, 2.5])
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, x):
    f, value, derivative = UNARY[name]
    leaf = Scalar(x)
    y = f(leaf)
    y.backward()
    assert isinstance(y.data, float)
    assert isinstance(leaf.grad, Scalar)
    assert y.data == pytest.approx(value(x))
    assert leaf.grad.data == pytest.approx(derivative(x))


@pytest.mark.parametrize("name", ["neg", "abs", "exp", "sin", "cos", "tanh", "sigmoid", "relu"])
def test_unary_of_a_negative_number(name):
    f, value, derivative = UNARY[name]
    leaf = Scalar(-1.5)
    y = f(leaf)
    y.backward()
    assert (y.data, leaf.grad.data) == pytest.approx((value(-1.5), derivative(-1.5)))


@pytest.mark.parametrize("name", BINARY)
def test_binary_with_scalars_and_numbers_on_either_side(name):
    f, derivatives = BINARY[name]
    for left, right in [(Scalar, Scalar), (Scalar, float), (float, Scalar), (int, Scalar)]:
        a, b = left(3), right(2)
        y = f(a, b)
        y.backward()
        assert y.data == pytest.approx(f(3.0, 2.0))
        for operand, expected in zip((a, b), derivatives(3.0, 2.0), strict=True):
            if isinstance(operand, Scalar):
                assert operand.grad.data == pytest.approx(expected)


def test_the_expression_of_micrograd():
    """The example of micrograd's README, and its numbers."""
    a, b = Scalar(-4.0), Scalar(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert [g.data, a.grad.data, b.grad.data] == pytest.approx(
        [24.70408163265306, 138.83381924198252, 645.5772594752186]
    )


@pytest.mark.parametrize("other", [2.0, 2, np.float64(2), np.float32(2), Scalar(2.0)])
def test_comparison_with_numbers_of_all_kinds(other):
    x = Scalar(2.0)
    assert x == other
    assert x <= other
    assert x >= other
    assert (x != other, x < other, x > other) == (False, False, False)
    assert x < other + 1
    assert x > other - 1


def test_comparison_with_something_else():
    assert Scalar(1.0) != "1"
    assert Scalar(1.0) != None  # noqa: E711
    assert {Scalar(1.0): 0, Scalar(1.0): 1}.__len__() == 2  # told apart by identity


def test_it_behaves_as_a_number():
    x = Scalar(2.5)
    assert float(x) == x.item() == 2.5
    assert Scalar(np.float32(0.5)).data == 0.5
    assert not Scalar(0.0)
    assert x
    assert repr(x) == "Scalar(2.5)"
    assert repr(x * 2) == "Scalar(5, op=multiply)"
    assert sorted([Scalar(2.0), Scalar(1.0)])[0].data == 1


def test_gradients_can_start_from_another_number_and_be_forgotten():
    x = Scalar(3.0)
    (x * x).backward(10.0)
    assert x.grad.data == 60
    x.zero_grad()
    assert x.grad is None
    (x * x).backward(Scalar(2.0), create_graph=True)
    assert x.grad.data == 12


def test_a_constant_gets_no_gradient():
    x, constant = Scalar(3.0), Scalar(2.0, requires_grad=False)
    (x * constant).backward()
    assert constant.grad is None


# -- together with Tensors ------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_scalar_and_a_tensor_in_one_graph(turned, create_graph):
    s, x = Scalar(3.0), tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * s if turned else s * x
    assert isinstance(y, tg.Tensor)
    assert y.dtype == np.float32
    (y * y).sum().backward(create_graph=create_graph)
    assert s.grad.data == 2 * 3 * (1 + 4)
    assert x.grad.tolist() == [18, 36]
    assert x.grad.dtype == np.float32
    assert isinstance(s.grad, Scalar)
    if create_graph:
        grad, s.grad, x.grad = s.grad, None, None
        grad.backward()  # of 2 s sum x²
        assert s.grad.data == 2 * (1 + 4)
        assert x.grad.tolist() == [12, 24]


def test_a_scalar_of_one_element_hangs_on_its_tensor():
    x = tg.tensor([2.0, 3.0], requires_grad=True)
    a, b = x.scalars()
    (a * a * b).backward(create_graph=True)
    assert x.grad.tolist() == [12, 4]
    assert x.grad.dtype == np.float32
    grad, x.grad = x.grad, None
    grad[0].backward()  # of 2 a b
    assert x.grad.tolist() == [6, 4]


def test_arrays_of_scalars_compute_elementwise_with_all_other_kinds():
    s = Scalar(2.0)
    row = np.array([1.0, 3.0])
    objects = tg.tensor([Scalar(1.0), Scalar(3.0)])
    weight = tg.tensor(3.0, requires_grad=True)
    for product in (s * row, row * s, objects * s, s * objects):
        assert product.dtype == object
        assert [float(p) for p in product] == [2, 6]
        s.grad = None
        product.sum().backward()
        assert s.grad.data == 4
    assert not (objects * weight).requires_grad  # its elements do
    (objects * weight).sum().backward()
    assert weight.grad.item() == 4
    assert weight.grad.dtype == np.float32


def test_a_tensor_of_scalars():
    scalars = [[Scalar(1.0), Scalar(2.0)], [Scalar(3.0), Scalar(4.0)]]
    x = tg.tensor(scalars)
    assert x.shape == (2, 2)
    assert x[1, 0].item() is scalars[1][0]
    (x @ x).sum().backward()
    assert [[s.grad.data for s in row] for row in scalars] == [[7, 11], [9, 13]]


LAYERS = {
    "dense": (lambda: layers.Dense(3, 2), (2, 3)),
    "conv2d": (lambda: layers.Conv2d(1, 2, 2, stride=2, padding=1), (1, 1, 4, 3)),
    "max_pool2d": (lambda: layers.MaxPool2d(2), (1, 1, 4, 4)),
    "avg_pool2d": (lambda: layers.AvgPool2d(2), (1, 1, 4, 4)),
    "rnn": (lambda: layers.RNN(2, 2), (1, 3, 2)),
    "lstm": (lambda: layers.LSTM(2, 2, bidirectional=True), (1, 2, 2)),
    "gru": (lambda: layers.GRU(2, 2, num_layers=2), (1, 2, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_run_on_scalars(name, rng):
    """A layer fed with an array of Scalars blows up into its scalar graph, with equal gradients."""
    make, shape = LAYERS[name]
    layer = make().astype("float64")
    data = rng.standard_normal(shape)
    scalars = [Scalar(v) for v in data.flat]
    objects = np.array(scalars, object).reshape(shape)
    whole = tg.tensor(data, requires_grad=True)
    gradients = []
    for x in (whole, objects):
        layer.zero_grad()
        y = layer(x)
        y = y[0] if isinstance(y, tuple) else y
        (y * y).sum().backward()
        gradients.append([p.grad.data for p in layer.parameters()])
    of_scalars = np.array([s.grad.data if s.grad else 0 for s in scalars]).reshape(shape)
    np.testing.assert_allclose(of_scalars, whole.grad.data, atol=1e-12)
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
