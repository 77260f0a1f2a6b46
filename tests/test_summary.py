"""The summary counts what a model really has and does."""

import dataclasses
import json
import pickle
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import kernels, layers, modes
from tinygrad_lite.ops import random
from tinygrad_lite.summary import Row, Summary, summarize


def rows(model, *inputs, **kwargs):
    return {r.path: r for r in model.summary(*inputs, **kwargs).rows}


def matmuls(model, *inputs):
    """Count multiply-adds the long way: run for real, as plain ops, and look at each product."""
    total = 0

    def see(op, args, result):
        nonlocal total
        if op.name == "matmul":
            total += result.size * args[0].shape[-1]

    with tg.no_grad(), tg.reference(), modes.observe(see):
        model.eval()(*inputs)
    return total


class Function(tg.Module):
    """A function, and what it learns, as a Module."""

    def __init__(self, function, *shapes):
        self.function = function
        self.learned = [tg.Parameter(np.ones(shape, np.float32)) for shape in shapes]

    def forward(self, *xs):
        return self.function(*xs, *self.learned)


@pytest.mark.parametrize(
    ("model", "shape", "output", "parameters", "multiply_adds"),
    [
        (lambda: layers.Dense(3, 5), (3,), (5,), 3 * 5 + 5, 3 * 5),
        (lambda: layers.Dense(3, 5, bias=False), (4, 3), (4, 5), 15, 4 * 15),
        (lambda: layers.Conv2d(2, 4, 3), (2, 8, 6), (4, 6, 4), 76, 6 * 4 * 4 * 2 * 9),
        (
            lambda: layers.Conv2d(2, 4, 3, 2, 1, groups=2, bias=False),
            (2, 8, 6),
            (4, 4, 3),
            36,
            4 * 12 * 9,
        ),
        (lambda: layers.Conv1d(2, 4, 3, padding="same"), (2, 8), (4, 8), 28, 4 * 8 * 2 * 3),
        (lambda: layers.Conv3d(1, 4, 2), (1, 3, 3, 3), (4, 2, 2, 2), 36, 4 * 8 * 8),
        (lambda: layers.ConvTranspose2d(2, 4, 3, 2), (2, 3, 4), (4, 7, 9), 76, 2 * 12 * 4 * 9),
        (
            lambda: layers.ConvTranspose1d(2, 4, 3, groups=2),
            (2, 5),
            (4, 7),
            16,
            2 * 5 * 2 * 3,
        ),
        (
            lambda: layers.Conv2d(2, 4, 3, dilation=2, bias=False),
            (2, 8, 6),
            (4, 4, 2),
            72,
            4 * 4 * 2 * 2 * 9,
        ),
        (lambda: layers.MaxPool2d(2), (2, 8, 6), (2, 4, 3), 0, 0),
        (lambda: layers.RNN(3, 4), (5, 3), (5, 4), 36, 5 * 4 * (3 + 4)),
        (lambda: layers.LSTM(3, 4), (5, 3), (5, 4), 144, 5 * 16 * (3 + 4)),
        (lambda: layers.GRU(3, 4, bidirectional=True), (5, 3), (5, 8), 216, 2 * 5 * 12 * 7),
        (lambda: layers.GRU(3, 4, reset_after=False), (5, 3), (5, 4), 108, 5 * 12 * 7),
        (lambda: layers.GRU(3, 4, 2, returns="last"), (5, 3), (4,), 228, 5 * 12 * (7 + 8)),
        (
            lambda: layers.LSTM(3, 4, 2, bidirectional=True, returns="outputs"),
            (5, 3),
            (5, 8),
            2 * (4 * 4 * (3 + 4 + 2) + 4 * 4 * (8 + 4 + 2)),
            2 * 5 * 16 * (7 + 12),
        ),
        (lambda: layers.Jordan(3, 4, output_size=2), (5, 3), (5, 2), 38, 5 * (4 * 5 + 2 * 4)),
        (
            lambda: layers.LSTM(3, 4, proj_size=2, learned_state=True),
            (5, 3),
            (5, 2),
            16 * 5 + 2 * 16 + 2 * 4 + (2 + 4),
            5 * (16 * 5 + 2 * 4),
        ),
        (lambda: layers.LSTM(3, 4, coupled=True, peephole=True), (5, 3), (5, 4), 116, 5 * 12 * 7),
        (lambda: layers.LSTMCell(3, 4), (3,), (4,), 144, 16 * 7),
    ],
)
def test_one_layer(model, shape, output, parameters, multiply_adds):
    summary = model().summary(shape)
    (row,) = summary.rows
    assert row.output_shape == output
    assert (row.parameters, summary.parameters) == (parameters, parameters)
    assert (row.multiply_adds, summary.multiply_adds) == (multiply_adds, multiply_adds)
    assert matmuls(model(), tg.zeros(1, *shape)) == multiply_adds


