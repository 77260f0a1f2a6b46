"""The nonlinearities of neural networks, under PyTorch's names.

At a kink the gradient is PyTorch's: that of the side where the function is constant; of the
negative side for elu, leaky_relu and prelu; of the outer side for hardswish.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinygrad_lite import kernels
from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op, unary
from tinygrad_lite.ops.elementwise import elementwise, where
from tinygrad_lite.ops.reduce import highest, max
from tinygrad_lite.ops.shape import split
from tinygrad_lite.ops.special import erfc

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsigmoid",
    "maxout",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
]

# -- smooth ---------------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    e = np.exp(-abs(x))  # never overflows
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    z = x * beta
    return np.where(z > threshold, x, (np.maximum(z, 0.0) + np.log1p(np.exp(-abs(z)))) / beta)


sigmoid = unary("sigmoid", _sigmoid, lambda g, y, x: g * (y - y * y), "1 / (1 + exp(-x)).")
_softplus_op = elementwise(
    "softplus",
    _softplus,
    lambda g, y, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)),
)
# log sigmoid(x), without the overflow of its exponential
log_sigmoid = unary(
    "log_sigmoid",
    lambda x: np.minimum(x, 0.0) - np.log1p(np.exp(-abs(x))),
    lambda g, y, x: g * sigmoid(-x),
    "log(sigmoid(x)), exact where sigmoid(x) is nearly 0.",
)
logsigmoid = log_sigmoid  # as PyTorch's functional spells it


def softplus(x: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return log(1 + exp(beta x)) / beta, a smooth ReLU (Dugas et al., 2001).

    Where beta x > `threshold` the result is x itself, as in PyTorch.
    """
    return _softplus_op(x, beta=beta, threshold=threshold)


def silu(x: Tensor) -> Tensor:
    """Return x sigmoid(x), also called swish (Elfwing et al., 2017)."""
    return x * sigmoid(x)


def mish(x: Tensor) -> Tensor:
    """Return x tanh(softplus(x)) (Misra, 2019)."""
    return x * np.tanh(softplus(x))


def gelu(x: Tensor, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """Return x Φ(x), Φ the normal distribution function (Hendrycks & Gimpel, 2016).

    Args:
        x: the operand.
        approximate: "tanh" for their approximation, x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Raises:
        ArgumentError: `approximate` is neither.
    """
    if approximate == "none":
        return x * (0.5 * erfc(x * -math.sqrt(0.5)))
    if approximate == "tanh":
        inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * (x * x * x))
        return x * (0.5 * (1.0 + np.tanh(inner)))
    raise ArgumentError(
        message("gelu", f"unknown approximate={approximate!r}", {"x": x}, fix="use none or tanh")
    )


def softsign(x: Tensor) -> Tensor:
    """Return x / (1 + |x|) (Turian et al., 2009)."""
    return x / (1.0 + abs(x))


def tanhshrink(x: Tensor) -> Tensor:
    """Return x - tanh x."""
    return x - np.tanh(x)


# -- one piece exponential ------------------------------------------------------------------------

_elu = elementwise(
    "elu",
    lambda x, alpha, rate: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) * rate)),
    lambda g, y, x, alpha, rate: where(x > 0, g, g * rate * (y + alpha)),
)


def elu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """Return x where positive, else alpha (exp x - 1) (Clevert et al., 2015, eq. 15)."""
    return _elu(x, alpha=alpha, rate=1.0)


def celu(x: ArrayLike, alpha: float = 1.0) -> Tensor:
    """Return x where positive, else alpha (exp(x / alpha) - 1) (Barron, 2017)."""
    if alpha == 0:
        raise ArgumentError(message("celu", "alpha=0 divides by zero", {"x": x}, fix="use relu"))
    return _elu(x, alpha=alpha, rate=1.0 / alpha)


