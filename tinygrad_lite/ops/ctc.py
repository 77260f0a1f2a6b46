"""The loss of labels without known places: connectionist temporal classification.

Graves, Fernández, Gomez & Schmidhuber (2006), from here on "the paper". A path names one class, or
the blank, for each time step; it stands for the labelling that is left when repetitions are merged
and then blanks removed. The loss is -log of the total probability of all paths of the target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError, message
from tinygrad_lite.op import Op
from tinygrad_lite.ops.elementwise import as_array, maximum, where
from tinygrad_lite.ops.loss import Reduction, plain, reduce_losses
from tinygrad_lite.ops.reduce import logsumexp
from tinygrad_lite.ops.shape import expand_dims, stack

if TYPE_CHECKING:
    from tinygrad_lite.tensor import ArrayLike, Tensor

__all__ = ["ctc_loss"]

# -- places: the target with blanks before, between and after its labels --------------------------
# They are (N, L), L = 2 S + 1. A path stays at its place, goes to the next one, or leaps over a
# blank between two different labels (the paper, eq. 6).


def _leaps(places: np.ndarray, blank: int) -> np.ndarray:
    """Tell at which places, from the third on, a path may arrive by a leap of two."""
    return (places[:, 2:] != blank) & (places[:, 2:] != places[:, :-2])


def _ends(places: np.ndarray, target_lengths: np.ndarray) -> np.ndarray:
    """Tell at which places a path may end: at the last label, and at the blank after it."""
    behind = 2 * target_lengths[:, None] - np.arange(places.shape[1])
    return (behind == 0) | (behind == 1)


def _step(a: np.ndarray, leaps: np.ndarray) -> np.ndarray:
    """Add up, at each place, the probabilities of all places that a path may come from."""
    out = a.copy()
    out[:, 1:] = np.logaddexp(a[:, 1:], a[:, :-1])
    out[:, 2:] = np.logaddexp(out[:, 2:], np.where(leaps, a[:, :-2], -np.inf))
    return out


_NEVER = -1e30  # in results, in place of -inf, whose differences are no numbers


def _forward(
    log_probs: np.ndarray,
    places: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the losses (N,), and log α (T + 1, N, L), where α[0] is before the first step.

    The paper, eqs. 5 to 8, with logarithms in place of its rescaling.
    """
    rows = np.arange(len(places))
    leaps = _leaps(places, blank)
    alpha = np.full((len(log_probs) + 1, *places.shape), -np.inf, log_probs.dtype)
    alpha[0, :, 0] = 0.0
    for t, emitted in enumerate(log_probs[:, rows[:, None], places]):
        alpha[t + 1] = _step(alpha[t], leaps) + emitted
    last = np.where(_ends(places, target_lengths), alpha[input_lengths, rows], -np.inf)
    return -np.logaddexp.reduce(last, axis=1), np.maximum(alpha, _NEVER)


def _rule(
    g: Any,
    y: Any,
    log_probs: np.ndarray,
    places: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
) -> np.ndarray:
    """Minus ȳ times the probability, given the target, that a path is at each class at each step.

    The paper, eq. 15, for the logarithms of its y. Here β leaves out the step's own probability,
    which α has. Where no path exists the gradient is 0.
    """
    losses, alpha = y
    rows = np.arange(len(places))
    emitted = log_probs[:, rows[:, None], places]
    log_p = -np.where(np.isfinite(losses), losses, 0.0)[:, None]
    ends = np.where(_ends(places, target_lengths), 0.0, -np.inf).astype(log_probs.dtype)
    leaps = _leaps(places, blank)[:, ::-1]  # seen from the end
    beta = np.full_like(ends, -np.inf)
    at_place = np.empty_like(emitted)
    for t in reversed(range(len(log_probs))):
        beta = np.where((input_lengths == t + 1)[:, None], ends, beta)
        at_place[t] = np.exp(alpha[t + 1] + beta - log_p)
        beta = _step((beta + emitted[t])[:, ::-1], leaps)[:, ::-1]
    out = np.zeros_like(log_probs)
    for s, at in enumerate(places.T):  # a label's places one after the other: none is lost
        out[:, rows, at] -= g * at_place[:, :, s]
    return out


# -- the same in plain ops ------------------------------------------------------------------------


def _in_plain_ops(
    log_probs: Any,
    places: np.ndarray,
    input_lengths: np.ndarray,
    target_lengths: np.ndarray,
    blank: int,
) -> Any:
    def closed(open_: np.ndarray) -> np.ndarray:
        return np.where(open_, 0.0, _NEVER).astype(log_probs.dtype)

    at = np.arange(places.shape[1])
    next_, leap = closed(at >= 1), np.full(places.shape, _NEVER, log_probs.dtype)
    leap[:, 2:] = closed(_leaps(places, blank))
    emitted = maximum(log_probs, _NEVER)[:, np.arange(len(places))[:, None], places]
    alpha = emitted[0] * 0.0 + closed(at == 0)
    for t in range(len(log_probs)):
        came_from = [alpha, alpha[:, np.roll(at, 1)] + next_, alpha[:, np.roll(at, 2)] + leap]
        new = logsumexp(stack(came_from), axis=0) + emitted[t]
        alpha = where((t < input_lengths)[:, None], new, alpha)
    log_p = logsumexp(alpha + closed(_ends(places, target_lengths)), axis=1)
    return where(plain(log_p) > _NEVER / 2, -log_p, np.inf)


