"""The classic networks, layer by layer, against the tables that their papers print."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers
from tinygrad_lite.examples import alexnet, googlenet, lenet5, vgg
from tinygrad_lite.examples.one_step import one_step
from tinygrad_lite.train.recipe import learn_digits

# Each row: kind, output, weights, biases. All but the kinds is arithmetic by hand.
LENET5 = [
    ("Conv2d", (6, 28, 28), 6 * 1 * 25, 6),
    ("AvgPool2d", (6, 14, 14), 0, 0),
    ("Conv2d", (16, 10, 10), 16 * 6 * 25, 16),
    ("AvgPool2d", (16, 5, 5), 0, 0),
    ("Conv2d", (120, 1, 1), 120 * 16 * 25, 120),
    ("Flatten", (120,), 0, 0),
    ("Dense", (84,), 84 * 120, 84),
    ("Dense", (10,), 10 * 84, 10),
]
ALEXNET = [
    ("Conv2d", (96, 55, 55), 96 * 3 * 121, 96),
    ("ReLU", (96, 55, 55), 0, 0),
    ("LocalResponseNorm", (96, 55, 55), 0, 0),
    ("MaxPool2d", (96, 27, 27), 0, 0),
    ("Conv2d", (256, 27, 27), 256 * 48 * 25, 256),  # each half sees 48 of 96 channels
    ("ReLU", (256, 27, 27), 0, 0),
    ("LocalResponseNorm", (256, 27, 27), 0, 0),
    ("MaxPool2d", (256, 13, 13), 0, 0),
    ("Conv2d", (384, 13, 13), 384 * 256 * 9, 384),
    ("ReLU", (384, 13, 13), 0, 0),
    ("Conv2d", (384, 13, 13), 384 * 192 * 9, 384),
    ("ReLU", (384, 13, 13), 0, 0),
    ("Conv2d", (256, 13, 13), 256 * 192 * 9, 256),
    ("ReLU", (256, 13, 13), 0, 0),
    ("MaxPool2d", (256, 6, 6), 0, 0),
    ("Flatten", (9216,), 0, 0),
    ("Dense", (4096,), 4096 * 9216, 4096),
    ("ReLU", (4096,), 0, 0),
    ("Dropout", (4096,), 0, 0),
    ("Dense", (4096,), 4096 * 4096, 4096),
    ("ReLU", (4096,), 0, 0),
    ("Dropout", (4096,), 0, 0),
    ("Dense", (1000,), 1000 * 4096, 1000),
]
# columns A and D: (side of the image, channels of its convolutions)
A = [(224, [64]), (112, [128]), (56, [256, 256]), (28, [512, 512]), (14, [512, 512])]
D = [(224, [64, 64]), (112, [128] * 2), (56, [256] * 3), (28, [512] * 3), (14, [512] * 3)]


def vgg_rows(column, batch_norm=False):
    rows, before = [], 3
    for side, widths in column:
        for width in widths:
            rows.append(("Conv2d", (width, side, side), width * before * 9, width))
            if batch_norm:
                rows.append(("BatchNorm2d", (width, side, side), width, width))
            rows.append(("ReLU", (width, side, side), 0, 0))
            before = width
        rows.append(("MaxPool2d", (before, side // 2, side // 2), 0, 0))
    return rows


VGG_HEAD = [("Flatten", (25088,), 0, 0), ("Dense", (4096,), 4096 * 25088, 4096), *ALEXNET[17:]]
VGG11_BN = [
    *vgg_rows([(side // 7, widths) for side, widths in A], batch_norm=True),
    ("Flatten", (512,), 0, 0),
    ("Dense", (10,), 10 * 512, 10),
]
# block: side, then the columns of table 1
INCEPTIONS = {
    "3a": (28, 192, 64, 96, 128, 16, 32, 32),
    "3b": (28, 256, 128, 128, 192, 32, 96, 64),
    "4a": (14, 480, 192, 96, 208, 16, 48, 64),
    "4b": (14, 512, 160, 112, 224, 24, 64, 64),
    "4c": (14, 512, 128, 128, 256, 24, 64, 64),
    "4d": (14, 512, 112, 144, 288, 32, 64, 64),
    "4e": (14, 528, 256, 160, 320, 32, 128, 128),
    "5a": (7, 832, 256, 160, 320, 32, 128, 128),
    "5b": (7, 832, 384, 192, 384, 48, 128, 128),
}
# what the paper prints as their parameters, in units of 1,024, without biases
PUBLISHED = dict(zip(INCEPTIONS, (159, 380, 364, 437, 463, 580, 840, 1072, 1388), strict=True))
AUXILIARY = 128 * 4 * 4 * 1024 + 1024 + 1024 * 1000 + 1000  # the dense layers of a head


def inception_rows(side, before, one, three_reduce, three, five_reduce, five, pool):
    def conv(inputs, outputs, k):
        shape = (outputs, side, side)
        return [("Conv2d", shape, outputs * inputs * k * k, outputs), ("ReLU", shape, 0, 0)]

    return [
        *conv(before, one, 1),
        *conv(before, three_reduce, 1),
        *conv(three_reduce, three, 3),
        *conv(before, five_reduce, 1),
        *conv(five_reduce, five, 5),
        ("MaxPool2d", (before, side, side), 0, 0),
        *conv(before, pool, 1),
    ]


def googlenet_rows():
    rows = [
        ("Conv2d", (64, 112, 112), 64 * 3 * 49, 64),
        ("ReLU", (64, 112, 112), 0, 0),
        ("MaxPool2d", (64, 56, 56), 0, 0),
        ("LocalResponseNorm", (64, 56, 56), 0, 0),
        ("Conv2d", (64, 56, 56), 64 * 64, 64),
        ("ReLU", (64, 56, 56), 0, 0),
        ("Conv2d", (192, 56, 56), 192 * 64 * 9, 192),
        ("ReLU", (192, 56, 56), 0, 0),
        ("LocalResponseNorm", (192, 56, 56), 0, 0),
        ("MaxPool2d", (192, 28, 28), 0, 0),
    ]
    for name, block in INCEPTIONS.items():
        rows += inception_rows(*block)
        if name == "3b":
            rows.append(("MaxPool2d", (480, 14, 14), 0, 0))
        if name == "4e":
            rows.append(("MaxPool2d", (832, 7, 7), 0, 0))
    return [
        *rows,
        ("GlobalAvgPool2d", (1024,), 0, 0),
        ("Dropout", (1024,), 0, 0),
        ("Dense", (1000,), 1000 * 1024, 1000),
    ]


def auxiliary_rows(channels):
    return [
        ("AvgPool2d", (channels, 4, 4), 0, 0),
        ("Conv2d", (128, 4, 4), 128 * channels, 128),
        ("Flatten", (2048,), 0, 0),
        ("Dense", (1024,), 1024 * 2048, 1024),
        ("ReLU", (1024,), 0, 0),
        ("Dropout", (1024,), 0, 0),
        ("Dense", (1000,), 1000 * 1024, 1000),
    ]


CONTAINERS = ("Sequential", "Inception", "Auxiliary")


def table(model, shape):
    """The layers that were called, without what only holds others, and the sum of all."""
    summary = model.summary(shape)
    called = [row for row in summary.rows[1:] if row.output_shape is not None]
    rows = [(r.kind, r.output_shape, r.parameters) for r in called if r.kind not in CONTAINERS]
    return rows, summary.parameters


def summed(rows):
    return [(kind, output, weights + biases) for kind, output, weights, biases in rows]


# name: image, the layers, published number of parameters
NETWORKS = {
    "lenet5": ((1, 32, 32), LENET5, 61_706),
    "alexnet": ((3, 227, 227), ALEXNET, 60_965_224),
    "vgg11": ((3, 224, 224), [*vgg_rows(A), *VGG_HEAD], 132_863_336),
    "vgg16": ((3, 224, 224), [*vgg_rows(D), *VGG_HEAD], 138_357_544),
    "vgg11_bn": ((3, 32, 32), VGG11_BN, 9_231_114),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layer_table(name):
    image, expected, published = NETWORKS[name]
    rows, parameters = table(tg.plugins.models.get(name)(), image)
    assert rows == summed(expected)
    assert parameters == sum(count for *_, count in rows) == published


def test_layer_table_of_googlenet():
    net = googlenet.GoogLeNet()
    rows, parameters = table(net, (3, 224, 224))
    assert rows == summed(googlenet_rows())
    assert sum(count for *_, count in rows) == 6_998_552
    assert parameters == 6_998_552 + (512 * 128 + 128) + (528 * 128 + 128) + 2 * AUXILIARY
    assert table(net.auxiliary1, (512, 14, 14))[0] == summed(auxiliary_rows(512))
    assert table(net.auxiliary2, (528, 14, 14))[0] == summed(auxiliary_rows(528))


@pytest.mark.parametrize("name", INCEPTIONS)
def test_inceptions_of_googlenet(name):
    """By the formula of the widths; what the paper prints is up to 7 % off."""
    side, *columns = INCEPTIONS[name]
    before, one, three_reduce, three, five_reduce, five, pool = columns
    weights = before * (one + three_reduce + five_reduce + pool)
    weights += 9 * three_reduce * three + 25 * five_reduce * five
    net = googlenet.GoogLeNet()
    block = getattr(net, f"inception{name}")
    found = {n: p.size for n, p in block.named_parameters()}
    assert sum(size for n, size in found.items() if n.endswith("weight")) == weights
    biases = one + three_reduce + three + five_reduce + five + pool
    assert sum(found.values()) == weights + biases
    assert block.summary((before, side, side)).rows[0].output_shape == (
        one + three + five + pool,
        side,
        side,
    )
    assert weights / 1024 == pytest.approx(PUBLISHED[name], rel=0.075)
    if name == "3a":
        assert weights / 1024 == 159.5


def test_what_the_paper_counts_in_googlenet_are_weights():
    stem = [p.size for p in googlenet.GoogLeNet().stem.parameters() if p.ndim == 4]
    assert stem[1] + stem[2] == 112 * 1024


# -- a step of training ---------------------------------------------------------------------------


def check_step(model, images, classes, loss=F.cross_entropy, guess=None):
    """A loss near that of guessing, and finite gradients everywhere, which make a step."""
    labels = tg.asarray(np.random.default_rng(0).integers(0, classes, len(images)))
    value = loss(model(images), labels)
    assert value.item() == pytest.approx(guess or math.log(classes), rel=0.1)
    value.backward()
    for name, p in model.named_parameters():
        assert np.isfinite(p.grad.data).all(), name
        assert p.grad.data.any(), name
    tg.optim.SGD(model.parameters(), lr=0.01).step()
    with tg.no_grad():
        model.eval()
        assert np.isfinite(model(images).data).all()


def test_step_of_alexnet():
    check_step(alexnet.AlexNet(), tg.randn(2, 3, 227, 227), 1000)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg16"])
def test_step_of_vgg(name):
    check_step(tg.plugins.models.get(name)(), tg.randn(1, 3, 224, 224), 1000)


def test_step_of_vgg_on_small_images():
    check_step(vgg.VGG11BatchNorm(), tg.randn(4, 3, 32, 32), 10)


def test_step_of_googlenet():
    net = googlenet.GoogLeNet()
    check_step(net, tg.randn(2, 3, 224, 224), 1000, googlenet.loss, 1.6 * math.log(1000))


def test_convolutions_of_vgg_take_images_of_other_sizes():
    x = tg.randn(2, 3, 32, 64)
    for plan in (vgg.A, vgg.D):
        assert vgg.convolutions(plan)(x).shape == (2, 512, 1, 2)


def test_the_normalisation_of_alexnet_is_that_of_the_paper(rng):
    """b_i = a_i / (2 + 1e-4 Σ a_j²)^0.75, over the channels from i - 2 to i + 2."""
    a = 30 * rng.standard_normal((1, 8, 2, 1))
    expected = [
        a[:, i] / (2 + 1e-4 * (a[:, max(0, i - 2) : i + 3] ** 2).sum(axis=1)) ** 0.75
        for i in range(8)
    ]
    np.testing.assert_allclose(alexnet.norm()(a).data, np.stack(expected, axis=1), rtol=1e-12)


def test_the_heads_of_googlenet_only_help_in_training():
    net, x = googlenet.GoogLeNet(classes=7, dropout=0.0), tg.randn(2, 3, 224, 224)
    with tg.no_grad():
        logits, first, second = net(x)
        assert first.shape == second.shape == logits.shape == (2, 7)
        np.testing.assert_array_equal(net.eval()(x).data, logits.data)
    y = tg.asarray([0, 3])
    parts = [F.cross_entropy(output, y).item() for output in (logits, first, second)]
    total = googlenet.loss((logits, first, second), y).item()
    assert total == pytest.approx(parts[0] + 0.3 * parts[1] + 0.3 * parts[2])
    assert googlenet.loss(logits, y).item() == pytest.approx(parts[0])


def test_a_small_vgg_learns_by_heart():
    """Four images: enough to see that the loss falls."""
    net, x, y = vgg.VGG11BatchNorm(), tg.randn(4, 3, 32, 32), tg.asarray([0, 3, 5, 9])
    trainer = tg.Trainer(net, tg.optim.SGD(net.parameters(), 0.05, 0.9), F.cross_entropy)
    losses = [trainer.step((x, y))["loss"] for _ in range(8)]
    assert losses[-1] < losses[0] / 2


def test_saved_and_loaded(tmp_path):
    for net, x in (
        (lenet5.LeNet5(), tg.randn(2, 1, 32, 32)),
        (vgg.VGG11BatchNorm(classes=3), tg.randn(2, 3, 32, 32)),
    ):
        tg.save(net, tmp_path / "net.safetensors")
        loaded = tg.load(tmp_path / "net.safetensors")
        np.testing.assert_array_equal(loaded.eval()(x).data, net.eval()(x).data)


# -- LeNet-5 --------------------------------------------------------------------------------------


def test_lenet5_learns_the_digits(capsys):
    history = learn_digits(lenet5.LeNet5, epochs=4, plain=True)
    assert history["val_accuracy"][-1] > 0.95
    assert "LeNet5: 61,706 parameters" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lenet5_by_default(seed):
    history = learn_digits(lenet5.LeNet5, seed=seed, plain=True)
    assert history["val_accuracy"][-1] >= 0.975


def test_lenet5_resizes_what_is_not_32_pixels_wide():
    net, x = lenet5.LeNet5(), tg.randn(3, 1, 8, 8)
    large = F.interpolate(x, 32, mode="bilinear")
    np.testing.assert_array_equal(net(x).data, net(large).data)


# -- what is shown --------------------------------------------------------------------------------


def test_what_run_shows(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    step = vgg.main("vgg11_bn", batch=2, plain=True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "9,231,114" in out
    assert f"loss {step.loss:.3f} (guessing has log 10 = 2.303)" in out
    assert "One step on 2 random images of (3, 32, 32)" in out


def test_no_batch():
    with pytest.raises(tg.ArgumentError, match="a batch of 0 images"):
        one_step(vgg.VGG11BatchNorm, (0, 3, 32, 32), 10)


# -- PyTorch --------------------------------------------------------------------------------------


def test_alexnet_is_the_same_in_pytorch(rng):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    lrn = [nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0) for _ in range(2)]
    theirs = nn.Sequential(
        nn.Conv2d(3, 96, 11, 4), nn.ReLU(), lrn[0], nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), lrn[1], nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, 1000),
    )  # fmt: skip
    ours = alexnet.AlexNet(dropout=0.0)
    compare_with_torch(torch, ours, theirs, rng.standard_normal((1, 3, 227, 227)))


@pytest.mark.parametrize("block", ["3a", "4c", "5b"])
def test_inception_is_the_same_in_pytorch(rng, block):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    side, before, one, three_reduce, three, five_reduce, five, pool = INCEPTIONS[block]

    class Theirs(nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Conv2d(before, one, 1)
            self.three_reduce = nn.Conv2d(before, three_reduce, 1)
            self.three = nn.Conv2d(three_reduce, three, 3, padding=1)
            self.five_reduce = nn.Conv2d(before, five_reduce, 1)
            self.five = nn.Conv2d(five_reduce, five, 5, padding=2)
            self.pool = nn.Conv2d(before, pool, 1)

        def forward(self, x):
            relu = torch.relu
            most = nn.functional.max_pool2d(x, 3, 1, 1)
            parts = [
                relu(self.one(x)),
                relu(self.three(relu(self.three_reduce(x)))),
                relu(self.five(relu(self.five_reduce(x)))),
                relu(self.pool(most)),
            ]
            return torch.cat(parts, 1)

    ours = layers.Inception(*INCEPTIONS[block][1:])
    compare_with_torch(torch, ours, Theirs(), rng.standard_normal((2, before, side, side)))


def compare_with_torch(torch, ours, theirs, x):
    """Values and gradients of all parameters, which are in the same order."""
    ours, theirs = ours.astype("float64"), theirs.double()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        other.data = torch.tensor(mine.data)
    y, expected = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=0, atol=1e-10)
    (y * y).sum().backward()
    (expected * expected).sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        scale = other.grad.abs().max().item()
        np.testing.assert_allclose(mine.grad.data / scale, other.grad.numpy() / scale, atol=1e-10)
