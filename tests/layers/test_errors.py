"""Wrong input to every layer: who refuses, what came, on which line, and how to mend it."""

import copy
import re

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers

LAYERS = {
    "Dense(4, 3)": (layers.Dense(4, 3), (2, 4)),
    "Conv2d(2, 3, 3)": (layers.Conv2d(2, 3, 3), (2, 2, 5, 4)),
    "Conv1d(2, 3, 3)": (layers.Conv1d(2, 3, 3), (2, 2, 5)),
    "Conv3d(2, 3, 3)": (layers.Conv3d(2, 3, 3), (2, 2, 5, 4, 3)),
    "ConvTranspose1d(2, 3, 3)": (layers.ConvTranspose1d(2, 3, 3), (2, 2, 5)),
    "ConvTranspose2d(2, 3, 3)": (layers.ConvTranspose2d(2, 3, 3), (2, 2, 5, 4)),
    "MaxPool2d(2)": (layers.MaxPool2d(2), (2, 2, 5, 4)),
    "AvgPool2d(2)": (layers.AvgPool2d(2), (2, 2, 5, 4)),
    "MaxPool1d(2)": (layers.MaxPool1d(2), (2, 2, 5)),
    "AvgPool1d(2)": (layers.AvgPool1d(2), (2, 2, 5)),
    "AdaptiveAvgPool1d(2)": (layers.AdaptiveAvgPool1d(2), (2, 2, 5)),
    "AdaptiveAvgPool2d(2)": (layers.AdaptiveAvgPool2d(2), (2, 2, 5, 4)),
    "GlobalAvgPool2d()": (layers.GlobalAvgPool2d(), (2, 2, 5, 4)),
    "MaxUnpool2d(2)": (layers.MaxUnpool2d(2), (2, 2, 5, 4)),
    "Upsample(scale_factor=2)": (layers.Upsample(scale_factor=2), (2, 2, 5, 4)),
    "Dropout(0.5)": (layers.Dropout(0.5), (2, 4)),
    "Dropout2d(0.5)": (layers.Dropout2d(0.5), (2, 4, 3, 3)),
    "BatchNorm1d(4)": (layers.BatchNorm1d(4), (2, 4)),
    "BatchNorm2d(4)": (layers.BatchNorm2d(4), (2, 4, 3, 3)),
    "InstanceNorm2d(4)": (layers.InstanceNorm2d(4), (2, 4, 3, 3)),
    "LayerNorm(4)": (layers.LayerNorm(4), (2, 4)),
    "GroupNorm(2, 4)": (layers.GroupNorm(2, 4), (2, 4, 3)),
    "LocalResponseNorm(5)": (layers.LocalResponseNorm(5), (2, 4, 3)),
    "BasicBlock(4, 3)": (layers.BasicBlock(4, 3), (2, 4, 3, 3)),
    "Bottleneck(4, 3)": (layers.Bottleneck(4, 3), (2, 4, 3, 3)),
    "SqueezeExcitation(4)": (layers.SqueezeExcitation(4), (2, 4, 3, 3)),
    "Highway(4)": (layers.Highway(4), (2, 4)),
    "HighwayConv2d(4)": (layers.HighwayConv2d(4), (2, 4, 3, 3)),
    "ReLU()": (layers.ReLU(), (2, 4)),
    "Sigmoid()": (layers.Sigmoid(), (2, 4)),
    "Tanh()": (layers.Tanh(), (2, 4)),
    "Softplus()": (layers.Softplus(), (2, 4)),
    "SiLU()": (layers.SiLU(), (2, 4)),
    "LeakyReLU(0.1)": (layers.LeakyReLU(0.1), (2, 4)),
    "ELU(alpha=1.0)": (layers.ELU(alpha=1.0), (2, 4)),
    "Softmax()": (layers.Softmax(), (2, 4)),
    "RNN(4, 3)": (layers.RNN(4, 3), (2, 5, 4)),
    "LSTM(4, 3)": (layers.LSTM(4, 3), (2, 5, 4)),
    "GRU(4, 3)": (layers.GRU(4, 3), (2, 5, 4)),
    "Jordan(4, 3)": (layers.Jordan(4, 3), (2, 5, 4)),
    "RNNCell(4, 3)": (layers.RNNCell(4, 3), (2, 4)),
    "LSTMCell(4, 3)": (layers.LSTMCell(4, 3), (2, 4)),
    "GRUCell(4, 3)": (layers.GRUCell(4, 3), (2, 4)),
    "JordanCell(4, 3)": (layers.JordanCell(4, 3), (2, 4)),
    "RBM(4, 3)": (layers.RBM(4, 3), (2, 4)),
}
every_layer = pytest.mark.parametrize("shown", LAYERS)


def refused(kind, call):
    """Return the whole text of the error; it must tell the line here that caused it, and a fix."""
    with pytest.raises(kind) as caught:
        call()
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert f"{__file__}:" in text
    assert re.search(r"^  fix: \w", text, re.MULTILINE), text
    return text


# -- dtypes ---------------------------------------------------------------------------------------


