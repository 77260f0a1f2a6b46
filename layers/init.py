"""What layers do before their first call: check their sizes, and draw their initial weights.

The drawing functions return float32 arrays, and serve for weights of one's own, too:

    layer.weight_ih_l0.data = layers.init.xavier_uniform(layer.weight_ih_l0.shape)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from tinygrad_lite.errors import ArgumentError, ShapeError, message, nearest
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.random import generator

Layer = TypeVar("Layer", bound=Module)

# -- initial weights ------------------------------------------------------------------------------


def uniform(shape: tuple[int, ...], fan_in: int) -> np.ndarray:
    """Return float32 weights from U(-1/√fan_in, 1/√fan_in), as PyTorch's layers start."""
    return _uniform(shape, 1.0 / math.sqrt(fan_in))


def xavier_uniform(shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw from U(-a, a) with a = gain √(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010, eq. 16).

    Forward values and backward gradients then keep their variance, on average, through a layer.

    Args:
        shape: (out, in, ...); both fans count the further axes.
        gain: factor of all weights.

    Raises:
        ShapeError: fewer than two axes.
    """
    bound = gain * math.sqrt(6.0 / sum(_fans("xavier_uniform", shape)))
    return _uniform(shape, bound)


def xavier_normal(shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw from N(0, σ²) with σ = gain √(2 / (fan_in + fan_out)); see `xavier_uniform`.

    Raises:
        ShapeError: fewer than two axes.
    """
    deviation = gain * math.sqrt(2.0 / sum(_fans("xavier_normal", shape)))
    return _normal(shape, deviation)


def kaiming_uniform(
    shape: tuple[int, ...],
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> np.ndarray:
    """Draw from U(-b, b) with b = gain √(3 / fan) (He et al., 2015, eqs. 10 and 14).

    What a nonlinearity takes away from the variance of values, or of gradients, `gain` gives back.

    Args:
        shape: (out, in, ...); fans count the further axes.
        a: slope of "leaky_relu" where it is negative; the default makes it the ReLU.
        mode: "fan_in" keeps the variance of values on their way forward, "fan_out" that of
            gradients on their way back.
        nonlinearity: what follows the layer; see `calculate_gain`.

    Raises:
        ShapeError: fewer than two axes.
        ArgumentError: another mode, or an unknown nonlinearity.
    """
    bound = math.sqrt(3.0) * _kaiming("kaiming_uniform", shape, a, mode, nonlinearity)
    return _uniform(shape, bound)


def kaiming_normal(
    shape: tuple[int, ...],
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
) -> np.ndarray:
    """Draw from N(0, σ²) with σ = gain / √fan; see `kaiming_uniform`.

    Raises:
        ShapeError: fewer than two axes.
        ArgumentError: another mode, or an unknown nonlinearity.
    """
    deviation = _kaiming("kaiming_normal", shape, a, mode, nonlinearity)
    return _normal(shape, deviation)


def for_relu(module: Layer) -> Layer:
    """Draw the weights in `module` again, by `kaiming_uniform`, and set its biases to zero.

    For what comes before a ReLU, so that values keep their size in a deep network:
    `for_relu(Conv2d(64, 64, 3))` returns the convolution.
    """
    for part in module.modules():
        weight, bias = getattr(part, "weight", None), getattr(part, "bias", None)
        if isinstance(weight, Parameter) and weight.ndim > 1:
            weight.data = kaiming_uniform(weight.shape)
            if isinstance(bias, Parameter):
                bias.data = np.zeros(bias.shape, np.float32)
    return module


def for_scores(module: Layer) -> Layer:
    """Make the weights and biases in `module`, the last layer of a classifier, ten times smaller.

    Then it begins with nearly equal scores, whatever arrives there, and the cross-entropy with that
    of guessing, the logarithm of the number of classes.
    """
    for parameter in module.parameters():
        parameter.data = parameter.data * 0.1
    return module


def _kaiming(subject: str, shape: tuple[int, ...], a: float, mode: str, nonlinearity: str) -> float:
    """Return the standard deviation of the weights."""
    fans = dict(zip(("fan_in", "fan_out"), _fans(subject, shape), strict=True))
    if mode not in fans:
        raise ArgumentError(
            message(subject, f"mode={mode!r} is not possible", fix="choose fan_in or fan_out")
        )
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


def calculate_gain(nonlinearity: str, param: float = 0.01) -> float:
    """Return by what weights are multiplied to make up for the nonlinearity that follows them.

    Args:
        nonlinearity: 1 for "linear", "sigmoid" and convolutions, 5/3 for "tanh", √2 for "relu",
            √(2 / (1 + param²)) for "leaky_relu", 3/4 for "selu".
        param: slope of "leaky_relu" where it is negative.

    Raises:
        ArgumentError: the nonlinearity is unknown.
    """
    gains = {
        **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0),
        **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), 1.0),
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + param**2)),
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        raise ArgumentError(
            message(
                "calculate_gain",
                f"nonlinearity={nonlinearity!r} is not possible",
                fix=f"choose one of {nearest(str(nonlinearity), gains)}",
            )
        )
    return gains[nonlinearity]


