"""One update of the weights: everything between batches and the optimiser's step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, DivergenceError, message
from tinygrad_lite.graph import next_order
from tinygrad_lite.memory import changed_since
from tinygrad_lite.op import FLOATS
from tinygrad_lite.optim import clip_grad_norm_, clip_grad_value_
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train.faults import NotFiniteError, check_gradients, explain
from tinygrad_lite.train.metrics import Metric
from tinygrad_lite.train.progress import Means
from tinygrad_lite.train.state import Savepoint
from tinygrad_lite.train.watch import Watch

if TYPE_CHECKING:
    from tinygrad_lite.train.loop import Trainer

Batch = Sequence[Tensor]
Pair = tuple[np.ndarray, np.ndarray]  # outputs and targets, for the metrics


class Update:
    """One update of a Trainer's weights, which until then can be taken back.

    Args:
        trainer: whose.
        watch: looks into the layers meanwhile.

    Attributes:
        before: what there was before; until the update has begun, it can be rolled back.
    """

    def __init__(self, trainer: Trainer, watch: Watch | None = None) -> None:
        self._trainer, self._watch = trainer, watch
        self.before = Savepoint(trainer, everything=trainer.draws_globally)
        self._begin, self._has_begun = next_order(), False

    @property
    def has_begun(self) -> bool:
        """Whether weights have been changed, by a step of the user's own too: there is no back."""
        weights = (parameter.data for parameter in self._trainer.parameters())
        return self._has_begun or changed_since(self._begin, weights)

    def run(self, batches: Sequence[Batch], metrics: Sequence[Metric]) -> dict[str, float]:
        """Learn from batches as if they were one; return means of what was reported.

        The metrics count before the weights change: where one fails, all can be taken back.

        Raises:
            NotFiniteError: the loss or a gradient is not finite; the weights are as before.
            DataError: there are no targets where a loss needs them.
            ArgumentError: what loss or training_step returned is not what it should be.
        """
        trainer = self._trainer
        if self._watch is not None:
            self._watch.before_update()
        means, pairs = self.compute_gradients(batches)
        if not trainer.updates_itself:
            total = None
            if trainer.clip_value is not None:
                check_gradients(trainer.parameters())
                clip_grad_value_(trainer.parameters(), trainer.clip_value)
            if trainer.clip_norm is not None:
                total = clip_grad_norm_(trainer.parameters(), trainer.clip_norm)
            check_gradients(trainer.parameters(), total)
        for outputs, targets in pairs:
            for metric in metrics:
                metric.update(outputs, targets)
        self._has_begun = True
        if not trainer.updates_itself:
            for optimizer in trainer.optimizers.values():
                optimizer.step()
        if trainer.ema is not None:
            trainer.ema.update()
        for schedule in trainer.due_schedules("step"):
            schedule.step()
        return means

    def compute_gradients(self, batches: Sequence[Batch]) -> tuple[dict[str, float], list[Pair]]:
        """Run forward and backward; return means and pairs, and note what the step does."""
        trainer = self._trainer
        if not trainer.model.training:  # at first, or where a callback has evaluated it
            trainer.model.train()
        for optimizer in trainer.optimizers.values():
            optimizer.zero_grad()
        means, pairs, samples = Means(), [], sum(len(batch[0]) for batch in batches)
        for batch in batches:
            share, before = len(batch[0]) / samples, self._gradients()
            with nullcontext() if self._watch is None else self._watch.forward():
                loss, measured, pair = measure(trainer, batch)
            trainer.updates_itself = loss is None
            if not all(map(isfinite, measured.values())):
                what = next(name for name, value in measured.items() if not isfinite(value))
                raise NotFiniteError(f"the {what} is {measured[what]}")
            if loss is not None:
                self._check_no_backward_since(before)
                (loss if share == 1 else loss * share).backward()
            means.add(measured, len(batch[0]))
            pairs += [] if pair is None else [pair]
        return means.means(), pairs

    def break_off(self) -> None:
        """Go back to before this update, which failed, if that can be done."""
        if self.has_begun:
            self._trainer.is_consistent = False
        else:
            self.before.roll_back()

    def explained(
        self,
        error: NotFiniteError,
        batches: Sequence[Batch],
        indices: Sequence[np.ndarray | None],
    ) -> DivergenceError | DataError:
        """Return the error that says where NaN or infinity came from, after going back.

        Args:
            error: that this update met.
            batches: what it learned from.
            indices: of each batch, where its samples stand in the data set, if that is known.
        """
        trainer = self._trainer
        self.break_off()
        if self.has_begun:
            return DivergenceError(
                message(
                    "Trainer",
                    f"{error.problem}, in a training step that has updated the weights itself",
                    fix=f"lower the learning rate (now {trainer.optimizer.lr:g})",
                )
            )

        def again() -> None:
            Update(trainer).compute_gradients(batches)

        lr = trainer.optimizer.lr
        explained = explain(trainer.model, batches, indices, error.problem, again, lr)
        self.before.roll_back()
        return explained

    def _gradients(self) -> list[Tensor | None]:
        """Return the gradients; none if no step of the user's own could change them."""
        step, parameters = self._trainer.training_step, self._trainer.parameters()
        return [] if step is None else [parameter.grad for parameter in parameters]

    def _check_no_backward_since(self, gradients: list[Tensor | None]) -> None:
        if any(new is not old for new, old in zip(self._gradients(), gradients, strict=True)):
            raise ArgumentError(
                message(
                    "Trainer",
                    "training_step has called backward(), and returned a loss to call it on again",
                    fix="leave backward() and step() to the Trainer; or return the loss as a "
                    "number, loss.item(), from a step that updates the weights itself",
                )
            )


