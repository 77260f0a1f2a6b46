"""Checks of gradient rules against central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, GradientError, message
from tinygrad_lite.graph import walk
from tinygrad_lite.modes import enable_grad
from tinygrad_lite.tensor import Tensor

STEP = 1e-6


def gradcheck(
    f: Callable[..., Any],
    inputs: Sequence[Tensor] | Tensor,
    order: int = 1,
    rtol: float = 1e-5,
    atol: float = 1e-7,
) -> bool:
    """Compare the gradients of `f` at `inputs` with central differences, in float64.

    Every result of `f` is multiplied by a fixed random array and summed, so that one backward pass
    sees every entry of the Jacobian.

    Args:
        f: a function of Tensors, returning a Tensor or a tuple of them; it must be repeatable.
        inputs: float64 Tensors; those that require a gradient are checked.
        order: 1 for the gradients, 2 for the gradients of the gradients as well.
        rtol: tolerated difference, relative to the larger of the two numbers.
        atol: tolerated absolute difference.

    Returns:
        True.

    Raises:
        GradientError: an entry differs; names it, both numbers, and the relative difference.
        GraphError: a rule returns a gradient of the wrong shape.
        ArgumentError: no input is a float64 Tensor that requires a gradient, or bad order.
    """
    if order not in (1, 2):
        raise ArgumentError(
            message("gradcheck", f"order={order!r} is not possible", fix="choose order 1 or 2")
        )
    inputs = [inputs] if isinstance(inputs, Tensor | np.ndarray) else list(inputs)
    checked = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not checked or any(x.dtype != np.float64 for x in checked):
        raise ArgumentError(
            message(
                "gradcheck",
                "needs inputs that require a gradient, all of them float64",
                {f"input {i}": x for i, x in enumerate(inputs)},
                fix="tg.tensor(..., dtype='float64', requires_grad=True)",
            )
        )
    with enable_grad():
        _compare(f, inputs, checked, 1, rtol, atol)
        if order == 2:
            _compare(_gradients_of(f, checked), inputs, checked, 2, rtol * 10, atol * 10)
    return True


def _gradients_of(f: Callable[..., Any], checked: Sequence[Tensor]) -> Callable[..., Any]:
    """Return the function whose results are the gradients of `f`."""

    def gradients(*inputs: Tensor) -> tuple[Tensor, ...]:
        found = walk([(_project(f(*inputs)), _one())], checked, create_graph=True)
        return tuple(found[id(x)][1] for x in checked if id(x) in found)

    return gradients


def _one() -> Tensor:
    return Tensor(1.0, "float64")


def _project(results: Any) -> Tensor:
    """Reduce results to one number whose gradient involves each of their entries."""
    rng = np.random.default_rng(0)
    total = Tensor(0.0, "float64")
    for result in _flat(results):
        if not isinstance(result, Tensor):
            raise ArgumentError(
                message(
                    "gradcheck",
                    "the function must return a Tensor, or a tuple of them",
                    {"returned": result},
                    fix="compute with the Tensors it is given, and return what comes of it",
                )
            )
        if result.dtype.kind == "f":  # float32, too coarse to be checked, is refused by the sum
            total = total + (result * rng.standard_normal(result.shape)).sum()
    return total


def _flat(results: Any) -> Iterator[Tensor]:
    if isinstance(results, tuple | list):
        for result in results:
            yield from _flat(result)
    else:
        yield results


def _compare(
    f: Callable[..., Any],
    inputs: Sequence[Tensor],
    checked: Sequence[Tensor],
    order: int,
    rtol: float,
    atol: float,
) -> None:
    y = _project(f(*inputs))
    found = walk([(y, np.float64(1.0))], checked) if y.requires_grad else {}
    worst, report = 1.0, ""
    for number, x in enumerate(checked):
        rule = np.asarray(found[id(x)][1]) if id(x) in found else np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            numeric = _difference(lambda: _project(f(*inputs)).item(), x.data, index)
            given = float(rule[index])
            gap, size = abs(given - numeric), max(abs(given), abs(numeric))
            excess = gap / (atol + rtol * size)
            if not excess <= worst:  # NaN is the worst
                worst = excess if excess == excess else np.inf
                report = (
                    f"order {order}, input {number} {x.dtype} {x.shape}, entry {index}: the rule "
                    f"gives {given:.9g}, central differences {numeric:.9g} "
                    f"(relative difference {gap / max(size, 1e-300):.2g})"
                )
    if report:
        raise GradientError(
            message(
                "gradcheck",
                report,
                fix="check the rule's formula; at a kink, or where f is not repeatable, no rule "
                "can pass",
            )
        )


def _difference(f: Callable[[], float], data: np.ndarray, index: tuple[int, ...]) -> float:
    """Return the central difference of f at one entry, which is put back."""
    kept = data[index]
    step = STEP * max(1.0, abs(kept))
    values = []
    for sign in (1, -1):
        data[index] = kept + sign * step
        values.append(f())
    data[index] = kept
    return (values[0] - values[1]) / (2 * step)