E, H, S = 6, 4, 5


@pytest.mark.parametrize(
    ("function", "learned", "inputs", "multiply_adds"),
    [
        (
            F.scaled_dot_product_attention,
            [],
            [(H, 3, E), (H, S, E), (H, S, 7)],
            H * 3 * S * (E + 7),
        ),
        (lambda x, w: x @ w, [(4, 6)], [(3, 4)], 3 * 4 * 6),
        (lambda x, w: x @ w, [(4,)], [(3, 4)], 3 * 4),
        (lambda x, w: w @ x, [(2, 7, 4)], [(2, 4, 3)], 2 * 7 * 4 * 3),
        (lambda x, w: tg.tensordot(x, w, 1), [(4, 6, 2)], [(3, 4)], 3 * 4 * 12),
        (lambda x, w: tg.einsum("...i,ij", x, w), [(4, 6)], [(3, 4)], 3 * 4 * 6),
        (lambda x, w: tg.einsum("nii->ni", x), [(1,)], [(4, 4)], 0),
        (lambda x1, x2: F.bilinear(x1, x2, tg.ones(2, 3, 4)), [], [(3,), (4,)], 2 * 3 * 4),
        (lambda x, w: tg.exp(x * w) + w, [(4,)], [(3, 4)], 0),
        (lambda x, w: F.softmax(x, -1) * w, [(4,)], [(3, 4)], 0),
        (lambda x, w: F.layer_norm(x, 4, w), [(4,)], [(3, 4)], 0),
    ],
)
def test_functions(function, learned, inputs, multiply_adds):
    model = Function(function, *learned)
    summary = model.summary(*inputs)
    assert summary.multiply_adds == multiply_adds
    real = model.eval()(*(np.ones((1, *shape), "float32") for shape in inputs))
    assert summary.rows[0].output_shape == real.shape[1:]


