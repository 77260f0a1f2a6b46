"""LSTM: a memory that is added to instead of rewritten, behind gates.

The forget gate keeps the cell, the input gate adds to it, the output gate shows it. Along the cell
the gradient meets only the forget gate, so where that is open nothing is lost on the way back
(Hochreiter & Schmidhuber, 1997; the forget gate is by Gers et al., 2000).

    tinygrad-lite run lstm
"""

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("lstm")
class RowLSTM(tg.Module):
    """Reads the 8 rows of an image as 8 time steps, and classifies from its last state."""

    def __init__(self, hidden: int = 128) -> None:
        self.memory = layers.LSTM(8, hidden)
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(hidden, 10)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 1, 8, 8); return logits (N, 10)."""
        outputs, _ = self.memory(x.reshape(-1, 8, 8))
        return self.head(self.drop(outputs[:, -1]))


def main(epochs: int = 30, seed: int = 0, plain: bool = False) -> None:
    """Learn the handwritten digits."""
    learn_digits(RowLSTM, epochs, seed, plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