def orthogonal(shape: tuple[int, ...], gain: float = 1.0) -> np.ndarray:
    """Draw a random orthogonal matrix, times gain (Saxe et al., 2014).

    It keeps the length of every vector; as a recurrent weight it neither fades nor explodes what
    passes it at every step. If not square, its rows or its columns, whichever are fewer, are
    orthonormal. Axes beyond the second count as columns.

    Raises:
        ShapeError: fewer than two axes.
    """
    _fans("orthogonal", shape)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator().standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # else the decomposition would prefer some matrices
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(np.float32)


_PIECE = 1 << 16  # numbers; a large layer's, drawn at once in float64, would leave every cache


def _uniform(shape: tuple[int, ...], bound: float) -> np.ndarray:
    return _in_pieces(shape, lambda count: generator().uniform(-bound, bound, count))


def _normal(shape: tuple[int, ...], deviation: float) -> np.ndarray:
    return _in_pieces(shape, lambda count: deviation * generator().standard_normal(count))


def _in_pieces(shape: tuple[int, ...], draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """Return float32 numbers, the same as if all were drawn at once."""
    weights = np.empty(math.prod(shape), np.float32)
    for start in range(0, weights.size, _PIECE):
        piece = weights[start : start + _PIECE]
        piece[:] = draw(piece.size)
    return weights.reshape(shape)


def _fans(subject: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return how many values enter each output, and how many outputs each value enters."""
    if len(shape) < 2:
        raise ShapeError(
            message(
                subject,
                f"weights of shape {tuple(shape)} have no inputs and outputs",
                fix="give at least (out, in)",
            )
        )
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


# what a layer's argument may name; each takes a shape
BY_NAME: dict[str, Callable[[tuple[int, ...]], np.ndarray]] = {
    "orthogonal": orthogonal,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "identity": lambda shape: np.eye(*shape, dtype=np.float32),
}

# -- arguments ------------------------------------------------------------------------------------


def check_sizes(layer: Module, least: int = 1, **sizes: Any) -> None:
    """Raise ArgumentError unless every size is a whole number from `least` on."""
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < least:
            refuse(layer, name, size, f"give a whole number from {least} on")


def check_numbers(layer: Module, **numbers: Any) -> None:
    """Raise ArgumentError unless every value is a number."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float | np.number):
            refuse(layer, name, number, "give a number")


def check_probabilities(layer: Module, **probabilities: Any) -> None:
    """Raise ArgumentError unless every value is a number from 0 to 1."""
    check_numbers(layer, **probabilities)
    for name, p in probabilities.items():
        if not 0.0 <= p <= 1.0:
            refuse(layer, name, p, "choose a number from 0 to 1")


def check_choices(layer: Module, known: Iterable[str], **choices: Any) -> None:
    """Raise ArgumentError unless every value is one of the `known` names."""
    known = [*known]
    for name, choice in choices.items():
        if choice not in known:
            refuse(layer, name, choice, f"choose one of {nearest(str(choice), known)}")


def refuse(layer: Module, name: str, value: Any, fix: str) -> None:
    """Raise ArgumentError for an argument of a layer."""
    subject = type(layer).__name__
    raise ArgumentError(message(subject, f"{name}={value!r} is not possible", fix=fix))
