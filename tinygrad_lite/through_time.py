"""Training through time on sequences too long to go all the way back: truncated BPTT.

Full backpropagation through time needs nothing of its own: run a recurrent layer, call `backward`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tinygrad_lite.errors import ArgumentError, ShapeError, message
from tinygrad_lite.graph import Node
from tinygrad_lite.modes import no_grad
from tinygrad_lite.tensor import ArrayLike, Tensor, asarray
from tinygrad_lite.tree import flatten


def detach_state(state: Any) -> Any:
    """Return the same state without its history: a gradient that arrives there goes no further.

    Args:
        state: a Tensor, a tuple (h, c), any nest of them; None, which stands for zeros, stays None.
    """
    leaves, put = flatten(state)
    return put([x.kind.make(x.data) if isinstance(x, Node) else x for x in leaves])  # type: ignore[attr-defined]


class Chunk(NamedTuple):
    """The newest steps of a sequence, ready for a loss.

    Attributes:
        outputs: those of these steps, on a graph that reaches k2 steps back from the last of them.
        steps: where they lie in the sequence: the targets are y[:, steps].
        state: the one after the last of them, without its history.
    """

    outputs: Any
    steps: slice
    state: Any


def truncated_bptt(
    run: Callable[[Tensor, Any], tuple[Any, Any]],
    x: ArrayLike,
    k1: int,
    k2: int | None = None,
    state: Any = None,
    batch_first: bool = True,
) -> Iterator[Chunk]:
    """Go through a long sequence, and stop every k1 steps for a gradient that reaches k2 back.

        for outputs, steps, state in tg.truncated_bptt(layer, x, k1=20, k2=40):
            loss = F.mse_loss(head(outputs), y[:, steps])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    At each stop t, the errors of the steps since the last stop are carried back to step t - k2 and
    no further: what happened before is known, through the state, but not learned from. With
    k1 = k2 a sequence falls into pieces; with k2 > k1 they overlap, and every error reaches
    k2 - k1 steps back at least; with k2 < k1 only the last k2 steps before a stop come with
    outputs. If k1 does not divide the sequence, the last stop, at its end, has fewer new steps,
    and reaches as far back as the others.

    A graph never spans more than k2 steps, so memory does not grow with the sequence. Where chunks
    overlap the steps before the new ones run again, with the weights of the moment, from the state
    that they began with: k2 / k1 forward steps a step.

    Source: Williams & Peng, "An efficient gradient-based algorithm for on-line training of
    recurrent network trajectories", 1990, BPTT(h; h') with h = k2 and h' = k1; Sutskever, "Training
    recurrent neural networks", thesis, 2013, section 2.8.6.

    Shapes: x (N, T, ...), or (T, ...) if not batch_first.

    Args:
        run: `outputs, state = run(part of x, state)`: a recurrent layer, or a function of yours.
        x: the sequences.
        k1: steps from one stop to the next.
        k2: steps that a gradient goes back; k1 by default.
        state: what an earlier sequence ended with, or one to be learned; None to start from zeros.
        batch_first: whether time is the second axis of x, or the first.

    Raises:
        ArgumentError: k1 or k2 is no whole number from 1 on.
        ShapeError: x has no time step.
    """
    k2 = k1 if k2 is None else k2
    for name, k in {"k1": k1, "k2": k2}.items():
        if not isinstance(k, int) or k < 1:
            raise ArgumentError(
                message(
                    "truncated_bptt",
                    f"{name}={k!r} is no number of steps",
                    fix="give a whole number from 1 on, e.g. k1=20, k2=40",
                )
            )
    x, axis = asarray(x), int(batch_first)
    if x.ndim <= axis or x.shape[axis] == 0:
        raise ShapeError(
            message(
                "truncated_bptt",
                f"x needs a time step at least, on axis {axis}",
                {"x": x},
                fix="x is (N, T, ...); or (T, ...) with batch_first=False",
            )
        )
    return _chunks(run, x, k1, k2, state, axis)


def _chunks(run: Any, x: Tensor, k1: int, k2: int, state: Any, axis: int) -> Iterator[Chunk]:
    def go(begin: int, end: int, state: Any) -> tuple[Any, Any]:
        part = (slice(None),) * axis + (slice(begin, end),)
        return run(x[part], state) if begin < end else (None, state)

    total = x.shape[axis]
    states = {0: state}  # at each stop, without history: where later chunks begin
    for stop in (*range(k1, total, k1), total):
        before = (stop - 1) // k1 * k1  # the stop before this one
        reach = max(0, stop - k2)
        new = max(before, reach)
        earlier = reach // k1 * k1
        with no_grad():
            _, state = go(earlier, reach, states[earlier])
        _, state = go(reach, new, state)
        outputs, state = go(new, stop, state)
        states[stop] = detach_state(state)
        yield Chunk(outputs, slice(new, stop), states[stop])
