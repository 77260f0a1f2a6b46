"""Checks of gradient rules against central differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lite.diagnosis import Case, Weigh, likely_cause
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
        GradientError: an entry differs; names it, both numbers, the relative difference, and the
            likely cause if it is one of those in `diagnosis`.
        GraphError: the rule of a user's op returns a gradient of the wrong shape.
        ArgumentError: no input is a float64 Tensor that requires a gradient, bad order, or `f`
            returns something else at a second call.
    """
    if order not in (1, 2):
        raise ArgumentError(
            message("gradcheck", f"order={order!r} is not possible", fix="choose order 1 or 2")
        )
    inputs = [inputs] if isinstance(inputs, Tensor | np.ndarray) else list(inputs)
    checked = {n: x for n, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad}
    if not checked or any(x.dtype != np.float64 for x in checked.values()):
        raise ArgumentError(
            message(
                "gradcheck",
                "needs inputs that require a gradient, all of them float64",
                {f"input {i}": x for i, x in enumerate(inputs)},
                fix="tg.tensor(..., dtype='float64', requires_grad=True)",
            )
        )
    with enable_grad():
        _check_repeatable(f, inputs)
        _Check(f, inputs, checked, 1, rtol, atol).run()
        if order == 2:
            gradients = _gradients_of(f, [*checked.values()])
            _Check(gradients, inputs, checked, 2, rtol * 10, atol * 10).run()
    return True


def _gradients_of(f: Callable[..., Any], checked: Sequence[Tensor]) -> Callable[..., Any]:
    """Return the function whose results are the gradients of `f`."""

    def gradients(*inputs: Tensor) -> tuple[Tensor, ...]:
        found = walk([(_project(f(*inputs)), _one())], checked, create_graph=True)
        return tuple(found[id(x)][1] for x in checked if id(x) in found)

    return gradients


def _one() -> Tensor:
    return Tensor(1.0, "float64")


def _check_repeatable(f: Callable[..., Any], inputs: Sequence[Tensor]) -> None:
    first, second = (_project(f(*inputs)).item() for _ in range(2))
    if not np.isclose(first, second, rtol=1e-9, atol=1e-12, equal_nan=True):
        raise ArgumentError(
            message(
                "gradcheck",
                "the function is not repeatable: two calls with the same inputs differ",
                {"the first": first, "the second": second},
                fix="call tg.seed(...) inside of it, or switch randomness off: model.eval()",
            )
        )


def _as_they_are(weights: np.ndarray) -> np.ndarray:
    return weights


def _project(results: Any, weigh: Weigh = _as_they_are) -> Tensor:
    """Reduce results to one number whose gradient involves each of their entries.

    The weights of the entries, random but always the same, are what enters there as the gradient.
    """
    total = Tensor(0.0, "float64")
    for result, weights in _weighted(results):
        total = total + (result * weigh(weights)).sum()  # float32, too coarse, is refused here
    return total