@every_layer
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16"])
def test_only_floats(shown, dtype):
    layer, shape = LAYERS[shown]
    for x in (np.zeros(shape, dtype), tg.zeros(shape, dtype=dtype)):
        text = refused(tg.DTypeError, lambda x=x: layer(x))
        assert text.startswith(f"{shown}: needs floating-point input")
        assert f"got: x {dtype} {shape}" in text
        assert "x.astype('float32')" in text


@every_layer
def test_no_text(shown):
    layer, shape = LAYERS[shown]
    for x in (np.full(shape, "a"), np.full(shape, "a").tolist()):
        text = refused(tg.DTypeError, lambda x=x: layer(x))
        assert shown in text
        assert "no type of number" in text


@every_layer
@pytest.mark.parametrize(
    "x", [None, "text", (np.zeros(2), np.zeros(2))], ids=lambda x: str(type(x))
)
def test_nothing_but_arrays(shown, x):
    text = refused(tg.TinygradLiteError, lambda: LAYERS[shown][0](x))
    assert shown in text
    assert type(x).__name__ in text


@every_layer
def test_ragged_lists(shown):
    text = refused(tg.ShapeError, lambda: LAYERS[shown][0]([[1.0], [1.0, 2.0]]))
    assert shown in text
    assert "equal length" in text


@pytest.mark.parametrize(
    "shown", ["Dense(4, 3)", "Conv2d(2, 3, 3)", "RNN(4, 3)", "LSTMCell(4, 3)", "RBM(4, 3)"]
)
def test_a_tensor_of_the_other_float_is_not_converted_silently(shown):
    layer, shape = LAYERS[shown]
    text = refused(tg.DTypeError, lambda: layer(tg.zeros(shape, dtype="float64")))
    assert shown in text
    assert "float64" in text
    assert "float32" in text


def test_integers_through_flatten():
    model = layers.Sequential(layers.Flatten(), layers.Dense(16, 3))
    text = refused(tg.DTypeError, lambda: model(np.zeros((2, 4, 4), np.uint8)))
    assert text.startswith("Dense(16, 3): needs floating-point input\n  got: x uint8 (2, 16)")
    assert "in:  Sequential(Flatten(…), Dense(…))" in text


# -- shapes ---------------------------------------------------------------------------------------

SHAPES = [
    ("Dense(4, 3)", (), "needs input of shape (..., features)"),
    ("Dense(4, 3)", (2, 5), "needs 4 features, got 5"),
    ("Dense(4, 3)", (4, 2, 0), "needs 4 features, got 0"),
    ("Conv2d(2, 3, 3)", (2, 5, 4), "needs input of shape (batch, channels, height, width)"),
    ("Conv2d(2, 3, 3)", (1, 2, 2, 5, 4), "needs input of shape (batch, channels, height, width)"),
    ("Conv2d(2, 3, 3)", (1, 3, 5, 4), "needs 2 channels, got 3"),
    ("Conv2d(2, 3, 3)", (1, 5, 4, 2), "channels last: x.transpose(0, 3, 1, 2)"),
    ("Conv2d(2, 3, 3)", (1, 2, 2, 9), "a window of (3, 3) does not fit into an image of (2, 9)"),
    ("Conv2d(2, 3, 3)", (1, 2, 9, 0), "a window of (3, 3) does not fit into an image of (9, 0)"),
    ("Conv1d(2, 3, 3)", (5, 2), "needs input of shape (batch, channels, length)"),
    ("Conv1d(2, 3, 3)", (1, 5, 2), "channels last: x.transpose(0, 2, 1)"),
    ("Conv1d(2, 3, 3)", (1, 2, 2), "a window of (3,) does not fit into an image of (2,)"),
    ("Conv3d(2, 3, 3)", (2, 2, 3, 3), "shape (batch, channels, depth, height, width)"),
    ("Conv3d(2, 3, 3)", (1, 3, 4, 5, 2), "channels last: x.transpose(0, 4, 1, 2, 3)"),
    ("ConvTranspose1d(2, 3, 3)", (1, 5, 2), "channels last: x.transpose(0, 2, 1)"),
    ("ConvTranspose2d(2, 3, 3)", (1, 4, 5, 3), "needs 2 channels, got 4"),
    ("ConvTranspose2d(2, 3, 3)", (1, 2, 0, 5), "the result would be of size (2, 7)"),
    ("MaxPool2d(2)", (5, 4), "needs input of shape (batch, channels, height, width)"),
    ("MaxPool2d(2)", (1, 3, 1, 4), "a window of (2, 2) does not fit into an image of (1, 4)"),
    ("AvgPool2d(2)", (5, 4), "needs input of shape (batch, channels, height, width)"),
    ("AvgPool2d(2)", (1, 3, 4, 1), "a window of (2, 2) does not fit into an image of (4, 1)"),
    ("BasicBlock(4, 3)", (2, 3, 3, 3), "needs 4 channels, got 3"),
    ("Bottleneck(4, 3)", (2, 3, 3, 4), "channels last: x.transpose(0, 3, 1, 2)"),
    ("SqueezeExcitation(4)", (2, 4), "needs input of shape (batch, channels, height, width)"),
    ("Highway(4)", (2, 3), "needs 4 features, got 3"),
    ("HighwayConv2d(4)", (2, 5, 3, 3), "needs 4 channels, got 5"),
    ("RBM(4, 3)", (), "needs input of shape (..., visible_units)"),
    ("RBM(4, 3)", (2, 5), "needs 4 visible_units, got 5"),
]
for shown in ("RNNCell(4, 3)", "LSTMCell(4, 3)", "GRUCell(4, 3)", "JordanCell(4, 3)"):
    SHAPES += [
        (shown, (), "needs input of shape (batch, features)"),
        (shown, (1, 2, 4), "needs input of shape (batch, features)"),
        (shown, (2, 5), "needs 4 features, got 5; input is (batch, features)"),
        (shown, (5,), "needs 4 features, got 5; input is (features)"),
    ]
