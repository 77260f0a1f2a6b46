"""A state_dict loads on PyTorch's side as it is, and gives equal outputs (optional)."""

import inspect
from itertools import product

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers

torch = pytest.importorskip("torch")
# PyTorch's own remark about how it computes these
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")


# kind, options
KINDS = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu"}),
    ("LSTM", {}),
    ("LSTM", {"proj_size": 3}),
    ("GRU", {}),
]
# atol; in float32 the library promises 1e-5
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
RECURRENT = pytest.mark.parametrize(("kind", "options"), KINDS, ids=str)


def pair(kind, *sizes, dtype="float64", **arguments):
    """Our layer and PyTorch's, with the same weights."""
    ours = getattr(layers, kind)(*sizes, **arguments).astype(dtype)
    theirs = getattr(torch.nn, kind)(*sizes, **arguments).to(getattr(torch, dtype))
    theirs.load_state_dict({n: torch.tensor(a) for n, a in ours.state_dict().items()})
    return ours, theirs


def compare(ours, theirs, mine, other, leaves=(), their_leaves=(), atol=1e-10):
    """Values, and the gradients of fixed weights of all results."""
    mine, other = _flat(mine), _flat(other)
    for a, b in zip(mine, other, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=0, atol=atol)
    sum((y * np.cos(np.arange(y.size)).reshape(y.shape)).sum() for y in mine).backward()
    weights = [torch.cos(torch.arange(y.numel()).double()).reshape(y.shape) for y in other]
    sum((y * w.to(y.dtype)).sum() for y, w in zip(other, weights, strict=True)).backward()
    found = [*ours.parameters(), *leaves]
    expected = [*theirs.parameters(), *their_leaves]
    for a, b in zip(found, expected, strict=True):
        scale = max(1.0, b.grad.abs().max().item() if b.grad.numel() else 1.0)
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=0, atol=atol * scale)


def _flat(results):
    if isinstance(results, tuple):
        return [part for result in results for part in _flat(result)]
    return [results]


def leaf(array):
    return tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def random_states(rng, layer, dtype, *batch):
    places = layer.num_layers * (1 + layer.bidirectional)
    arrays = [rng.standard_normal((places, *batch, n)).astype(dtype) for n in layer.state_sizes]
    both = [leaf(a) for a in arrays]
    return [[ours for ours, _ in both], [theirs for _, theirs in both]]


def whole(states):
    return states[0] if len(states) == 1 else tuple(states)


