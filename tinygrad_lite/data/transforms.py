"""Augmentation: what changes the images of a batch a little, and not what they show.

A transform takes a batch, a tuple of arrays with the images first, and a random generator, and
returns such a tuple; it never writes into what it is given. So does any function that a user
writes: `lambda batch, rng: (batch[0] * 2, *batch[1:])`. A DataLoader applies one to every batch:

    DataLoader(train, transform=Compose([RandomFlip(), RandomCrop(32, padding=4)]))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_lite.errors import ArgumentError, DataError, DTypeError, ShapeError, message

Arrays = tuple[np.ndarray, ...]
Range = float | tuple[float, float]


class Transform:
    """The base of transforms that change images only: a subclass defines `images`."""

    def __call__(self, batch: Arrays, rng: np.random.Generator) -> Arrays:
        """Return the batch with other images.

        Raises:
            ShapeError: the images are no array (N, C, H, W), or do not suit this transform.
            DTypeError: they are not of a floating dtype.
        """
        x, *others = batch
        self._check_images(x)
        return self.images(x, rng), *others

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a new array for the images x (N, C, H, W), of their dtype."""
        raise NotImplementedError(f"{type(self).__name__} defines no images(self, x, rng)")

    def _check_images(self, x: np.ndarray) -> None:
        name = type(self).__name__
        if x.dtype.kind != "f":
            raise DTypeError(
                message(
                    name,
                    "images must be of a floating dtype",
                    {"x": x},
                    fix="convert them first: (x / 255).astype('float32')",
                )
            )
        if x.ndim != 4:
            raise ShapeError(
                message(
                    name,
                    "images must be a batch (N, C, H, W)",
                    {"x": x},
                    fix="add the axes that are missing, e.g. x[:, None]",
                )
            )

    def _check(self, fits: bool, name: str, value: Any, fix: str) -> None:
        if not fits:
            raise ArgumentError(
                message(type(self).__name__, f"{name}={value!r} is not possible", fix=fix)
            )


class Compose:
    """One transform after the other.

    Args:
        transforms: what to apply, in this order.

    Raises:
        ArgumentError: one of them is no function.
    """

    def __init__(self, transforms: Iterable[Callable[..., Any]]) -> None:
        self.transforms = list(transforms)
        for i, transform in enumerate(self.transforms):
            if not callable(transform):
                raise ArgumentError(
                    message(
                        "Compose",
                        f"item {i} is no transform",
                        {"item": transform},
                        fix="list transforms, e.g. Compose([RandomFlip(), Cutout(8)])",
                    )
                )

    def __call__(self, batch: Arrays, rng: np.random.Generator) -> Arrays:
        """Return what the last one makes of the batch."""
        for transform in self.transforms:
            batch = transform(batch, rng)
        return batch


class Normalize(Transform):
    """Subtract a mean and divide by a standard deviation, both for each channel or for all.

    Args:
        mean: a number, or one a channel.
        std: the same, above 0.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = (np.array(value, np.float64) for value in (mean, std))
        for name, value in (("mean", self.mean), ("std", self.std)):
            self._check(value.ndim <= 1, name, value.tolist(), "give a number, or one a channel")
        self._check(bool((self.std > 0).all()), "std", std, "give numbers above 0")

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return (x - mean) / std; raise ShapeError if there is no such number for each channel."""
        for name, value in (("mean", self.mean), ("std", self.std)):
            if value.size not in (1, x.shape[1]):
                raise ShapeError(
                    message(
                        "Normalize",
                        f"{value.size} numbers for {x.shape[1]} channels",
                        {"x": x, name: value},
                        fix="give one number, or one for each channel; images are (N, C, H, W)",
                    )
                )
        mean, std = (value.reshape(-1, 1, 1).astype(x.dtype) for value in (self.mean, self.std))
        return (x - mean) / std