for shown in ("RNN(4, 3)", "LSTM(4, 3)", "GRU(4, 3)", "Jordan(4, 3)"):
    SHAPES += [
        (shown, (4,), "needs input of shape (batch, steps, features)"),
        (shown, (1, 2, 5, 4), "needs input of shape (batch, steps, features)"),
        (shown, (2, 5, 3), "needs 4 features, got 3; input is (batch, steps, features)"),
        (shown, (5, 3), "needs 4 features, got 3; input is (steps, features)"),
        (shown, (2, 0, 4), "a sequence needs at least one step"),
        (shown, (0, 4), "a sequence needs at least one step"),
    ]


@pytest.mark.parametrize(("shown", "shape", "problem"), SHAPES)
def test_shapes(shown, shape, problem):
    text = refused(tg.ShapeError, lambda: LAYERS[shown][0](np.zeros(shape, np.float32)))
    assert shown in text
    assert problem in text
    assert f"x float32 {shape}" in text


def test_flatten_needs_a_batch():
    for x, what in [(tg.tensor(1.0), "float32 ()"), (None, "NoneType"), ((1, 2), "tuple")]:
        text = refused(tg.ShapeError, lambda x=x: layers.Flatten()(x))
        assert text.startswith(f"Flatten(): needs input of shape (batch, ...)\n  got: x {what}")


@pytest.mark.parametrize("axis", [2, -3, "a", 0.5])
def test_softmax_axis(axis):
    text = refused(tg.TinygradLiteError, lambda: layers.Softmax(axis)(np.zeros((2, 3))))
    assert f"Softmax({axis!r})" in text


def test_steps_first_is_told_as_such():
    layer = layers.GRU(4, 3, batch_first=False)
    text = refused(tg.ShapeError, lambda: layer(np.zeros((5, 2, 3))))
    assert "input is (steps, batch, features)\n  got: x float32 (5, 2, 3)" in text
    text = refused(tg.ShapeError, lambda: layer(np.zeros((0, 2, 4))))
    assert "at least one step\n  got: x float32 (0, 2, 4)" in text


def test_the_second_of_two_layers_is_named():
    model = layers.Sequential(layers.Dense(4, 3), layers.ReLU(), layers.Dense(4, 3))
    text = refused(tg.ShapeError, lambda: model(np.zeros((2, 4))))
    assert text.startswith("Dense(4, 3): needs 4 features, got 3")


def test_a_recurrent_layer_in_sequential():
    model = layers.Sequential(layers.RNN(4, 3), layers.Dense(3, 2))
    text = refused(tg.TinygradLiteError, lambda: model(np.zeros((2, 5, 4))))
    assert "Dense(3, 2)" in text
    assert "tuple" in text


# -- the state of a recurrent layer ---------------------------------------------------------------

S = np.zeros((1, 2, 3), np.float32)
STATES = [
    ("RNN(4, 3)", np.zeros((1, 1, 3)), "needs a state, of shape (1, 2, 3)"),
    ("RNN(4, 3)", np.zeros((2, 3)), "needs a state, of shape (1, 2, 3)"),
    ("RNN(4, 3)", (S, S), "needs a state, of shape (1, 2, 3)"),
    ("RNN(4, 3)", (), "needs a state, of shape (1, 2, 3)"),
    ("GRU(4, 3)", 5, "needs a state, of shape (1, 2, 3)"),
    ("GRU(4, 3)", "text", "needs a state, of shape (1, 2, 3)"),
    ("LSTM(4, 3)", S, "needs a tuple (h, c) of states, of shape (1, 2, 3)"),
    ("LSTM(4, 3)", (S,), "needs a tuple (h, c) of states, of shape (1, 2, 3)"),
    ("LSTM(4, 3)", (S, None), "needs a tuple (h, c) of states, of shape (1, 2, 3)"),
    ("LSTM(4, 3)", (S, S[:, :1]), "needs a tuple (h, c) of states, of shape (1, 2, 3)"),
    ("Jordan(4, 3)", (S, S), "needs a state, of shape (1, 2, 3)"),
    ("RNNCell(4, 3)", S, "needs a state, of shape (2, 3)"),
    ("GRUCell(4, 3)", (S[0], S[0]), "needs a state, of shape (2, 3)"),
    ("LSTMCell(4, 3)", S[0], "needs a tuple (h, c) of states, of shape (2, 3)"),
    ("LSTMCell(4, 3)", (S[0], S[0, :1]), "needs a tuple (h, c) of states, of shape (2, 3)"),
    ("LSTMCell(4, 3)", (S[0], S[0, 0]), "needs a tuple (h, c) of states, of shape (2, 3)"),
]


