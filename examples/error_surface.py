"""The error surface of a long recurrence: flat land, a ravine, and a cliff.

A linear network of one unit, unrolled 1,000 steps: h_1 = 1, h_t = w h_(t-1), and y = v h_1000. With
v = 1 that is y = w^999: 1 at w = 1, but 20,752 at w = 1.01 and 0.00004 at w = 0.99. Its loss, how
far y is from 1, is flat wherever w is below 1, falls into a narrow ravine where y = 1, and behind
it rises as a cliff. (Hochreiter, 1991; Pascanu, Mikolov & Bengio, "On the difficulty of training
recurrent neural networks", 2013, sections 2.3 and 3.2; Goodfellow, Bengio & Courville, "Deep
learning", 2016, chapter 10.11.)

The gradient is right on the cliff, but true only close by. Descent takes it at its word, jumps, and
is thrown far away, to flat land without a way back. Clipping keeps the direction and limits the
length: a step is never longer than the rate times the limit.

    tinygrad-lite run error-surface

Measured, from w = 0.995 with rate 0.0001: without clipping the fourth step lands at w = -0.61,
where loss is 0.5 and the gradient 0, for ever; clipped to norm 1, the loss is 0.0003 after 100.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.study.pictures import draw
from tinygrad_lite.study.plots import show_curves, show_surface
from tinygrad_lite.study.sentences import bullets

TARGET = 1.0
REACH = 10.0  # what is drawn is w from 1 - REACH / length to 1 + REACH / length


@tg.register_model("error-surface")
class LinearRNN(tg.Module):
    """One linear unit that multiplies its memory by w at every step, and shows v times that."""

    def __init__(self, w: float = 1.0, v: float = 1.0) -> None:
        self.w, self.v = tg.Parameter(w, "float64"), tg.Parameter(v, "float64")

    def forward(self, length: int = 1000) -> tg.Tensor:
        """Return y after so many steps."""
        return unrolled(self.w, self.v, length)


def unrolled(w: tg.Tensor, v: tg.Tensor, length: int) -> tg.Tensor:
    """Return v h_length of h_1 = 1, h_t = w h_(t-1): step by step, as a network does it."""
    h = tg.ones_like(w)
    for _ in range(length - 1):
        h = w * h
    return v * h


def loss_of(y: tg.Tensor) -> tg.Tensor:
    """Return half the squared distance to the target."""
    return (y - TARGET) ** 2 / 2


class Place(NamedTuple):
    """Where a descent was, and what it saw there."""

    w: float
    v: float
    loss: float
    norm: float  # of the gradient


def descend(length: int, epochs: int, lr: float, clip: float) -> list[Place]:
    """Descend from the flat land; return the places, to the first whose gradient is no number."""
    net, places = LinearRNN(1 - REACH / length / 2), []
    optimizer = optim.SGD(net.parameters(), lr=lr)
    for _ in range(epochs + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            loss = loss_of(net(length))
            optimizer.zero_grad()
            loss.backward()
            norm = optim.clip_grad_norm_(net.parameters(), clip)
        places.append(Place(net.w.item(), net.v.item(), loss.item(), norm))
        if not np.isfinite(norm):
            break
        optimizer.step()
    return places


def surface(length: int, w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the loss at every pair of weights, of shape (len(v), len(w))."""
    grid_w, grid_v = (tg.asarray(grid) for grid in np.meshgrid(w, v))
    with tg.no_grad():
        return loss_of(unrolled(grid_w, grid_v, length)).numpy()


def steepest(length: int) -> float:
    """Return the curvature of the ravine, across: the largest eigenvalue at w = v = 1."""
    at = tg.ones(2, dtype="float64")
    hessian = tg.hessian(lambda p: loss_of(unrolled(p[0], p[1], length)))(at)
    return float(np.linalg.eigvalsh(hessian.numpy())[-1])


