"""DataLoader: batches, epoch after epoch, in an order that can be repeated and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.transforms import Arrays
from tinygrad_lite.errors import ArgumentError, CheckpointError, DataError, message
from tinygrad_lite.ops.random import check_seed, generator
from tinygrad_lite.tensor import Tensor, asarray

Batch = tuple[Tensor, ...]


class DataLoader:
    """Batches of a data set; each pass over the loader is one epoch.

    A batch is a tuple of Tensors: (x, y), or (x,) without labels. The order of an epoch depends
    only on the seed and the epoch's number.

    Args:
        dataset: a Dataset, a pair of arrays (x, y), an array x, or anything with `len()` and an
            integer index that gives one sample: a tuple of arrays or numbers, or one of them.
        batch_size: samples of a batch; the last one of an epoch may be smaller.
        shuffle: draw a new order for every epoch.
        seed: of the orders and of what transforms draw; by default drawn from the library's
            generator (`tg.seed`).
        drop_last: leave out a smaller last batch.
        collate: makes a batch, a tuple of arrays or Tensors, of a list of samples; by default each
            part of the samples is stacked along a new first axis.
        transform: changes a batch, a tuple of arrays, with a random generator, as those of
            `data.transforms` do; meant for the batches to train on. What it draws depends only on
            the seed, the epoch and the place of the batch, so that it is repeated and resumed too.

    Attributes:
        indices: where the samples of the latest batch stand in the data set.

    Raises:
        DataError: the data set is empty, or (while iterating) a sample cannot be read, or samples
            are not of one shape.
        ArgumentError: batch_size is below 1, or with drop_last above the number of samples;
            `dataset` is nothing to take samples from; or `transform` no function.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        seed: int | None = None,
        drop_last: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
        transform: Callable[[Arrays, np.random.Generator], Arrays] | None = None,
    ) -> None:
        self.dataset = _as_dataset(dataset)
        _check_batch_size(batch_size, len(self.dataset), drop_last)
        self.batch_size, self.shuffle, self.drop_last = int(batch_size), shuffle, drop_last
        if transform is not None and not callable(transform):
            raise ArgumentError(
                message(
                    "DataLoader",
                    f"transform={transform!r} is no function",
                    fix="pass a transform of data.transforms, or Compose([...]) of several",
                )
            )
        self.collate, self.transform = collate, transform
        if seed is not None:
            check_seed("DataLoader", seed)
        else:
            seed = int(generator().integers(2**63)) if shuffle or transform else 0
        self.seed = seed
        self.indices = np.zeros(0, int)
        # (epoch, samples of it handed out): now, and where the next pass starts
        self._now = self._next = (0, 0)

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Batch]:
        self._now = epoch, start = self._next
        self._next = (epoch + 1, 0)
        order = self._order(epoch)
        while start < len(order):
            self.indices = indices = order[start : start + self.batch_size]
            batch = self._batch(indices)
            if self.transform is not None:
                rng = np.random.default_rng((self.seed, epoch, start, 1))  # 1: not that of orders
                arrays = self.transform(tuple(part.data for part in batch), rng)
                batch = tuple(asarray(array) for array in arrays)
            start += len(indices)
            self._now = (epoch, start)
            yield batch
        self._now = (epoch + 1, 0)

    def first(self) -> Batch:
        """Return the first sample of the data set as a batch of one, not transformed."""
        return self._batch(np.zeros(1, int))

    def _order(self, epoch: int) -> np.ndarray:
        """Return the indices that an epoch hands out, in order."""
        count = len(self.dataset)
        order = (
            np.random.default_rng((self.seed, epoch)).permutation(count)
            if self.shuffle
            else np.arange(count)
        )
        return order[: count - count % self.batch_size] if self.drop_last else order

    def _batch(self, indices: np.ndarray) -> Batch:
        if self.collate is None and isinstance(self.dataset, Dataset):
            return tuple(Tensor.make(array) for array in self.dataset[indices].arrays)
        parts = (self.collate or _stack)([self._sample(int(index)) for index in indices])
        return tuple(asarray(part) for part in (parts if isinstance(parts, tuple) else (parts,)))

    def _sample(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:  # whatever a user's data set does, its index is worth knowing
            raise DataError(
                message(
                    "DataLoader",
                    f"sample {index} cannot be read: {type(error).__name__}: {error}",
                    fix=f"look at dataset[{index}]; mend it or leave it out",
                )
            ) from error

    # -- state ------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, int]:
        """Return the position in the current epoch, after the batches handed out so far."""
        epoch, position = self._now
        return {
            "seed": self.seed,
            "epoch": epoch,
            "position": position,
            "samples": len(self.dataset),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was called: the next pass hands out the rest of that epoch.

        Raises:
            CheckpointError: the state is incomplete, or of another data set.
        """
        missing = [name for name in self.state_dict() if name not in state]
        if missing or int(state["samples"]) != len(self.dataset):
            problem = (
                f"lacks {', '.join(missing)}"
                if missing
                else f"is of {int(state['samples'])} samples, the data set has {len(self.dataset)}"
            )
            raise CheckpointError(
                message(
                    "DataLoader",
                    f"the state {problem}",
                    fix="resume with the data set that it was saved with",
                )
            )
        self.seed = int(state["seed"])
        self._now = self._next = (int(state["epoch"]), int(state["position"]))


def _as_dataset(data: Any) -> Any:
    if isinstance(data, np.ndarray | Tensor):
        return Dataset(data)
    if isinstance(data, tuple) and len(data) <= 2:
        return Dataset(*data)
    if isinstance(data, tuple) or not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise ArgumentError(
            message(
                "DataLoader",
                f"cannot take samples from a {type(data).__name__}",
                fix="pass a Dataset, a pair of arrays, or an object with __len__ and __getitem__, "
                "such as a list of samples of any number of parts, [*zip(a, b, y)]",
            )
        )
    return data


def _check_batch_size(batch_size: int, samples: int, drop_last: bool) -> None:
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not whole or batch_size < 1:
        raise ArgumentError(
            message(
                "DataLoader",
                f"batch_size={batch_size!r} is not possible",
                fix="give a whole number from 1 on",
            )
        )
    if samples == 0:
        raise DataError(
            message("DataLoader", "the data set is empty", fix="check where it was loaded from")
        )
    if drop_last and batch_size > samples:
        raise ArgumentError(
            message(
                "DataLoader",
                f"drop_last leaves no batch: batch_size={batch_size}, {samples} samples",
                fix=f"use drop_last=False, or a batch_size of at most {samples}",
            )
        )


def _stack(samples: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """Stack each part of the samples along a new first axis."""
    rows = [sample if isinstance(sample, tuple) else (sample,) for sample in samples]
    try:
        columns = zip(*rows, strict=True)
        return tuple(np.stack([asarray(value).data for value in column]) for column in columns)
    except ValueError as error:
        raise DataError(
            message(
                "DataLoader",
                f"the samples of a batch do not stack: {str(error).splitlines()[0]}",
                fix="bring them to one shape, or pass collate=...",
            )
        ) from error