@pytest.mark.parametrize(("shown", "state", "problem"), STATES)
def test_states(shown, state, problem):
    layer, shape = LAYERS[shown]
    text = refused(tg.ShapeError, lambda: layer(np.zeros(shape), state))
    assert text.startswith(f"{shown}: {problem}")
    assert f"x float32 {shape}" in text
    assert "pass the state that an earlier call returned" in text


def test_state_of_a_single_sequence_has_no_batch():
    text = refused(tg.ShapeError, lambda: layers.RNN(4, 3)(np.zeros((5, 4)), S[:, :1]))
    assert "needs a state, of shape (1, 3)" in text
    assert "state 0 float32 (1, 1, 3)" in text


def test_state_of_more_layers_and_directions():
    layer = layers.GRU(4, 3, num_layers=2, bidirectional=True)
    text = refused(tg.ShapeError, lambda: layer(np.zeros((2, 5, 4)), S))
    assert "needs a state, of shape (4, 2, 3)" in text


def test_parts_of_a_state_may_differ_in_size():
    layer = layers.LSTM(4, 3, proj_size=2)
    text = refused(tg.ShapeError, lambda: layer(np.zeros((2, 5, 4)), (S, S)))
    assert "needs a tuple (h, c) of states, of shapes [(1, 2, 2), (1, 2, 3)]" in text


def test_a_cells_tensors_are_checked_as_its_arrays():
    cell, x = layers.LSTMCell(4, 3), tg.zeros(2, 4)
    text = refused(tg.ShapeError, lambda: cell(x, (tg.zeros(2, 3), tg.zeros(2, 4))))
    assert "needs a tuple (h, c) of states, of shape (2, 3)" in text
    text = refused(tg.ShapeError, lambda: cell(x, (tg.zeros(2, 3),)))
    assert "needs a tuple (h, c) of states, of shape (2, 3)" in text
    text = refused(tg.ShapeError, lambda: cell(tg.zeros(2, 5)))
    assert "needs 4 features, got 5" in text


# -- the lengths of sequences ---------------------------------------------------------------------

LENGTHS = [
    ([0, 5], tg.ArgumentError, "from 1 to 5, the steps of x; that of sequence 0 is 0"),
    ([5, -1], tg.ArgumentError, "from 1 to 5, the steps of x; that of sequence 1 is -1"),
    ([1, 6], tg.ArgumentError, "from 1 to 5, the steps of x; that of sequence 1 is 6"),
    ([1], tg.ShapeError, "needs one length for each of the 2 sequences"),
    ([1, 2, 3], tg.ShapeError, "needs one length for each of the 2 sequences"),
    ([], tg.ShapeError, "needs one length for each of the 2 sequences"),
    (3, tg.ShapeError, "needs one length for each of the 2 sequences"),
    ([[1], [2]], tg.ShapeError, "needs one length for each of the 2 sequences"),
    ([1.0, 2.0], tg.DTypeError, "lengths must be integers"),
    ([True, True], tg.DTypeError, "lengths must be integers"),
]


@pytest.mark.parametrize("shown", ["RNN(4, 3)", "LSTM(4, 3)", "GRU(4, 3)", "Jordan(4, 3)"])
@pytest.mark.parametrize(("lengths", "kind", "problem"), LENGTHS)
def test_lengths(shown, lengths, kind, problem):
    layer, shape = LAYERS[shown]
    text = refused(kind, lambda: layer(tg.zeros(*shape), None, lengths))
    assert text.startswith(f"{shown}: {problem}" if "from" not in problem else f"{shown}: lengths")
    assert problem in text
    assert "got: lengths" in text


@pytest.mark.parametrize("lengths", [["1", "2"], [None, 2], "12", (None, 1)])
def test_lengths_that_are_no_numbers(lengths):
    text = refused(tg.DTypeError, lambda: layers.GRU(4, 3)(tg.zeros(2, 5, 4), None, lengths))
    assert "GRU(4, 3)" in text


def test_lengths_of_a_single_sequence_and_of_steps_first():
    text = refused(tg.ArgumentError, lambda: layers.RNN(4, 3)(tg.zeros(5, 4), None, 6))
    assert "from 1 to 5, the steps of x; that of sequence 0 is 6" in text
    layer = layers.RNN(4, 3, batch_first=False)
    text = refused(tg.ArgumentError, lambda: layer(tg.zeros(5, 2, 4), None, [5, 6]))
    assert "from 1 to 5, the steps of x; that of sequence 1 is 6" in text


# -- NaN in the middle of a sequence --------------------------------------------------------------

RECURRENT = [layers.RNN, layers.LSTM, layers.GRU, layers.Jordan]


