"""GoogLeNet: 22 layers of blocks that look with filters of several sizes at once.

A block sets 1×1, 3×3 and 5×5 filters side by side, each behind a 1×1 convolution that first makes
few channels of many (`layers.Inception`). A mean over each channel stands where AlexNet and VGG
have dense layers; so this network, deeper than either and better than both in 2014, has 7 million
weights where they have 61 and 138. Two small classifiers halfway, thrown away after training, bring
the gradient to the early layers (Szegedy et al., "Going deeper with convolutions", 2015, table 1).

    tinygrad-lite run googlenet

It prints the layers and takes one step of training on random images: the photographs that it
learned are not here. The two heads count 0.3 each, so that guessing has a loss of 1.6 log 1000 =
11.05.

As published, without the batch norm that those who rebuild it add today. It has 6,998,552 weights
and biases, and 6,379,728 more in the heads that are thrown away. The paper's table counts weights
without biases in units of 1,024 (3a: 159.5), and is up to 7 % off what its own widths amount to
(4c: 463 instead of 497.5). Its normalisation has the layer's usual constants, as the paper tells
none.
"""

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.examples.one_step import Step, one_step
from tinygrad_lite.layers.init import for_relu, for_scores

AUXILIARY = 0.3  # weight of each auxiliary head's loss


class Auxiliary(tg.Module):
    """A small classifier that reads a layer in the middle of the network."""

    def __init__(self, channels: int, classes: int) -> None:
        self.pool = layers.AvgPool2d(5, 3)
        self.reduce = for_relu(layers.Conv2d(channels, 128, 1))
        self.classifier = layers.Sequential(
            layers.Flatten(),
            for_relu(layers.Dense(128 * 4 * 4, 1024)),
            layers.ReLU(),
            layers.Dropout(0.7),
            for_scores(layers.Dense(1024, classes)),
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify what stands in the middle, (N, channels, 14, 14); return logits."""
        return self.classifier(F.relu(self.reduce(self.pool(x))))


def pool() -> layers.MaxPool2d:
    """Return what halves the image; where windows do not fit the last one is cut."""
    return layers.MaxPool2d(3, 2, ceil_mode=True)


@tg.register_model("googlenet")
class GoogLeNet(tg.Module):
    """Three convolutions, nine inception blocks and one linear layer; two more heads to train."""

    def __init__(self, classes: int = 1000, dropout: float = 0.4) -> None:
        self.stem = layers.Sequential(
            for_relu(layers.Conv2d(3, 64, 7, stride=2, padding=3)),
            layers.ReLU(),
            pool(),
            layers.LocalResponseNorm(5),
            for_relu(layers.Conv2d(64, 64, 1)),
            layers.ReLU(),
            for_relu(layers.Conv2d(64, 192, 3, padding=1)),
            layers.ReLU(),
            layers.LocalResponseNorm(5),
            pool(),
        )
        self.inception3a = layers.Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = layers.Inception(256, 128, 128, 192, 32, 96, 64)
        self.pool3 = pool()
        self.inception4a = layers.Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = layers.Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = layers.Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = layers.Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = layers.Inception(528, 256, 160, 320, 32, 128, 128)
        self.pool4 = pool()
        self.inception5a = layers.Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = layers.Inception(832, 384, 192, 384, 48, 128, 128)
        self.classifier = layers.Sequential(
            layers.GlobalAvgPool2d(),
            layers.Dropout(dropout),
            for_scores(layers.Dense(1024, classes)),
        )
        self.auxiliary1 = Auxiliary(512, classes)
        self.auxiliary2 = Auxiliary(528, classes)

    def forward(self, x: tg.Tensor) -> tg.Tensor | tuple[tg.Tensor, tg.Tensor, tg.Tensor]:
        """Classify images (N, 3, 224, 224).

        Returns:
            Logits (N, classes); in training those of the auxiliary heads after them.
        """
        x = self.pool3(self.inception3b(self.inception3a(self.stem(x))))
        first = self.inception4a(x)
        second = self.inception4d(self.inception4c(self.inception4b(first)))
        x = self.pool4(self.inception4e(second))
        logits = self.classifier(self.inception5b(self.inception5a(x)))
        if not self.training:
            return logits
        return logits, self.auxiliary1(first), self.auxiliary2(second)


def loss(outputs: tg.Tensor | tuple[tg.Tensor, ...], targets: tg.Tensor) -> tg.Tensor:
    """Return the cross-entropy; in training with 0.3 of each auxiliary head's."""
    if not isinstance(outputs, tuple):
        return F.cross_entropy(outputs, targets)
    logits, *others = (F.cross_entropy(output, targets) for output in outputs)
    return logits + AUXILIARY * (others[0] + others[1])


def main(batch: int = 4, seed: int = 0, plain: bool = False) -> Step:
    """Show the layers of GoogLeNet, and take one step of training on random images."""
    return one_step(GoogLeNet, (batch, 3, 224, 224), loss=loss, seed=seed, plain=plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
