"""Convolution kernels: within their bounds, one result whatever the threads, the stated errors, and
the policy that chooses among them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import kernels
from tinygrad_lite.kernels import threads

pytestmark = pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")

ROOT = Path(__file__).parent.parent.parent
ONE = (1, 1, 1)
MODULES = ("patches", "winograd", "depthwise")

# -- memory between guards ------------------------------------------------------------------------

GUARD = 2048  # elements on either side that nobody may touch
OFF = 3  # operands do not begin where vectors would like to


def spoiling(dtype):
    """A value that spoils every result it reaches."""
    return np.nan if np.dtype(dtype).kind == "f" else -12345


class Guarded:
    """Memory between guards, fresh and full of what spoils results; it remembers all of it."""

    def __init__(self):
        self.arounds = []

    def empty(self, shape, dtype=float, lead=GUARD):
        size = int(np.prod(shape))
        around = np.full(lead + size + GUARD, spoiling(dtype), dtype)
        self.arounds.append((around, lead, lead + size))
        return around[lead : lead + size].reshape(shape)

    def room_for(self, elements, dtype):
        return self.empty(elements, dtype)

    def copy(self, x):
        inside = self.empty(x.shape, x.dtype, GUARD + OFF)
        inside[...] = x
        return inside

    def check(self):
        for around, start, end in self.arounds:
            guards = np.concatenate([around[:start], around[end:]])
            evil = np.full_like(guards, spoiling(around.dtype))
            np.testing.assert_array_equal(guards, evil)

    def __getattr__(self, name):
        """All else is NumPy's, whose place this takes in the modules of kernels."""
        return getattr(np, name)


def guard(monkeypatch):
    """Let the kernels of convolution work in guarded memory only."""
    guarded = Guarded()
    for name in MODULES:
        module = getattr(kernels, name)
        monkeypatch.setattr(module, "np", guarded)
        monkeypatch.setattr(module, "room_for", guarded.room_for)
    return guarded


# -- the ways to compute it -----------------------------------------------------------------------
#
# Each is three functions that write to their last array: the result, of (x, w, bias, y, how); the
# gradient of the image, of (g, w, dx, how); that of the filters, of (g, x, dw, how). `how` has
# size, stride, padding, dilation and groups.


def steps(how):
    return how["stride"], how["padding"], how["dilation"]


def by_patches():
    k = kernels.patches
    return (
        lambda x, w, b, y, how: k.forward(x, w, b, y, *steps(how), how["groups"]),
        lambda g, w, dx, how: k.input_gradient(g, w, dx, *steps(how), how["groups"]),
        lambda g, x, dw, how: k.weight_gradient(g, x, dw, *steps(how), how["groups"]),
    )


def by_tiles():
    k = kernels.winograd

    def input_gradient(g, w, dx, how):
        before = tuple(2 - p for p in how["padding"][1:])
        k.forward(flat(g), flat(w), None, flat(dx), before, flipped=True)

    return (
        lambda x, w, b, y, how: k.forward(flat(x), flat(w), b, flat(y), how["padding"][1:]),
        input_gradient,
        lambda g, x, dw, how: k.weight_gradient(flat(g), flat(x), flat(dw), how["padding"][1:]),
    )


def by_planes():
    k = kernels.depthwise
    return (
        lambda x, w, b, y, how: k.forward(x, w, b, y, *steps(how)),
        lambda g, w, dx, how: k.input_gradient(g, w, dx, *steps(how)),
        lambda g, x, dw, how: k.weight_gradient(g, x, dw, *steps(how)),
    )


def by_policy():
    k = kernels.conv
    return (
        lambda x, w, b, y, how: k.forward(x, w, b, y, *steps(how), how["groups"]),
        lambda g, w, dx, how: k.input_gradient(g, w, dx, *steps(how), how["groups"]),
        lambda g, x, dw, how: k.weight_gradient(g, x, dw, *steps(how), how["groups"]),
    )


