"""Recurrent layers and cells, in every variant, against naive loops in float64."""

import inspect

import numpy as np
import pytest

import tinygrad_lite as tg
from tests import naive
from tinygrad_lite import kernels, layers

CLOSE = {"rtol": 0, "atol": 1e-10}

# name: layer, cell, naive twin, options
VARIANTS = {
    "rnn": (layers.RNN, layers.RNNCell, naive.rnn, {}),
    "relu": (layers.RNN, layers.RNNCell, naive.rnn, {"nonlinearity": "relu"}),
    "linear": (layers.RNN, layers.RNNCell, naive.rnn, {"nonlinearity": "linear"}),
    "jordan": (layers.Jordan, layers.JordanCell, naive.jordan, {}),
    "jordan of other sizes": (
        layers.Jordan,
        layers.JordanCell,
        naive.jordan,
        {"output_size": 4, "nonlinearity": "sigmoid", "output_nonlinearity": "tanh"},
    ),
    "gru": (layers.GRU, layers.GRUCell, naive.gru, {}),
    "gru of 2014": (layers.GRU, layers.GRUCell, naive.gru, {"reset_after": False}),
}
VARIANTS |= {
    f"lstm {' '.join(options)}": (layers.LSTM, layers.LSTMCell, naive.lstm, options)
    for options in [
        {},
        {"peephole": True},
        {"coupled": True},
        {"coupled": True, "peephole": True},
        {"layer_norm": True},
        {"proj_size": 2},
        {"peephole": True, "coupled": True, "layer_norm": True, "proj_size": 2},
    ]
}
EVERY = pytest.mark.parametrize("name", VARIANTS)
NAIVE_OPTIONS = {"nonlinearity", "output_nonlinearity", "coupled", "reset_after"}


def make(name, *sizes, **arguments):
    """A layer in float64, all of whose weights differ from zero and one."""
    layer = VARIANTS[name][0](*sizes, **VARIANTS[name][3], **arguments).astype("float64")
    return shaken(layer)


def make_cell(name, *sizes, **arguments):
    return shaken(VARIANTS[name][1](*sizes, **VARIANTS[name][3], **arguments).astype("float64"))


def shaken(layer):
    for number, p in enumerate(layer.parameters()):
        p.data = p.data + 0.5 * np.random.default_rng(number).standard_normal(p.shape)
    return layer


def twin(name, layer, x, states, suffix, **how):
    """The naive function with the weights of one layer and direction."""
    weights = {
        n.replace("weight", "w").replace("bias", "b"): getattr(layer, n + suffix)
        for n in layer.weight_names
    }
    weights = {n: w.data for n, w in weights.items() if w is not None}
    options = {k: v for k, v in VARIANTS[name][3].items() if k in NAIVE_OPTIONS}
    return VARIANTS[name][2](x, *states, **weights, **options, **how)


def stacked(name, layer, x, states, lengths=None):
    """Layers and directions in loops, each with the naive function; x is (N, T, I)."""
    ends = []
    for number in range(layer.num_layers):
        outputs = []
        for direction in ["", "_reverse"] if layer.bidirectional else [""]:
            y, *end = twin(
                name,
                layer,
                x,
                [s[len(ends)] for s in states],
                f"_l{number}{direction}",
                lengths=lengths,
                reverse=bool(direction),
            )
            outputs.append(y)
            ends.append(end)
        x = np.concatenate(outputs, axis=-1)
    return x, [np.array(parts) for parts in zip(*ends, strict=True)]


def parts(state):
    return list(state) if isinstance(state, tuple) else [state]


def whole(states):
    return states[0] if len(states) == 1 else tuple(states)


def random_states(rng, layer, *batch):
    places = layer.num_layers * (1 + layer.bidirectional)
    return [rng.standard_normal((places, *batch, size)) for size in layer.state_sizes]


def agree(found, expected):
    output, state = found
    y, ends = expected
    np.testing.assert_allclose(output.data, y, **CLOSE)
    for got, end in zip(parts(state), ends, strict=True):
        np.testing.assert_allclose(got.data, end, **CLOSE)