@given(
    groups=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    dilation=st.integers(1, 2),
)
def test_convolutions_of_any_geometry(groups, kernel, stride, padding, dilation):
    for make in (layers.Conv2d, layers.ConvTranspose2d):
        net = make(2, 4, kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
        x = tg.zeros(1, 2, 7, 6)
        assert net.summary((2, 7, 6)).multiply_adds == matmuls(net, x)


class Still:
    """A generator for weights that do not matter: it draws nothing."""

    def uniform(self, low, high, size):
        return np.zeros(size)

    def standard_normal(self, size):
        return np.zeros(size)


@pytest.mark.parametrize(
    ("name", "shape", "parameters", "multiply_adds"),
    [
        ("lenet5", (1, 32, 32), 61_706, 416_520),
        ("resnet20", (3, 32, 32), 269_722, 40_551_040),
        # as they are told for torchvision's: 1.81, 4.09 and 15.47 G
        ("resnet18", (3, 224, 224), 11_689_512, 1_814_073_344),
        ("resnet50", (3, 224, 224), 25_557_032, 4_089_184_256),
        ("vgg16", (3, 224, 224), 138_357_544, 15_470_264_320),
    ],
)
def test_published_numbers(name, shape, parameters, multiply_adds):
    with random.using(Still()):
        model = tg.plugins.models.get(name)()
    summary = model.summary(shape)
    assert (summary.parameters, summary.multiply_adds) == (parameters, multiply_adds)


# -- memory of activations ------------------------------------------------------------------------


def test_activations_by_hand():
    """A Dense makes 5 floats, ReLU 5 more, their sum over the axis is 1; reshape is a view."""
    net = Function(lambda x, w: F.relu(F.linear(x, w)).reshape((-1, 5)).sum(axis=1), (5, 3))
    assert net.summary((3,)).activations == 4 * (5 + 5 + 1)
    net.learned[0].requires_grad = False
    assert net.summary((3,)).activations == 0  # nothing is recorded


def test_activations_belong_to_the_module_that_made_them():
    class Net(tg.Module):
        def __init__(self):
            self.first, self.second = layers.Dense(3, 5), layers.Dense(5, 2)

        def forward(self, x):
            h = tg.tanh(self.first(x))
            return self.second(h) + self.second(2.0 * h)

    found = rows(Net(), (3,))
    assert found["first"].activations == 4 * 5
    assert found["second"].activations == 4 * (2 + 2)
    assert found[""].activations == 4 * (5 + 5 + 2)
    assert (found["first"].calls, found["second"].calls) == (1, 2)


@pytest.mark.skipif(not kernels.available(), reason="kernels keep what references do not")
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (
            lambda: layers.Sequential(
                layers.Conv2d(3, 16, 3, padding=1),
                layers.BatchNorm2d(16),
                layers.ReLU(),
                layers.MaxPool2d(2),
                layers.Conv2d(16, 8, 1, stride=2),
                layers.AvgPool2d(2),
                layers.Flatten(),
                layers.Dense(8 * 16 * 16, 10),
            ),
            (3, 128, 128),
        ),
        (lambda: layers.ConvTranspose2d(4, 8, 3, 2), (4, 64, 64)),
        (lambda: layers.RNN(8, 64, 2), (400, 8)),
        (lambda: layers.LSTM(8, 64, bidirectional=True), (400, 8)),
        (lambda: layers.GRU(8, 64, 2), (400, 8)),
        (lambda: Function(F.scaled_dot_product_attention, (4, 200, 16)), None),
    ],
)
def test_activations_are_what_a_real_call_holds(make, shape):
    model = make().eval()
    inputs = [shape] if shape else [(4, 200, 16), (4, 200, 16)]
    xs = [tg.zeros(1, *each) for each in inputs]
    model(*xs)  # compiles
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        result = model(*xs)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert result is not None
    told = model.summary(*inputs).activations
    assert told > 200_000
    assert told == pytest.approx(held, rel=0.02, abs=20_000)  # vertices are no arrays


# -- rows -----------------------------------------------------------------------------------------


def test_a_model_of_several_layers_and_its_table():
    model = layers.Sequential(
        layers.Conv2d(1, 4, 3, padding=1), layers.Flatten(), layers.Dense(256, 10)
    )
    summary = model.summary((1, 8, 8))
    assert [(r.kind, r.output_shape) for r in summary.rows] == [
        ("Sequential", (10,)),
        ("Conv2d", (4, 8, 8)),
        ("Flatten", (256,)),
        ("Dense", (10,)),
    ]
    assert str(summary) == repr(summary) == summary.table() == summary.table(200)
    assert str(summary).splitlines() == [
        "layer    kind        output  parameters  multiply-adds  memory",
        "-" * 62,
        "(model)  Sequential  10               -              -       -",
        "0        Conv2d      4×8×8           40          2,304  1.0 kB",
        "1        Flatten     256              -              -       -",
        "2        Dense       10           2,570          2,560    40 B",
        "-" * 62,
        "total 2,610 parameters (10.4 kB), all trainable",
        "a sample takes 4,864 multiply-adds, 1.1 kB of activations",
    ]


