"""Sequential: one Module after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.module import Module
from tinygrad_lite.plugins import register_layer


@register_layer("sequential")
class Sequential(Module):
    """Apply Modules in order, each to the result of the one before; index and iterate like a list.

    Parameters are named as in PyTorch, by position: `0.weight`, `0.bias`, `2.weight`, ...

    Args:
        modules: the Modules, each an argument of its own.

    Raises:
        ArgumentError: something is not a Module.
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise ArgumentError(
                    message(
                        "Sequential",
                        f"part {i} is no Module: {module!r}",
                        fix="pass layers, as Sequential(Dense(2, 3), ReLU()); unpack a list with *",
                    )
                )
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """Apply all."""
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return (part for part in vars(self).values() if isinstance(part, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]