@RECURRENT
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_recurrent(rng, kind, options, bias, batched):
    arguments = {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": bias}
    ours, theirs = pair(kind, 3, 5, **arguments, **options)
    x, x_of_theirs = leaf(rng.standard_normal((2, 7, 3) if batched else (7, 3)))
    compare(ours, theirs, ours(x), theirs(x_of_theirs), [x], [x_of_theirs])
    ours.zero_grad()
    theirs.zero_grad()
    given, asked = random_states(rng, ours, "float64", *[2] * batched)
    mine, other = ours(x, whole(given)), theirs(x_of_theirs, whole(asked))
    compare(ours, theirs, mine, other, given, asked)
    back = getattr(layers, kind)(3, 5, **arguments, **options)
    back.load_state_dict(theirs.state_dict())
    for name, array in ours.state_dict().items():
        np.testing.assert_allclose(back.state_dict()[name], array, atol=1e-7)


# batch, steps, inputs, hidden
SIZES = [(3, 6, 4, 8), (1, 1, 1, 4), (5, 1, 2, 4), (1, 30, 3, 16), (4, 3, 2, 17), (33, 9, 5, 33)]


@RECURRENT
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", [*SIZES, (2, 3, 2, 1)])
def test_recurrent_sizes(rng, kind, options, dtype, sizes):
    n, t, i, h = sizes
    if "proj_size" in options and h == 1:
        pytest.skip("a projection is smaller")
    ours, theirs = pair(kind, i, h, dtype=dtype, batch_first=True, **options)
    x, x_of_theirs = leaf(rng.standard_normal((n, t, i)).astype(dtype))
    mine, other = ours(x), theirs(x_of_theirs)
    compare(ours, theirs, mine, other, [x], [x_of_theirs], TOLERANCE[dtype])


@RECURRENT
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("lengths", [[4, 1, 6, 6], [2, 2, 2, 2], [6, 6, 6, 6]], ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_lengths_are_packed_sequences(rng, kind, options, dtype, lengths, batch_first):
    arguments = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    ours, theirs = pair(kind, 3, 5, dtype=dtype, **arguments, **options)
    x = rng.standard_normal((4, 6, 3)).astype(dtype)
    x, x_of_theirs = leaf(x if batch_first else x.swapaxes(0, 1).copy())
    given, asked = random_states(rng, ours, dtype, 4)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        x_of_theirs, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False
    )
    output, state = theirs(packed, whole(asked))
    output, _ = torch.nn.utils.rnn.pad_packed_sequence(
        output, batch_first=batch_first, total_length=6
    )
    mine = ours(x, whole(given), lengths)
    found, expected = [x, *given], [x_of_theirs, *asked]
    compare(ours, theirs, mine, (output, state), found, expected, TOLERANCE[dtype])


@RECURRENT
def test_an_empty_batch_and_odd_strides(rng, kind, options):
    ours, theirs = pair(kind, 3, 5, batch_first=True, bidirectional=True, **options)
    for a, b in zip(
        _flat(ours(np.zeros((0, 4, 3)))), _flat(theirs(torch.zeros(0, 4, 3).double())), strict=True
    ):
        assert a.shape == tuple(b.shape)
    x = rng.standard_normal((4, 3, 12))[:, :, ::2].swapaxes(1, 2)[:, ::-1][..., :3]
    mine, other = ours(x), theirs(torch.tensor(x.copy()))
    compare(ours, theirs, mine, other)


def test_dropout_is_off_in_evaluation(rng):
    ours, theirs = pair("GRU", 3, 5, num_layers=2, batch_first=True, dropout=0.5)
    x = rng.standard_normal((2, 4, 3))
    compare(ours.eval(), theirs.eval(), ours(x), theirs(torch.tensor(x)))


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(4,), ()], ids=str)
def test_cells(rng, kind, bias, batch):
    ours, theirs = pair(kind, 3, 5, bias=bias)
    x, x_of_theirs = leaf(rng.standard_normal((*batch, 3)))
    both = [leaf(rng.standard_normal((*batch, n))) for n in ours.state_sizes]
    given, asked = [a for a, _ in both], [b for _, b in both]
    for mine, other in [
        (ours(x), theirs(x_of_theirs)),
        (ours(x, whole(given)), theirs(x_of_theirs, whole(asked))),
    ]:
        for a, b in zip(_flat(mine), _flat(other), strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-12)
    compare(ours, theirs, mine, other, [x, *given], [x_of_theirs, *asked])


def test_initialisers_have_the_same_spread():
    shape = (200, 100, 3)
    for name in ("xavier_uniform", "xavier_normal", "orthogonal"):
        drawn = getattr(layers.init, name)(shape, gain=1.5)
        theirs = getattr(torch.nn.init, f"{name}_")(torch.empty(shape), gain=1.5)
        assert drawn.std() == pytest.approx(theirs.std().item(), rel=0.02)
    for name, mode in product(("kaiming_uniform", "kaiming_normal"), ("fan_in", "fan_out")):
        for options in ({}, {"a": 0.7}, {"nonlinearity": "tanh"}):
            drawn = getattr(layers.init, name)(shape, mode=mode, **options)
            theirs = getattr(torch.nn.init, f"{name}_")(torch.empty(shape), mode=mode, **options)
            assert drawn.std() == pytest.approx(theirs.std().item(), rel=0.02)


GAINS = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d"]
GAINS += ["sigmoid", "tanh", "relu", "leaky_relu", "selu"]


@pytest.mark.parametrize("nonlinearity", GAINS)
def test_gains(nonlinearity):
    gain, theirs = layers.init.calculate_gain, torch.nn.init.calculate_gain
    assert gain(nonlinearity) == pytest.approx(theirs(nonlinearity))
    assert gain(nonlinearity, 0.4) == pytest.approx(theirs(nonlinearity, 0.4))


# kind, arguments, options
CONVOLUTIONS = [
    ("Conv1d", (4, 6, 3), {}),
    ("Conv1d", (4, 6, 4, 2, 1, 2, 2, False), {}),
    ("Conv1d", (4, 6, 4), {"padding": "same", "padding_mode": "circular"}),
    ("Conv2d", (4, 6, (3, 2), (2, 1), (1, 0), (1, 2), 2, True, "zeros"), {}),
    ("Conv2d", (4, 8, 3), {"padding": "same", "groups": 4}),
    ("Conv2d", (4, 6, (2, 4)), {"padding": "same"}),
    ("Conv2d", (4, 6, (2, 4)), {"padding": "same", "padding_mode": "reflect"}),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "reflect"}),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "replicate", "stride": 2}),
    ("Conv2d", (4, 6, 3), {"padding": (2, 1), "padding_mode": "circular"}),
    ("Conv3d", (4, 6, (1, 2, 3), (1, 2, 1), (0, 1, 2)), {}),
    ("Conv3d", (4, 4, 2), {"groups": 4, "dilation": (1, 1, 2)}),
    ("ConvTranspose1d", (4, 6, 3, 2, 1, 1, 2, False, 1), {}),
    ("ConvTranspose1d", (4, 6, 3), {"stride": 2, "dilation": 3, "output_padding": 2}),
    ("ConvTranspose2d", (4, 6, (3, 2), (2, 3), (1, 0), (1, 2), 2, True, (1, 2)), {}),
    ("ConvTranspose2d", (4, 6, 4), {"stride": 2, "padding": 1}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("kind", "args", "options"), CONVOLUTIONS, ids=str)
