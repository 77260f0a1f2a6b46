"""What the numbers of a comparison show, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tinygrad_lite.study.compare import Result


def sentences(results: Sequence[Result]) -> list[str]:
    """Return a few sentences, each computed from the results of this very run."""
    found = [_accuracy(results), _sharing(results), _cost(results)]
    found += [_over_time(results), _over_layers(results), _gap(results)]
    return [sentence for sentence in found if sentence]


def bullets(sentences: Sequence[str]) -> Table:
    """Return sentences as a list, for a rich console to print: later lines are indented."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for sentence in sentences:
        table.add_row("•", Text(sentence))
    return table


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%" if value < 1 else f"{100 * value:.0f}%"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _accuracy(results: Sequence[Result]) -> str:
    ranked = sorted(results, key=lambda r: -r.test)
    best = ranked[0]
    if len(ranked) == 1:
        return f"{best.name} gets {_percent(best.test)} of the held-out images right."
    others = [_percent(ranked[-1].test), _percent(ranked[1].test)]
    spread = others[0] if others[0] == others[1] else f"{others[0]} to {others[1]}"
    rest = ranked[1].name if len(ranked) == 2 else "the others"
    if ranked[1].test == best.test:
        equal = [r.name for r in ranked if r.test == best.test]
        return f"{_listed(equal)} are level at {_percent(best.test)} of the held-out images."
    return f"{best.name} gets most held-out images right: {_percent(best.test)}, {rest} {spread}."


def _sharing(results: Sequence[Result]) -> str:
    """Name how often a weight is used for one image: once, unless it is shared."""
    uses = {r.name: r.multiply_adds / r.parameters for r in results if r.parameters}
    shared = {name: n for name, n in uses.items() if n > 1.5}
    if not shared:
        return ""
    parts = [f"{n:.0f} times in {name}" for name, n in sorted(shared.items(), key=lambda i: -i[1])]
    once = [name for name in uses if name not in shared]
    rest = f"; in {_listed(once)} it is used once" if once else ""
    return (
        f"A weight is used on average {_listed(parts)} for one image, since places or time steps "
        f"share it{rest}."
    )


def _cost(results: Sequence[Result]) -> str:
    ranked = sorted(results, key=lambda r: r.seconds)
    if len(ranked) == 1:
        return ""
    fast, slow = ranked[0], ranked[-1]
    work = slow.multiply_adds / max(1, fast.multiply_adds)
    return (
        f"{fast.name} trains fastest, {fast.seconds:.2f} s an epoch; {slow.name} takes "
        f"{slow.seconds / fast.seconds:.1f} times as long, for {work:.1f} times the multiply-adds."
    )


def _over_time(results: Sequence[Result]) -> str:
    """Compare how much of the gradient reaches the first time step, before and after training."""
    ranked = sorted((r for r in results if r.before.over == "steps"), key=lambda r: r.before.ratio)
    if not ranked:
        return ""
    steps = len(ranked[0].before.norms)
    before = [f"{_percent(r.before.ratio)} in {r.name}" for r in ranked]
    after = [f"{_percent(r.after.ratio)} in {r.name}" for r in ranked]
    text = (
        f"Before training, the gradient at the first of {steps} time steps is {_listed(before)} of "
        f"that at the last; after it, {_listed(after)}"
    )
    if all(r.after.ratio > r.before.ratio for r in ranked):
        text += ": learning to read an image is learning to carry its first rows to the end"
    weakest = ranked[0].before.ratio
    if 0 < weakest < 1:
        # a share r over n - 1 steps is r^(1 / (n - 1)) a step
        a_step = weakest ** (1 / (steps - 1))
        text += (
            f". {ranked[0].name} began with {_percent(a_step)} a step, of which 100 steps would "
            f"leave {a_step**99:.0e}: too little to learn from"
        )
    return text + "."


def _over_layers(results: Sequence[Result]) -> str:
    """Say whether the gradient fades on its way down the layers."""
    found = [r for r in results if r.before.over == "layers"]
    if not found:
        return ""
    parts = [f"{r.before.ratio:.2f} in {r.name} ({len(r.before.norms)} layers)" for r in found]
    faded = [r.name for r in found if r.before.ratio < 0.1]
    verdict = (
        f"the first layers of {_listed(faded)} learn slowly"
        if faded
        else "with so few layers and ReLU it hardly fades"
    )
    return (
        "Between layers, the gradient norm of the first weight over that of the last is "
        f"{_listed(parts)}: {verdict}."
    )


def _gap(results: Sequence[Result]) -> str:
    """Name the network that remembers more than it understands."""
    widest = max(results, key=lambda r: r.train - r.test)
    if widest.train - widest.test < 0.005:
        return "None does much better on the images it learned from than on new ones."
    return (
        f"{widest.name} has the widest gap between the images it learned from "
        f"({_percent(widest.train)}) and new ones ({_percent(widest.test)})."
    )