class GaussianNoise(Transform):
    """Add normal noise, new for each number.

    Training with noise keeps a network from leaning on single pixels; it is akin to a penalty on
    the size of its gradient (Bishop, "Training with noise is equivalent to Tikhonov
    regularization", 1995).

    Args:
        std: its standard deviation.
    """

    def __init__(self, std: float = 0.1) -> None:
        self._check(0 <= std < np.inf, "std", std, "choose std from 0 on")
        self.std = float(std)

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return x with noise."""
        drawn = np.promote_types(x.dtype, np.float32)
        return x + self.std * rng.standard_normal(x.shape, drawn).astype(x.dtype)  # type: ignore[arg-type]


class RandomFlip(Transform):
    """Mirror some of the images.

    Args:
        direction: "horizontal" changes left and right, "vertical" top and bottom.
        p: probability of an image to be mirrored.
    """

    def __init__(self, direction: str = "horizontal", p: float = 0.5) -> None:
        fix = 'choose "horizontal" or "vertical"'
        self._check(direction in ("horizontal", "vertical"), "direction", direction, fix)
        self._check(0 <= p <= 1, "p", p, "choose a probability from 0 to 1")
        self.direction, self.p = direction, float(p)

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return x with some images mirrored."""
        chosen = rng.random(len(x)) < self.p
        mirrored = x[..., ::-1] if self.direction == "horizontal" else x[..., ::-1, :]
        out = x.copy()
        out[chosen] = mirrored[chosen]
        return out


class RandomCrop(Transform):
    """Cut out a part of a fixed size at a random place.

    Args:
        size: height and width of the part, or one number for both.
        padding: pixels added before on all four sides.
        fill: their value.
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0, fill: float = 0.0) -> None:
        self.size = self._size(size)
        self._check(_whole(padding, 0), "padding", padding, "give a whole number from 0 on")
        self.padding, self.fill = padding, float(fill)

    def _size(self, size: int | tuple[int, int]) -> tuple[int, int]:
        pair = size if isinstance(size, tuple | list) else (size, size)
        whole = len(pair) == 2 and all(_whole(n, 1) for n in pair)
        self._check(whole, "size", size, "give a whole number from 1 on, or two: (height, width)")
        return pair[0], pair[1]

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return parts (N, C, *size) of x; raise ShapeError if x is smaller than that."""
        count, channels, *given = x.shape
        border, (height, width) = self.padding, self.size
        spare = [n + 2 * border - wanted for n, wanted in zip(given, self.size, strict=True)]
        if min(spare) < 0:
            raise ShapeError(
                message(
                    type(self).__name__,
                    f"parts of {self.size} do not fit into images of {tuple(given)}"
                    + (f" with a padding of {border}" if border else ""),
                    {"x": x},
                    fix="choose a smaller size, or more padding; images are (N, C, H, W)",
                )
            )
        if border:
            x = _padded(x, border, self.fill)
        tops, lefts = (rng.integers(n + 1, size=count).tolist() for n in spare)
        parts = np.empty((count, channels, height, width), x.dtype)
        for part, image, top, left in zip(parts, x, tops, lefts, strict=True):
            part[...] = image[:, top : top + height, left : left + width]
        return parts


class RandomResizedCrop(RandomCrop):
    """Cut out a part of random size, shape and place, and scale it to a fixed size.

    As the images of Szegedy et al., "Going deeper with convolutions", 2015, section 6. A part that
    would be higher or wider than the image is made as high or as wide. Interpolation is bilinear.

    Args:
        size: height and width of the result, or one number for both.
        scale: the part's share of the image's area, from and to.
        ratio: its width divided by its height, from and to; all proportions are alike.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
    ) -> None:
        super().__init__(size)
        self._check(_rising(scale) and scale[1] <= 1, "scale", scale, "e.g. (0.08, 1.0)")
        self._check(_rising(ratio), "ratio", ratio, "two numbers above 0, e.g. (0.75, 1.33)")
        self.scale, self.ratio = scale, ratio

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return scaled parts (N, C, *size) of x."""
        count, _, height, width = x.shape
        area = rng.uniform(*self.scale, count) * height * width
        low, high = np.log(self.ratio)
        ratio = np.exp(rng.uniform(low, high, count))
        extent = np.stack([np.sqrt(area / ratio), np.sqrt(area * ratio)], axis=1)
        extent = np.minimum(extent, (height, width))
        start = rng.random((count, 2)) * ((height, width) - extent)
        step = extent / self.size  # of the image's pixels, for one of the result
        matrix = np.zeros((count, 2, 3))
        matrix[:, [0, 1], [0, 1]] = step
        matrix[:, :, 2] = start + step / 2 - 0.5  # pixels are squares; numbers stand at centres
        return resample(x, matrix, self.size, fill=None)