def flat(x):
    """Without the depth of 1."""
    return x.reshape(x.shape[:2] + x.shape[3:])


WAYS = {"patches": by_patches, "winograd": by_tiles, "depthwise": by_planes}


def all_three(way, x, w, b, g, how, copy=lambda a: a, empty=np.empty):
    """The result and the gradients of image and filters, of copies of the operands."""
    forward, input_gradient, weight_gradient = (WAYS | {"policy": by_policy})[way]()
    y, dx, dw = (empty(a.shape, x.dtype) for a in (g, x, w))
    forward(copy(x), copy(w), None if b is None else copy(b), y, how)
    input_gradient(copy(g), copy(w), dx, how)
    weight_gradient(copy(g), copy(x), dw, how)
    return y, dx, dw


def expected(x, w, b, g, how):
    """The same by naive loops in float64, over images whose border is written out."""
    x, w, g = (a.astype("float64") for a in (x, w, g))
    spans = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(how["size"], how["stride"], w.shape[2:], how["dilation"], strict=True)
    ]
    whole = np.zeros((*x.shape[:2], *spans))
    pairs = [
        [(i, i - p) for i in range(span) if 0 <= i - p < n]
        for span, p, n in zip(spans, how["padding"], x.shape[2:], strict=True)
    ]
    rest = [range(n) for n in x.shape[:2]]
    to = np.ix_(*rest, *([i for i, _ in axis] for axis in pairs))
    source = np.ix_(*rest, *([i for _, i in axis] for axis in pairs))
    whole[to] = x[source]
    steps = how["stride"], 0, how["dilation"], how["groups"]
    y = naive.conv(whole, w, b, *steps)
    of_whole, dw, _ = naive.conv_gradients(g, whole, w, *steps)
    dx = np.zeros(x.shape)
    dx[source] = of_whole[to]
    return y, dx, dw


# of the largest number
BOUNDS = {("float32", way): 5e-6 for way in WAYS} | {("float64", way): 1e-13 for way in WAYS}
BOUNDS |= {("float32", "winograd"): 5e-5, ("float64", "winograd"): 1e-12}


def assert_close(found, expected, dtype, bound):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=bound * max(1, np.abs(b).max(initial=0)))


# -- geometries -----------------------------------------------------------------------------------

# around the widths of vectors
widths = st.one_of(st.integers(1, 5), st.sampled_from([8, 15, 16, 17, 31, 33, 47, 70]))
few = st.integers(1, 3)


@st.composite
def geometries(draw, way):
    """Shapes of x and w, and how they meet; results may end before the image, or far behind it."""

    def three(depth, numbers):
        return draw(depth), draw(numbers), draw(numbers)

    images, groups = draw(few), draw(few)
    image = three(st.sampled_from([1, 1, 3]), st.integers(1, 9))
    image = (*image[:2], draw(st.one_of(st.integers(1, 9), st.integers(14, 36))))
    padding = three(st.integers(-1, 2), st.integers(-2, 6))
    kernel, stride, dilation = (three(few, few) for _ in range(3))
    channels, filters = draw(widths), draw(widths)
    if way == "winograd":
        image, padding = (1, *image[1:]), (0, *padding[1:])
        kernel, stride, dilation, groups = (1, 3, 3), ONE, ONE, 1
    elif way == "depthwise":
        groups, channels, filters = channels, 1, draw(few)
    size = tuple(
        max(1, (n + 2 * p - (k - 1) * d - 1) // s + 1 + draw(st.integers(-1, 2)))
        for n, p, k, d, s in zip(image, padding, kernel, dilation, stride, strict=True)
    )
    if way == "winograd":
        size = (1, *size[1:])
    how = {"size": size, "stride": stride, "padding": padding, "dilation": dilation}
    x, w = (images, channels * groups, *image), (filters * groups, channels, *kernel)
    return x, w, how | {"groups": groups}


def operands(x, w, how, dtype, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (x, w, (w[0],), (x[0], w[0], *how["size"]))
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=150)
@given(data=st.data())
def test_any_geometry_within_bounds(way, data):
    x, w, how = data.draw(geometries(way))
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    count = data.draw(st.sampled_from([1, 2, 3, 5]))
    arrays = operands(x, w, how, dtype)
    if data.draw(st.booleans()):
        arrays[2] = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "_chosen", count)
        guarded = guard(patch)
        found = all_three(way, *arrays, how, guarded.copy, guarded.empty)
    guarded.check()
    assert len(guarded.arounds) > 10  # eight operands, and what the kernels asked for
    assert_close(found, expected(*arrays, how), dtype, BOUNDS[dtype, way])


