"""Trees: nested lists, tuples, dicts and arrays of Scalars, with anything else as their leaves."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, message
from tinygrad_lite.op import OBJECT
from tinygrad_lite.scalar import Scalar
from tinygrad_lite.tensor import Tensor

Build = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Build]:
    """Return the leaves of a tree, and the function that puts others in their places."""
    opened = _open(tree)
    if opened is None:
        return [tree], lambda leaves: leaves[0]
    branches, build = opened
    parts = [flatten(branch) for branch in branches]
    builders = [(put, len(leaves)) for leaves, put in parts]

    def put_all(leaves: list[Any]) -> Any:
        rest = iter(leaves)
        return build([put([*islice(rest, count)]) for put, count in builders])

    return [leaf for leaves, _ in parts for leaf in leaves], put_all


def leaves_like(subject: str, tree: Any, like: Any) -> list[Any]:
    """Return what `tree` has in the places of the leaves of `like`.

    Raises:
        ArgumentError: the two are not nested alike.
    """
    opened = _open(like)
    if opened is None:
        return [tree]
    if isinstance(like, dict):
        alike = isinstance(tree, dict) and tree.keys() == like.keys()
        branches = [tree[key] for key in like] if alike else []
    elif isinstance(like, list | tuple):
        alike = isinstance(tree, list | tuple) and len(tree) == len(like)
        branches = [*tree] if alike else []
    else:
        alike = isinstance(tree, np.ndarray | Tensor) and tree.shape == like.shape
        branches = _elements(tree) if alike else []
    if not alike:
        raise ArgumentError(
            message(
                subject,
                "two arguments must be nested alike",
                {"one": like, "the other": tree},
                fix="give a Tensor for each Tensor, in the same lists, tuples and dicts",
            )
        )
    pairs = zip(branches, opened[0], strict=True)
    return [leaf for branch, other in pairs for leaf in leaves_like(subject, branch, other)]


def _open(tree: Any) -> tuple[list[Any], Build] | None:
    """Return the branches of a tree and the function that joins others; None for a leaf."""
    if isinstance(tree, dict):
        keys = [*tree]
        return [*tree.values()], lambda branches: dict(zip(keys, branches, strict=True))
    if isinstance(tree, list | tuple):
        kind = type(tree)
        if hasattr(kind, "_fields"):  # a named tuple takes its parts one by one
            return [*tree], lambda branches: kind(*branches)
        return [*tree], kind
    if isinstance(tree, np.ndarray | Tensor) and tree.dtype == OBJECT:
        shape, wrap = tree.shape, Tensor.make if isinstance(tree, Tensor) else np.asarray
        return _elements(tree), lambda branches: wrap(_array_of(branches, shape))
    return None


def _elements(array: np.ndarray | Tensor) -> list[Any]:
    """Return the elements of an array of Scalars, in which plain numbers may stand."""
    array = array.scalars() if isinstance(array, Tensor) else array
    return [
        Scalar(x, requires_grad=False) if isinstance(x, int | float) else x
        for x in (array[index] for index in np.ndindex(array.shape))
    ]


def _array_of(elements: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(elements), object)
    for i, element in enumerate(elements):  # one by one: an element may itself be an array
        array[i] = element
    return array.reshape(shape)