# -- values ---------------------------------------------------------------------------------------

# batch, steps, inputs, hidden
SIZES = [(2, 4, 3, 3), (1, 1, 1, 3), (3, 1, 2, 3), (0, 2, 3, 3)]


@EVERY
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("deep", [False, True])
def test_values(rng, name, sizes, bias, deep):
    n, t, i, h = sizes
    layer = make(name, i, h, 1 + deep, deep, bias=bias)
    x, states = rng.standard_normal((n, t, i)), random_states(rng, layer, n)
    agree(layer(x, whole(states)), stacked(name, layer, x, states))
    nothing = [s * 0 for s in states]
    agree(layer(x), stacked(name, layer, x, nothing))
    with tg.reference():
        agree(layer(x), stacked(name, layer, x, nothing))


@pytest.mark.parametrize("name", [n for n in VARIANTS if "proj_size" not in n])
def test_one_unit(rng, name):
    layer = make(name, 1, 1)
    x, states = rng.standard_normal((2, 3, 1)), random_states(rng, layer, 2)
    agree(layer(x, whole(states)), stacked(name, layer, x, states))


@EVERY
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("lengths", [[4, 1, 3], [2, 2, 2], [4, 4, 4]], ids=str)
def test_lengths(rng, name, deep, lengths):
    """Unsorted lengths; what stands past the end, NaN here, takes no part."""
    layer = make(name, 2, 3, 1 + deep, deep)
    x, states = rng.standard_normal((3, 4, 2)), random_states(rng, layer, 3)
    expected = stacked(name, layer, x, states, lengths)
    for n, length in enumerate(lengths):
        x[n, length:] = np.nan
        np.testing.assert_array_equal(expected[0][n, length:], 0.0)
    for given in (lengths, tuple(lengths), np.array(lengths, np.int32), tg.tensor(lengths)):
        agree(layer(x, whole(states), given), expected)
    with tg.reference():
        agree(layer(x, whole(states), lengths=lengths), expected)
    layer(x, lengths=lengths)[0].sum().backward()
    assert all(np.isfinite(p.grad.data).all() for p in layer.parameters())


@EVERY
def test_a_batch_of_sequences_is_each_by_itself(rng, name):
    layer, lengths = make(name, 2, 3, 2, True), [2, 5, 1]
    x = rng.standard_normal((3, 5, 2))
    output, state = layer(x, lengths=lengths)
    for n, length in enumerate(lengths):
        alone, end = layer(x[n, :length])
        np.testing.assert_allclose(output.data[n, :length], alone.data, **CLOSE)
        for many, one in zip(parts(state), parts(end), strict=True):
            np.testing.assert_allclose(many.data[:, n], one.data, **CLOSE)
        short, _ = layer(x[n], lengths=length)
        np.testing.assert_allclose(output.data[n], short.data, **CLOSE)


@EVERY
def test_time_first(rng, name):
    first = make(name, 3, 3, 2, True)
    second = make(name, 3, 3, 2, True, batch_first=False)
    second.load_state_dict(first.state_dict())
    x, lengths = rng.standard_normal((4, 5, 3)), [3, 5, 1, 2]
    start = first(rng.standard_normal((4, 1, 3)))[1]
    for how in ({}, {"lengths": lengths}):
        y, state = first(x, start, **how)
        swapped, same = second(x.swapaxes(0, 1), start, **how)
        np.testing.assert_allclose(y.data, swapped.data.swapaxes(0, 1), **CLOSE)
        for a, b in zip(parts(state), parts(same), strict=True):
            np.testing.assert_allclose(a.data, b.data, **CLOSE)


