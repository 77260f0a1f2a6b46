"""Random numbers: one generator for all of the library, and the ops that draw from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.op import Op

if TYPE_CHECKING:
    from tinygrad_lite.tensor import Tensor

__all__ = [
    "bernoulli",
    "dropout",
]

_generator = np.random.default_rng()


def seed(value: int) -> None:
    """Make everything random from here on repeatable.

    Raises:
        ArgumentError: `value` is no whole number from 0 on.
    """
    global _generator
    check_seed("seed", value)
    _generator = np.random.default_rng(value)


def check_seed(subject: str, value: Any) -> None:
    """Raise ArgumentError unless `value` can seed a generator."""
    if not isinstance(value, int | np.integer) or value < 0:
        raise ArgumentError(
            message(subject, f"seed={value!r} is not possible", fix="give a whole number from 0 on")
        )


def generator() -> np.random.Generator:
    """Return the generator that layers, initialisers and loaders draw from."""
    return _generator


def get_rng_state() -> dict[str, Any]:
    """Return where the library's generator stands, as plain numbers and text."""
    return dict(_generator.bit_generator.state)


def set_rng_state(state: dict[str, Any]) -> None:
    """Let the library's generator go on from where `get_rng_state` found it."""
    global _generator
    kind = state["bit_generator"]
    if _generator.bit_generator.state["bit_generator"] != kind:
        kinds = {known.__name__: known for known in np.random.BitGenerator.__subclasses__()}
        _generator = np.random.Generator(kinds[kind]())
    _generator.bit_generator.state = state


@contextmanager
def using(other: np.random.Generator) -> Iterator[None]:
    """Let everything random inside of the context draw from `other`."""
    global _generator
    before, _generator = _generator, other
    try:
        yield
    finally:
        _generator = before


# 1 with probability p, for each element of p; not differentiable
bernoulli = Op(
    "bernoulli",
    lambda p: (_generator.random(p.shape, np.float32) < p).astype(p.dtype),
    doc="Draw for each probability in p a 1 or a 0, in p's dtype.",
)


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero each element with probability `p` and scale the rest by 1 / (1 - p).

    Source: Srivastava et al., 2014, in the "inverted" form.
    """
    return _dropout("dropout", x, p, training, axes=0)


def dropout1d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero whole channels of sequences (N, C, L) or (C, L) as `dropout` does elements.

    Source: Tompson et al., 2015.
    """
    return _dropout("dropout1d", x, p, training, axes=1)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Zero whole channels of images (N, C, H, W) or (C, H, W) as `dropout` does elements.

    Source: Tompson et al., 2015.
    """
    return _dropout("dropout2d", x, p, training, axes=2)


def _dropout(subject: str, x: Any, p: float, training: bool, axes: int) -> Any:
    """Draw once for all elements along the last `axes`."""
    check_probability(subject, p)
    if axes and x.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            message(
                subject,
                f"x must have a channel axis before its last {axes}, and may have a batch axis",
                {"x": x},
                fix="add or merge axes",
            )
        )
    if not training or p == 0.0:
        return x
    return x * drop_mask(x, (*x.shape[: x.ndim - axes], *[1] * axes), p)


def drop_mask(x: Any, shape: tuple[int, ...], p: float) -> Any:
    """Draw factors of x's dtype: 0 with probability `p`, else 1 / (1 - p)."""
    keep = (_generator.random(shape, np.float32) >= p).astype(x.dtype)
    return keep / (1.0 - p) if p < 1.0 else keep


# the limit of selu far below zero
_SELU_LIMIT = -1.7580993408473766


def alpha_dropout(x: Tensor, p: float = 0.5, training: bool = False) -> Tensor:
    """Set elements to selu's lower limit with probability `p`; keep mean 0 and variance 1.

    Source: Klambauer et al., 2017, section 3.
    """
    check_probability("alpha_dropout", p)
    if not training or p == 0.0:
        return x
    keep = (_generator.random(x.shape, np.float32) >= p).astype(x.dtype)
    if p == 1.0:  # as in PyTorch: nothing is left whose variance could be kept
        return x * keep
    a = ((1.0 - p) * (1.0 + p * _SELU_LIMIT**2)) ** -0.5
    return x * (a * keep) + a * _SELU_LIMIT * (1.0 - p - keep)


def check_probability(subject: str, p: float) -> None:
    """Raise ArgumentError unless `p` is a probability."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(
            message(subject, f"p={p!r} is no probability", fix="choose p from 0 to 1")
        )