class RandomAffine(Transform):
    """Rotate, scale and shift images about their centres, all at once.

    What comes in from outside of an image has the value `fill`; interpolation is bilinear.

    Args:
        degrees: rotation counter-clockwise, from -degrees to degrees, or a pair (from, to).
        shift: largest shift in either direction, as a share of height and width.
        scale: enlargement, from and to.
        fill: value of pixels from outside.
    """

    def __init__(
        self,
        degrees: Range = 0.0,
        shift: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        fill: float = 0.0,
    ) -> None:
        pair = degrees if isinstance(degrees, tuple | list) else (-degrees, degrees)
        right = len(pair) == 2 and -np.inf < pair[0] <= pair[1] < np.inf
        self._check(right, "degrees", degrees, "give a number from 0 on, or a pair (from, to)")
        self._check(0 <= shift <= 1, "shift", shift, "choose a share from 0 to 1, e.g. 0.1")
        self._check(_rising(scale), "scale", scale, "two numbers above 0, e.g. (0.9, 1.1)")
        self.degrees, self.shift, self.scale, self.fill = pair, float(shift), scale, float(fill)

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return x with each image moved."""
        count, _, *size = x.shape
        angle = np.radians(rng.uniform(*self.degrees, count))
        scale = rng.uniform(*self.scale, count)
        shift = rng.uniform(-self.shift, self.shift, (count, 2)) * size
        # where a pixel of the result comes from: back by the shift, the angle, the scale
        cosine, sine = np.cos(angle) / scale, np.sin(angle) / scale
        turn = np.array([[cosine, sine], [-sine, cosine]]).transpose(2, 0, 1)
        centre = (np.array(size) - 1) / 2
        offset = centre - np.einsum("nij,nj->ni", turn, centre + shift)
        return resample(x, np.concatenate([turn, offset[..., None]], axis=2), fill=self.fill)


class RandomRotation(RandomAffine):
    """Rotate images; see `RandomAffine`."""

    def __init__(self, degrees: Range, fill: float = 0.0) -> None:
        super().__init__(degrees, fill=fill)


class RandomShift(RandomAffine):
    """Shift images, down or up and sideways; see `RandomAffine`."""

    def __init__(self, shift: float, fill: float = 0.0) -> None:
        super().__init__(shift=shift, fill=fill)


class RandomScale(RandomAffine):
    """Enlarge or shrink images about their centres; see `RandomAffine`."""

    def __init__(self, scale: tuple[float, float], fill: float = 0.0) -> None:
        super().__init__(scale=scale, fill=fill)


class Cutout(Transform):
    """Hide a square in each image; its centre may be any pixel, so parts may be outside.

    Source: DeVries & Taylor, "Improved regularization of convolutional neural networks with
    cutout", 2017.

    Args:
        size: side of the square, in pixels.
        fill: value of what is hidden.
    """

    def __init__(self, size: int, fill: float = 0.0) -> None:
        self._check(_whole(size, 1), "size", size, "give a whole number from 1 on")
        self.size, self.fill = size, float(fill)

    def images(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return x with a square hidden in each image."""
        count, _, *sizes = x.shape
        inside = []
        for n in sizes:
            start = (n * rng.random((count, 1))).astype(np.int64) - self.size // 2
            inside.append((np.arange(n) >= start) & (np.arange(n) < start + self.size))
        hidden = inside[0][:, None, :, None] & inside[1][:, None, None, :]
        return np.where(hidden, x.dtype.type(self.fill), x)