def selu(x: ArrayLike) -> Tensor:
    """Return scale elu(x, alpha), which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


# -- pieces of straight lines ---------------------------------------------------------------------


def _relu(x: Any) -> Any:
    size = getattr(x, "size", 0)
    if kernels.pays(size) and x.dtype.char in "fd":
        return kernels.activation.relu(x)
    # against a number np.maximum runs at a third of the speed of clip, which takes longer to start
    return x.clip(0.0, np.inf) if size > 2000 else np.maximum(x, 0.0)


def gate(g: Any, y: Any) -> Any:
    """Return g where y is positive, else 0."""
    if type(g) is type(y) is np.ndarray and kernels.pays(y.size) and g.dtype is y.dtype:
        return kernels.activation.gate(g, y)
    return g * (y > 0)


relu = unary("relu", _relu, lambda g, y, x: gate(g, y), "max(x, 0).")
_hardtanh = elementwise(
    "hardtanh",
    lambda x, low, high: np.minimum(np.maximum(x, low), high),
    lambda g, y, x, low, high: g * (x > low) * (x < high),
)
_softshrink = elementwise(
    "softshrink",
    lambda x, lambd: x - np.minimum(np.maximum(x, -lambd), lambd),
    lambda g, y, x, lambd: g * (abs(x) > lambd),
)


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> Tensor:
    """Return x where positive, else `negative_slope` x (Maas et al., 2013)."""
    return where(x > 0, x, x * negative_slope)  # type: ignore[operator]


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """Return x where positive, else weight x, with a learnt weight (He et al., 2015).

    Shapes: x (N, C, ...), weight (C,), or (1,) for x of any shape; to the shape of x.

    Raises:
        ShapeError: `weight` has neither one element nor one for each channel.
    """
    if weight.size == 1:
        return where(x > 0, x, x * weight.reshape(()))
    if x.ndim < 2 or weight.shape != (x.shape[1],):
        raise ShapeError(
            message(
                "prelu",
                "weight must be (1,), or (C,) for x of shape (N, C, ...)",
                {"x": x, "weight": weight},
                fix="give one weight, or one for each channel (axis 1)",
            )
        )
    return where(x > 0, x, x * weight.reshape((-1, *[1] * (x.ndim - 2))))


def hardtanh(x: ArrayLike, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """Limit x to the interval from `min_val` to `max_val`."""
    return _hardtanh(x, low=min_val, high=max_val)


def relu6(x: ArrayLike) -> Tensor:
    """Return min(max(x, 0), 6) (Krizhevsky, 2010)."""
    return hardtanh(x, 0.0, 6.0)


def hardsigmoid(x: Tensor) -> Tensor:
    """Return relu6(x + 3) / 6 (Courbariaux et al., 2015; this slope: Howard et al., 2019)."""
    return relu6(x + 3.0) / 6.0


def hardswish(x: Tensor) -> Tensor:
    """Return x hardsigmoid(x) (Howard et al., 2019)."""
    return x * hardsigmoid(x)


def threshold(x: ArrayLike, threshold: float, value: float) -> Tensor:
    """Return x where above `threshold`, else `value`."""
    return where(x <= threshold, value, x)  # type: ignore[operator]


def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """Return x where |x| > `lambd`, else 0."""
    return where(abs(x) <= lambd, 0.0, x)


def softshrink(x: ArrayLike, lambd: float = 0.5) -> Tensor:
    """Return x brought nearer to zero by `lambd`, as far as zero.

    Raises:
        ArgumentError: `lambd` is negative.
    """
    if lambd < 0:
        raise ArgumentError(
            message("softshrink", f"lambd={lambd!r} is negative", {"x": x}, fix="choose 0 or more")
        )
    return _softshrink(x, lambd=lambd)


# -- along an axis --------------------------------------------------------------------------------


def _softmax(x: Any, axis: int) -> Any:
    e = np.exp(x - highest(x, axis))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x: Any, axis: int) -> Any:
    shifted = x - highest(x, axis)
    if not shifted.size:
        return shifted
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


_softmax_op = Op(
    "softmax",
    _softmax,
    lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
    hint="choose an axis that x has: from -ndim to ndim - 1",
)
_log_softmax_op = Op(
    "log_softmax",
    _log_softmax,
    lambda g, y, x, axis: g - np.exp(y) * g.sum(axis=axis, keepdims=True),
    hint="choose an axis that x has: from -ndim to ndim - 1",
)


def softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return exp(x) divided by its sum along `axis`."""
    return _softmax_op(x, axis=axis)


def log_softmax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Return the logarithm of `softmax(x, axis)`, without its overflow."""
    return _log_softmax_op(x, axis=axis)


def softmin(x: Tensor, axis: int = -1) -> Tensor:
    """Return softmax(-x): most weight for the least."""
    return softmax(-x, axis)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """Return a sigmoid(b), where a and b are the halves of x (Dauphin et al., 2016).

    Raises:
        ShapeError: `axis` does not exist, or is of odd length.
    """
    a, b = split(x, 2, axis)
    return a * sigmoid(b)


def maxout(x: Tensor, pieces: int, axis: int = -1) -> Tensor:
    """Return the maximum of every `pieces` neighbours along `axis` (Goodfellow et al., 2013).

    Shapes: (..., C, ...) to (..., C / pieces, ...). Equal maxima share the gradient.

    Raises:
        ShapeError: `axis` does not exist, or its length is no multiple of `pieces`.
    """
    if not (-x.ndim <= axis < x.ndim and pieces > 0 and x.shape[axis] % pieces == 0):
        raise ShapeError(
            message(
                "maxout",
                f"axis {axis} cannot be cut into groups of {pieces}",
                {"x": x},
                fix="name an existing axis whose length is a multiple of the pieces",
            )
        )
    axis %= x.ndim
    groups = (*x.shape[:axis], x.shape[axis] // pieces, pieces, *x.shape[axis + 1 :])
    return max(x.reshape(groups), axis=axis + 1)