_ctc = Op("ctc_loss", _forward, _rule, reference=_in_plain_ops, keeps=True)


# -- the public function --------------------------------------------------------------------------


def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return -log of the probability of a labelling, summed over all its alignments in time.

    Graves et al. (2006). The gradient is that of `log_probs` as they are given; through
    `log_softmax` it is the paper's eq. 16.

    Args:
        log_probs: (T, N, C), logarithms of probabilities, e.g. those of `log_softmax`; or (T, C).
        targets: labels (N, S), padded with anything; or all labels one after the other in one
            axis; or (S,) where log_probs are (T, C). None is the blank.
        input_lengths: (N,), each from 0 to T; or () where log_probs are (T, C).
        target_lengths: (N,), each from 0 to S; or ().
        blank: the class that stands for no label.
        reduction: sum, none, or mean: each loss is then divided by the length of its target (1 if
            that is 0) before the mean is taken.
        zero_infinity: count 0 in place of infinity where a target does not fit into its input. The
            gradient is 0 there in any case.

    Raises:
        ShapeError: the shapes or lengths do not go together.
        DTypeError: labels or lengths are not of integers.
        DataError: a label is the blank or out of range, or there are no samples for a mean.
        ArgumentError: `blank` is not among the classes.
    """
    x = as_array(log_probs)
    labels, inputs, lengths = plain(targets), plain(input_lengths), plain(target_lengths)
    operands = {
        "log_probs": x,
        "targets": labels,
        "input_lengths": inputs,
        "target_lengths": lengths,
    }
    if any(a.size and a.dtype.kind not in "iu" for a in (labels, inputs, lengths)):
        raise DTypeError(
            message(
                "ctc_loss", "labels and lengths must be integers", operands, fix=".astype('int64')"
            )
        )
    alone = x.ndim == 2
    x = expand_dims(x, 1) if alone else x
    inputs, lengths = (np.atleast_1d(a).astype(np.intp) for a in (inputs, lengths))
    if x.ndim != 3 or not len(x) or inputs.shape != lengths.shape or lengths.shape != x.shape[1:2]:
        raise ShapeError(
            message(
                "ctc_loss",
                "log_probs must be (T, N, C), of one step at least, and both lengths (N,)",
                operands,
                fix="put time first: log_probs.transpose(1, 0, 2)",
            )
        )
    time, n, classes = x.shape
    if not 0 <= blank < classes:
        raise ArgumentError(
            message(
                "ctc_loss",
                f"blank={blank} is not among the {classes} classes",
                operands,
                fix=f"choose a class from 0 to {classes - 1}",
            )
        )
    padded = labels.ndim == 2 and len(labels) == n
    room = labels.shape[1] if padded else labels.size
    fits = ((inputs >= 0) & (inputs <= time) & (lengths >= 0) & (lengths <= room)).all()
    if not fits or not (padded or (labels.ndim == 1 and (alone or lengths.sum() == room))):
        raise ShapeError(
            message(
                "ctc_loss",
                f"lengths must be within {time} steps and the targets, (N, S) or one after another",
                operands,
                fix="count the steps and labels of each sequence, without padding",
            )
        )
    longest = int(lengths.max(initial=0))
    filled = np.arange(longest) < lengths[:, None]
    tight = np.full((n, longest), blank, np.intp)  # (N, S)
    tight[filled] = (
        labels[np.arange(room) < lengths[:, None]] if padded else labels[: lengths.sum()]
    )
    wrong = filled & ((tight == blank) | (tight < 0) | (tight >= classes))
    if wrong.any():
        sample, place = np.argwhere(wrong)[0]
        raise DataError(
            message(
                "ctc_loss",
                f"label {tight[sample, place]} (sample {sample} of the batch) is the blank, or not "
                f"among the {classes} classes",
                operands,
                fix=f"number labels from 0 to {classes - 1}, leaving out the blank, {blank}",
            )
        )
    places = np.full((n, 2 * longest + 1), blank)
    places[:, 1::2] = tight
    losses = _ctc(x, places=places, input_lengths=inputs, target_lengths=lengths, blank=blank)
    if zero_infinity:
        losses = where(np.isinf(plain(losses)), 0.0, losses)
    if reduction == "mean":
        losses = losses / np.maximum(lengths, 1).astype(x.dtype)
    elif alone and reduction == "none":
        losses = losses[0]
    return reduce_losses(losses, reduction, "ctc_loss")