@EVERY
@pytest.mark.parametrize("batch_first", [True, False])
def test_single_sequence(rng, name, batch_first):
    """Two axes are one sequence without a batch, as in PyTorch, whatever batch_first says."""
    layer = make(name, 3, 3, 2, True, batch_first=batch_first)
    x = rng.standard_normal((5, 3))
    start = layer(x[:1])[1]
    y, state = layer(x, start)
    batched, states = layer(
        x[None] if batch_first else x[:, None], whole([s[:, None] for s in parts(start)])
    )
    np.testing.assert_allclose(y.data, batched.data.reshape(y.shape), **CLOSE)
    for one, many, size in zip(parts(state), parts(states), layer.state_sizes, strict=True):
        assert one.shape == (4, size)
        np.testing.assert_allclose(one.data, many.data[:, 0], **CLOSE)


@EVERY
def test_a_state_carries_on_where_a_sequence_was_cut(rng, name):
    layer, x = make(name, 3, 3, 2), rng.standard_normal((2, 6, 3))
    y, end = layer(x)
    head, state = layer(x[:, :4])
    tail, state = layer(x[:, 4:], state)
    np.testing.assert_allclose(y.data, np.concatenate([head.data, tail.data], 1), **CLOSE)
    for a, b in zip(parts(end), parts(state), strict=True):
        np.testing.assert_allclose(a.data, b.data, **CLOSE)


@EVERY
def test_any_memory_layout(rng, name):
    layer, x = make(name, 3, 3, 1, True), rng.standard_normal((2, 4, 3))
    expected = layer(x)[0].data
    wide = np.repeat(x, 2, axis=2)[..., ::2]
    for odd in (np.asfortranarray(x), wide, x[:, ::-1][:, ::-1], tg.tensor(wide)):
        np.testing.assert_allclose(layer(odd)[0].data, expected, **CLOSE)


@EVERY
def test_float32_stays(rng, name):
    layer = VARIANTS[name][0](3, 3, **VARIANTS[name][3], bidirectional=True, recurrent_dropout=0.5)
    for how in ({}, {"lengths": [1, 4]}):
        y, state = layer(tg.randn(2, 4, 3), **how)
        y.sum().backward()
        found = [y, *parts(state), *(p.grad for p in layer.parameters())]
        assert {tensor.dtype for tensor in found} == {np.dtype("float32")}


# -- gradients ------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("lengths", [None, [1, 3]])
def test_gradients(rng, name, lengths):
    layer = make(name, 1, 3, 1, True)
    x = tg.tensor(rng.standard_normal((2, 3, 1)), requires_grad=True)
    states = [tg.tensor(s, requires_grad=True) for s in random_states(rng, layer, 2)]
    leaves = [x, *states, *layer.parameters()]
    tg.gradcheck(lambda *_: layer(x, whole(states), lengths), leaves)
    x.grad = None
    layer(x, lengths=lengths)[0].sum().backward()
    if lengths:
        np.testing.assert_array_equal(x.grad.data[0, 1:], 0.0)
        assert (x.grad.data[0, 0] != 0).all()


@EVERY
def test_second_order(rng, name):
    layer = make(name, 1, 3)
    x = tg.tensor(rng.standard_normal((1, 2, 1)), requires_grad=True)
    tg.gradcheck(lambda x: layer(x)[0], x, order=2)


@EVERY
def test_scalars(rng, name):
    layer, x = make(name, 2, 3, 1, True), rng.standard_normal((2, 2, 2))
    for lengths in (None, [2, 1]):
        layer.zero_grad()
        y = layer(x, lengths=lengths)[0]
        (y * y).sum().backward()
        expected = [p.grad.data for p in layer.parameters()]
        layer.zero_grad()
        z = layer(tg.to_scalars(x), lengths=lengths)[0]
        np.testing.assert_allclose(z.data.astype(float), y.data, **CLOSE)
        (z * z).sum().backward()
        for p, gradient in zip(layer.parameters(), expected, strict=True):
            np.testing.assert_allclose(p.grad.data, gradient, **CLOSE)


