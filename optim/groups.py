"""Parameter groups: which weights decay, and which don't."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tinygrad_lite.errors import ArgumentError, message, nearest
from tinygrad_lite.module import Module, Parameter

Skip = Callable[[str, Parameter], bool] | Sequence[str]


def decay_groups(model: Module, weight_decay: float, skip: Skip = ()) -> list[dict[str, Any]]:
    """Return parameter groups for an optimiser, in which only matrices and filters decay.

    Biases, the gains of norms, and whatever else has one axis or none are kept from decaying: they
    are few, and pulling them to 0 makes no simpler function. Each Parameter stands in one group,
    once, also if Modules share it; a group without any is left out.

        optim.AdamW(optim.decay_groups(model, 0.05, skip=["embedding.*"]), lr=1e-3)

    Source: He et al., "Bag of tricks for image classification", 2019, section 3.1.

    Args:
        model: whose Parameters are grouped.
        weight_decay: of those that decay; the others get 0.
        skip: further ones that don't: patterns of dotted names, where `*` stands for anything; or a
            function (name, parameter) that says yes.

    Raises:
        ArgumentError: a pattern fits no name, or `model` is no Module.
    """
    if not isinstance(model, Module):
        raise ArgumentError(
            message("decay_groups", "needs a Module", {"model": model}, fix="pass the model itself")
        )
    named = list(model.named_parameters())
    skips = skip if callable(skip) else _match_any(skip, [name for name, _ in named])
    groups: dict[bool, list[Parameter]] = {True: [], False: []}
    for name, parameter in named:
        groups[parameter.ndim > 1 and not skips(name, parameter)].append(parameter)
    return [
        {"params": parameters, "weight_decay": weight_decay if decays else 0.0}
        for decays, parameters in groups.items()
        if parameters
    ]


def _match_any(patterns: Sequence[str], names: list[str]) -> Callable[[str, Parameter], bool]:
    """Return a function that tells whether a name fits a pattern."""
    patterns = [patterns] if isinstance(patterns, str) else patterns
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ArgumentError(
                message(
                    "decay_groups",
                    f"no parameter's name fits {pattern!r}",
                    fix=f"the names are: {nearest(pattern, names)}",
                )
            )
    return lambda name, _: any(fnmatchcase(name, pattern) for pattern in patterns)
