"""The live display in terminals of four sizes, as pictures: `python -m tests.train.screens FOLDER`.

A ResNet-20 learns the digits once, watched by a display of each size; the pictures are taken on the
way and at the end.
"""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.segment import Segment, Segments

import tinygrad_lite as tg
from tinygrad_lite import plugins
from tinygrad_lite.train import Event, FitEnded, StepEnded
from tinygrad_lite.train.console import Live
from tinygrad_lite.train.console.words import UNICODE
from tinygrad_lite.train.recipe import digits_trainer, load, noisy_loader

SIZES = ((200, 50), (100, 30), (60, 20), (40, 15))
EPOCHS, TAKEN = 12, (9, 28)  # epoch and step of the pictures


class Sheet:
    """A screen on paper: it keeps what a terminal of a size would show."""

    def __init__(self, width, height, glyphs=UNICODE, colors=True):
        self._size, self.glyphs, self.colors = (width, height), glyphs, colors
        self.paused = lambda seconds: None
        self.above, self.frame = [], []
        self._waiting = []

    def start(self):
        pass

    def size(self):
        return self._size

    def later(self, make):
        self._waiting.append(make)

    def draw(self, lines):
        for make in self._waiting:
            self.above += make(*self._size)
        self._waiting = []
        self.frame = lines

    def close(self):
        pass

    @property
    def lines(self):
        """What stands in the terminal: of what was printed above, as much as there is room for."""
        height = self._size[1]
        return [*self.above[-height:], *self.frame][-height:]

    @property
    def text(self):
        """The same without colours, a string for each line."""
        return ["".join(segment.text for segment in line) for line in self.lines]

    def svg(self, title):
        """The same as a picture."""
        width, height = self._size
        page = Console(
            file=io.StringIO(),
            record=True,
            width=width,
            height=height,
            force_terminal=True,
            color_system="truecolor",
        )
        lines = self.lines + [[]] * (height - len(self.lines))
        for line in lines:
            page.print(Segments([*line, Segment.line()]), end="", soft_wrap=True)
        svg = page.export_svg(title=title, unique_id=re.sub(r"\W+", "-", title))
        return svg.replace("\xa0", "&#160;")


def photographer(folder: Path) -> Callable[[Event], None]:
    """Return a listener that watches a run in all sizes, and takes the pictures."""
    displays = [Live(Sheet(*size)) for size in SIZES]

    def watch(event: Event) -> None:
        for display in displays:
            display(event)
            size = display.screen.size()
            name = "train-{}x{}".format(*size)
            if isinstance(event, StepEnded) and event.step % 10 == 0:
                display.draw()  # a pace is measured from one drawing to another
            if isinstance(event, StepEnded) and (event.epoch, event.step) == TAKEN:
                display.draw()
                (folder / f"{name}.svg").write_text(display.screen.svg(name), encoding="utf-8")
            if isinstance(event, FitEnded) and size == SIZES[1]:
                picture = display.screen.svg("train-result")
                (folder / "train-result.svg").write_text(picture, encoding="utf-8")

    return watch


def main(folder: Path) -> None:
    """Train, and draw."""
    tg.seed(0)
    train, val = load(None)
    trainer = digits_trainer(plugins.models.get("resnet20")(), train, EPOCHS, "off")
    folder.mkdir(parents=True, exist_ok=True)
    trainer.callbacks.append(photographer(folder))
    trainer.fit(noisy_loader(train), val, epochs=EPOCHS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
