"""Networks of several kinds on the same data with the same budget, side by side."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tinygrad_lite import functional as F
from tinygrad_lite import plugins
from tinygrad_lite.data import Dataset
from tinygrad_lite.module import Module
from tinygrad_lite.ops import random
from tinygrad_lite.study.flow import Flow, gradient_flow
from tinygrad_lite.study.sentences import bullets, sentences
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.train.console import compilation_told, is_live
from tinygrad_lite.train.events import EpochEnded, Event, StepEnded
from tinygrad_lite.train.loop import Trainer
from tinygrad_lite.train.recipe import (
    EPOCHS,
    check_classifies,
    digits_trainer,
    load,
    noisy_loader,
)

_FLOW_SAMPLES = 256
_PANEL_WIDTH = 21
_PICTURE_WIDTH = 112


@dataclass
class Result:
    """What the comparison measured of one model.

    Attributes:
        name: its plugin name.
        parameters: learned numbers.
        multiply_adds: for one image, forward.
        seconds: median of the training time of an epoch.
        train: accuracy on the training images, after training.
        test: accuracy on the held-out images, after training.
        before: gradient norms before training.
        after: gradient norms after training.
    """

    name: str
    parameters: int
    multiply_adds: int
    seconds: float
    train: float
    test: float
    before: Flow
    after: Flow


@dataclass
class _Runner:
    """One of the networks while it learns."""

    name: str
    model: Module
    trainer: Trainer
    events: Iterator[Event]
    before: Flow
    epochs: int
    steps: int
    generator: np.random.Generator
    step: int = 0
    loss: float = float("nan")
    seconds: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)

    def learn_epoch(self) -> None:
        """Go on until the next epoch is done."""
        with random.using(self.generator):
            for event in self.events:
                if isinstance(event, StepEnded):
                    self.step += 1
                    self.loss = event.loss
                elif isinstance(event, EpochEnded):
                    self.seconds.append(event.seconds)
                    self.accuracy.append(event.metrics["val_accuracy"])
                    return

    def panel(self) -> RenderableType:
        """Draw the state as a small panel."""
        accuracy = f"{100 * self.accuracy[-1]:.1f}%" if self.accuracy else "-"
        lines = Table.grid(expand=True)
        lines.add_column()
        lines.add_column(justify="right")
        lines.add_row("epoch", f"{len(self.accuracy)}/{self.epochs}")
        lines.add_row("loss", f"{self.loss:.3f}" if self.step else "-")
        lines.add_row("test", f"[bold green]{accuracy}[/]")
        bar = ProgressBar(total=self.epochs * self.steps, completed=self.step)
        curve = Text(sparkline(self.accuracy, _PANEL_WIDTH - 4), style="green")
        return Panel(Group(lines, curve, bar), title=f"[bold]{self.name}", width=_PANEL_WIDTH)


def sparkline(values: Sequence[float], width: int) -> str:
    """Draw the course of an accuracy, from 70 % or less to 100 %, as at most `width` blocks."""
    blocks = "▁▂▃▄▅▆▇█"
    if not values:
        return ""
    places = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
    heights = (np.asarray(values)[places] - 0.7) / 0.3 * len(blocks)
    return "".join(blocks[int(h)] for h in heights.clip(0, len(blocks) - 1))


def compare_models(
    names: Sequence[str],
    epochs: int = EPOCHS,
    seed: int = 0,
    plain: bool = False,
    svg: str | None = None,
    data: str | None = None,
) -> list[Result]:
    """Train the named models in turns, an epoch each; show them, and what they measured.

    Args:
        names: plugin names of models that classify the images, (N, 1, 8, 8) the digits.
        epochs: for each of them.
        seed: set anew for each of them.
        plain: print one line an epoch even in a terminal.
        svg: also draw the end state into this file.
        data: folder of images to learn in place of the digits; see `tg.data.read`.

    Raises:
        ArgumentError: a model does not classify the images.
        DataError: there are no images at `data`, or they are broken.
    """
    console = Console(highlight=False)
    live = is_live() and not plain
    begin = time.perf_counter()
    train, test = load(data)
    with ExitStack() as stack:
        stack.enter_context(compilation_told(console))
        runners = [_start(name, train, test, epochs, seed) for name in names]
        if live:
            stack.enter_context(Live(console=console, get_renderable=lambda: _board(runners)))
        for epoch in range(1, epochs + 1):
            for runner in runners:
                runner.learn_epoch()
            if not live:
                shown = "  ".join(f"{r.name} {100 * r.accuracy[-1]:.1f}%" for r in runners)
                print(f"epoch {epoch}/{epochs}  test accuracy  {shown}", flush=True)  # noqa: T201
    results = [_finish(runner, train) for runner in runners]
    seconds = time.perf_counter() - begin
    setting = (
        f"{len(train):,} images to learn from, {len(test):,} held out, {epochs} epochs, "
        f"seed {seed}, {seconds:.0f}s"
    )
    report = Group(_table(results), "", bullets(sentences(results)), "", setting)
    console.print(report)
    if svg is not None:
        picture = Console(record=True, file=io.StringIO(), width=_PICTURE_WIDTH, highlight=False)
        picture.print(Group(_board(runners), report))
        picture.save_svg(svg, title=f"tinygrad-lite compare {' '.join(names)}")
    return results


def _start(name: str, train: Dataset, test: Dataset, epochs: int, seed: int) -> _Runner:
    generator = np.random.default_rng(seed)  # its own: the others' draws don't change its course
    with random.using(generator):
        model = plugins.models.get(name)()
        loader = noisy_loader(train)
    check_classifies(model, name, train)
    before = _flow(model, train)
    trainer = digits_trainer(model, train, epochs, "off")
    events = trainer.run(loader, test, epochs)
    return _Runner(name, model, trainer, events, before, epochs, len(loader), generator)


def _flow(model: Module, data: Dataset) -> Flow:
    x, y = data[:_FLOW_SAMPLES].arrays
    return gradient_flow(model, Tensor.make(x), Tensor.make(y), F.cross_entropy)


def _finish(runner: _Runner, train: Dataset) -> Result:
    summary = runner.model.summary(train.x.shape[1:])
    return Result(
        name=runner.name,
        parameters=summary.parameters,
        multiply_adds=summary.multiply_adds,
        seconds=float(np.median(runner.seconds)),
        train=runner.trainer.evaluate(train)["accuracy"],
        test=runner.accuracy[-1],
        before=runner.before,
        after=_flow(runner.model, train),
    )


def _board(runners: Sequence[_Runner]) -> RenderableType:
    return Columns([runner.panel() for runner in runners], padding=(0, 1))


def _table(results: Sequence[Result]) -> Table:
    """Lay the results out in 80 columns."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("")
    for head in (
        "\nparameters",
        "multiply-\nadds",
        "s per\nepoch",
        "\ntrain",
        "\ntest",
        "grad.\nfirst",
        "grad.\nlast",
        "first/\nlast",
        "when\ntrained",
    ):
        table.add_column(head, justify="right")
    best = max(result.test for result in results)
    for r in results:
        table.add_row(
            f"[bold]{r.name}",
            f"{r.parameters:,}",
            f"{r.multiply_adds:,}",
            f"{r.seconds:.3f}",
            f"{100 * r.train:.1f}%",
            f"[bold green]{100 * r.test:.1f}%[/]" if r.test == best else f"{100 * r.test:.1f}%",
            f"{r.before.first:.1e}",
            f"{r.before.last:.1e}",
            f"{r.before.ratio:.2f}",
            f"{r.after.ratio:.2f}",
        )
    return table