def test_a_hook_sees_a_call_with_lengths(rng):
    layer, seen = make("gru", 2, 3), []
    layer.register_full_backward_hook(lambda module, entering, leaving: seen.append(entering))
    x = tg.tensor(rng.standard_normal((2, 4, 2)), requires_grad=True)
    layer(x, lengths=[2, 4])[0].sum().backward()
    np.testing.assert_array_equal(seen[0][0].data, x.grad.data)


# -- cells ----------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(2,), (0,), ()], ids=str)
def test_a_cell_is_a_step_of_the_layer(rng, name, bias, batch):
    cell = make_cell(name, 2, 3, bias=bias)
    x = rng.standard_normal((*batch, 3, 2))
    states = [np.zeros((*(batch or (1,)), size)) for size in cell.state_sizes]
    y, *ends = twin(name, cell, x.reshape(-1, 3, 2), states, "")
    state = None
    for t in range(3):
        state = cell(tg.tensor(x[..., t, :]), state)
        shown = parts(state)[0]
        np.testing.assert_allclose(shown.data, y[:, t].reshape(shown.shape), **CLOSE)
    for found, end in zip(parts(state), ends, strict=True):
        assert isinstance(found, tg.Tensor)
        np.testing.assert_allclose(found.data, end.reshape(found.shape), **CLOSE)


@EVERY
def test_a_cell_has_the_layers_weights(name):
    layer, cell = make(name, 2, 3), make_cell(name, 2, 3)
    shapes = {n.removesuffix("_l0"): a.shape for n, a in layer.state_dict().items()}
    assert shapes == {n: a.shape for n, a in cell.state_dict().items()}


@EVERY
def test_a_cell_takes_lists_and_arrays(rng, name):
    cell, x = make_cell(name, 2, 3), rng.integers(-8, 8, (2, 2)) / 8  # exact in float32, too
    state = [rng.integers(-8, 8, (2, size)) / 8 for size in cell.state_sizes]
    expected = parts(cell(tg.tensor(x), whole([tg.tensor(s) for s in state])))
    for found in (
        cell(x, whole(state)),
        cell(tg.tensor(x), whole(state)),
        cell(x.tolist(), whole([s.tolist() for s in state])),
        cell(tg.tensor(x), [*map(tg.tensor, state)]),
        cell(x=x, state=whole(state)),
    ):
        for a, b in zip(parts(found), expected, strict=True):
            np.testing.assert_allclose(a.data, b.data, **CLOSE)


@EVERY
@pytest.mark.parametrize("batch", [(2,), ()], ids=str)
def test_a_cell_of_scalars(rng, name, batch):
    cell, x = make_cell(name, 2, 3), rng.standard_normal((*batch, 2))
    expected = parts(cell(x))[0]
    found = parts(cell(tg.to_scalars(x)))[0]
    np.testing.assert_allclose(found.data.astype(float), expected.data, **CLOSE)
    gradients = []
    for y in (expected, found):
        cell.zero_grad()
        (y * y).sum().backward()
        gradients.append([p.grad.data for p in cell.parameters()])
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


# -- what a call returns --------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("shape", [(3, 4, 2), (4, 2)], ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_returns(rng, name, shape, batch_first):
    arguments = {"num_layers": 2, "bidirectional": True, "batch_first": batch_first}
    both = make(name, 2, 3, **arguments)
    x = rng.standard_normal(shape)
    x = x if batch_first or len(shape) == 2 else x.swapaxes(0, 1)
    lengths = [2, 4, 1] if len(shape) == 3 else 3
    y, state = both(x, lengths=lengths)
    found = {}
    for returns in ("outputs", "last"):
        layer = make(name, 2, 3, returns=returns, **arguments)
        layer.load_state_dict(both.state_dict())
        found[returns] = layer(x, lengths=lengths)
    np.testing.assert_array_equal(found["outputs"].data, y.data)
    forward, backward = parts(state)[0].data[-2:]
    np.testing.assert_array_equal(found["last"].data, np.concatenate([forward, backward], -1))


