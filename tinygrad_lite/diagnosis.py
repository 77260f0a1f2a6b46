"""What may be wrong with a gradient rule, judged by how its gradients differ from numeric ones.

Each hypothesis is a function of a `Case` that returns a sentence if it explains all of the
difference, within the tolerance of the check, and else None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

Weigh = Callable[[np.ndarray], np.ndarray]


@dataclass
class Case:
    """A gradient that is wrong, and what can be found out about it.

    Attributes:
        given: what the rule gives; None if nothing arrived.
        wanted: what central differences give, in the shape of the input.
        fits: whether two arrays agree within the tolerance of the check.
        gradient: the numeric gradient when the gradient that enters at the results is changed.
        sides: the one-sided differences at an entry, from the left and from the right.
        others: the numeric gradients of the other inputs, by their numbers.
        entering: the gradients that enter at the results.
        lengths: the lengths of all axes, and where they are found.
    """

    given: np.ndarray | None
    wanted: np.ndarray
    fits: Callable[[Any, Any], bool]
    gradient: Callable[[Weigh], np.ndarray]
    sides: Callable[[tuple[int, ...]], tuple[float, float]]
    others: dict[int, np.ndarray]
    entering: list[np.ndarray]
    lengths: dict[int, str]


def likely_cause(case: Case) -> str:
    """Return what explains the whole difference, or an empty text if nothing known does."""
    given, wanted = case.given, case.wanted
    if given is None:
        return (
            "no gradient arrives: the rule returned None for this input, or f computed with "
            ".data, .numpy() or .detach()"
        )
    if given.shape != wanted.shape:
        return _of_the_shape(case, given)
    if not np.isfinite(given).all():
        at = tuple(np.argwhere(~np.isfinite(given))[0].tolist())
        return (
            f"the rule gives {given[at]} at {at}: look for 0 / 0, 0 times infinity, or the "
            "logarithm or a negative power of 0"
        )
    causes = (hypothesis(case, given) for hypothesis in HYPOTHESES)
    return next((cause for cause in causes if cause), "")


def _of_the_shape(case: Case, given: np.ndarray) -> str:
    wanted = case.wanted
    if given.ndim >= wanted.ndim and case.fits(_unbroadcast(given, wanted.shape), wanted):
        return (
            "the sum over the axes that broadcasting added or stretched is missing (unbroadcast): "
            "fit(g, x)"
        )
    try:
        spread = np.broadcast_to(given, wanted.shape)
    except ValueError:
        spread = np.full(wanted.shape, np.nan)
    if case.fits(spread, wanted):
        return "the gradient is not repeated along the axes that the op reduced: spread it"
    return f"the gradient has shape {given.shape}, not the input's {wanted.shape}"


def _unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=stretched, keepdims=True)


# -- hypotheses about a gradient of the right shape -----------------------------------------------


def _kink(case: Case, given: np.ndarray) -> str | None:
    """All that is wrong lies at kinks, and between the slopes of both sides."""
    for at in np.ndindex(given.shape):
        if case.fits(given[at], case.wanted[at]):
            continue
        left, right = case.sides(at)
        low, high = sorted((left, right))
        margin = 1e-3 * max(1.0, abs(left), abs(right))
        if high - low < margin or not low - margin < given[at] < high + margin:
            return None
        kink = f"{at}: its slope is {left:.4g} on the left and {right:.4g} on the right"
    return f"f has a kink at {kink}; no rule can pass there, move the input away"


def _zero(case: Case, given: np.ndarray) -> str | None:
    if given.any():
        return None
    return "the rule gives 0 everywhere: the gradient is lost on its way"


def _sign(case: Case, given: np.ndarray) -> str | None:
    return "the sign is wrong" if case.fits(-given, case.wanted) else None


def _factor(case: Case, given: np.ndarray) -> str | None:
    """One number times the gradient: which number, and what it may be."""
    wanted = case.wanted
    square = (wanted * wanted).sum()
    factor = float((given * wanted).sum() / square) if square else 0.0
    if not factor or not case.fits(given, factor * wanted):
        return None
    names = dict(_names_of_factors(case.lengths))
    named = next((n for n in names if abs(factor - n) <= 1e-4 * abs(n)), None)
    if named is None and np.count_nonzero(wanted) < 2:
        return None  # any wrong number is a multiple of a single right one
    return f"every entry is {factor:.6g} times what it should be" + names.get(named or 0.0, "")


def _names_of_factors(lengths: dict[int, str]) -> Iterator[tuple[float, str]]:
    for n, where in lengths.items():
        if n > 1:
            yield n, f", and {n} is {where}: a mean's division is missing?"
            yield 1 / n, f", and {n} is {where}: a mean in place of a sum?"
    if lengths.get(2) is None:
        yield 2.0, ": a factor too many, or a term counted twice"
        yield 0.5, ": a factor 2 is missing, or one of two equal terms"


def _transposed(case: Case, given: np.ndarray) -> str | None:
    shape = given.shape
    for order in permutations(range(given.ndim)) if given.ndim < 5 else ():
        turned = given.reshape([shape[a] for a in order]).transpose(np.argsort(order))
        if case.fits(turned, case.wanted):
            return f"the gradient is transposed: its axes are those of the input in order {order}"
    return None


def _exchanged(case: Case, given: np.ndarray) -> str | None:
    for number, gradient in case.others.items():
        if gradient.shape == given.shape and case.fits(given, gradient):
            return f"this is the gradient of input {number}: the arguments are exchanged"
    return None


def _ignores_g(case: Case, given: np.ndarray) -> str | None:
    if case.fits(given, case.gradient(np.ones_like)):
        return "the rule ignores the incoming gradient g: multiply by it"
    return None


def _one_row(case: Case, given: np.ndarray) -> str | None:
    """The first or the last row of the results in place of a sum over all."""
    for row in (0, -1):

        def only(weights: np.ndarray, row: int = row) -> np.ndarray:
            kept = np.zeros_like(weights)
            if weights.ndim and len(weights):
                kept[row] = weights[row]
            return kept

        if case.fits(given, case.gradient(only)):
            which = "last" if row else "first"
            return f"only the {which} row of g counts: the sum over the batch is missing"
    return None


def _missing_term(case: Case, given: np.ndarray) -> str | None:
    missing = case.wanted - given
    terms = [(f"the gradient of input {n}", gradient) for n, gradient in case.others.items()]
    terms += [("g itself", g) for g in case.entering]
    for name, term in terms:
        for sign, signed in (("", term), ("minus ", -term)):
            if term.shape == missing.shape and case.fits(missing, signed):
                return f"a term is missing: {sign}{name}"
    return None


def _missing_rows(case: Case, given: np.ndarray) -> str | None:
    """Right but for places where nothing arrives."""
    lost = (given == 0) & (case.wanted != 0)
    if not lost.any() or not given.any():
        return None
    if not case.fits(np.where(lost, case.wanted, given), case.wanted):
        return None
    places = [tuple(at) for at in np.argwhere(lost).tolist()]
    shown = ", ".join(map(str, places[:4])) + (", …" if len(places) > 4 else "")
    return f"the gradient is right except that none arrives at {shown}"


HYPOTHESES = (
    _kink,
    _zero,
    _sign,
    _factor,
    _transposed,
    _exchanged,
    _ignores_g,
    _one_row,
    _missing_rows,
    _missing_term,
)