def test_convolutions(rng, kind, args, options, dtype):
    ours, theirs = pair(kind, *args, dtype=dtype, **options)
    shape = (2, args[0], 5, 6, 4)[: 2 + int(kind[-2])]
    x, x_of_theirs = leaf(rng.standard_normal(shape).astype(dtype))
    compare(ours, theirs, ours(x), theirs(x_of_theirs), [x], [x_of_theirs], TOLERANCE[dtype])
    back = getattr(layers, kind)(*args, **options)
    back.load_state_dict(theirs.state_dict())
    for name, array in ours.state_dict().items():
        np.testing.assert_allclose(back.state_dict()[name], array, atol=1e-7)


@pytest.mark.parametrize(("kind", "args", "options"), CONVOLUTIONS, ids=str)
def test_convolutions_start_alike(kind, args, options):
    """From numbers of the same range."""
    args = (64, 48, *args[2:])
    ours, theirs = (
        getattr(layers, kind)(*args, **options),
        getattr(torch.nn, kind)(*args, **options),
    )
    state = theirs.state_dict()
    assert {name: a.shape for name, a in ours.state_dict().items()} == {
        name: tuple(a.shape) for name, a in state.items()
    }
    bounds = [abs(a).max() for a in (ours.weight.data, state["weight"].numpy())]
    assert bounds[0] == pytest.approx(bounds[1], rel=0.01)


@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (lambda: layers.Dense(4, 3), lambda: torch.nn.Linear(4, 3), (5, 4)),
        (
            lambda: layers.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=1),
            lambda: torch.nn.Conv2d(3, 4, (3, 2), stride=(2, 1), padding=1),
            (2, 3, 7, 6),
        ),
        (
            lambda: layers.Sequential(
                layers.Conv2d(1, 2, 3), layers.ReLU(), layers.MaxPool2d(2), layers.Flatten(),
                layers.Dense(8, 3), layers.Softmax(),
            ),
            lambda: torch.nn.Sequential(
                torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
                torch.nn.Flatten(), torch.nn.Linear(8, 3), torch.nn.Softmax(-1),
            ),
            (2, 1, 6, 6),
        ),
    ],
)  # fmt: skip
def test_values_and_gradients(rng, ours, theirs, shape):
    ours, theirs = ours().astype("float64"), theirs().double()
    theirs.load_state_dict({n: torch.tensor(a) for n, a in ours.state_dict().items()})
    x = rng.standard_normal(shape)
    mine, other = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(mine.detach().numpy(), other.detach().numpy(), atol=1e-10)
    (mine * mine).sum().backward()
    (other * other).sum().backward()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-10)


NORMS = [
    ("BatchNorm1d", (3,), {}, (5, 3)),
    ("BatchNorm1d", (3,), {"affine": False}, (2, 3, 4)),
    ("BatchNorm2d", (3,), {"momentum": 0.3, "eps": 1e-3}, (4, 3, 5, 2)),
    ("BatchNorm2d", (3,), {"momentum": None}, (4, 3, 5, 2)),
    ("BatchNorm2d", (2,), {"track_running_stats": False}, (2, 2, 1, 3)),
    ("BatchNorm2d", (3,), {"bias": False}, (2, 3, 1, 1)),
    ("InstanceNorm2d", (3,), {}, (2, 3, 4, 2)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (2, 3, 4, 2)),
    ("InstanceNorm2d", (3,), {"momentum": None, "track_running_stats": True}, (2, 3, 4, 2)),
    ("LayerNorm", (4,), {}, (2, 3, 4)),
    ("LayerNorm", ((3, 4),), {"eps": 0.1, "bias": False}, (2, 3, 4)),
    ("LayerNorm", ([4],), {"elementwise_affine": False}, (2, 4)),
    ("GroupNorm", (2, 4), {}, (3, 4, 5)),
    ("GroupNorm", (2, 4), {"bias": False}, (3, 4, 2)),
    ("GroupNorm", (3, 6), {"affine": False, "eps": 0.1}, (2, 6, 2, 2)),
    ("LocalResponseNorm", (5,), {}, (2, 7, 3, 3)),
    ("LocalResponseNorm", (2, 0.3, 0.6, 2.0), {}, (2, 3, 4)),
]