def geometry(image, kernel, stride=ONE, padding=(0, 0, 0), dilation=ONE, groups=1):
    size = [
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, p, k, d, s in zip(image, padding, kernel, dilation, stride, strict=True)
    ]
    how = {"size": tuple(size), "stride": stride, "padding": padding, "dilation": dilation}
    return how | {"groups": groups}


SAME = {"padding": (0, 1, 1)}
# (way, x, w, geometry): too large for the loops above, through every way that a kernel has
CASES = [
    ("patches", (33, 3, 1, 32, 32), (16, 3, 1, 3, 3), SAME),
    ("patches", (2, 64, 1, 32, 31), (130, 64, 1, 1, 1), {}),  # pixelwise
    ("patches", (1, 100, 1, 17, 15), (60, 100, 1, 3, 3), SAME),  # one image, parts of its channels
    ("patches", (40, 20, 1, 5, 5), (120, 20, 1, 5, 5), {}),  # images taken together, by rows
    ("patches", (3, 64, 1, 16, 15), (128, 64, 1, 3, 3), SAME | {"stride": (1, 2, 2)}),
    ("patches", (3, 48, 1, 13, 13), (96, 12, 1, 5, 5), {"padding": (0, 2, 2), "groups": 4}),
    ("winograd", (5, 70, 1, 17, 15), (47, 70, 1, 3, 3), SAME),
    ("winograd", (2, 256, 1, 14, 14), (128, 256, 1, 3, 3), SAME),
    ("winograd", (1, 16, 1, 3, 130), (33, 16, 1, 3, 3), SAME),
    ("depthwise", (3, 37, 1, 16, 17), (37, 1, 1, 3, 3), SAME | {"groups": 37}),
    ("depthwise", (2, 32, 1, 15, 16), (64, 1, 1, 5, 5), {"stride": (1, 2, 2), "groups": 32}),
]
CASES = [(way, x, w, geometry(x[2:], w[2:], **how)) for way, x, w, how in CASES]
CASES_BY_NAME = pytest.mark.parametrize(
    ("way", "x", "w", "how"), CASES, ids=[f"{way} {x} {w}" for way, x, w, _ in CASES]
)


@CASES_BY_NAME
@pytest.mark.parametrize("count", [1, 2, 5])
def test_large_shapes_within_bounds(way, x, w, how, count, monkeypatch):
    monkeypatch.setattr(threads, "_chosen", count)
    arrays = operands(x, w, how, "float32")
    guarded = guard(monkeypatch)
    found = all_three(way, *arrays, how, guarded.copy, guarded.empty)
    guarded.check()
    assert_close(found, expected(*arrays, how), "float32", 2 * BOUNDS["float32", way])


