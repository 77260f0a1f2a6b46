"""DNN: every unit sees every pixel, and has to learn each place of the image for itself.

tinygrad-lite run dnn
"""

from functools import partial

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("dnn")
class DNN(tg.Module):
    """64 pixels, two hidden layers, 10 digits."""

    def __init__(self, hidden: int = 128) -> None:
        self.net = layers.Sequential(
            layers.Flatten(),
            layers.Dense(64, hidden),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Dense(hidden, hidden),
            layers.ReLU(),
            layers.Dropout(0.2),
            layers.Dense(hidden, 10),
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 1, 8, 8); return logits (N, 10)."""
        return self.net(x)


main = partial(learn_digits, DNN)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
