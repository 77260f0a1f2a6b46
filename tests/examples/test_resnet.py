"""ResNets: the published layer tables, the published numbers of parameters, and a step of each."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite.examples import resnet, resnet20
from tinygrad_lite.examples.one_step import one_step
from tinygrad_lite.train.recipe import learn_digits

# Table 1 of He et al. (2016), and the numbers of parameters as they are told for torchvision's.
# name: (convolutions of a block: (kernel, channels), blocks of each stage, parameters)
BASIC, BOTTLENECK = ((3, 1), (3, 1)), ((1, 1), (3, 1), (1, 4))
PUBLISHED = {
    "resnet18": (BASIC, (2, 2, 2, 2), 11_689_512),
    "resnet34": (BASIC, (3, 4, 6, 3), 21_797_672),
    "resnet50": (BOTTLENECK, (3, 4, 6, 3), 25_557_032),
    "resnet152": (BOTTLENECK, (3, 8, 36, 3), 60_192_808),
}
SIDES, CHANNELS = (56, 28, 14, 7), (64, 128, 256, 512)


def table(name):
    """Path, output shape and parameters of every layer with weights, and of the pools, by hand."""
    convolutions, depths, _ = PUBLISHED[name]
    width = convolutions[-1][1]
    rows = {
        "conv1": ((64, 112, 112), 7 * 7 * 3 * 64),
        "bn1": ((64, 112, 112), 2 * 64),
        "maxpool": ((64, 56, 56), 0),
    }
    before = 64
    for stage, (side, channels, depth) in enumerate(zip(SIDES, CHANNELS, depths, strict=True), 1):
        for i in range(depth):
            block, at, come = f"layer{stage}.{i}", side, before
            if stage > 1 and i == 0 and width == 4:
                at = 2 * side  # the first 1×1 still sees the larger image
            for number, (kernel, factor) in enumerate(convolutions, 1):
                at, out = (side if number > 1 else at), factor * channels
                rows[f"{block}.conv{number}"] = ((out, at, at), kernel * kernel * come * out)
                rows[f"{block}.bn{number}"] = ((out, at, at), 2 * out)
                come = out
            if before != come:
                rows[f"{block}.downsample.0"] = ((come, side, side), before * come)
                rows[f"{block}.downsample.1"] = ((come, side, side), 2 * come)
            rows[block] = ((come, side, side), 0)
            before = come
        rows[f"layer{stage}"] = ((before, side, side), 0)
    rows["avgpool"] = ((before,), 0)
    rows["fc"] = ((1000,), before * 1000 + 1000)
    return rows


def found(summary):
    """The rows of a summary, without those that only hold others together."""
    rows = {row.path: (row.output_shape, row.parameters) for row in summary.rows}
    return {path: row for path, row in rows.items() if path and not path.endswith("downsample")}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_table(name):
    summary = tg.plugins.models.get(name)().summary((3, 224, 224))
    assert found(summary) == table(name)
    assert summary.parameters == PUBLISHED[name][2]


def test_the_published_costs():
    """Multiply-adds, "FLOPs" in the paper's table 1: 1.8, 3.6 and 3.8 (here 4.1) billion.

    The stride of a bottleneck is in its 3×3, which costs 0.3 billion more.
    """
    costs = {"resnet18": 1.8e9, "resnet34": 3.6e9, "resnet50": 4.1e9}
    for name, cost in costs.items():
        summary = tg.plugins.models.get(name)().summary((3, 224, 224))
        assert summary.multiply_adds == pytest.approx(cost, rel=0.025)


# Section 4.2: 6 n + 2 layers, n = 3, on 32×32 images; shortcuts without weights
SMALL = {
    "conv1": ((16, 32, 32), 3 * 16 * 9),
    "bn1": ((16, 32, 32), 32),
    "layer1": ((16, 32, 32), 6 * (16 * 16 * 9 + 32)),
    "layer2": ((32, 16, 16), 16 * 32 * 9 + 5 * 32 * 32 * 9 + 6 * 64),
    "layer3": ((64, 8, 8), 32 * 64 * 9 + 5 * 64 * 64 * 9 + 6 * 128),
    "avgpool": ((64,), 0),
    "fc": ((10,), 650),
}


def test_resnet20():
    net = resnet20.ResNet20()
    summary = net.summary((3, 32, 32))
    shapes = {row.path: row.output_shape for row in summary.rows}
    for part, (shape, parameters) in SMALL.items():
        assert shapes[part] == shape
        assert sum(p.size for p in getattr(net, part).parameters()) == parameters
    assert summary.parameters == sum(count for _, count in SMALL.values()) == 269_722
    assert sum(row.kind in ("Conv2d", "Dense") for row in summary.rows) == 20
    deeper = resnet20.ResNet20(blocks=9)
    assert sum(p.ndim >= 2 for p in deeper.parameters()) == 56


def test_grey_images_are_coloured_grey():
    net, x = resnet20.ResNet20().eval(), tg.rand(2, 1, 8, 8)
    coloured = tg.concatenate([x, x, x], axis=1)
    np.testing.assert_array_equal(net(x).data, net(coloured).data)


def test_resnet20_learns_the_digits(capsys):
    history = learn_digits(resnet20.ResNet20, epochs=4, plain=True)
    assert history["val_accuracy"][-1] > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_resnet20_reaches_the_bar(seed):
    assert resnet20.main(seed=seed, plain=True)["val_accuracy"][-1] >= 0.98


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_one_step_on_small_images(name, capsys):
    step = resnet.main(name, batch=2, size=64, plain=True)
    assert step.loss == pytest.approx(np.log(1000), rel=0.15)
    out = capsys.readouterr().out
    assert f"{PUBLISHED[name][2]:,}" in out
    assert f"loss {step.loss:.3f} (guessing has log 1000 = 6.908)" in out
    assert "\x1b" not in out


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_one_step_at_full_size(name):
    step = resnet.main(name, batch=1, plain=True)
    assert step.loss == pytest.approx(np.log(1000), rel=0.2)
    assert step.seconds > 0


def test_a_step_makes_the_loss_smaller():
    kept = []

    def make():
        kept.append(resnet20.ResNet20())
        return kept[0]

    step = one_step(make, (8, 3, 16, 16), 10, lr=0.05, plain=True)
    tg.seed(0)
    resnet20.ResNet20()
    images = tg.randn(8, 3, 16, 16)
    labels = tg.asarray(tg.ops.random.generator().integers(0, 10, 8))
    assert F.cross_entropy(kept[0](images), labels).item() < step.loss


def test_no_image_is_refused():
    with pytest.raises(tg.ArgumentError, match="a batch of 0 images"):
        resnet.main("resnet18", batch=0)
