"""A run as its events, and a terminal to show it in, for the tests of displays."""

import re

import numpy as np
from rich.cells import cell_len

import tinygrad_lite as tg
from tinygrad_lite.train import (
    BatchValidated,
    CheckpointSaved,
    Compiling,
    EpochEnded,
    FitEnded,
    FitStarted,
    LayersMeasured,
    LayerState,
    StepEnded,
)


class Clock:
    """A clock that the events move on."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def started(**options):
    summary = tg.layers.Sequential(tg.layers.Dense(4, 3), tg.layers.ReLU()).summary((4,))
    return FitStarted(
        **{
            "model": "LeNet",
            "parameters": 61706,
            "samples": 1438,
            "epochs": 4,
            "steps": 5,
            "optimizer": "Adam",
            "folder": "runs/lenet-1",
            "summary": summary,
            "higher_is_better": ("accuracy",),
        }
        | options
    )


def run(clock, layers=8, names=None, pause=0.1):
    """Yield the events of a run of four epochs of five steps; the second epoch is the best."""
    yield started()
    yield Compiling("conv.forward")
    clock.now += 30
    total = 0
    for epoch, loss in enumerate((0.9, 0.4, 0.5, 0.6), 1):
        for step in range(1, 6):
            clock.now += pause
            total += 1
            yield LayersMeasured(epoch, step, total, states(layers, names, 1 / total))
            yield StepEnded(epoch, step, loss + 1 / total, 1e-3, 32, total, pause * 0.9, pause / 10)
        yield BatchValidated(epoch, 1, 2)
        yield BatchValidated(epoch, 2, 2)
        clock.now += 0.5
        metrics = {"loss": loss, "accuracy": 0.5 + epoch / 10}
        metrics |= {"val_loss": loss + 0.01, "val_accuracy": 0.95 - loss / 10}
        matrix = {"confusion_matrix": (np.diag([30.0, 31, 32]) + np.eye(3, k=1)).tolist()}
        yield EpochEnded(epoch, metrics, 1e-3, 1.5, epoch <= 2, 0.05, total, matrix)
        yield CheckpointSaved(f"runs/lenet-1/step-{total}", total, 0.01, epoch <= 2)
    yield FitEnded(False, 35.0, "", None, "runs/lenet-1/step-20", "tinygrad-lite run cnn --resume")


def states(count, names=None, scale=1.0):
    """Return the states of healthy layers."""
    names = names or [f"features.{i}.conv" for i in range(count)]
    return tuple(
        LayerState(name, "Conv2d", scale * (i + 1), 10.0, 1e-3, None if i % 2 else 0.1)
        for i, name in enumerate(names)
    )


class Terminal:
    """A terminal of a size, with the few escape codes that the region uses."""

    encoding = "utf-8"

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.rows, self.row, self.column = [""], 0, 0
        self.cursor_shown = True
        self.written = ""

    def isatty(self):
        return True

    def flush(self):
        pass

    def write(self, text):
        self.written += text
        for code, char in re.findall(r"(\x1b\[[0-9;?]*[A-Za-z])|([\s\S])", text):
            if code:
                self._obey(code)
            elif char == "\n":
                self._down()
                self.column = 0  # as the terminal's driver does it
            elif char == "\r":
                self.column = 0
            else:
                assert char.isprintable(), repr(char)
                if self.column + cell_len(char) > self.width:
                    self._down()
                    self.column = 0
                line = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = line[: self.column] + char + line[self.column + 1 :]
                self.column += cell_len(char)
        return len(text)

    def _down(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def _obey(self, code):
        number = int(re.sub(r"\D", "", code) or 0)
        if code.endswith("A"):
            top = max(0, len(self.rows) - self.height)  # what has scrolled away is out of reach
            assert self.row - number >= top, "the region does not fit into the terminal"
            self.row -= number
        elif code.endswith("K"):
            self.rows[self.row] = self.rows[self.row][: self.column]
        elif code.endswith("J"):
            if self.column == 0 and self.row == max(0, len(self.rows) - self.height):
                assert not any(self.rows[self.row :]), "tmux scrolls that into its history"
            self.rows[self.row] = self.rows[self.row][: self.column]
            del self.rows[self.row + 1 :]
        elif code.endswith(("h", "l")):
            if number == 25:
                self.cursor_shown = code.endswith("h")
        else:
            assert code.endswith("m"), code

    def narrow(self, width):
        """Make the terminal narrower: lines that are too long are broken, as most terminals do."""
        rows, place = [], 0
        for i, line in enumerate(self.rows):
            if i == self.row:
                place = len(rows)
            rows += [line[j : j + width] for j in range(0, max(1, len(line)), width)]
        self.rows, self.row, self.width = rows, place, width

    @property
    def text(self):
        """Everything, also what has scrolled away."""
        return "\n".join(row.rstrip() for row in self.rows)