def _weighted(results: Any) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Yield each result that is of floats, with the weights of its entries."""
    rng = np.random.default_rng(0)
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
        if result.dtype.kind == "f":
            yield result, np.asarray(rng.standard_normal(result.shape))


def _flat(results: Any) -> Iterator[Tensor]:
    if isinstance(results, tuple | list):
        for result in results:
            yield from _flat(result)
    else:
        yield results


@dataclass
class _Check:
    """The gradients of `f` that its rules give, and those that central differences give."""

    f: Callable[..., Any]
    inputs: Sequence[Any]
    checked: dict[int, Tensor]  # by their places among the inputs
    order: int
    rtol: float
    atol: float

    def run(self) -> None:
        """Compare every entry; report the one that differs most, if any differs too much."""
        y = _project(self.f(*self.inputs))
        found = walk([(y, np.float64(1.0))], [*self.checked.values()]) if y.requires_grad else {}
        given = {n: np.asarray(found[id(x)][1]) for n, x in self.checked.items() if id(x) in found}
        wanted = {number: self.numeric(x) for number, x in self.checked.items()}
        worst = {
            number: self.excess(given.get(number, np.zeros(numeric.shape)), numeric).max(initial=0)
            for number, numeric in wanted.items()
        }
        number = max(worst, key=worst.__getitem__)
        if worst[number] > 1:
            others = {n: numeric for n, numeric in wanted.items() if n != number}
            self.report(number, given.get(number), wanted[number], others)

    def excess(self, given: Any, wanted: Any) -> np.ndarray:
        """Return by how many times the tolerance each entry differs; NaN is the worst."""
        if np.shape(given) != np.shape(wanted):
            return np.full(np.shape(wanted), np.inf)
        with np.errstate(invalid="ignore"):
            size = np.maximum(abs(given), abs(wanted))
            excess = abs(given - wanted) / (self.atol + self.rtol * size)
        return np.where(np.isnan(excess), np.inf, excess)

    def fits(self, given: Any, wanted: Any) -> bool:
        return bool((self.excess(given, wanted) <= 1).all())

    def value(self, weigh: Weigh = _as_they_are) -> float:
        return _project(self.f(*self.inputs), weigh).item()

    def numeric(self, x: Tensor, weigh: Weigh = _as_they_are) -> np.ndarray:
        """Return the gradient of one input by central differences."""
        out = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            (below, above), step = self.around(x, index, weigh)
            out[index] = (above - below) / (2 * step)
        return out

    def around(
        self, x: Tensor, index: tuple[int, ...], weigh: Weigh = _as_they_are
    ) -> tuple[list[float], float]:
        """Return the values a step to both sides of an entry, which is put back, and the step."""
        kept = x.data[index]
        step = STEP * max(1.0, abs(kept))
        values = []
        for sign in (-1, 1):
            x.data[index] = kept + sign * step
            values.append(self.value(weigh))
        x.data[index] = kept
        return values, step

    def sides(self, x: Tensor, index: tuple[int, ...]) -> tuple[float, float]:
        """Return the slopes to the left and to the right of an entry."""
        (below, above), step = self.around(x, index)
        here = self.value()
        return (here - below) / step, (above - here) / step

    def lengths(self, results: Sequence[Tensor]) -> dict[int, str]:
        """Return the lengths of axes, and the numbers of elements, with what they are of."""
        named = [(f"input {n}", x) for n, x in self.checked.items()]
        named += [("the result", result) for result in results]
        sizes = {x.size: f"the size of {name}" for name, x in named}
        return sizes | {
            n: f"axis {a} of {name}" for name, x in named for a, n in enumerate(x.shape)
        }

    def report(
        self, number: int, given: np.ndarray | None, wanted: np.ndarray, others: dict[int, Any]
    ) -> None:
        x = self.checked[number]
        results = [*_weighted(self.f(*self.inputs))]
        case = Case(
            given,
            wanted,
            self.fits,
            partial(self.numeric, x),
            partial(self.sides, x),
            others,
            entering=[weights for _, weights in results],
            lengths=self.lengths([result for result, _ in results]),
        )
        shown = np.zeros(x.shape) if given is None else given
        problem = f"order {self.order}, input {number} {x.dtype} {x.shape}"
        if shown.shape != x.shape:
            problem += f": the rule gives a gradient of shape {shown.shape}"
        else:
            place = np.unravel_index(self.excess(shown, wanted).argmax(), x.shape)
            index = tuple(int(i) for i in place)
            a, b = float(shown[index]), float(wanted[index])
            relative = abs(a - b) / max(abs(a), abs(b), 1e-300)
            problem += (
                f", entry {index}: the rule gives {a:.9g}, central differences {b:.9g} "
                f"(relative difference {relative:.2g})"
            )
        cause = likely_cause(case)
        raise GradientError(
            message(
                "gradcheck",
                problem + (f"\n  likely cause: {cause}" if cause else ""),
                fix="check the rule's formula",
            )
        )