@CASES_BY_NAME
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_number_of_threads_changes_nothing_but_the_order_of_sums(
    way, x, w, how, dtype, monkeypatch
):
    """Only the gradient of depthwise filters is never added up in several threads."""
    arrays = operands(x, w, how, dtype)
    found = []
    for count in (1, 2, 3, 5):
        monkeypatch.setattr(threads, "_chosen", count)
        found.append(all_three(way, *arrays, how))
    for several in found[1:]:
        np.testing.assert_array_equal(several[0], found[0][0])
        if way != "depthwise":
            bound = 2 * BOUNDS[dtype, way]
            assert_close(several[1:], found[0][1:], dtype, bound)
        else:
            for a, b in zip(several[1:], found[0][1:], strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("way", WAYS)
def test_a_pool_that_another_thread_has_changes_nothing(way, monkeypatch):
    """Room was counted for two threads, one does the work."""
    monkeypatch.setattr(threads, "_chosen", 2)
    _, x, w, how = next(case for case in CASES if case[0] == way)
    arrays = operands(x, w, how, "float32")
    both = all_three(way, *arrays, how)
    with threads.Team(2) as count:
        assert count == 2
        guarded = guard(monkeypatch)
        alone = all_three(way, *arrays, how, guarded.copy, guarded.empty)
    guarded.check()
    assert_close(alone, both, "float32", 2 * BOUNDS["float32", way])


def test_images_of_no_pixels_that_padding_makes_larger():
    how = geometry((1, 0, 4), (1, 2, 2), padding=(0, 1, 1))
    x, w, b, g = operands((2, 3, 1, 0, 4), (5, 3, 1, 2, 2), how, "float32")
    y, dx, dw = all_three("policy", x, w, b, g, how)
    np.testing.assert_array_equal(y, np.broadcast_to(b[:, None, None, None], y.shape))
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros(w.shape))


# -- which kernel computes what -------------------------------------------------------------------

RUNS = ["forward", "input_gradient", "weight_gradient"]
# (x, w, geometry): the kernels of the result, of the gradient of images, and of filters
CHOICES = [
    ((2, 16, 1, 12, 12), (16, 16, 1, 3, 3), SAME, ["winograd"] * 3),
    ((1, 70, 1, 17, 15), (33, 70, 1, 3, 3), SAME, ["winograd"] * 3),
    ((16, 256, 1, 8, 8), (256, 256, 1, 3, 3), SAME, ["winograd"] * 3),
    ((4, 32, 1, 32, 32), (32, 1, 1, 3, 3), SAME | {"groups": 32}, ["depthwise"] * 3),
    ((4, 8, 1, 9, 9), (16, 1, 1, 5, 5), {"groups": 8, "stride": (1, 2, 2)}, ["depthwise"] * 3),
    ((2, 16, 1, 12, 12), (15, 16, 1, 3, 3), SAME, ["patches"] * 3),  # few filters
    ((2, 15, 1, 12, 12), (16, 15, 1, 3, 3), SAME, ["patches"] * 3),  # few channels
    ((32, 3, 1, 32, 32), (32, 3, 1, 3, 3), SAME, ["patches"] * 3),
    ((1, 64, 1, 4, 8), (64, 64, 1, 3, 3), SAME, ["patches"] * 3),  # few tiles
    ((2, 64, 1, 16, 16), (64, 64, 1, 1, 1), {}, ["patches"] * 3),
    ((2, 64, 1, 16, 16), (64, 64, 1, 3, 3), SAME | {"stride": (1, 2, 2)}, ["patches"] * 3),
    ((2, 64, 1, 16, 16), (64, 64, 1, 3, 3), SAME | {"dilation": (1, 2, 2)}, ["patches"] * 3),
    ((2, 64, 1, 16, 16), (64, 32, 1, 3, 3), SAME | {"groups": 2}, ["patches"] * 3),
    ((2, 64, 3, 16, 16), (64, 64, 1, 3, 3), SAME, ["patches"] * 3),  # volumes
    ((2, 64, 1, 1, 256), (64, 64, 1, 1, 3), {"padding": (0, 0, 1)}, ["patches"] * 3),  # sequences
]


@pytest.mark.parametrize(("x", "w", "how", "chosen"), CHOICES, ids=[str(c[:3]) for c in CHOICES])
def test_which_kernel_is_chosen_and_that_all_agree(x, w, how, chosen, monkeypatch):
    how = geometry(x[2:], w[2:], **how)
    arrays = operands(x, w, how, "float64")
    seen = []
    for name in MODULES:
        for run in RUNS:
            real = getattr(getattr(kernels, name), run, None)
            if real is not None:

                def spy(*args, name=name, real=real, **how):
                    seen.append(name)
                    return real(*args, **how)

                monkeypatch.setattr(getattr(kernels, name), run, spy)
    found = all_three("policy", *arrays, how)
    assert seen == chosen
    assert_close(found, all_three("patches", *arrays, how), "float64", 1e-11)


