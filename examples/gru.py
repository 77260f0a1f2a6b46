"""GRU: what the LSTM does, with one memory and two gates.

One gate decides both what to keep and what to replace, another how much of the past the new
candidate may see: three quarters of the weights of an LSTM (Cho et al., 2014).

    tinygrad-lite run gru
"""

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("gru")
class RowGRU(tg.Module):
    """Reads the 8 rows of an image as 8 time steps, and classifies from its last state."""

    def __init__(self, hidden: int = 128) -> None:
        self.memory = layers.GRU(8, hidden)
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(hidden, 10)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 1, 8, 8); return logits (N, 10)."""
        outputs, _ = self.memory(x.reshape(-1, 8, 8))
        return self.head(self.drop(outputs[:, -1]))


def main(epochs: int = 30, seed: int = 0, plain: bool = False) -> None:
    """Learn the handwritten digits."""
    learn_digits(RowGRU, epochs, seed, plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
