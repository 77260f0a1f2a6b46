"""Ops of `tinygrad_lite.ops.image`."""

import math

import numpy as np
from hypothesis import strategies as st

from tests.ops.strategies import Entry

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@st.composite
def padded(draw):
    shape = draw(st.sampled_from([(3,), (2, 3), (1, 2, 3), (1, 1, 2, 3)]))
    mode = draw(st.sampled_from(["constant", *NUMPY_MODES]))
    pad = []
    for n in shape[::-1][: draw(st.integers(0, 2))]:
        most = n - 1 if mode == "reflect" else n
        lo = draw(st.integers(1 - n, most))
        pad += [lo, draw(st.integers(max(1 - n - min(lo, 0), 1 - n), most))]
    return [shape], {"pad": pad, "mode": mode} | ({"value": 1.5} if mode == "constant" else {})


def pad(x, pad, mode, value=None):
    for axis, lo, hi in zip(range(-1, -4, -1), pad[::2], pad[1::2], strict=False):
        widths = [(0, 0)] * x.ndim
        widths[axis] = (max(lo, 0), max(hi, 0))
        given = {"constant_values": value} if mode == "constant" else {}
        x = np.pad(x, widths, NUMPY_MODES.get(mode, mode), **given)
        x = np.delete(x, range(max(-lo, 0)), axis)
        x = np.delete(x, range(x.shape[axis] - max(-hi, 0), x.shape[axis]), axis)
    return x


@st.composite
def resized(draw):
    shape, mode = draw(
        st.sampled_from(
            [
                ((1, 2, 3), "linear"),
                ((2, 1, 1), "linear"),
                ((1, 1, 2, 3), "bilinear"),
                ((0, 1, 2, 2), "bilinear"),
                ((1, 1, 2, 1, 2), "trilinear"),
            ]
        )
    )
    params = {"mode": draw(st.sampled_from(["nearest", mode]))}
    if params["mode"] != "nearest":
        params["align_corners"] = draw(st.booleans())
    numbers = draw(st.sampled_from(["size", "scale_factor"]))
    choices = {"size": st.integers(1, 4), "scale_factor": st.sampled_from([1.0, 1.6, 2.5])}
    values = choices[numbers]
    params[numbers] = draw(values | st.tuples(*[values] * (len(shape) - 2)))
    return [shape], params


def interpolate(x, mode, size=None, scale_factor=None, align_corners=False):
    """One axis after the other, one new place after the other."""
    for axis in range(2, x.ndim):
        n = x.shape[axis]
        given = size if scale_factor is None else scale_factor
        value = given[axis - 2] if isinstance(given, tuple) else given
        m = value if scale_factor is None else int(n * value)
        step = n / m if scale_factor is None else 1 / value
        slices = []
        for i in range(m):
            if mode == "nearest":
                slices.append(np.take(x, min(int(i * step), n - 1), axis))
                continue
            at = i * (n - 1) / max(m - 1, 1) if align_corners else (i + 0.5) * step - 0.5
            at = min(max(at, 0), n - 1)
            lo = math.floor(at)
            hi = min(lo + 1, n - 1)
            slices.append((1 - at + lo) * np.take(x, lo, axis) + (at - lo) * np.take(x, hi, axis))
        x = np.stack(slices, axis)
    return x


def places(size, kernel_size, dilation, padding, stride):
    """Yield (row, column, [(place in the image, or None outside)]) of every window."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = kernel_size, dilation, padding, stride
    h, w = size
    for i in range((h + 2 * ph - dh * (kh - 1) - 1) // sh + 1):
        for j in range((w + 2 * pw - dw * (kw - 1) - 1) // sw + 1):
            window = [
                (i * sh + u * dh - ph, j * sw + v * dw - pw) for u in range(kh) for v in range(kw)
            ]
            yield [(a, b) if 0 <= a < h and 0 <= b < w else None for a, b in window]


@st.composite
def windowed(draw, folded=False):
    pair = st.tuples(st.integers(1, 2), st.integers(1, 2))
    kernel, dilation, stride = draw(st.tuples(pair, pair, pair))
    padding = draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    size = tuple(
        d * (k - 1) + 1 + draw(st.integers(0, 1)) for k, d in zip(kernel, dilation, strict=True)
    )
    n, c = draw(st.sampled_from([(1, 1), (2, 1), (1, 2), (0, 1)]))
    params = {
        "kernel_size": kernel,
        "dilation": dilation,
        "padding": padding,
        "stride": stride,
    }
    if not folded:
        return [(n, c, *size)], params
    columns = len(list(places(size, **params)))
    return [(n, c * kernel[0] * kernel[1], columns)], {"output_size": size} | params


def unfold(x, **window):
    zero = np.zeros(x.shape[:2])
    columns = [
        np.stack([zero if at is None else x[:, :, at[0], at[1]] for at in one], 2)
        for one in places(x.shape[2:], **window)
    ]
    stacked = np.stack(columns, -1)
    return stacked.reshape(len(x), x.shape[1] * stacked.shape[2], len(columns))


def fold(x, output_size, **window):
    area = window["kernel_size"][0] * window["kernel_size"][1]
    parts = x.reshape(len(x), x.shape[1] // area, area, x.shape[2])
    y = np.zeros((*parts.shape[:2], *output_size))
    for column, one in enumerate(places(output_size, **window)):
        for k, at in enumerate(one):
            if at is not None:
                y[:, :, at[0], at[1]] += parts[:, :, k, column]
    return y


@st.composite
def shuffled(draw, name, inverse=False):
    r, c, h, w = draw(st.sampled_from([(2, 1, 2, 1), (1, 2, 1, 2), (2, 2, 1, 1), (3, 1, 1, 1)]))
    lead = draw(st.sampled_from([(), (2,), (0,), (1, 1)]))
    shape = (c, h * r, w * r) if inverse else (c * r * r, h, w)
    return [(*lead, *shape)], {name: r}


def shuffle(x, r, inverse):
    """Move number after number between (C r², H, W) and (C, H r, W r)."""
    lead, (c, h, w) = x.shape[:-3], x.shape[-3:]
    y = np.zeros((*lead, *((c * r * r, h // r, w // r) if inverse else (c // r**2, h * r, w * r))))
    for channel, i, j in np.ndindex((x if inverse else y).shape[-3:]):
        deep = channel * r * r + i % r * r + j % r
        if inverse:
            y[..., deep, i // r, j // r] = x[..., channel, i, j]
        else:
            y[..., channel, i, j] = x[..., deep, i // r, j // r]
    return y


TABLE = {
    "F.pad": Entry(pad, padded()),
    "F.interpolate": Entry(interpolate, resized()),
    "F.unfold": Entry(unfold, windowed()),
    "F.fold": Entry(fold, windowed(folded=True)),
    "F.pixel_shuffle": Entry(
        lambda x, upscale_factor: shuffle(x, upscale_factor, False), shuffled("upscale_factor")
    ),
    "F.pixel_unshuffle": Entry(
        lambda x, downscale_factor: shuffle(x, downscale_factor, True),
        shuffled("downscale_factor", inverse=True),
    ),
}
