"""DNN: every unit sees every pixel, and has to learn each place of the image for itself.

tinygrad-lite run dnn
"""

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


def main(epochs: int = 30, seed: int = 0, plain: bool = False) -> None:
    """Learn the handwritten digits."""
    learn_digits(DNN, epochs, seed, plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