@pytest.mark.parametrize("front", [0, -1])
def test_an_image_cut_out_of_a_volume_is_none_of_winograds(front):
    """A result without depth does not mean that there is one image: x may be deeper."""
    x, w, how = (2, 16, 3, 16, 16), (16, 16, 1, 3, 3), geometry((1, 16, 16), (1, 3, 3), **SAME)
    how["padding"] = (front, 1, 1)
    arrays = operands(x, w, how, "float64")
    found = all_three("policy", *arrays, how)
    assert_close(found, expected(*arrays, how), "float64", 1e-12)


@pytest.mark.parametrize("bias", [None, np.arange(5.0, dtype="f")])
def test_nothing_to_add_up(bias):
    x, w = np.ones((2, 0, 1, 4, 4), "f"), np.ones((5, 0, 1, 3, 3), "f")
    how = geometry((1, 4, 4), (1, 3, 3))
    y = np.full((2, 5, *how["size"]), np.nan, "f")
    kernels.conv.forward(x, w, bias, y, *steps(how), how["groups"])
    assert (y.shape, y.dtype) == ((2, 5, 1, 2, 2), np.float32)
    np.testing.assert_array_equal(y[0, :, 0, 1, 1], np.zeros(5) if bias is None else bias)


# -- errors of rounding, as `set_winograd` states them --------------------------------------------

FAST, DIRECT = 1.5e-6, 3e-7  # of the largest number, times the root of how many are added up
IMAGES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "rectified": lambda rng, shape: np.maximum(rng.standard_normal(shape), 0),
    "positive": lambda rng, shape: rng.random(shape),
    "far from zero": lambda rng, shape: rng.standard_normal(shape) + 3,
}


