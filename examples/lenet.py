"""CNN: small filters look for the same strokes at every place of the image.

A filter has nine weights for each channel it reads, and uses them at all 64 places: what it learns
in one corner it knows in all of them. Pooling then forgets the exact place. The plan, filters and
pooling in turn and dense layers at the end, is that of LeNet (LeCun et al., 1998).

    tinygrad-lite run cnn
"""

from functools import partial

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.train.recipe import learn_digits


@tg.register_model("cnn")
class LeNet(tg.Module):
    """Two convolutions with pooling and two dense layers, for 8×8 images."""

    def __init__(self, channels: int = 16) -> None:
        self.features = layers.Sequential(
            layers.Conv2d(1, channels, 3, padding=1),
            layers.ReLU(),
            layers.Conv2d(channels, 2 * channels, 3, padding=1),
            layers.ReLU(),
            layers.MaxPool2d(2),
        )
        self.classifier = layers.Sequential(
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(2 * channels * 4 * 4, 64),
            layers.ReLU(),
            layers.Dropout(0.3),
            layers.Dense(64, 10),
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 1, 8, 8); return logits (N, 10)."""
        return self.classifier(self.features(x))


main = partial(learn_digits, LeNet)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
