"""Images of one's own: a folder for each class, with PNG files in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.files import from_bytes, listing, unreadable
from tinygrad_lite.data.split import stratified_split
from tinygrad_lite.errors import ArgumentError, DataError, message
from tinygrad_lite.plugins import register_dataset

_GREY = {"1", "L", "LA", "I", "I;16", "I;16B"}  # modes of Pillow


@register_dataset("image_folder")
def image_folder(
    folder: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    test: float = 0.2,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Return (train, test) of the images folder/class/*.png, or folder/train/class/*.png and test.

    The classes are numbered in the order of their names. The test part is `folder/test` where
    there is one, and else drawn by `stratified_split`. Grey images have one channel, unless others
    of the set have colours; transparency is left out.

    Shapes: x (N, 1 or 3, H, W) float32 from 0 to 1; y (N,) int64 from 0.

    Args:
        folder: the folder of the folders.
        size: resize all images to this height and width, or to a square; by default they must all
            be of one size.
        test: share of the test part.
        seed: another seed draws other images for it.

    Raises:
        ArgumentError: Pillow is not installed (`pip install 'tinygrad-lite[images]'`), or `size`
            or `test` are not possible.
        DataError: there are no images, one is broken, or they are of different sizes.
    """
    shape = _shape(size)
    parts = find_images(Path(folder))
    if not parts:
        raise DataError(
            message(
                str(folder),
                "has no images in it",
                fix="put PNG files into a folder for each class, as in folder/cat/1.png",
            )
        )
    classes = list(parts[0])
    paths, labels = [], []
    for part in parts:
        for name, images in part.items():
            if not images or name not in classes:
                lack = "PNG files in its folder" if not images else "images to learn from"
                raise DataError(
                    message(
                        str(folder),
                        f"the class {name!r} has no {lack}",
                        fix=f"put images of {name!r} there, or remove its folder",
                    )
                )
            paths += images
            labels += [classes.index(name)] * len(images)
    data = Dataset(from_bytes(_read(paths, shape)), np.array(labels, np.int64))
    if len(parts) == 1:
        return stratified_split(data, test, seed)
    border = sum(map(len, parts[0].values()))
    return data[:border], data[border:]


def find_images(folder: Path) -> list[dict[str, list[Path]]]:
    """Return the PNG files of each class, for the parts train and test or for the whole."""
    parts = [_classes(folder / part) for part in ("train", "test")]
    if not all(parts):
        parts = [_classes(folder)]
    return parts if any(images for part in parts for images in part.values()) else []


def _classes(folder: Path) -> dict[str, list[Path]]:
    return {
        name: [path for path in listing(inner).values() if path.suffix.lower() == ".png"]
        for name, inner in listing(folder).items()
        if inner.is_dir()
    }


def _shape(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return (height, width)."""
    if size is None:
        return None
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or not all(isinstance(length, int) and length > 0 for length in pair):
        raise ArgumentError(
            message(
                "image_folder",
                f"size={size!r} is no size of an image",
                fix="give the pixels of a side, or (height, width), e.g. size=32",
            )
        )
    return pair[0], pair[1]


def _read(paths: list[Path], shape: tuple[int, int] | None) -> np.ndarray:
    """Return images as bytes (N, C, H, W)."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ArgumentError(
            message(
                "image_folder",
                "images are read by Pillow, which is not installed",
                fix="pip install 'tinygrad-lite[images]'",
            )
        ) from error
    images = [_pixels(path, shape, Image) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape[1:] != images[0].shape[1:]:
            raise DataError(
                message(
                    str(path),
                    f"has another size than {paths[0].name}",
                    {path.name: image, paths[0].name: images[0]},
                    fix="resize all of them, e.g. image_folder(folder, size=32)",
                )
            )
    channels = max(map(len, images))
    return np.stack([np.broadcast_to(image, (channels, *image.shape[1:])) for image in images])


def _pixels(path: Path, shape: tuple[int, int] | None, pillow: Any) -> np.ndarray:
    """Return one image as bytes (C, H, W)."""
    try:
        with pillow.open(path, formats=["PNG"]) as file:
            image = file
            if image.mode.startswith("I"):  # 16 bits
                image = image.point(lambda value: value / 256)
            image = image.convert("L" if file.mode in _GREY else "RGB")
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise unreadable(path, error) from error
    if shape is not None:
        image = image.resize(shape[::-1], pillow.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
