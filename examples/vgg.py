"""VGG: nothing but 3×3 filters, one convolution upon the other.

Two of them see 5×5 pixels, three see 7×7, with fewer weights than one large filter and a ReLU after
each; so depth alone is varied, and up to 19 layers more of it is better. Wherever a pooling halves
the image the channels are doubled. Nine in ten of the weights are in the dense layers (Simonyan &
Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015, table 1,
columns A and D).

    tinygrad-lite run vgg16      also vgg11, and vgg11_bn, which is for images of 32×32

It prints the layers and takes one step of training on random images: the photographs that these
networks learned are not here, and it took four graphics cards two to three weeks.
"""

from collections.abc import Sequence

import tinygrad_lite as tg
from tinygrad_lite import layers, plugins
from tinygrad_lite.examples.one_step import Step, one_step
from tinygrad_lite.layers.init import for_relu, for_scores

# channels of each convolution; M is for the maxima of 2×2
A = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
D = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def convolutions(plan: Sequence[int | str], batch_norm: bool = False) -> layers.Sequential:
    """Return the convolutions and poolings of a plan, for images of three channels."""
    parts: list[tg.Module] = []
    channels = 3
    for width in plan:
        if isinstance(width, str):
            parts.append(layers.MaxPool2d(2))
            continue
        parts.append(for_relu(layers.Conv2d(channels, width, 3, padding=1)))
        if batch_norm:
            parts.append(layers.BatchNorm2d(width))
        parts.append(layers.ReLU())
        channels = width
    return layers.Sequential(*parts)


class VGG(tg.Module):
    """Convolutions by a plan, and three dense layers; its state is named as torchvision's."""

    plan: Sequence[int | str]
    image = (3, 224, 224)
    classes = 1000

    def __init__(self, classes: int = 1000, dropout: float = 0.5) -> None:
        self.features = convolutions(self.plan)
        self.flatten = layers.Flatten()
        self.classifier = layers.Sequential(
            for_relu(layers.Dense(512 * 7 * 7, 4096)),
            layers.ReLU(),
            layers.Dropout(dropout),
            for_relu(layers.Dense(4096, 4096)),
            layers.ReLU(),
            layers.Dropout(dropout),
            for_scores(layers.Dense(4096, classes)),
        )

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 3, 224, 224); return logits (N, classes)."""
        return self.classifier(self.flatten(self.features(x)))


@tg.register_model("vgg11")
class VGG11(VGG):
    """VGG-11: eight convolutions of 3×3 and three dense layers, column A of the paper's table."""

    plan = A


@tg.register_model("vgg16")
class VGG16(VGG):
    """VGG-16: thirteen convolutions of 3×3 and three dense layers, column D."""

    plan = D


@tg.register_model("vgg11_bn")
class VGG11BatchNorm(tg.Module):
    """VGG-11's convolutions with batch norm and one dense layer, for images of 32×32."""

    image = (3, 32, 32)
    classes = 10

    def __init__(self, classes: int = 10) -> None:
        self.features = convolutions(A, batch_norm=True)
        self.flatten = layers.Flatten()
        self.classifier = for_scores(layers.Dense(512, classes))

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, 3, 32, 32); return logits (N, classes)."""
        return self.classifier(self.flatten(self.features(x)))


def main(model: str = "vgg16", batch: int = 2, seed: int = 0, plain: bool = False) -> Step:
    """Show the layers of a VGG, and take one step of training on random images."""
    make = plugins.models.get(model)
    return one_step(make, (batch, *make.image), make.classes, seed=seed, plain=plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
