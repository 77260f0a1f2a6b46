"""AlexNet: a deep network of convolutions, learned from photographs, beats features made by hand.

In 2012 it named photographs of 1,000 kinds with 15.3 % errors among its first five guesses, where
the next best had 26.2 %. It brought together what was known apart: eight layers, 61 million
weights, ReLUs, which learn several times faster than tanh, and dropout. Two graphics cards held a
half each, so that three of its convolutions see one half of the channels only: groups, as they are
called since (Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep convolutional
neural networks", 2012).

    tinygrad-lite run alexnet

It prints the layers and takes one step of training on random images: its 1.2 million photographs
are not here, and they took two graphics cards five to six days.
"""

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.examples.one_step import Step, one_step
from tinygrad_lite.layers.init import for_relu, for_scores


def norm() -> layers.LocalResponseNorm:
    """Return the paper's normalisation: a / (2 + 1e-4 Σ a²)^0.75, the sum over 5 channels.

    The layer takes the factor of a mean, which is 5 times as large.
    """
    return layers.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


@tg.register_model("alexnet")
class AlexNet(tg.Module):
    """Five convolutions, two of them normalised and three pooled, and three dense layers."""

    def __init__(self, classes: int = 1000, dropout: float = 0.5) -> None:
        self.features = layers.Sequential(
            for_relu(layers.Conv2d(3, 96, 11, stride=4)),
            layers.ReLU(),
            norm(),
            layers.MaxPool2d(3, 2),  # windows overlap
            for_relu(layers.Conv2d(96, 256, 5, padding=2, groups=2)),
            layers.ReLU(),
            norm(),
            layers.MaxPool2d(3, 2),
            for_relu(layers.Conv2d(256, 384, 3, padding=1)),
            layers.ReLU(),
            for_relu(layers.Conv2d(384, 384, 3, padding=1, groups=2)),
            layers.ReLU(),
            for_relu(layers.Conv2d(384, 256, 3, padding=1, groups=2)),
            layers.ReLU(),
            layers.MaxPool2d(3, 2),
        )
        self.flatten = layers.Flatten()
        self.classifier = layers.Sequential(
            for_relu(layers.Dense(256 * 6 * 6, 4096)),
            layers.ReLU(),
            layers.Dropout(dropout),
            for_relu(layers.Dense(4096, 4096)),
            layers.ReLU(),
            layers.Dropout(dropout),
            for_scores(layers.Dense(4096, classes)),
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 3, 227, 227); return logits (N, classes)."""
        return self.classifier(self.flatten(self.features(x)))


def main(batch: int = 8, seed: int = 0, plain: bool = False) -> Step:
    """Show the layers of AlexNet, and take one step of training on random images."""
    return one_step(AlexNet, (batch, 3, 227, 227), seed=seed, plain=plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