def rounding(images, shape, seed):
    """The errors of all three in float32, of the largest number, and what bounds grow with."""
    n, channels, filters, size = shape
    rng = np.random.default_rng(seed)
    x = IMAGES[images](rng, (n, channels, size, size)).astype("f")
    g = rng.standard_normal((n, filters, size, size)).astype("f")
    w = (rng.standard_normal((filters, channels, 3, 3)) / (9 * channels) ** 0.5).astype("f")
    if images == "positive":
        g, w = abs(g), abs(w)
    found = []
    for dtype in ("float32", "float64"):
        of_x, of_w = (tg.tensor(a.astype(dtype), requires_grad=True) for a in (x, w))
        with tg.reference() if dtype == "float64" else tg.enable_grad():
            y = tg.conv2d(of_x, of_w, padding=1)
            y.backward(g.astype(dtype))
        found.append((y.data, of_x.grad.data, of_w.grad.data))
    errors = [abs(a - b).max() / abs(b).max() for a, b in zip(*found, strict=True)]
    return np.array(errors), np.sqrt([channels, filters, n * (-(-size // 4)) ** 2])


@pytest.fixture
def _winograd_again():
    before = tg.get_winograd()
    yield
    tg.set_winograd(before)


@pytest.mark.usefixtures("_winograd_again")
@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize(
    "shape",
    [
        (4, 16, 16, 9),
        (2, 64, 64, 16),
        (2, 128, 128, 15),
        (1, 256, 64, 16),
        (1, 64, 256, 16),
        (16, 16, 16, 32),
    ],
    ids=str,
)
def test_errors_stay_within_what_is_stated(shape, images):
    for seed in range(3):
        tg.set_winograd(True)
        fast, grows = rounding(images, shape, seed)
        assert (fast <= FAST * grows).all(), fast / grows
        tg.set_winograd(False)
        direct, _ = rounding(images, shape, seed)
        assert (direct <= DIRECT * grows).all(), direct / grows
        # the difference is there to be seen: it is these kernels that were compared
        assert images != "normal" or (fast > 2 * direct).all()


@pytest.mark.usefixtures("_winograd_again")
def test_what_is_turned_off_is_not_called(rng, monkeypatch):
    x, w = tg.randn(2, 32, 12, 12), tg.randn(32, 32, 3, 3)
    tg.set_winograd(False)
    assert tg.get_winograd() is False
    monkeypatch.setattr(kernels.winograd, "forward", None)
    tg.conv2d(x, w, padding=1)
    tg.set_winograd(True)
    assert tg.get_winograd() is True
    with pytest.raises(TypeError):
        tg.conv2d(x, w, padding=1)


def run(program, **environment):
    """Run Python in another process; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(("value", "expected"), [("0", "False"), ("1", "True")])
def test_the_environment_turns_it_off_before_anything_is_loaded(value, expected):
    program = "import sys, tinygrad_lite as tg; print(tg.get_winograd(), 'numba' in sys.modules)"
    assert run(program, TINYGRAD_LITE_WINOGRAD=value) == [expected, "False"]


# -- other processes ------------------------------------------------------------------------------

# each goes every way that can compute it
SMALL = [
    ((2, 17, 1, 9, 18), (18, 17, 1, 3, 3), SAME),
    ((3, 1, 1, 11, 13), (5, 1, 1, 4, 3), {"stride": (1, 2, 3), "padding": (0, 2, 5)}),
    ((2, 6, 3, 7, 9), (12, 1, 2, 3, 3), {"groups": 6, "dilation": (1, 2, 1)}),
    ((2, 33, 1, 9, 8), (34, 33, 1, 1, 1), {}),
]


def agree(*dtypes):
    """Run all the ways there are, in this order of dtypes."""
    for dtype in dtypes:
        for x, w, how in SMALL:
            how = geometry(x[2:], w[2:], **how)
            arrays = operands(x, w, how, dtype)
            ways = ["patches"]
            if w[2:] == (1, 3, 3):
                ways.append("winograd")
            if how["groups"] == x[1] > 1:
                ways.append("depthwise")
            for way in ways:
                with pytest.MonkeyPatch.context() as patch:
                    guarded = guard(patch)
                    found = all_three(way, *arrays, how, guarded.copy, guarded.empty)
                guarded.check()
                assert_close(found, expected(*arrays, how), dtype, BOUNDS[dtype, way])


def test_all_ways_agree():
    agree("float32", "float64")


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("float64", "float32")], ids=str)
def test_a_process_that_starts_with_either_dtype(dtypes):
    """What kernels call has been compiled for a dtype before they run with it."""
    program = f"from tests.kernels.test_conv import agree; agree(*{dtypes}); print('agree')"
    assert run(program) == ["agree"]


@pytest.mark.parametrize(("width", "dtype"), [(16, "float32"), (32, "float64")])
def test_narrower_vectors_than_this_processor_has(width, dtype):
    program = f"""if True:
        from tests.kernels.test_conv import agree
        from tinygrad_lite.kernels import simd
        assert simd.VECTOR_BYTES == {width}
        agree("{dtype}")
        print("agree")
    """
    assert run(program, TINYGRAD_LITE_VECTOR_BYTES=str(width)) == ["agree"]


@pytest.mark.parametrize(
    "shape", [(3, 5, 1, 7, 9), (0, 4, 1, 2, 2), (40, 33, 1, 16, 9), (2, 0, 1, 3, 3)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradient_of_a_bias(shape, dtype, rng):
    g = (10 + rng.standard_normal(shape)).astype(dtype)
    for layout in (g, np.asfortranarray(g)):
        found = kernels.conv.bias_gradient(layout)
        assert found.dtype == g.dtype
        expected = g.astype(float).sum(axis=(0, 2, 3, 4))
        np.testing.assert_allclose(found, expected, rtol=2e-6 if dtype == "float32" else 1e-14)