def test_what_is_not_called_has_no_output():
    class Lazy(tg.Module):
        def __init__(self):
            self.used, self.unused = layers.Dense(3, 2), layers.Dense(3, 4)

        def forward(self, x):
            return self.used(x).sum(axis=1)

    found = rows(Lazy(), (3,))
    assert [row.output_shape for row in found.values()] == [(), (2,), None]
    assert [row.calls for row in found.values()] == [1, 1, 0]
    lines = [line.split() for line in str(Lazy().summary((3,))).splitlines()]
    assert ["unused", "Dense", "not", "called", "16", "-", "-"] in lines
    assert ["(model)", "Lazy", "()", "-", "-", "4", "B"] in lines


class Tied(tg.Module):
    def __init__(self):
        self.a, self.b = layers.Dense(3, 3), layers.Dense(3, 3)
        self.b.weight = self.a.weight
        self.alias = self.a

    def forward(self, x):
        return self.b(self.alias(self.a(x)))


def test_what_is_shared_counts_once():
    summary = Tied().summary((3,))
    assert [row.path for row in summary.rows] == ["", "a", "b"]
    assert summary.parameters == 9 + 3 + 3
    assert summary.parameter_bytes == 4 * 15
    assert summary.multiply_adds == 27
    assert [row.shared for row in summary.rows] == [0, 0, 9]
    lines = str(summary).splitlines()
    assert lines[3].split()[:3] == ["a", "Dense", "×2"]
    assert lines[4].split()[:3] == ["b", "Dense", "shared"]


def test_frozen_parameters_and_buffers():
    net = layers.Sequential(layers.Dense(3, 4), layers.BatchNorm1d(4), layers.Dense(4, 2))
    net[0].weight.requires_grad = net[2].weight.requires_grad = net[2].bias.requires_grad = False
    summary = net.summary((3,))
    assert [(r.parameters, r.frozen, r.buffers) for r in summary.rows] == [
        (0, 0, 0),
        (4, 12, 0),
        (8, 0, sum(b.size for _, b in net.named_buffers())),
        (0, 10, 0),
    ]
    assert (summary.parameters, summary.frozen) == (12, 22)
    lines = str(summary).splitlines()
    assert "Dense partly frozen" in lines[3]
    assert "Dense frozen" in lines[5]
    assert "total 34 parameters (136 B), 22 frozen; 9 numbers in buffers" in lines


def test_names_are_told_from_the_module_around():
    class Outer(tg.Module):
        def __init__(self):
            self.a = layers.Sequential(layers.Sequential(layers.ReLU()), layers.ReLU())
            self.ab = [layers.ReLU()]

        def forward(self, x):
            return self.ab[0](self.a(x))

    found = Outer().summary((2,)).rows
    assert [(r.path, r.name, r.depth) for r in found] == [
        ("", "", 0),
        ("a", "a", 1),
        ("a.0", "0", 2),
        ("a.0.0", "0", 3),
        ("a.1", "1", 2),
        ("ab.0", "ab.0", 1),
    ]


def test_all_outputs_are_told():
    net = layers.LSTM(3, 4, 2, bidirectional=True)
    row = net.summary((5, 3)).rows[0]
    assert row.output_shapes == ((5, 8), (4, 4), (4, 4))
    named = Function(lambda x: {"mean": x.mean(axis=1), "all": [x, "text"]})
    assert named.summary((5,)).rows[0].output_shapes == ((), (5,))
    assert Function(lambda x: None).summary((5,)).rows[0].output_shape is None


def test_what_a_module_makes_on_the_way_is_its_own():
    net = Function(lambda x, w: layers.Dense(3, 4)(x) * w, (4,))
    (row,) = net.summary((3,)).rows
    assert (row.multiply_adds, row.calls) == (12, 1)