def test_the_last_output_is_each_sequences_own(rng):
    layer = make("gru", 2, 3, returns="last")
    x, lengths = rng.standard_normal((2, 4, 2)), [2, 4]
    outputs, _ = twin("gru", layer, x, [np.zeros((2, 3))], "_l0")
    expected = [outputs[n, length - 1] for n, length in enumerate(lengths)]
    np.testing.assert_allclose(layer(x, lengths=lengths).data, expected, **CLOSE)


def test_in_sequential():
    model = layers.Sequential(
        layers.LSTM(3, 4, returns="outputs"), layers.GRU(4, 5, returns="last"), layers.Dense(5, 2)
    )
    assert model(tg.randn(6, 7, 3)).shape == (6, 2)


# -- states to start from -------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("batch", [(2,), ()], ids=str)
def test_learned_state(rng, name, batch):
    layer = VARIANTS[name][0](2, 3, 2, True, **VARIANTS[name][3], learned_state=True)
    layer = layer.astype("float64")
    learned = [getattr(layer, f"{n}0") for n in layer.state_names]
    x = rng.standard_normal((*batch, 3, 2))
    zeros = whole([np.zeros((4, *batch, size)) for size in layer.state_sizes])
    np.testing.assert_allclose(layer(x)[0].data, layer(x, zeros)[0].data, **CLOSE)
    shaken(layer)
    given = [np.stack([s.data] * 2, 1) if batch else s.data for s in learned]
    np.testing.assert_allclose(layer(x)[0].data, layer(x, whole(given))[0].data, **CLOSE)
    tg.gradcheck(lambda *_: layer(x), learned)


# -- dropout --------------------------------------------------------------------------------------


def test_dropout_acts_between_layers_in_training_only():
    layer = make("rnn", 2, 3, 2, dropout=1.0)
    x = tg.randn(2, 4, 2).astype("float64")
    silent = twin("rnn", layer, np.zeros((2, 4, 3)), [np.zeros((2, 3))], "_l1")[0]
    np.testing.assert_allclose(layer(x)[0].data, silent, **CLOSE)  # the second hears nothing
    first = twin("rnn", layer, x.data, [np.zeros((2, 3))], "_l0")[1]
    np.testing.assert_allclose(layer(x)[1].data[0], first, **CLOSE)  # the first hears all
    layer.eval()
    agree(layer(x), stacked("rnn", layer, x.data, np.zeros((1, 2, 2, 3))))


@EVERY
def test_recurrent_dropout_is_one_mask_a_sequence(name, monkeypatch):
    layer = make(name, 2, 3, recurrent_dropout=0.5)
    x = np.random.default_rng(0).standard_normal((4, 5, 2))
    drawn = []

    def draw(like, shape, p):
        factors = np.random.default_rng(len(drawn)).integers(0, 2, shape) / (1 - p)
        drawn.append(factors)
        return factors.astype(like.dtype)

    monkeypatch.setattr("tinygrad_lite.layers.recurrent.drop_mask", draw)
    y, state = layer(x)
    of_x, of_h = drawn
    assert (of_x.shape, of_h.shape) == ((4, 1, 2), (4, layer.state_sizes[0]))
    zeros = [np.zeros((4, size)) for size in layer.state_sizes]
    expected, *ends = twin(name, layer, x * of_x, zeros, "_l0", mask=of_h)
    agree((y, whole([s[0] for s in parts(state)])), (expected, ends))
    layer.eval()
    agree(layer(x), stacked(name, layer, x, [s[None] for s in zeros]))
    assert len(drawn) == 2


def test_recurrent_dropout_keeps_the_mean():
    """Of a linear memory without inputs, the mean over many masks is what no mask gives."""
    layer = layers.RNN(1, 4, nonlinearity="linear", bias=False, recurrent_dropout=0.3)
    state, x = tg.ones(1, 40_000, 4), tg.zeros(40_000, 1, 1)
    found = layer(x, state)[1].data.mean(axis=1)
    np.testing.assert_allclose(found, layer.eval()(x, state)[1].data.mean(axis=1), atol=0.01)