@pytest.mark.parametrize("layer", RECURRENT)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"recurrent_dropout": 0.5}])
def test_anomaly_names_the_step(layer, batch_first, options):
    layer = layer(4, 3, batch_first=batch_first, **options)
    x = np.zeros((2, 30, 4), np.float32)
    x[1, 17, 2], x[0, 23] = np.nan, np.nan
    x = tg.tensor(x if batch_first else x.swapaxes(0, 1))
    for lengths in (None, [30, 18]):
        with tg.detect_anomaly():
            text = refused(tg.AnomalyError, lambda lengths=lengths: layer(x, None, lengths))
        assert f"{type(layer).__name__}(4, 3" in text
        assert "came in with NaN, first at time step 17" in text


def test_anomaly_minds_no_padding():
    x = np.zeros((2, 5, 4), np.float32)
    x[0, 3:] = np.nan
    with tg.detect_anomaly():
        output, _ = layers.GRU(4, 3)(tg.tensor(x), None, [3, 5])
    assert np.isfinite(output.data).all()


# -- arguments ------------------------------------------------------------------------------------

ARGUMENTS = [
    (lambda n: layers.Dense(n, 3), "Dense", "in_features"),
    (lambda n: layers.Dense(3, n), "Dense", "out_features"),
    (lambda n: layers.Conv2d(n, 3, 3), "Conv2d", "in_channels"),
    (lambda n: layers.Conv2d(3, n, 3), "Conv2d", "out_channels"),
    (lambda n: layers.Conv2d(1, 1, n), "Conv2d", "kernel_size"),
    (lambda n: layers.Conv2d(1, 1, 3, stride=n), "Conv2d", "stride"),
    (lambda n: layers.Conv1d(1, 1, n), "Conv1d", "kernel_size"),
    (lambda n: layers.Conv1d(1, 1, 3, dilation=n), "Conv1d", "dilation"),
    (lambda n: layers.Conv3d(1, 1, 3, groups=n), "Conv3d", "groups"),
    (lambda n: layers.ConvTranspose1d(n, 1, 3), "ConvTranspose1d", "in_channels"),
    (lambda n: layers.ConvTranspose2d(1, 1, 3, n), "ConvTranspose2d", "stride"),
    (lambda n: layers.MaxPool2d(n), "MaxPool2d", "kernel_size"),
    (lambda n: layers.AvgPool2d(2, stride=n), "AvgPool2d", "stride"),
    (lambda n: layers.RNN(n, 3), "RNN", "input_size"),
    (lambda n: layers.LSTM(3, n), "LSTM", "hidden_size"),
    (lambda n: layers.GRU(3, 3, num_layers=n), "GRU", "num_layers"),
    (lambda n: layers.Jordan(3, n), "Jordan", "hidden_size"),
    (lambda n: layers.Jordan(3, 3, output_size=n), "Jordan", "output_size"),
    (lambda n: layers.RNNCell(n, 3), "RNNCell", "input_size"),
    (lambda n: layers.LSTMCell(3, n), "LSTMCell", "hidden_size"),
    (lambda n: layers.BatchNorm1d(n), "BatchNorm1d", "num_features"),
    (lambda n: layers.InstanceNorm2d(n), "InstanceNorm2d", "num_features"),
    (lambda n: layers.LayerNorm(n), "LayerNorm", "normalized_shape"),
    (lambda n: layers.LayerNorm((3, n)), "LayerNorm", "normalized_shape"),
    (lambda n: layers.GroupNorm(n, 3), "GroupNorm", "num_groups"),
    (lambda n: layers.GroupNorm(1, n), "GroupNorm", "num_channels"),
    (lambda n: layers.LocalResponseNorm(n), "LocalResponseNorm", "size"),
    (lambda n: layers.Inception(n, 1, 1, 1, 1, 1, 1), "Inception", "in_channels"),
    (lambda n: layers.Inception(1, 1, 1, n, 1, 1, 1), "Inception", "n3x3"),
    (lambda n: layers.Inception(1, 1, 1, 1, n, 1, 1), "Inception", "n5x5_reduce"),
    (lambda n: layers.Inception(1, 1, 1, 1, 1, 1, n), "Inception", "pool_proj"),
    (lambda n: layers.Maxout(n, 3), "Maxout", "in_features"),
    (lambda n: layers.Maxout(3, n), "Maxout", "out_features"),
    (lambda n: layers.Maxout(3, 3, n), "Maxout", "pieces"),
    (lambda n: layers.Maxout2d(n, 3, 3), "Maxout2d", "in_channels"),
    (lambda n: layers.Maxout2d(3, n, 3), "Maxout2d", "out_channels"),
    (lambda n: layers.Maxout2d(3, 3, 3, n), "Maxout2d", "pieces"),
    (lambda n: layers.BasicBlock(n, 3), "BasicBlock", "in_channels"),
    (lambda n: layers.Bottleneck(3, n), "Bottleneck", "channels"),
    (lambda n: layers.Bottleneck(3, 3, n), "Bottleneck", "stride"),
    (lambda n: layers.SqueezeExcitation(n), "SqueezeExcitation", "channels"),
    (lambda n: layers.SqueezeExcitation(3, n), "SqueezeExcitation", "reduction"),
    (lambda n: layers.Highway(n), "Highway", "features"),
    (lambda n: layers.HighwayConv2d(n), "HighwayConv2d", "channels"),
    (lambda n: layers.HighwayConv2d(3, n), "Conv2d", "kernel_size"),
    (lambda n: layers.RBM(n, 3), "RBM", "n_visible"),
    (lambda n: layers.RBM(3, n), "RBM", "n_hidden"),
    (lambda n: layers.RBM(3, 3, k=n), "RBM", "k"),
]