def measure(
    trainer: Trainer, batch: Batch, training: bool = True
) -> tuple[Tensor | None, dict[str, float], Pair | None]:
    """Return the loss of a batch, what is to be reported, and what the metrics look at.

    The loss is None if the step has updated the weights itself; the pair is if a step of the
    user's own measures all there is.
    """
    dtype = next(trainer.parameters()).dtype
    batch = [as_dtype(dtype, part) for part in batch]
    step = trainer.training_step if training else trainer.validation_step
    if step is not None:
        name = "validation_step" if step != trainer.training_step else "training_step"
        if not training and name == "training_step" and trainer.updates_itself:
            raise ArgumentError(
                message(
                    "Trainer",
                    "training_step updates the weights, so it cannot validate",
                    fix="give the model a validation_step that returns what it measures, "
                    "or leave the validation out",
                )
            )
        return *_read(name, step(*batch)), None
    if trainer.loss is None or len(batch) < 2:
        raise DataError(
            message(
                "Trainer",
                f"a loss needs batches of (inputs, targets); these have {len(batch)} part(s)",
                fix="train on a pair: fit((x, y), ...)",
            )
        )
    *inputs, targets = batch
    outputs = trainer.model(*inputs)
    loss = trainer.loss(outputs, targets)
    if not isinstance(loss, Tensor):
        raise ArgumentError(
            message(
                "Trainer",
                "loss must be a function that returns a Tensor",
                {"returned": loss},
                fix="pass one made of the library's own functions, e.g. F.cross_entropy",
            )
        )
    return loss, {"loss": loss.item()}, (outputs.data, targets.data)


def as_dtype(dtype: np.dtype[Any], part: Tensor) -> Tensor:
    """Bring floating data to the dtype of the model."""
    return part.astype(dtype) if part.dtype in FLOATS and part.dtype != dtype else part


def _read(name: str, result: Any) -> tuple[Tensor | None, dict[str, float]]:
    """Return the loss, if it is a Tensor, and all numbers, that a user's own step returned."""
    values = dict(result) if isinstance(result, Mapping) else {"loss": result}
    bad = [key for key, value in values.items() if np.size(value) != 1 or not _is_number(value)]
    if bad or "loss" not in values:
        raise ArgumentError(
            message(
                "Trainer",
                f"what {name} returned as {bad[0]} is no single number"
                if bad
                else f"{name} returned no loss",
                {"returned": values[bad[0]] if bad else result},
                fix="return the loss, or a dict of numbers with it as `loss`, "
                "each a Tensor of one element or a float",
            )
        )
    loss = values["loss"]
    numbers = {k: float(v.item() if hasattr(v, "item") else v) for k, v in values.items()}
    return loss if isinstance(loss, Tensor) else None, numbers


def _is_number(value: object) -> bool:
    return isinstance(value, Tensor | float | int | np.generic | np.ndarray)