# -- how weights start ----------------------------------------------------------------------------


def test_forget_bias():
    """The bias of weight_ih carries it; that of weight_hh is zero there; all else is as it was."""
    tg.seed(3)
    plain = layers.LSTM(2, 4, 2, True).state_dict()
    tg.seed(3)
    layer = layers.LSTM(2, 4, 2, True, forget_bias=1.5)
    for name, value in layer.state_dict().items():
        if name.startswith("bias"):
            expected = 1.5 if name.startswith("bias_ih") else 0.0
            np.testing.assert_array_equal(value[4:8], expected)
            value[4:8] = plain[name][4:8]
        np.testing.assert_array_equal(value, plain[name])
    assert (layers.LSTMCell(2, 4, forget_bias=0).bias_ih.data[4:8] == 0).all()


def test_normalisation_starts_neutral():
    layer = layers.LSTM(2, 3, layer_norm=True)
    for gain in (layer.norm_ih_l0, layer.norm_hh_l0, layer.norm_c_l0):
        np.testing.assert_array_equal(gain.data, 1.0)
    np.testing.assert_array_equal(layer.bias_c_l0.data, 0.0)
    assert layers.LSTM(2, 3, layer_norm=True, bias=False).bias_c_l0 is None


@pytest.mark.parametrize("kind", [layers.RNN, layers.LSTM, layers.GRU, layers.Jordan])
def test_recurrent_init(kind):
    """Each gate's block of rows is a matrix of its own."""
    layer = kind(3, 5, 2, recurrent_init="orthogonal")
    for blocks in (layer.weight_hh_l0, layer.weight_hh_l1):
        drawn = np.split(blocks.data, layer.gates)
        for block in drawn:
            np.testing.assert_allclose(block @ block.T, np.eye(5), atol=1e-6)
        assert len({block.tobytes() for block in drawn}) == layer.gates
    for block in np.split(kind(3, 5, recurrent_init="identity").weight_hh_l0.data, layer.gates):
        np.testing.assert_array_equal(block, np.eye(5))
    bound = np.sqrt(6 / 10)
    drawn = abs(kind(3, 5, recurrent_init="xavier_uniform").weight_hh_l0.data).max()
    assert 1 / np.sqrt(5) < drawn <= bound


def test_parameters_are_pytorchs():
    shapes = {n: a.shape for n, a in layers.LSTM(3, 4, 2, True, proj_size=2).state_dict().items()}
    assert shapes["weight_ih_l0"] == (16, 3)
    assert shapes["weight_hh_l0_reverse"] == (16, 2)
    assert shapes["weight_ih_l1_reverse"] == (16, 4)
    assert shapes["weight_hr_l1"] == (2, 4)
    names = [n for n in shapes if n.endswith("_l0")]
    assert names == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0"]


# -- arguments ------------------------------------------------------------------------------------


def test_a_signature_names_all_options():
    """For help(), and for what is said of wrong arguments in a config."""
    named = inspect.signature(layers.LSTM).parameters
    assert [*named][:6] == [
        *("input_size", "hidden_size", "num_layers", "bidirectional", "batch_first", "bias")
    ]
    assert {"dropout", "returns", "forget_bias", "proj_size"} < {*named}
    assert "kwargs" not in named
    assert "nonlinearity" not in named
    assert "dropout" not in inspect.signature(layers.GRUCell).parameters
    with pytest.raises(tg.PluginError, match=r"hiden.*\n.*forget_bias: float"):
        tg.build({"name": "lstm", "input_size": 2, "hidden_size": 3, "hiden": 4})


def test_a_subclass_with_arguments_of_its_own():
    class Reader(layers.GRU):
        def __init__(self, size=4):
            super().__init__(size, size, returns="last")

    assert [*inspect.signature(Reader).parameters] == ["size"]
    assert Reader()(tg.ones(2, 3, 4)).shape == (2, 4)

    class Same(layers.GRU):
        pass

    assert inspect.signature(Same) == inspect.signature(layers.GRU)


