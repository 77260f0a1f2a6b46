"""Readers of files: what they give, and what they say of files that are broken."""

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.data.published import (
    cifar_batches,
    idx,
    images,
    png,
    write_archive,
    write_idx_folder,
    write_png,
)
from tinygrad_lite import data, plugins
from tinygrad_lite.errors import ArgumentError, DataError, PluginError


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path / "cache"))


def says(call, *parts, kind=DataError):
    """The call fails; its message has all parts, the user's line, and a fix."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    for part in (*parts, "\n  fix: ", f"\n  at:  {__file__}:"):
        assert part in text, text


def check(dataset, x, y):
    assert dataset.x.dtype == np.float32
    assert dataset.y.dtype == np.int64
    assert dataset.x.flags.c_contiguous
    np.testing.assert_array_equal(dataset.x, x.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(dataset.y, y)


# -- IDX ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 2), (5,), (2, 0, 3), ()])
def test_idx_holds_any_array(tmp_path, rng, dtype, shape):
    array = np.asarray(100 * rng.standard_normal(shape)).astype(dtype)
    path = tmp_path / "array"
    for pack in (bytes, gzip.compress):
        path.write_bytes(pack(idx(array)))
        found = data.read_idx(path)
        assert found.dtype == array.dtype
        assert found.dtype.isnative
        np.testing.assert_array_equal(found, array)


def test_idx_is_the_published_format(tmp_path):
    (tmp_path / "a").write_bytes(bytes.fromhex("00000802 00000002 00000003 010203 0405ff"))
    assert data.read_idx(tmp_path / "a").tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.read])
def test_a_folder_of_idx_files(tmp_path, rng, load, packed):
    x, y, x_test, y_test = write_idx_folder(tmp_path / "idx", rng, packed=packed)
    train, test = load(tmp_path / "idx")
    check(train, x[:, None], y)
    check(test, x_test[:, None], y_test)
    assert train.x.max() <= 1.0


def test_idx_files_with_a_dot(tmp_path, rng):
    write_idx_folder(tmp_path, rng)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert len(data.read(tmp_path)[0]) == 40


def test_published_sets_are_looked_for_in_the_cache(tmp_path, rng):
    write_idx_folder(tmp_path / "cache/fashion_mnist", rng)
    assert len(plugins.datasets.get("fashion_mnist")()[0]) == 40
    folder = str(tmp_path / "cache/mnist")
    says(data.mnist, folder, "lacks train-images-idx3-ubyte, train-labels", "fetch mnist")
    says(data.cifar10, "cifar10", "data_batch_1.bin", "cifar10(download=True)")
    assert not (tmp_path / "cache/mnist").exists()


def test_broken_idx_files(tmp_path, rng):
    path = tmp_path / "train-images-idx3-ubyte"
    good = idx(images(rng, 40, 8, 8))
    for broken in (b"", b"\0\0", b"\0\0\x08\x03\0\0\0\1", b"\1" + good[1:], b"\0\0\x07" + good[3:]):
        write_idx_folder(tmp_path, rng)
        path.write_bytes(broken)
        says(lambda: data.mnist(tmp_path), str(path), "cannot be read: it begins with b'")
    path.write_bytes(good[:-1])
    says(lambda: data.mnist(tmp_path), "(40, 8, 8) takes 2,576 bytes, the file has 2,575")
    path.write_bytes(good + b"\0")
    says(lambda: data.mnist(tmp_path), "takes 2,576 bytes, the file has 2,577")
    huge = b"\0\0\x08\x03" + b"\xff" * 12  # would take 2^96 bytes
    path.write_bytes(huge)
    says(lambda: data.mnist(tmp_path), "the file has 16")


def test_broken_gzip(tmp_path, rng):
    write_idx_folder(tmp_path, rng, packed=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    says(lambda: data.read(tmp_path), str(path), "ended before the end-of-stream marker")
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xFF
    path.write_bytes(flipped)
    says(lambda: data.read(tmp_path), str(path), "cannot be read")


def test_idx_files_that_do_not_belong_together(tmp_path, rng):
    write_idx_folder(tmp_path, rng)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(39, np.uint8)))
    says(lambda: data.read(tmp_path), labels.name, "labels uint8 (39,)")
    labels.write_bytes(idx(np.zeros((40, 1), np.uint8)))
    says(lambda: data.read(tmp_path), "labels uint8 (40, 1)")
    labels.unlink()
    says(lambda: data.read(tmp_path), "lacks train-labels-idx1-ubyte", "put all four files there")


# -- CIFAR-10 -------------------------------------------------------------------------------------


def test_cifar10_from_its_files_or_its_archive(tmp_path, rng):
    files, x, y = cifar_batches(rng)
    inner = tmp_path / "bin/cifar-10-batches-bin"
    inner.mkdir(parents=True)
    for name, content in files.items():
        (inner / name).write_bytes(content)
    archive = tmp_path / "packed/cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    write_archive(archive, files)
    for path in (inner, inner.parent, archive, archive.parent):
        for load in (data.cifar10, data.read):
            train, test = load(path)
            check(train, x[:20], y[:20])
            check(test, x[20:], y[20:])
    assert [*archive.parent.iterdir()] == [archive]  # nothing is unpacked on the disk


def test_broken_cifar10(tmp_path, rng):
    files, _, _ = cifar_batches(rng)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "data_batch_3.bin"
    path.write_bytes(files[path.name][:-1])
    says(lambda: data.read(tmp_path), str(path), "12,291 bytes are no whole number of images")
    path.write_bytes(b"")
    says(lambda: data.read(tmp_path), str(path), "0 bytes")
    path.write_bytes(b"\x0a" + files[path.name][1:])
    says(lambda: data.read(tmp_path), str(path), "it has a label 10, but there are 10 classes")
    path.unlink()
    says(lambda: data.read(tmp_path), "lacks data_batch_3.bin", "put all six files there")


def test_broken_archive(tmp_path, rng):
    files, _, _ = cifar_batches(rng)
    archive = tmp_path / "cifar-10-binary.tar.gz"
    write_archive(archive, files)
    good = archive.read_bytes()
    for broken in (good[: len(good) // 2], good[:9], b"<html>", gzip.compress(b"no tar" * 200)):
        archive.write_bytes(broken)
        says(lambda: data.read(tmp_path), str(archive), "cannot be read")
    write_archive(archive, {"data_batch_1.bin": files["data_batch_1.bin"]})
    says(lambda: data.cifar10(archive), "lacks data_batch_2.bin", "fetch cifar10")


# -- folders of images ----------------------------------------------------------------------------


def test_a_folder_for_each_class(tmp_path, rng):
    pytest.importorskip("PIL")
    x = images(rng, 20, 9, 7)
    for number, pixels in enumerate(x):
        name = ("cat", "dog")[number % 2]
        write_png(tmp_path / name / f"{number:02}.{('png', 'PNG')[number % 3 == 0]}", pixels)
    (tmp_path / "cat/notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    for load in (data.image_folder, data.read):
        train, test = load(tmp_path)
        assert train.x.shape == (16, 1, 9, 7)
        assert np.bincount(test.y).tolist() == [2, 2]
        label = {(pixels / np.float32(255)).tobytes(): i % 2 for i, pixels in enumerate(x)}
        for part in (train, test):
            assert part.x.dtype == np.float32
            assert [label.pop(image.tobytes()) for image in part.x] == part.y.tolist()
        assert not label
    train, test = data.image_folder(tmp_path, test=0.5, seed=1)
    assert len(train) == len(test)


def test_folders_train_and_test(tmp_path, rng):
    pytest.importorskip("PIL")
    x = images(rng, 6, 4, 4, 3)
    for path, pixels in zip(
        ("train/a/1", "train/a/2", "train/b/1", "train/c/1", "test/a/1", "test/c/1"), x, strict=True
    ):
        write_png(tmp_path / f"{path}.png", pixels)
    train, test = data.image_folder(tmp_path)
    check(train, x[:4].transpose(0, 3, 1, 2), np.array([0, 0, 1, 2]))
    check(test, x[4:].transpose(0, 3, 1, 2), np.array([0, 2]))
    write_png(tmp_path / "test/d/1.png", x[0])
    says(lambda: data.read(tmp_path), "the class 'd' has no images to learn from")


def test_classes_may_be_called_train_and_test(tmp_path, rng):
    pytest.importorskip("PIL")
    for number in range(4):
        write_png(tmp_path / ("train", "test")[number % 2] / f"{number}.png", images(rng, 4, 4))
    train, test = data.image_folder(tmp_path, test=0.5)
    assert (train.y.tolist(), test.y.tolist()) == ([0, 1], [0, 1])


def test_grey_colour_transparent_and_deep_images(tmp_path, rng):
    pytest.importorskip("PIL")
    deep = rng.integers(0, 2**16, (5, 5), np.uint16)
    deep[0, 0] = 2**16 - 1
    pictures = [images(rng, 5, 5), images(rng, 5, 5, 2), deep]
    for number, pixels in enumerate(pictures):
        write_png(tmp_path / f"grey/train/a/{number}.png", pixels)
    write_png(tmp_path / "grey/test/a/0.png", pictures[0])
    train, _ = data.image_folder(tmp_path / "grey")
    expected = np.stack([pictures[0], pictures[1][..., 0], deep // 256])[:, None]
    check(train, expected, np.zeros(3))

    pictures = [images(rng, 5, 5), images(rng, 5, 5, 4), images(rng, 5, 5, 3)]
    for number, pixels in enumerate(pictures):
        write_png(tmp_path / f"colour/train/a/{number}.png", pixels)
    write_png(tmp_path / "colour/test/a/0.png", pictures[0])
    train, test = data.image_folder(tmp_path / "colour")
    grey = np.repeat(pictures[0][..., None], 3, axis=2)
    expected = np.stack([grey, pictures[1][..., :3], pictures[2]]).transpose(0, 3, 1, 2)
    check(train, expected, np.zeros(3))
    assert test.x.shape == (1, 3, 5, 5)


def test_images_of_different_sizes(tmp_path, rng):
    pytest.importorskip("PIL")
    write_png(tmp_path / "a/1.png", np.full((8, 6), 255, np.uint8))
    write_png(tmp_path / "a/2.png", np.full((4, 6, 3), 255, np.uint8))
    says(lambda: data.read(tmp_path), "2.png: has another size than 1.png", "(3, 4, 6)", "size=32")
    train, test = data.image_folder(tmp_path, size=(2, 3), test=0.5)
    assert train.x.shape == test.x.shape == (1, 3, 2, 3)
    assert train.x.min() == test.x.min() == 1.0
    assert data.image_folder(tmp_path, size=5, test=0.5)[0].x.shape == (1, 3, 5, 5)
    for size in (0, -1, (3,), (3, 0), (2.0, 2), 2.5, "ab"):
        says(
            lambda size=size: data.image_folder(tmp_path, size=size),
            "is no size of an image",
            kind=ArgumentError,
        )


def test_resizing_keeps_rows_and_columns_apart(tmp_path):
    pytest.importorskip("PIL")
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:2] = 255  # the upper half
    for number in range(2):
        write_png(tmp_path / f"a/{number}.png", pixels)
    train, _ = data.image_folder(tmp_path, size=(2, 4), test=0.5)
    assert train.x.shape == (1, 1, 2, 4)
    assert (train.x[0, 0, 0] > 0.8).all()
    assert (train.x[0, 0, 1] < 0.2).all()


def test_broken_images(tmp_path, rng):
    pytest.importorskip("PIL")
    good = png(images(rng, 30, 30))
    path = tmp_path / "a/2.png"
    write_png(tmp_path / "a/1.png", images(rng, 30, 30))
    bad_header = good[:12] + b"XXXX" + good[16:]
    for broken in (b"", b"no image", good[: len(good) // 2], good[:20], bad_header):
        path.write_bytes(broken)
        says(lambda: data.read(tmp_path), f"{path}: cannot be read")


def test_folders_without_images(tmp_path, rng):
    says(lambda: data.image_folder(tmp_path), "has no images in it", "folder/cat/1.png")
    says(lambda: data.image_folder(tmp_path / "no"), "has no images in it")
    (tmp_path / "cat").mkdir()
    says(lambda: data.image_folder(tmp_path), "has no images in it")
    write_png(tmp_path / "dog/1.png", images(rng, 3, 3))
    says(lambda: data.image_folder(tmp_path), "the class 'cat' has no PNG files in its folder")


def test_images_without_pillow(tmp_path, rng, monkeypatch):
    write_png(tmp_path / "dog/1.png", images(rng, 3, 3))
    monkeypatch.setitem(sys.modules, "PIL", None)
    says(lambda: data.read(tmp_path), "pip install 'tinygrad-lite[images]'", kind=ArgumentError)


def test_a_folder_train_needs_one_for_the_test(tmp_path, rng):
    write_png(tmp_path / "train/a/1.png", images(rng, 3, 3))
    says(lambda: data.image_folder(tmp_path), "has no images in it")
    write_png(tmp_path / "test/b/1.png", images(rng, 3, 3))
    says(lambda: data.image_folder(tmp_path), "the class 'b' has no images to learn from")


# -- anything else --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "gzip", "archive"])
def test_a_damaged_byte_is_a_data_error_or_harmless(tmp_path, rng, kind):
    if kind == "png":
        pytest.importorskip("PIL")
        for name in ("train/a/1", "test/a/1"):
            write_png(tmp_path / f"{name}.png", images(rng, 6, 6))
        path = tmp_path / "train/a/1.png"
    elif kind == "gzip":
        write_idx_folder(tmp_path, rng, side=1, packed=True)
        path = tmp_path / "train-labels-idx1-ubyte.gz"
    else:
        path = tmp_path / "cifar-10-binary.tar.gz"
        write_archive(path, dict.fromkeys(cifar_batches(rng)[0], b"\x03" * 3073))
    good, errors = path.read_bytes(), 0
    expected = [array for part in data.read(tmp_path) for array in part.arrays]
    for place in range(len(good)):
        for value in (0, 255, good[place] ^ 1, good[place] ^ 32):
            damaged = bytearray(good)
            damaged[place] = value
            path.write_bytes(damaged)
            try:
                found = [array for part in data.read(tmp_path) for array in part.arrays]
                assert all(map(np.array_equal, found, expected))
            except DataError as error:
                assert str(path) in str(error)  # noqa: PT017
                errors += 1
    assert errors > len(good)


def test_what_is_no_data_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "missing"):
        says(lambda path=path: data.read(path), str(path), "no data of a known format", "IDX")


def test_permission_denied(tmp_path, rng, monkeypatch):
    """Whoever runs the tests as root may read everything, so the refusal is made here."""
    write_idx_folder(tmp_path, rng)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        says(lambda: data.read(tmp_path), "-ubyte: cannot be read: Permission denied")
    monkeypatch.setattr(Path, "iterdir", refuse)
    says(lambda: data.read(tmp_path), f"{tmp_path}: cannot be read: Permission denied")


def test_names_in_the_registry():
    names = {plugin.name for plugin in plugins.datasets.all()}
    assert names >= {"digits", "mnist", "fashion_mnist", "cifar10", "image_folder"}
    assert plugins.datasets.get("mnist") is tg.data.mnist
    with pytest.raises(PluginError, match="nothing is registered as 'mnits'\n  known: mnist"):
        plugins.datasets.get("mnits")