# -- inputs ---------------------------------------------------------------------------------------


def test_the_dtype_of_the_sample():
    seen = []
    model = Function(lambda x: seen.append(x.dtype) or x)
    model.summary((2,), dtype="int64")
    model.summary([2])
    assert seen == ["int64", "float32"]
    layers.Dense(2, 2).astype("float64").summary((2,))  # brought to the model's own


def test_first_sample_of_real_inputs():
    seen = []

    def forward(x, lengths, flag):
        seen.append((x, lengths, flag))
        return x * 2

    x, lengths = np.arange(12.0).reshape(4, 3), tg.tensor([3, 2, 1, 1])
    Function(forward).summary(x, lengths, None)
    ((got, first, flag),) = seen
    assert got.data.tolist() == [[0.0, 1.0, 2.0]]
    assert first.data.tolist() == [3]
    assert flag is None
    assert x[0, 0] == 0.0


def test_recurrent_layers_with_lengths():
    net = layers.GRU(3, 4)
    x, lengths = np.zeros((2, 5, 3), "float32"), np.array([4, 5])
    assert summarize(net, x, None, lengths).multiply_adds == 5 * 12 * 7


def test_indices_for_an_embedding():
    net = Function(F.embedding, (10, 4))
    (row,) = net.summary((7,), dtype="int64").rows
    assert (row.output_shape, row.parameters, row.multiply_adds) == ((7, 4), 40, 0)
    assert net.summary(np.array([[1, 9]])).rows[0].output_shape == (2, 4)
    with pytest.raises(tg.DTypeError) as caught:
        net.summary((7,))
    assert 'dtype="int64"' in caught.value.__notes__[-1]
    assert "zeros, float32 (1, 7)" in caught.value.__notes__[-1]
    with pytest.raises(tg.DTypeError) as caught:
        net.summary(np.zeros((2, 7)))
    assert caught.value.__notes__[-1] == "  in:  the summary's call with float32 (1, 7)"


@pytest.mark.parametrize("inputs", [(), (np.zeros((0, 3)),), ("text",), (np.float32(3),)])
def test_no_sample(inputs):
    with pytest.raises(tg.ArgumentError, match="no sample to trace"):
        layers.Dense(3, 2).summary(*inputs)


def test_a_model_without_forward():
    class Steps(tg.Module):
        def training_step(self, x):
            return x

    with pytest.raises(tg.ArgumentError, match="Steps defines no forward"):
        Steps().summary((3,))


def test_a_forward_that_fails():
    with pytest.raises(tg.ArgumentError, match="failed on one sample, KeyError: 'no'") as caught:
        Function(lambda x: {}["no"]).summary((3,))
    assert isinstance(caught.value.__cause__, KeyError)


# -- nothing is changed ---------------------------------------------------------------------------


def state_of(model):
    return {
        "modes": [m.training for m in model.modules()],
        "numbers": {name: array.tolist() for name, array in model.state_dict().items()},
        "draws": random.generator().bit_generator.state,
    }


def test_a_summary_leaves_the_model_as_it_was():
    class Restless(tg.Module):
        def __init__(self):
            self.inner = layers.Sequential(layers.BatchNorm1d(2), layers.Dropout(0.5))
            self.chain = tg.module.Buffer(np.ones((1, 2), np.float32))
            self.count = 0

        def forward(self, x):
            self.count += 1
            self.last = self.inner(x) + random.bernoulli(tg.full((1, 2), 0.5))
            self.chain.data += 1
            self.inner[0].running_mean.data = x.data[0] + 5
            return self.last

    model = Restless()
    model.inner[1].eval()
    called = []
    for module in model.modules():
        module.register_forward_hook(lambda *_: called.append(1))
    held, before = model.chain.data, state_of(model)
    model.summary((2,))
    assert state_of(model) == before
    assert model.chain.data is held
    assert (model.count, hasattr(model, "last"), called) == (0, False, [])
    with pytest.raises(tg.ShapeError):
        model.summary((3,))
    assert state_of(model) == before
    assert all(p.grad is None for p in model.parameters())
    model(tg.zeros(2, 2))
    assert len(called) == 4  # hooks are there again