def table_of(descents: dict[str, list[Place]]) -> Table:
    """Set the descents side by side."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("\nstep", justify="right")
    for name in descents:
        for head in (f"{name}\nw", "\nloss", "grad.\nnorm"):
            table.add_column(head, justify="right")
    last = max(map(len, descents.values())) - 1
    for step in sorted({*range(min(6, last)), *range(10, last, 20), last}):
        cells = [str(step)]
        for places in descents.values():
            if step < len(places):
                place = places[step]
                cells += [f"{place.w:.6g}", f"{place.loss:.1e}", f"{place.norm:.1e}"]
            else:
                cells += ["", "", ""]
        table.add_row(*cells)
    return table


def main(
    length: int = 1000,
    epochs: int = 100,
    lr: float = 1e-4,
    clip: float = 1.0,
    plain: bool = False,
) -> dict[str, list[Place]]:
    """Draw the error surface of a linear RNN, and descend on it with and without clipping."""
    if length < 100:
        raise tg.ArgumentError(f"error-surface: length={length}\n  fix: unroll 100 steps or more")
    console = Console(color_system=None if plain else "auto", highlight=False)
    low, high = 1 - REACH / length, 1 + REACH / length
    ends = ", ".join(f"{LinearRNN(w)(length).item():,.5g} at w = {w:g}" for w in (low, 1.0, high))
    console.print(f"y = w^{length - 1}, a linear RNN unrolled {length:,} steps: {ends}.\n")
    console.print("The loss over w, where v = 1 (logarithmic):\n")
    w = np.linspace(low, high, 401)
    losses = surface(length, w, np.ones(1))[0] + 1e-3
    draw(show_curves({"(y - 1)²/2": losses}, w, log=True, height=9, x_label="w"), plain)
    free, bound = (descend(length, epochs, lr, limit) for limit in (np.inf, clip))
    console.print("\nFrom above, over w and v. The way without clipping is u, the clipped one c:\n")
    w, v = np.linspace(low, high, 51), np.linspace(2.0, 0.0, 13)
    heights = np.log10(surface(length, w, v) + 1e-2)
    marks = {"c": [(p.w, p.v) for p in bound], "u": [(p.w, p.v) for p in free]}
    draw(show_surface(heights, w, v, marks, ("w", "v")), plain)
    descents = {"unclipped": free, "clipped": bound}
    console.print("", table_of(descents), "", sep="\n")
    console.print(bullets(sentences(length, lr, clip, free, bound)))
    return descents


def sentences(
    length: int, lr: float, clip: float, free: list[Place], bound: list[Place]
) -> list[str]:
    """Say what is seen, from the numbers."""
    jumps = [abs(after.w - before.w) for before, after in pairwise(free)]
    widest = int(np.argmax(jumps))
    take_off, landing = free[widest], free[widest + 1]
    said = []
    if jumps[widest] > 2 * REACH / length:  # beyond all that is drawn
        said.append(
            f"On the flat land, at w = {free[0].w:g}, the gradient's norm is {free[0].norm:.2g}. "
            f"Without clipping step {widest} stands at w = {take_off.w:.6g}, where it is "
            f"{take_off.norm:.1e}; the next one lands at w = {landing.w:.6g}."
        )
        said.append(
            f"There the gradient is {landing.norm:.1g}: nothing leads back. The loss stays "
            f"{free[-1].loss:.2g}."
            if np.isfinite(landing.norm)
            else "There the gradient is no number any more, and the training is over."
        )
    else:
        said.append(f"Nothing throws the unclipped descent away; it ends at {free[-1].loss:.1e}.")
    best = min(range(len(bound)), key=lambda i: bound[i].loss)
    said.append(
        f"Clipped to a norm of {clip:g} no step is longer than {lr * clip:g}. The least loss on "
        f"that way is {bound[best].loss:.1e}, at step {best}, and the last one "
        f"{bound[-1].loss:.1e}."
    )
    rate = 2 / steepest(length)
    said.append(
        f"The ravine is so narrow, its curvature {2 / rate:.1e}, that without clipping no rate "
        f"above 2/{2 / rate:.1e} = {rate:.1e} stays in it. With that one, the first step on the "
        f"flat land would be {rate * free[0].norm:.1e} long, of a way of {1 - free[0].w:.0e}."
    )
    return said


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
