"""RNN: reads an image row by row, and keeps what it has seen in one vector.

The whole memory is rewritten at every step, through the same matrix. On the way back the gradient
passes that matrix once a step, and shrinks (or grows) a little each time: over 8 rows this is no
harm, over 100 the first ones are out of reach (Bengio et al., 1994).

    tinygrad-lite run rnn
"""

from functools import partial

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("rnn")
class RowRNN(tg.Module):
    """Reads the 8 rows of an image as 8 time steps, and classifies from its last state."""

    memory_layer: type[tg.Module] = layers.RNN

    def __init__(self, hidden: int = 128) -> None:
        self.memory = self.memory_layer(8, hidden)
        self.drop = layers.Dropout(0.3)
        self.head = layers.Dense(hidden, 10)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 1, 8, 8); return logits (N, 10)."""
        outputs, _ = self.memory(x.reshape(-1, 8, 8))
        return self.head(self.drop(outputs[:, -1]))


main = partial(learn_digits, RowRNN)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