@pytest.mark.parametrize(("kind", "sizes", "options", "shape"), NORMS, ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_norms(rng, kind, sizes, options, shape, dtype):
    """Three steps of training, then evaluation, and the state both ways."""
    ours, theirs = pair(kind, *sizes, dtype=dtype, **options)
    for p in ours.parameters():
        p.data = rng.standard_normal(p.shape).astype(dtype)
    theirs.load_state_dict({n: torch.tensor(a) for n, a in ours.state_dict().items()})
    for step in range(4):
        if step == 3:
            ours.eval()
            theirs.eval()
        ours.zero_grad()
        theirs.zero_grad()
        x, x_of_theirs = leaf((rng.standard_normal(shape) + 2).astype(dtype))
        mine, other = ours(x), theirs(x_of_theirs)
        compare(ours, theirs, mine, other, [x], [x_of_theirs], TOLERANCE[dtype])
        state = theirs.state_dict()
        assert set(ours.state_dict()) == set(state)
        for name, array in ours.state_dict().items():
            wanted = state[name].numpy()
            assert (array.shape, array.dtype) == (wanted.shape, wanted.dtype)
            np.testing.assert_allclose(array, wanted, rtol=1e-5 if dtype == "float32" else 1e-12)
    back = getattr(layers, kind)(*sizes, **options).astype(dtype).eval()
    back.load_state_dict(theirs.state_dict())
    np.testing.assert_allclose(back(x).data, mine.data, atol=TOLERANCE[dtype])


def test_signatures_of_norms_are_theirs():
    for kind in sorted({kind for kind, *_ in NORMS} | {"Dropout2d"}):
        mine = inspect.signature(getattr(layers, kind)).parameters
        other = inspect.signature(getattr(torch.nn, kind)).parameters
        other = {n: p for n, p in other.items() if n not in ("device", "dtype", "inplace")}
        assert [*mine] == [n for n in other if n not in ("args", "kwargs")]
        for name, parameter in mine.items():
            assert parameter.default == other[name].default, (kind, name)


# -- residual blocks ------------------------------------------------------------------------------


class TheirBlock(torch.nn.Module):
    """A residual block composed of PyTorch's layers, under torchvision's names."""

    def __init__(self, convolutions, downsample=None):
        super().__init__()
        self.count = len(convolutions)
        for i, (come, go, kernel, stride) in enumerate(convolutions, 1):
            conv = torch.nn.Conv2d(come, go, kernel, stride, kernel // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", torch.nn.BatchNorm2d(go))
        self.downsample = downsample

    def forward(self, x):
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.count else y
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


def their_block(come, channels, stride, factor):
    go, downsample = factor * channels, None
    if stride > 1 or come != go:
        conv = torch.nn.Conv2d(come, go, 1, stride, bias=False)
        downsample = torch.nn.Sequential(conv, torch.nn.BatchNorm2d(go))
    if factor == 1:
        return TheirBlock([(come, go, 3, stride), (go, go, 3, 1)], downsample)
    middle = (channels, channels, 3, stride)
    return TheirBlock([(come, channels, 1, 1), middle, (channels, go, 1, 1)], downsample)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "factor"), [("BasicBlock", 1), ("Bottleneck", 4)])
def test_nets_of_residual_blocks(rng, kind, factor, dtype):
    """Three blocks, their gradients, and the running statistics; the state goes both ways."""
    sizes = [(8, 16, 1), (16 * factor, 16, 1), (16 * factor, 24, 2)]
    ours = layers.Sequential(*(getattr(layers, kind)(*size) for size in sizes)).astype(dtype)
    theirs = torch.nn.Sequential(*(their_block(*size, factor) for size in sizes))
    theirs = theirs.to(getattr(torch, dtype))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    theirs.load_state_dict({n: torch.tensor(a) for n, a in ours.state_dict().items()})
    x, x_of_theirs = leaf(rng.standard_normal((4, 8, 13, 12)).astype(dtype))
    atol = 1e-4 if dtype == "float32" else 1e-10
    compare(ours, theirs, ours(x), theirs(x_of_theirs), [x], [x_of_theirs], atol)
    ours.load_state_dict(theirs.state_dict())
    mine, other = ours.eval()(x).detach().numpy(), theirs.eval()(x_of_theirs).detach().numpy()
    np.testing.assert_allclose(mine, other, atol=atol)