def test_a_summary_needs_no_kernel():
    """Where kernels are not even loaded, none has computed anything."""
    code = """
import sys
from tinygrad_lite import layers
net = layers.Sequential(
    layers.Conv2d(3, 64, 3), layers.BatchNorm2d(64), layers.MaxPool2d(2), layers.ReLU(),
    layers.AvgPool2d(3), layers.ConvTranspose2d(64, 8, 3), layers.Flatten(), layers.Dense(3528, 9),
)
summary = net.summary((3, 120, 120))
assert summary.multiply_adds > 20_000_000
assert summary.rows[3].activations == 4 * 64 * 59 * 59 * 2
for layer in (layers.RNN, layers.LSTM, layers.GRU):
    assert layer(64, 64).summary((100, 64)).multiply_adds >= 100 * 64 * 128
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_op_that_does_not_fit_says_so_itself():
    for function, shapes in [
        (lambda x, w: x @ w, [(4, 2)]),
        (F.linear, [(2, 4)]),
        (lambda x, w, b: F.linear(x, w, b), [(2, 3), (4,)]),
        (lambda x, w: x + w, [(4,)]),
        (lambda x, w: x @ w, [(2, 2, 3, 1)]),
    ]:
        with pytest.raises(tg.ShapeError):
            Function(function, *shapes).summary((3, 3, 3))


# -- the table ------------------------------------------------------------------------------------


def deep():
    """A summary of 4 levels, of 1 + 6 + 18 + 54 rows."""
    found = [Row("", "Model", calls=1, output_shapes=((10,),))]
    for a in range(6):
        found.append(Row(f"stage{a}", "Stage", f"stage{a}", 1, ((64, 32, 32),), calls=1))
        for b in range(3):
            path = f"stage{a}.block_with_a_long_name{b}"
            found.append(Row(path, "Block", path[7:], 2, ((64, 32, 32),), calls=1))
            for c in range(3):
                shapes = ((64, 32, 32), (2, 3))
                end = f"convolution{c}"
                found.append(
                    Row(f"{path}.{end}", "Conv2d", end, 3, shapes, 1000, 0, 0, 1, 10**9, 10**6, 2)
                )
    return Summary(found, 4 * 54_000)


@pytest.mark.parametrize("width", [30, 39, 40, 41, 47, 60, 79, 80, 100, 200])
@pytest.mark.parametrize("height", [None, 15, 20, 30, 50])
def test_a_table_stays_within_its_space(width, height):
    lines = deep().table(width, height).splitlines()
    assert max(map(len, lines)) <= width
    assert height is None or len(lines) <= height
    text = " ".join(lines)
    assert "total 54,000 parameters" in text
    if height is None:
        shown = lines[0].split()
        assert ("multiply-adds" in shown, "memory" in shown) == (width >= 60, width >= 79)


def test_the_deepest_levels_are_counted_in_those_around():
    summary = deep()
    lines = summary.table(100, 40).splitlines()
    assert len(lines) == 1 + 6 + 18 + 5
    assert lines[4].split() == [
        *("block_with_a_long_name0", "Block", "64×32×32", "3,000", "3,000,000,000", "3.0", "MB")
    ]
    assert summary.table(100, depth=2) == summary.table(100, 40)
    assert summary.table(100, depth=1) == summary.table(100, 20)
    assert len(summary.table(depth=0).splitlines()) == 1 + 5
    lines = summary.table(100, 10).splitlines()
    assert [line.split()[:3] for line in lines[2:7]] == [
        ["(model)", "Model", "10"],
        ["stage0", "Stage", "64×32×32"],
        ["stage1", "Stage", "64×32×32"],
        ["…", "3", "more"],
        ["stage5", "Stage", "64×32×32"],
    ]
    assert lines[5].split()[3] == "27,000"
    assert summary.rows == deep().rows  # a table changes nothing


def test_long_names_are_cut_in_the_middle():
    lines = deep().table(60).splitlines()
    name = lines[4].split()[0]
    assert name.startswith("block")
    assert "…" in name
    assert name.endswith("name0")


def test_what_no_table_can_be():
    for wrong in ({"width": 29}, {"depth": -1}):
        with pytest.raises(tg.ArgumentError, match="is too little"):
            deep().table(**wrong)


def test_a_summary_can_be_kept():
    summary = layers.LSTM(3, 4).summary((5, 3))
    assert pickle.loads(pickle.dumps(summary)) == summary
    told = json.loads(json.dumps(dataclasses.asdict(summary)))
    assert told["rows"][0]["output_shapes"] == [[5, 4], [1, 4], [1, 4]]
    assert told["rows"][0]["multiply_adds"] == summary.multiply_adds


# -- what is computed after all -------------------------------------------------------------------


def test_ops_of_users_are_computed_and_not_counted():
    """Whatever their names are."""
    op = tg.Op("linear", lambda x: x[:, :2] + 1, lambda g, y, x: g @ np.eye(2, x.shape[1]))
    seen = []
    row = Function(lambda x: seen.append(op(x)) or seen[0]).summary((3,)).rows[0]
    assert seen[0].data.tolist() == [[1.0, 1.0]]
    assert (row.output_shape, row.multiply_adds) == ((2,), 0)


def test_comparisons_are_computed():
    def forward(x, w):
        assert ((x * w) == 0).data.all()
        return tg.where(x >= 0, x / w, w)

    row = Function(forward, (50,)).summary((50,)).rows[0]
    assert row.activations == 4 * 50 + 50 + 4 * 50  # a quotient, a condition, what was chosen


def test_numbers_do_not_matter():
    """Nor do zeros warn of logarithms and quotients, or a context that records nothing."""
    net = Function(lambda x, w: tg.log(x * w).sum(axis=1) / x.sum(axis=1), (3,))
    with tg.no_grad():
        assert net.summary((3,)).activations == 4 * (3 + 3 + 1 + 1 + 1)


def test_attention_of_many_heads():
    net = Function(F.scaled_dot_product_attention, (2, 1, 5, 6), (3, 5, 7))
    row = net.summary((2, 3, 4, 6)).rows[0]
    assert row.output_shape == (2, 3, 4, 7)
    assert row.multiply_adds == 2 * 3 * 4 * 5 * (6 + 7)
    assert row.activations == 4 * 2 * 3 * 4 * (7 + 5)
    mask = np.tril(np.ones((5, 4, 3), bool))
    net = Function(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask))
    inputs = [(4, 6), (3, 6), (5, 3, 7)]
    wanted = matmuls(net, *(tg.zeros(1, *shape) for shape in inputs))
    assert net.summary(*inputs).multiply_adds == wanted == 4 * 3 * 6 + 5 * 4 * 3 * 7
    net = Function(F.scaled_dot_product_attention)
    assert net.summary(*inputs).multiply_adds == wanted
    assert net.summary(*inputs).rows[0].output_shape == (5, 4, 7)


def test_lengths_make_outputs_of_their_own():
    net, x = layers.RNN(3, 4), np.zeros((2, 5, 3), "float32")
    operand, outputs, states = 6 * (3 + 4), 5 * 4, 4
    plain = net.summary(x).activations
    assert net.summary(x, None, np.array([4, 5])).activations - plain == 4 * outputs
    assert plain // 4 in range(operand, operand + outputs + 4 * states)
