"""Trees: nested lists, tuples and dicts, with anything else as their leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_lite.errors import ArgumentError, message


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Return the leaves of a tree, and the function that puts others in their places."""
    if isinstance(tree, dict):
        parts, keys = [flatten(branch) for branch in tree.values()], [*tree]
        return _join(parts, lambda branches: dict(zip(keys, branches, strict=True)))
    if isinstance(tree, list | tuple):
        kind = type(tree)
        named = hasattr(tree, "_fields")  # a named tuple takes its parts one by one
        return _join(
            [flatten(branch) for branch in tree],
            lambda branches: kind(*branches) if named else kind(branches),
        )
    return [tree], lambda leaves: leaves[0]


def _join(
    parts: list[tuple[list[Any], Callable[[list[Any]], Any]]], make: Callable[[list[Any]], Any]
) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    def rebuild(leaves: list[Any]) -> Any:
        branches, start = [], 0
        for own, put in parts:
            branches.append(put(leaves[start : start + len(own)]))
            start += len(own)
        return make(branches)

    return [leaf for own, _ in parts for leaf in own], rebuild


def leaves_like(subject: str, tree: Any, like: Any) -> list[Any]:
    """Return what `tree` has in the places of the leaves of `like`.

    Raises:
        ArgumentError: the two are not nested alike.
    """
    if isinstance(like, dict):
        alike = isinstance(tree, dict) and tree.keys() == like.keys()
        branches = [(tree[key], like[key]) for key in like] if alike else []
    elif isinstance(like, list | tuple):
        alike = isinstance(tree, list | tuple) and len(tree) == len(like)
        branches = [*zip(tree, like, strict=True)] if alike else []
    else:
        return [tree]
    if not alike:
        raise ArgumentError(
            message(
                subject,
                "two arguments must be nested alike",
                {"one": like, "the other": tree},
                fix="give a Tensor for each Tensor, in the same lists, tuples and dicts",
            )
        )
    return [leaf for branch, other in branches for leaf in leaves_like(subject, branch, other)]