@pytest.mark.parametrize(("make", "layer", "name"), ARGUMENTS)
@pytest.mark.parametrize("size", [0, -1, 2.0, 2.5, "3", True, float("nan")], ids=repr)
def test_sizes(make, layer, name, size):
    text = refused(tg.ArgumentError, lambda: make(size))
    assert text.startswith(f"{layer}: {name}={size!r} is not possible")
    assert "whole number from 1 on" in text


PAIRS = [
    (lambda n: layers.Conv2d(1, 1, n), "kernel_size", 1),
    (lambda n: layers.Conv2d(1, 1, 3, n), "stride", 1),
    (lambda n: layers.Conv2d(1, 1, 3, 1, n), "padding", 0),
    (lambda n: layers.Conv2d(1, 1, 3, dilation=n), "dilation", 1),
    (lambda n: layers.ConvTranspose2d(1, 1, 3, padding=n), "padding", 0),
    (lambda n: layers.ConvTranspose2d(1, 1, 3, 2, output_padding=n), "output_padding", 0),
    (lambda n: layers.MaxPool2d(n), "kernel_size", 1),
]


@pytest.mark.parametrize(("make", "name", "least"), PAIRS)
@pytest.mark.parametrize("wrong", [(2,), (2, 2, 2), (2, -1), (1.5, 2), ("2", 2), (True, 2), ()])
def test_pairs(make, name, least, wrong):
    text = refused(tg.ArgumentError, lambda: make(wrong))
    assert f"{name}={wrong!r} is not possible" in text
    assert f"from {least} on" in text


def test_sizes_may_be_numpys():
    assert layers.Dense(np.int64(2), np.int32(3)).weight.shape == (3, 2)
    assert layers.Conv2d(1, 1, np.int64(2), padding=np.int64(1)).weight.shape == (1, 1, 2, 2)


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan"), "0.5", None, True], ids=repr)
@pytest.mark.parametrize("layer", [layers.Dropout, layers.Dropout2d])
def test_dropout_probability(layer, p):
    text = refused(tg.ArgumentError, lambda: layer(p))
    assert text.startswith(f"{layer.__name__}: p=")
    assert repr(p) in text


@pytest.mark.parametrize("groups", [2, 4, 6])
def test_groups_that_do_not_divide_the_channels(groups):
    text = refused(tg.ArgumentError, lambda: layers.GroupNorm(groups, 3))
    assert text.startswith(f"GroupNorm: num_groups={groups} is not possible")
    assert "a divisor of num_channels=3" in text


def test_no_length_to_normalise():
    text = refused(tg.ArgumentError, lambda: layers.LayerNorm(()))
    assert text.startswith("LayerNorm: normalized_shape=() is not possible")


@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (layers.BatchNorm1d(4), (1, 4), 1),
        (layers.BatchNorm1d(4), (1, 4, 1), 1),
        (layers.BatchNorm2d(4), (1, 4, 1, 1), 1),
        (layers.BatchNorm2d(4), (0, 4, 3, 3), 0),
        (layers.InstanceNorm2d(4), (5, 4, 1, 1), 1),
    ],
    ids=str,
)
def test_one_value_has_no_variance(layer, shape, count):
    """Neither is the batch counted; in evaluation, with running statistics, it is no problem."""
    before = layer.state_dict()
    text = refused(tg.DataError, lambda: layer(np.zeros(shape, "float32")))
    assert f"a channel of {count} elements has no variance" in text
    assert layer._headline() in text
    for name, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    if "running_mean" in before:
        assert copy.copy(layer).eval()(np.zeros(shape, "float32")).shape == shape


def test_images_with_channels_last():
    text = refused(tg.ShapeError, lambda: layers.BatchNorm2d(4)(tg.zeros(2, 5, 5, 4)))
    assert text.startswith("BatchNorm2d(4): needs 4 channels, got 5")
    assert "x.transpose(0, 3, 1, 2)" in text


@pytest.mark.parametrize("make", [layers.LeakyReLU, layers.ELU])
@pytest.mark.parametrize("value", ["0.1", None, True], ids=repr)
def test_slopes(make, value):
    text = refused(tg.ArgumentError, lambda: make(value))
    assert text.startswith(f"{make.__name__}: ")
    assert f"={value!r} is not possible" in text


