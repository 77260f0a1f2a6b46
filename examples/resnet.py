"""ResNet: up to 152 layers, each block of which adds a little to what it got.

Plain networks of 34 layers do worse than those of 18, even on the images they learn from. So let
blocks of layers learn what to *add* to their input: to do nothing is then easy, and the gradient
has a way back past all weights (He et al., "Deep residual learning for image recognition", 2016,
table 1).

    tinygrad-lite run resnet50

or resnet18, resnet34, resnet152. `resnet20` is small, and learns the digits.
"""

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.examples.one_step import Step, one_step

Block = type[layers.BasicBlock] | type[layers.Bottleneck]


def stage(
    block: Block, in_channels: int, channels: int, blocks: int, stride: int, shortcut: str = "B"
) -> layers.Sequential:
    """Return so many blocks in a row; the first has the stride, and the new number of channels."""
    first = block(in_channels, channels, stride, shortcut)
    return layers.Sequential(
        first, *(block(first.out_channels, channels, 1, shortcut) for _ in range(blocks - 1))
    )


class ResNet(tg.Module):
    """A convolution, four stages of blocks, a mean over the image, a dense layer.

    State is named as in torchvision.

    Args:
        classes: how many there are to tell apart.
        channels: of the images.
    """

    block: Block
    depths: tuple[int, int, int, int]  # blocks of each stage

    def __init__(self, classes: int = 1000, channels: int = 3) -> None:
        self.conv1 = layers.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.conv1.weight.data = layers.init.kaiming_normal(self.conv1.weight.shape, mode="fan_out")
        self.bn1 = layers.BatchNorm2d(64)
        self.maxpool = layers.MaxPool2d(3, stride=2, padding=1)
        width, (one, two, three, four) = self.block.expansion, self.depths
        self.layer1 = stage(self.block, 64, 64, one, 1)
        self.layer2 = stage(self.block, 64 * width, 128, two, 2)
        self.layer3 = stage(self.block, 128 * width, 256, three, 2)
        self.layer4 = stage(self.block, 256 * width, 512, four, 2)
        self.avgpool = layers.GlobalAvgPool2d()
        self.fc = layers.Dense(512 * width, classes)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Classify images (N, channels, H, W), published as 224×224; return logits (N, classes)."""
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x))


@tg.register_model("resnet18")
class ResNet18(ResNet):
    """ResNet-18: 8 basic blocks, 11.7 million parameters."""

    block, depths = layers.BasicBlock, (2, 2, 2, 2)


@tg.register_model("resnet34")
class ResNet34(ResNet):
    """ResNet-34: 16 basic blocks, 21.8 million parameters."""

    block, depths = layers.BasicBlock, (3, 4, 6, 3)


@tg.register_model("resnet50")
class ResNet50(ResNet):
    """ResNet-50: 16 bottlenecks, 25.6 million parameters."""

    block, depths = layers.Bottleneck, (3, 4, 6, 3)


@tg.register_model("resnet152")
class ResNet152(ResNet):
    """ResNet-152: 50 bottlenecks, 60.2 million parameters."""

    block, depths = layers.Bottleneck, (3, 8, 36, 3)


def main(
    model: str = "resnet50", batch: int = 2, size: int = 224, seed: int = 0, plain: bool = False
) -> Step:
    """Show the layers of a ResNet, and take one step of training on random images."""
    make = tg.plugins.models.get(model)
    return one_step(make, (batch, 3, size, size), seed=seed, plain=plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