# -- the worked example of memory -----------------------------------------------------------------


def with_ones(model):
    for p in model.parameters():
        p.data = np.ones_like(p.data)
    return model


def test_elman_and_jordan_remember_different_things():
    """Two linear units, all weights 1: Elman adds up what it saw, Jordan what it said."""
    arguments = {"nonlinearity": "linear", "bias": False, "returns": "outputs"}
    elman = layers.Sequential(layers.RNN(2, 2, **arguments), layers.Dense(2, 2, bias=False))
    jordan = layers.Jordan(2, 2, **arguments)
    x = [[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]]
    assert with_ones(elman)(x).tolist() == [[4, 4], [12, 12], [32, 32]]
    assert with_ones(jordan)(x).tolist() == [[4, 4], [20, 20], [88, 88]]


# -- a step where nothing is recorded, which runs in a kernel --------------------------------------


def inference(name, cell, rng, batch, dtype="float64"):
    """What a cell returns, with and without a graph, and what the naive function does."""
    x = rng.standard_normal((batch, cell.input_size)).astype(dtype)
    states = [rng.standard_normal((batch, size)).astype(dtype) for size in cell.state_sizes]
    call = tg.tensor(x), whole([tg.tensor(s) for s in states])
    recorded = parts(cell(*call))
    with tg.no_grad():
        plain = parts(cell(*call))
    doubles = [s.astype("float64") for s in states]
    _, *expected = twin(name, cell, x[:, None].astype("float64"), doubles, "")
    return plain, recorded, expected


@EVERY
@pytest.mark.parametrize("batch", [0, 1, 4, 5])
def test_a_cell_without_a_graph(rng, name, batch):
    for hidden in (3, 17):
        cell = make_cell(name, 3, hidden)
        plain, recorded, expected = inference(name, cell, rng, batch)
        for a, b, c in zip(plain, recorded, expected, strict=True):
            assert not a.requires_grad
            np.testing.assert_allclose(a.data, c, **CLOSE)
            np.testing.assert_allclose(a.data, b.data, **CLOSE)


@pytest.mark.parametrize("name", ["rnn", "lstm ", "gru"])
def test_a_cell_without_a_graph_in_single_precision(rng, name):
    cell = make_cell(name, 64, 64).astype("float32")
    plain, _, expected = inference(name, cell, rng, 2, "float32")
    for a, b in zip(plain, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a.data, b, rtol=0, atol=1e-5)


@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
@pytest.mark.parametrize("name", ["rnn", "lstm ", "gru"])
def test_when_a_cell_takes_the_kernel(rng, name, monkeypatch):
    taken = []
    cell = make_cell(name, 3, 4)
    function = getattr(kernels.cell, cell.kernel)
    monkeypatch.setattr(kernels.cell, cell.kernel, lambda *args: taken.append(1) or function(*args))

    def takes(run, batch=1):
        taken.clear()
        state = whole([tg.tensor(rng.standard_normal((batch, 4))) for _ in cell.state_sizes])
        run(tg.tensor(rng.standard_normal((batch, 3))), state)
        return bool(taken)

    assert not takes(cell)
    with tg.no_grad():
        assert takes(cell)
        assert not takes(cell, batch=100)
        assert not takes(lambda x, state: cell(x))
        with tg.reference():
            assert not takes(cell)
        with tg.enable_grad():
            assert not takes(cell)
        cell.weight_hh.data = rng.standard_normal((4, 4)) if name != "rnn" else np.ones((3, 3))
        with pytest.raises(ValueError, match="sizes of a cell's operands do not agree"):
            takes(cell)


def test_a_cell_without_a_graph_mixes_no_dtypes(rng):
    cell = layers.LSTMCell(3, 4)
    with tg.no_grad(), pytest.raises(tg.DTypeError):
        cell(tg.ones(1, 3), (tg.ones(1, 4), tg.tensor(np.ones((1, 4)))))