@pytest.mark.parametrize("part", [np.tanh, layers.ReLU, [layers.ReLU()], "relu"], ids=str)
def test_sequential_takes_modules(part):
    text = refused(tg.ArgumentError, lambda: layers.Sequential(layers.ReLU(), part))
    assert text.startswith("Sequential: part 1 is no Module: ")
    assert "unpack a list with *" in text


OPTIONS = [
    (layers.RNN, {"nonlinearity": "gelu"}, "choose one of"),
    (layers.RNN, {"nonlinearity": None}, "tanh"),
    (layers.RNNCell, {"nonlinearity": "Tanh"}, "choose one of tanh"),
    (layers.Jordan, {"output_nonlinearity": "softmax"}, "choose one of"),
    (layers.GRU, {"returns": "output"}, "choose one of outputs"),
    (layers.GRU, {"returns": True}, "choose one of"),
    (layers.LSTM, {"recurrent_init": "orthogonl"}, "choose one of orthogonal"),
    (layers.GRUCell, {"recurrent_init": ["identity"]}, "choose one of"),
    (layers.LSTM, {"proj_size": 3}, "smaller than hidden_size"),
    (layers.LSTM, {"proj_size": -1}, "whole number from 0 on"),
    (layers.LSTM, {"forget_bias": "1"}, "give a number"),
    (layers.LSTM, {"forget_bias": 1.0, "coupled": True}, "coupled=True leaves no forget gate"),
    (layers.LSTMCell, {"forget_bias": 1.0, "bias": False}, "bias=False leaves none"),
    (layers.RNN, {"dropout": 0.5}, "it acts between layers"),
    *(
        (layers.GRU, {name: p, "num_layers": 2}, "")
        for name in ("dropout", "recurrent_dropout")
        for p in (-0.1, 1.5, float("nan"), "0.5", None, True)
    ),
]


@pytest.mark.parametrize("layer", [layers.LSTM, layers.LSTMCell])
def test_an_option_that_there_is_not(layer):
    text = refused(tg.ArgumentError, lambda: layer(2, 3, peepholes=True))
    assert text.startswith(f"{layer.__name__}: there is no argument 'peepholes'")
    assert "choose one of peephole, " in text
    assert "'nonlinearity'" in refused(tg.ArgumentError, lambda: layer(2, 3, nonlinearity="relu"))


@pytest.mark.parametrize(("layer", "options", "fix"), OPTIONS)
def test_options(layer, options, fix):
    text = refused(tg.ArgumentError, lambda: layer(2, 3, **options))
    name, value = next(iter(options.items()))
    assert text.startswith(f"{layer.__name__}: {name}={value!r} is not possible")
    assert fix in text


BLOCKS = [
    (lambda: layers.BasicBlock(2, 3, 1, "C"), "BasicBlock: shortcut='C'", "choose one of A, B"),
    (
        lambda: layers.BasicBlock(4, 3, 1, "A"),
        "BasicBlock: shortcut='A'",
        '"B", as "A" drops no channels: here 4 to 3',
    ),
    (
        lambda: layers.Bottleneck(5, 1, 2, "A"),
        "Bottleneck: shortcut='A'",
        '"B", as "A" drops no channels: here 5 to 4',
    ),
    (lambda: layers.Highway(2, "-1"), "Highway: gate_bias='-1'", "give a number"),
    (lambda: layers.HighwayConv2d(2, 3, None), "HighwayConv2d: gate_bias=None", "give a number"),
    (lambda: layers.Highway(2, nonlinearity="rely"), "Highway: nonlinearity='rely'", "relu, tanh"),
]


@pytest.mark.parametrize(("make", "problem", "fix"), BLOCKS)
def test_options_of_blocks(make, problem, fix):
    text = refused(tg.ArgumentError, make)
    assert text.startswith(f"{problem} is not possible")
    assert fix in text


@pytest.mark.parametrize("block", [layers.BasicBlock(4, 4), layers.Bottleneck(4, 1)])
def test_a_block_needs_more_than_one_value_a_channel(block):
    text = refused(tg.DataError, lambda: block(np.zeros((1, 4, 1, 1), np.float32)))
    assert block._headline() in text
    assert "a channel of 1 elements has no variance" in text


CONVOLUTIONS = [
    (layers.Conv2d, {"groups": 3}, "a divisor of in_channels=4 and out_channels=6"),
    (layers.Conv1d, {"groups": 4}, "a divisor of in_channels=4 and out_channels=6"),
    (layers.ConvTranspose2d, {"groups": 3}, "a divisor of in_channels=4"),
    (layers.Conv2d, {"padding": "sane"}, "'same', 'valid'"),
    (layers.Conv1d, {"padding": -1}, "from 0 on"),
    (layers.ConvTranspose1d, {"padding": "same"}, "from 0 on"),
    (layers.Conv2d, {"padding_mode": "reflct"}, "choose one of reflect, "),
    (layers.Conv3d, {"padding_mode": None}, "choose one of circular, "),
    (layers.ConvTranspose2d, {"padding_mode": "reflect"}, "choose one of zeros"),
    (layers.ConvTranspose1d, {"output_padding": -1}, "from 0 on"),
    (layers.ConvTranspose1d, {"output_padding": (1,)}, "below the larger of stride and dilation"),
    (layers.ConvTranspose2d, {"output_padding": (0, 3), "stride": (4, 3)}, "(4, 3)"),
]


