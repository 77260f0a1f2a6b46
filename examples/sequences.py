"""What the examples on sequences share: a reader, batches that are made anew, a race of networks.

No sequence is seen twice, so there is nothing to learn by heart: a network that has solved a task
has understood it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from rich import progress
from rich.console import Console
from rich.table import Table

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim, plugins
from tinygrad_lite.ops.random import generator
from tinygrad_lite.study.pictures import draw
from tinygrad_lite.train.console import compilation_told, is_live
from tinygrad_lite.train.launch import kept_in

Item = TypeVar("Item")
Task = Callable[[int], tuple[np.ndarray, np.ndarray]]  # n sequences (n, T, ...) and their targets

BATCH_SIZE = 32
STEPS = 100  # of an epoch


class Reader(tg.Module):
    """A recurrent layer, and a linear one that answers from its outputs, at each time step.

    Args:
        memory: plugin name of the recurrent layer.
        inputs: features of a time step.
        hidden: size of the memory.
        outputs: numbers to answer.
        span: for how many steps an LSTM shall be able to remember; see `remember`.
        bidirectional: whether a second memory reads from the end.
    """

    def __init__(
        self,
        memory: str = "lstm",
        inputs: int = 2,
        hidden: int = 64,
        outputs: int = 1,
        span: int = 0,
        bidirectional: bool = False,
    ) -> None:
        layer = plugins.layers.get(memory)
        self.memory = layer(inputs, hidden, bidirectional=bidirectional)
        if span and isinstance(self.memory, layers.LSTM):
            remember(self.memory, span)
        self.head = layers.Dense(hidden * (1 + bidirectional), outputs)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Read sequences (N, T, inputs); return the answers (N, T, outputs)."""
        outputs, _ = self.memory(x)
        return self.head(outputs)


def remember(lstm: layers.LSTM, span: int) -> None:
    """Let an LSTM of one layer begin with cells that keep what they hold, for 1 to `span` steps.

    A cell whose forget gate is f keeps for about 1 / (1 - f) steps. A bias of 1 gives f = 0.73,
    which is four steps; b = log u gives u + 1 steps. So u is drawn evenly up to the span, and the
    input gate gets -b: what keeps for long takes in little at a time, or the cells would overflow
    (Tallec & Ollivier, "Can recurrent neural networks warp time?", 2018).
    """
    size = lstm.hidden_size
    b = np.log(generator().uniform(1, span - 1, size)).astype(np.float32)
    biases = dict(lstm.named_parameters())
    for name, sign in (("bias_ih_l0", 1), ("bias_hh_l0", 0)):
        biases[name].data[: 2 * size] = np.concatenate([-sign * b, sign * b])  # gates i and f


def cross_entropy(outputs: tg.Tensor, targets: tg.Tensor) -> tg.Tensor:
    """Return the cross-entropy over all time steps: outputs (N, T, C), targets (N, T)."""
    return F.cross_entropy(outputs.swapaxes(1, 2), targets)


@dataclass(frozen=True)
class Outcome:
    """How a network did: its lowest loss in so many steps and seconds; whether that is enough."""

    network: str
    steps: int
    loss: float
    seconds: float
    solved: bool


def learn(
    model: tg.Module,
    task: Task,
    loss: Callable[..., tg.Tensor],
    epochs: int,
    plain: bool = False,
    lr: float = 0.01,
    enough: float = 0.0,
    folder: Path | None = None,
    **options: Any,
) -> tg.train.History:
    """Train on batches that are made as they are needed, until the validation loss is `enough`.

    Args:
        model: reads what the task makes.
        task: makes n sequences and their targets.
        loss: a function of (outputs, targets).
        epochs: of 100 batches of 32 sequences, at most.
        plain: print one line an epoch even in a terminal.
        lr: learning rate of Adam at the start, from where it falls to 0 along a cosine.
        enough: ends the training when the loss on 1,000 sequences made beforehand is below it.
        folder: where the run is kept, and gone on with if there is one already.
        options: passed to the Trainer.

    Raises:
        KeyboardInterrupt: Ctrl-C ended the training.
    """
    val = task(1000)
    fresh = tg.data.DataLoader(
        range(STEPS * BATCH_SIZE), BATCH_SIZE, collate=lambda batch: task(len(batch))
    )
    optimizer = optim.Adam(model.parameters(), lr)
    schedule = optim.schedules.Cosine(optimizer, epochs * STEPS)
    options |= {"clip_norm": 1.0, "schedule": schedule, "display": "plain" if plain else "auto"}
    trainer = tg.Trainer(model, optimizer, loss=loss, folder=folder, **options)
    history = trainer.fit(
        fresh,
        val,
        epochs,
        until=lambda e: e.metrics["val_loss"] < enough,
        resume=folder is not None,
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def race(
    make: Callable[[str], tg.Module],
    task: Task,
    seed: int,
    enough: float,
    networks: Sequence[str] = ("rnn", "lstm", "gru"),
    folder: str | None = None,
    **options: Any,
) -> list[Outcome]:
    """Let each network learn the same task, from the same seed; return how they did."""
    outcomes = []
    for name in networks:
        tg.seed(seed)
        print(f"\n{name}:", flush=True)
        place = kept_in(folder, name)
        history = learn(make(name), task, enough=enough, folder=place, **options)
        lowest, seconds = min(history["val_loss"]), sum(epoch.seconds for epoch in history.epochs)
        steps = STEPS * len(history.epochs)
        outcomes.append(Outcome(name, steps, lowest, seconds, lowest < enough))
    return outcomes


def track(batches: Iterable[Item], total: int, label: str, plain: bool) -> Iterator[Item]:
    """Pass batches on; in a terminal, under a progress bar that vanishes in the end."""
    console = Console(color_system=None if plain else "auto")
    if is_live() and not plain:
        batches = progress.track(batches, label, total, console=console, transient=True)
    with compilation_told(console):
        yield from batches


def show_outcomes(
    title: str, measure: str, baseline: tuple[str, float], outcomes: Sequence[Outcome], plain: bool
) -> None:
    """Print a table of how networks did, beside what can be had without a memory."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("")
    for head in (measure, "steps", "time", ""):
        table.add_column(head, justify="right")
    table.add_row(baseline[0], f"{baseline[1]:.4f}", "", "", "")
    for o in outcomes:
        verdict = "[bold green]solved[/]" if o.solved else "[red]not solved[/]"
        table.add_row(o.network, f"{o.loss:.4f}", f"{o.steps:,}", f"{o.seconds:.0f}s", verdict)
    print()
    draw(table, plain)