class Mixup(Transform):
    """Mix each image with another of the batch, and their labels in the same proportion.

    x ← λ x + (1 - λ) x', y ← λ y + (1 - λ) y' with λ from Beta(alpha, alpha) for each pair
    (Zhang et al., "mixup: Beyond empirical risk minimization", 2018, eq. 1). Labels become
    probabilities (N, num_classes), which `F.cross_entropy` takes as targets.

    Args:
        num_classes: how many classes there are.
        alpha: the larger, the more evenly images are mixed.
    """

    def __init__(self, num_classes: int, alpha: float = 0.2) -> None:
        self._check(_whole(num_classes, 1), "num_classes", num_classes, "give 1 or more")
        self._check(0 < alpha < np.inf, "alpha", alpha, "choose alpha above 0, e.g. 0.2")
        self.num_classes, self.alpha = num_classes, float(alpha)

    def __call__(self, batch: Arrays, rng: np.random.Generator) -> Arrays:
        """Return mixed images, and their probabilities, both of the images' dtype.

        Raises:
            DataError: there are no labels, or they are not those of num_classes classes.
        """
        if len(batch) != 2:
            raise DataError(
                message(
                    "Mixup",
                    f"needs a batch of images and labels, not one of {len(batch)} parts",
                    fix="load pairs: DataLoader((x, y), transform=...)",
                )
            )
        x, y = batch
        self._check_images(x)
        y = self._probabilities(y).astype(x.dtype)
        partner = rng.permutation(len(x))
        share = rng.beta(self.alpha, self.alpha, len(x)).astype(x.dtype)
        of_x, of_y = share[:, None, None, None], share[:, None]
        return of_x * x + (1 - of_x) * x[partner], of_y * y + (1 - of_y) * y[partner]

    def _probabilities(self, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == self.num_classes:
            return y
        if y.ndim == 1 and y.dtype.kind in "iu" and ((y >= 0) & (y < self.num_classes)).all():
            return np.eye(self.num_classes)[y]
        raise DataError(
            message(
                "Mixup",
                f"labels must be whole numbers (N,) from 0 to {self.num_classes - 1}, "
                f"or probabilities (N, {self.num_classes})",
                {"y": y},
                fix="give num_classes as many as there are",
            )
        )


def resample(
    x: np.ndarray,
    matrix: np.ndarray,
    size: tuple[int, int] | None = None,
    fill: float | None = 0.0,
) -> np.ndarray:
    """Return images whose pixels come from other places of x, by bilinear interpolation.

    Pixel (i, j) of the result is x at (row, column) = matrix · (i, j, 1).

    Shapes: x (N, C, H, W), matrix (N, 2, 3), result (N, C, *size).

    Args:
        x: images.
        matrix: where pixels come from.
        size: height and width of the result; by default those of x.
        fill: value of all that is outside of x; None goes on with the nearest pixel.
    """
    count, channels, height, width = x.shape
    out = size or (height, width)
    rows, columns = np.arange(out[0])[:, None], np.arange(out[1])
    # a border of one pixel, in which all that is outside finds its value
    outer = (height + 2, width + 2)
    x = _padded(x, 1, fill)
    low, weight = [], []
    for line, n in zip(matrix.transpose(1, 2, 0)[..., None, None], outer, strict=True):
        at = np.clip(line[0] * rows + line[1] * columns + (line[2] + 1), 0, n - 1)
        below = np.minimum(at.astype(np.int64), n - 2)
        low.append(below)
        weight.append((at - below).astype(x.dtype))
    # channels first, so that one index finds the pixels of all images in each of them
    pixels = np.ascontiguousarray(x.transpose(1, 0, 2, 3)).reshape(channels, -1)
    start = np.arange(count)[:, None, None] * (outer[0] * outer[1])
    corner = start + low[0] * outer[1] + low[1]
    down, right = weight

    def between(corner: np.ndarray) -> np.ndarray:
        left, change = pixels.take(corner, axis=1), pixels.take(corner + 1, axis=1)
        change -= left
        change *= right
        left += change
        return left

    above, change = between(corner), between(corner + outer[1])
    change -= above
    change *= down
    above += change
    return np.ascontiguousarray(above.transpose(1, 0, 2, 3))


def _padded(x: np.ndarray, border: int, fill: float | None) -> np.ndarray:
    """Return x with a border of a value, or of the nearest pixels."""
    width = ((0, 0), (0, 0), (border, border), (border, border))
    if fill is None:
        return np.pad(x, width, mode="edge")
    return np.pad(x, width, constant_values=fill)


def _whole(value: Any, least: int) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and bool(value >= least)


def _rising(pair: Any) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2 and 0 < pair[0] <= pair[1] < np.inf