@pytest.mark.parametrize(("layer", "options", "fix"), CONVOLUTIONS)
def test_options_of_convolutions(layer, options, fix):
    text = refused(tg.ArgumentError, lambda: layer(4, 6, 3, **options))
    name, value = next(iter(options.items()))
    assert text.startswith(f"{layer.__name__}: {name}={value!r} is not possible")
    assert fix in text


def test_same_and_a_stride():
    text = refused(tg.ArgumentError, lambda: layers.Conv2d(1, 1, 3, (1, 2), padding="same"))
    assert text.startswith("Conv2d: padding='same' is not possible with stride (1, 2)")


@pytest.mark.parametrize(
    ("mode", "padding", "most"), [("reflect", (0, 4), 3), ("circular", (6, 1), 5)]
)
def test_more_padding_than_there_is_to_take(mode, padding, most):
    layer = layers.Conv2d(2, 3, 3, padding=padding, padding_mode=mode)
    text = refused(tg.ShapeError, lambda: layer(tg.ones(1, 2, 5, 4)))
    assert "Conv2d(2, 3, 3, padding" in text
    assert f"mode '{mode}' cannot add" in text
    assert f"pad by {most} at most" in text


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda init: init.kaiming_normal((2, 3), mode="fan"), "kaiming_normal: mode='fan'"),
        (lambda init: init.kaiming_uniform((2, 3), mode=None), "kaiming_uniform: mode=None"),
        (lambda init: init.calculate_gain("rel"), "calculate_gain: nonlinearity='rel'"),
        (lambda init: init.kaiming_normal((2, 3), nonlinearity=2), "calculate_gain: nonlin"),
    ],
)
def test_initial_weights_of_no_such_kind(call, problem):
    text = refused(tg.ArgumentError, lambda: call(layers.init))
    assert text.startswith(problem)
    assert "fix: choose " in text


@pytest.mark.parametrize(
    "draw", [layers.init.orthogonal, layers.init.xavier_uniform, layers.init.kaiming_normal]
)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_initial_weights_have_two_axes(draw, shape):
    text = refused(tg.ShapeError, lambda: draw(shape))
    assert text.startswith(f"{draw.__name__}: weights of shape {shape} have no inputs and outputs")


# -- the RBM --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("v", "what"),
    [([[0.0, 2.0]], "from 0 to 2"), ([[-0.5, 1.0]], "from -0.5 to 1"), ([[np.nan, 0]], "nan")],
)
def test_rbm_data_out_of_range(v, what):
    for call in (layers.RBM(2, 3).contrastive_divergence, layers.RBM(2, 3).training_step):
        text = refused(tg.DataError, lambda call=call: call(v))
        assert text.startswith("RBM(2, 3): visible units are from 0 to 1")
        assert what in text
        assert "(v - min) / (max - min)" in text


def test_rbm_without_data():
    text = refused(tg.DataError, lambda: layers.RBM(2, 3).training_step(np.zeros((0, 2))))
    assert text.startswith("RBM(2, 3): needs at least one sample")


V, H = np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda rbm: rbm.energy(H, H), "needs 2 visible_units, got 3"),
        (lambda rbm: rbm.energy(V, V), "needs 3 hidden_units, got 2"),
        (lambda rbm: rbm.free_energy(H), "needs 2 visible_units, got 3"),
        (lambda rbm: rbm.visible(V), "needs 3 hidden_units, got 2"),
        (lambda rbm: rbm.reconstruct(H), "needs 2 visible_units, got 3"),
        (lambda rbm: rbm.gibbs(H, 1), "needs 2 visible_units, got 3"),
        (lambda rbm: rbm.contrastive_divergence(H), "needs 2 visible_units, got 3"),
        (lambda rbm: rbm.log_likelihood(H), "needs 2 visible_units, got 3"),
    ],
)
def test_rbm_shapes(call, problem):
    text = refused(tg.ShapeError, lambda: call(layers.RBM(2, 3)))
    assert text.startswith(f"RBM(2, 3): {problem}")


@pytest.mark.parametrize("steps", [-1, 1.5, "2"])
def test_rbm_gibbs_steps(steps):
    text = refused(tg.ArgumentError, lambda: layers.RBM(2, 3).gibbs(V, steps))
    assert text.startswith(f"RBM: steps={steps!r} is not possible")
    assert "from 0 on" in text


def test_rbm_log_partition_has_a_limit():
    text = refused(tg.ArgumentError, layers.RBM(21, 22).log_partition)
    assert text.startswith("RBM(21, 22): log Z would be a sum over 2^21 states")
    assert layers.RBM(2, 500).log_partition() > 0


def test_states_may_be_nested_lists():
    layer, x, zeros = layers.LSTM(3, 2), tg.ones(1, 4, 3), [[[0.0, 0.0]]]
    np.testing.assert_array_equal(layer(x, (zeros, zeros))[0].data, layer(x)[0].data)
