"""Augmentation against plain loops, where nothing happens, seeds, and every error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import functional as F
from tinygrad_lite.data import DataLoader
from tinygrad_lite.data import transforms as T
from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError

SAME_SHAPE = {
    "flip": T.RandomFlip(),
    "vertical flip": T.RandomFlip("vertical"),
    "rotation": T.RandomRotation(30),
    "shift": T.RandomShift(0.3),
    "scale": T.RandomScale((0.5, 2.0)),
    "affine": T.RandomAffine((-10, 90), 0.2, (0.8, 1.2), fill=0.5),
    "cutout": T.Cutout(3),
    "noise": T.GaussianNoise(0.3),
    "normalize": T.Normalize(0.5, 0.25),
    "all": T.Compose([T.RandomFlip(), T.RandomRotation(5), T.Cutout(2)]),
}
SIZED = {
    "crop": lambda size: T.RandomCrop(size, padding=2),
    "resized crop": lambda size: T.RandomResizedCrop(size),
}
batches = st.tuples(
    st.integers(0, 4), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99)
)
dtypes = st.sampled_from(["float32", "float64"])


def images(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def apply(transform, x, seed=0):
    return transform((x,), np.random.default_rng(seed))[0]


# -- laws of all of them --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAME_SHAPE)
@given(batches, dtypes)
def test_shape_dtype_and_input_stay_and_seeds_repeat(name, batch, dtype):
    *shape, seed = batch
    x = images(*shape, dtype=dtype)
    given_x, y = x.copy(), np.arange(len(x))
    out, labels = SAME_SHAPE[name]((x, y), np.random.default_rng(seed))
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    assert labels is y
    assert not np.shares_memory(out, x) or not x.size
    np.testing.assert_array_equal(x, given_x)
    np.testing.assert_array_equal(apply(SAME_SHAPE[name], x, seed), out)
    if name not in ("noise", "normalize"):
        assert ((out >= 0) & (out <= 1)).all()


@pytest.mark.parametrize("name", SIZED)
@given(batches, dtypes, st.integers(1, 5), st.integers(1, 5))
def test_crops_have_their_size(name, batch, dtype, height, width):
    *shape, seed = batch
    x = images(*shape, dtype=dtype)
    transform = SIZED[name]((height, width))
    out = apply(transform, x, seed)
    assert (out.shape, out.dtype) == ((*x.shape[:2], height, width), x.dtype)
    assert ((out >= 0) & (out <= 1)).all()
    np.testing.assert_array_equal(apply(transform, x, seed), out)


@pytest.mark.parametrize("name", [n for n in SAME_SHAPE if n != "normalize"])
def test_images_differ_and_channels_do_not(name):
    image = images(9, 9)
    out = apply(SAME_SHAPE[name], np.tile(image, (40, 2, 1, 1)))
    assert len(np.unique(out[:, 0].reshape(40, -1), axis=0)) >= 2
    if name != "noise":
        np.testing.assert_array_equal(out[:, 0], out[:, 1])
    assert (apply(SAME_SHAPE[name], np.tile(image, (40, 2, 1, 1)), seed=1) != out).any()


@pytest.mark.parametrize(
    "transform",
    [
        T.RandomFlip(p=0.0),
        T.RandomAffine(),
        T.RandomRotation(0),
        T.RandomShift(0.0),
        T.RandomScale((1.0, 1.0)),
        T.RandomCrop((5, 7)),
        T.RandomResizedCrop((5, 7), scale=(1.0, 1.0), ratio=(7 / 5, 7 / 5)),
        T.GaussianNoise(0.0),
        T.Normalize(0.0, 1.0),
        T.Compose([]),
    ],
)
def test_where_nothing_is_to_happen(transform):
    x = images(6, 2, 5, 7)
    np.testing.assert_allclose(apply(transform, x), x, atol=1e-6)


# -- each by itself -------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8))
def test_resample_against_loops(seed, height, width):
    rng = np.random.default_rng(seed)
    x = rng.random((2, 3, height, width))
    matrix = rng.uniform(-1.5, 1.5, (2, 2, 3)) * [1, 1, height]
    size = (5, 6)
    for fill in (0.25, None):
        found = T.resample(x, matrix, size, fill)
        for n, c in np.ndindex(2, 3):
            (linear, offset), image = (matrix[n, :, :2], matrix[n, :, 2]), x[n, c]
            expected = naive.affine(image, linear, offset, size, fill)
            np.testing.assert_allclose(found[n, c], expected, atol=1e-9)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_exact_and_counter_clockwise(turns):
    x = images(3, 2, 6, 6, dtype="float64")
    out = apply(T.RandomRotation((90 * turns, 90 * turns)), x)
    np.testing.assert_allclose(out, np.rot90(x, turns, axes=(2, 3)), atol=1e-12)


def test_rotation_about_the_centre():
    x = images(1, 1, 9, 8, dtype="float64")
    cos, sin = np.cos(np.radians(25)), np.sin(np.radians(25))
    linear, centre = np.array([[cos, sin], [-sin, cos]]), np.array([4.0, 3.5])
    expected = naive.affine(x[0, 0], linear, centre - linear @ centre, (9, 8), 0.0)
    np.testing.assert_allclose(apply(T.RandomRotation((25, 25)), x)[0, 0], expected, atol=1e-12)


def test_scale_enlarges_about_the_centre():
    x = np.zeros((1, 1, 9, 9))
    x[..., 3:6, 3:6] = 1
    assert apply(T.RandomScale((2.0, 2.0)), x).sum() == pytest.approx(36)
    assert apply(T.RandomScale((0.5, 0.5)), x).sum() == pytest.approx(1)  # every second pixel
    big = apply(T.RandomScale((2.0, 2.0)), x)[0, 0]
    np.testing.assert_allclose(big, big[::-1, ::-1], atol=1e-12)


def test_shift_moves_all_that_stays_inside():
    x = np.zeros((200, 1, 21, 11))
    x[:, :, 10, 5] = 1
    out = apply(T.RandomShift(0.2), x)
    np.testing.assert_allclose(out.sum(axis=(1, 2, 3)), 1)
    rows = (out.sum(axis=(1, 3)) * np.arange(21)).sum(axis=1) - 10
    columns = (out.sum(axis=(1, 2)) * np.arange(11)).sum(axis=1) - 5
    for moved, most in ((rows, 4.2), (columns, 2.2)):
        assert np.abs(moved).max() <= most
        assert moved.min() < -0.8 * most
        assert moved.max() > 0.8 * most


@pytest.mark.parametrize(("direction", "axis"), [("horizontal", 3), ("vertical", 2)])
def test_flip(direction, axis):
    x = images(400, 1, 3, 4)
    np.testing.assert_array_equal(apply(T.RandomFlip(direction, p=1.0), x), np.flip(x, axis))
    out = apply(T.RandomFlip(direction, p=0.25), x)
    mirrored = (out != x).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(out[mirrored], np.flip(x, axis)[mirrored])
    assert 60 < mirrored.sum() < 140


@pytest.mark.parametrize("padding", [0, 2])
def test_crops_are_windows_and_every_place_occurs(padding):
    x = np.arange(1.0, 31.0).reshape(1, 1, 5, 6)
    padded = np.pad(x[0, 0], padding, constant_values=-1)
    rows, columns = (n - 3 + 1 for n in padded.shape)
    windows = {padded[i : i + 3, j : j + 3].tobytes() for i in range(rows) for j in range(columns)}
    out = apply(T.RandomCrop(3, padding, fill=-1), np.tile(x, (2000, 1, 1, 1)))
    assert {part.tobytes() for part in out} == windows


def test_resized_crops_are_parts():
    """On an image of coordinates a part shows its own edges."""
    size, n = 64, 500
    grid = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij")).astype(float)
    out = apply(
        T.RandomResizedCrop(16, (0.1, 0.4), (0.5, 2.0)), np.tile(grid, (n, 1, 1, 1)), seed=3
    )
    height = (out[:, 0, -2, 0] - out[:, 0, 1, 0]) * 16 / 13
    width = (out[:, 1, 0, -2] - out[:, 1, 0, 1]) * 16 / 13
    share, ratio = height * width / size**2, width / height
    assert 0.09 < share.min() < 0.12
    assert 0.38 < share.max() < 0.41
    assert 0.49 < ratio.min() < 0.55
    assert 1.8 < ratio.max() < 2.05
    assert 0.45 < (ratio < 1).mean() < 0.55
    np.testing.assert_allclose(out[:, 0, :, 0], out[:, 0, :, -1])  # rows stay rows


def test_resized_crop_halves_by_the_mean_of_four():
    x = images(2, 3, 8, 8, dtype="float64")
    out = apply(T.RandomResizedCrop(4, (1.0, 1.0), (1.0, 1.0)), x)
    np.testing.assert_allclose(out, x.reshape(2, 3, 4, 2, 4, 2).mean(axis=(3, 5)))


def test_cutout_hides_one_square():
    out = apply(T.Cutout(3, fill=0.5), np.ones((500, 2, 6, 7), np.float32))
    hidden = out[:, 0] == 0.5
    assert (hidden | (out[:, 0] == 1)).all()
    found = set()
    for mask in hidden:
        i, j = np.nonzero(mask)
        assert mask[i.min() : i.max() + 1, j.min() : j.max() + 1].all()
        found.add((i.min(), i.max(), j.min(), j.max()))
    expected = {
        (max(r - 1, 0), min(r + 1, 5), max(c - 1, 0), min(c + 1, 6))
        for r in range(6)
        for c in range(7)
    }
    assert found == expected


def test_noise_is_normal():
    noise = apply(T.GaussianNoise(0.3), np.ones((20, 3, 32, 32), np.float32)) - 1
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert (np.abs(noise) < 0.3).mean() == pytest.approx(0.6827, abs=0.01)


def test_normalize():
    x = images(4, 3, 5, 5)
    out = apply(T.Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 4.0]), x)
    for c in range(3):
        np.testing.assert_allclose(out[:, c], (x[:, c] - 0.1 * (c + 1)) / 2**c, rtol=1e-5)


def test_compose_goes_from_first_to_last():
    compose = T.Compose([T.Normalize(1.0, 1.0), T.Normalize(0.0, 0.5)])
    np.testing.assert_allclose(apply(compose, np.full((1, 1, 1, 1), 3.0)), 4.0)


@pytest.mark.parametrize("soft", [False, True])
def test_mixup(soft):
    n, classes = 200, 4
    x = np.arange(n * 2.0).reshape(n, 1, 1, 2).astype("float32")
    labels = np.arange(n) % classes
    y = np.eye(classes, dtype="float32")[labels] if soft else labels
    mixed, probabilities = T.Mixup(classes, alpha=0.8)((x, y), np.random.default_rng(0))
    assert mixed.dtype == probabilities.dtype == np.float32
    assert (mixed.shape, probabilities.shape) == (x.shape, (n, classes))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    rng = np.random.default_rng(0)
    partner, share = rng.permutation(n), rng.beta(0.8, 0.8, n)
    for i, (j, own) in enumerate(zip(partner, share, strict=True)):
        np.testing.assert_allclose(mixed[i], own * x[i] + (1 - own) * x[j], rtol=1e-4)
        expected = own * np.eye(classes)[labels[i]] + (1 - own) * np.eye(classes)[labels[j]]
        np.testing.assert_allclose(probabilities[i], expected, atol=1e-6)
    loss = F.cross_entropy(tg.zeros(n, classes), tg.tensor(probabilities))
    assert loss.item() == pytest.approx(np.log(classes), rel=1e-5)


# -- in a loader ----------------------------------------------------------------------------------

PIPELINE = T.Compose([T.RandomFlip(), T.RandomCrop(4, padding=1), T.GaussianNoise()])


def loader(seed, **options):
    x = images(10, 1, 4, 4)
    return DataLoader((x, np.arange(10)), 3, seed=seed, transform=PIPELINE, **options)


def epoch(loader):
    return [(x.data, y.data) for x, y in loader]


def same(a, b):
    pairs = zip(a, b, strict=True)
    return all(np.array_equal(x, u) and np.array_equal(y, v) for (x, y), (u, v) in pairs)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_seed_repeats_all_batches_and_epochs_differ(shuffle):
    a, b, c = loader(1, shuffle=shuffle), loader(1, shuffle=shuffle), loader(2, shuffle=shuffle)
    first = epoch(a)
    assert same(first, epoch(b))
    assert not same(first, epoch(c))
    second = epoch(a)
    assert not same(first, second)
    assert same(second, epoch(b))
    if not shuffle:
        for (x, y), (again, labels) in zip(first, second, strict=True):
            np.testing.assert_array_equal(y, labels)
            assert (x != again).any()


def test_a_resumed_epoch_draws_the_same():
    expected = epoch(loader(1, shuffle=True))
    running = loader(1, shuffle=True)
    batches = iter(running)
    next(batches), next(batches)
    resumed = loader(5, shuffle=True)
    resumed.load_state_dict(running.state_dict())
    assert same(epoch(resumed), expected[2:])


def test_the_seed_comes_from_the_library_s_generator():
    def run():
        tg.seed(3)
        return epoch(loader(None)), epoch(loader(None))

    (a, b), (c, d) = run(), run()
    assert same(a, c)
    assert same(b, d)
    assert not same(a, b)


def test_the_data_stay_as_they_are_and_functions_are_transforms():
    x = images(4, 1, 2, 2)
    before = x.copy()
    double = DataLoader((x, np.arange(4)), 4, transform=lambda batch, rng: (2 * batch[0], batch[1]))
    ((found, labels),) = double
    np.testing.assert_array_equal(found.data, 2 * x)
    assert labels.tolist() == [0, 1, 2, 3]
    list(DataLoader(x, transform=PIPELINE))
    np.testing.assert_array_equal(x, before)


def test_a_model_learns_from_mixed_images():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    x = (rng.normal(size=(60, 1, 2, 2)) + 4 * y[:, None, None, None]).astype("float32")
    tg.seed(0)
    model = tg.layers.Sequential(tg.layers.Flatten(), tg.layers.Dense(4, 2))
    optimizer = tg.optim.Adam(model.parameters(), lr=0.1)
    trainer = tg.Trainer(
        model, optimizer, loss=F.cross_entropy, metrics=["accuracy"], display="off"
    )
    train = DataLoader((x, y), 20, shuffle=True, transform=T.Mixup(2, 0.4))
    history = trainer.fit(train, (x, y), epochs=15)
    assert history.epochs[-1].metrics["val_accuracy"] > 0.9


# -- errors ---------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
X = images(4, 3, 8, 8)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: T.RandomFlip("diagonal"), ArgumentError, "direction='diagonal' is not possible"),
        (lambda: T.RandomFlip(p=1.5), ArgumentError, "p=1.5 is not possible"),
        (lambda: T.RandomCrop(0), ArgumentError, "size=0 is not possible"),
        (lambda: T.RandomCrop((1, 2, 3)), ArgumentError, r"size=\(1, 2, 3\) is not possible"),
        (lambda: T.RandomCrop(2.5), ArgumentError, "size=2.5 is not possible"),
        (lambda: T.RandomCrop(2, padding=-1), ArgumentError, "padding=-1 is not possible"),
        (lambda: T.RandomResizedCrop(True), ArgumentError, "size=True is not possible"),
        (lambda: T.RandomResizedCrop(2, scale=(0.5, 1.5)), ArgumentError, "scale="),
        (lambda: T.RandomResizedCrop(2, ratio=(0, 1)), ArgumentError, "ratio="),
        (lambda: T.RandomRotation(-5), ArgumentError, "degrees=-5 is not possible"),
        (lambda: T.RandomRotation((5, 1)), ArgumentError, "degrees="),
        (lambda: T.RandomRotation(float("nan")), ArgumentError, "degrees=nan"),
        (lambda: T.RandomShift(1.5), ArgumentError, "shift=1.5 is not possible"),
        (lambda: T.RandomScale((2, 1)), ArgumentError, "scale="),
        (lambda: T.RandomScale((0, 1)), ArgumentError, "scale="),
        (lambda: T.RandomScale(1.5), ArgumentError, "scale=1.5 is not possible"),
        (lambda: T.Cutout(0), ArgumentError, "size=0 is not possible"),
        (lambda: T.GaussianNoise(-1), ArgumentError, "std=-1 is not possible"),
        (lambda: T.GaussianNoise(float("nan")), ArgumentError, "std=nan"),
        (lambda: T.Normalize(0, 0), ArgumentError, "std=0 is not possible"),
        (lambda: T.Normalize([[0]], 1), ArgumentError, "mean="),
        (lambda: T.Mixup(0), ArgumentError, "num_classes=0 is not possible"),
        (lambda: T.Mixup(3, alpha=0), ArgumentError, "alpha=0 is not possible"),
        (lambda: T.Compose([T.Cutout(2), 3]), ArgumentError, "item 1 is no transform"),
        (lambda: DataLoader(X, transform=3), ArgumentError, "transform=3 is no function"),
        (lambda: T.Cutout(2)((X[0],), RNG), ShapeError, r"must be a batch \(N, C, H, W\)"),
        (lambda: T.Mixup(3)((X[0], np.zeros(3, int)), RNG), ShapeError, "must be a batch"),
        (lambda: T.Cutout(2)((X.astype("uint8"),), RNG), DTypeError, "of a floating dtype"),
        (lambda: T.RandomCrop(9)((X,), RNG), ShapeError, r"\(9, 9\) do not fit .* \(8, 8\)\n"),
        (lambda: T.RandomCrop((13, 2), 2)((X,), RNG), ShapeError, "with a padding of 2"),
        (lambda: T.Normalize([0, 0], 1)((X,), RNG), ShapeError, "2 numbers for 3 channels"),
        (lambda: T.Normalize(0, [1] * 4)((X,), RNG), ShapeError, "4 numbers for 3 channels"),
        (lambda: T.Mixup(3)((X,), RNG), DataError, "images and labels, not one of 1 parts"),
        (lambda: T.Mixup(3)((X, np.array([0, 1, 2, 3])), RNG), DataError, "from 0 to 2"),
        (lambda: T.Mixup(3)((X, np.array([0, 1, 2, -1])), RNG), DataError, "from 0 to 2"),
        (lambda: T.Mixup(3)((X, np.zeros((4, 2))), RNG), DataError, r"probabilities \(N, 3\)"),
        (lambda: T.Mixup(3)((X, np.zeros(4)), RNG), DataError, "whole numbers"),
    ],
)
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text) as error:
        call()
    assert "fix:" in str(error.value)


def test_a_transform_without_images_is_none():
    with pytest.raises(NotImplementedError, match="defines no images"):
        T.Transform()((X,), RNG)
