"""The summary counts what a model really has and does."""

import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers


def rows(model, shape, **kwargs):
    return {r.path: r for r in model.summary(shape, **kwargs).rows}


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
        (lambda: layers.MaxPool2d(2), (2, 8, 6), (2, 4, 3), 0, 0),
        (lambda: layers.RNN(3, 4), (5, 3), (5, 4), 36, 5 * 4 * (3 + 4)),
        (lambda: layers.LSTM(3, 4), (5, 3), (5, 4), 144, 5 * 16 * (3 + 4)),
        (lambda: layers.GRU(3, 4, bidirectional=True), (5, 3), (5, 8), 216, 2 * 5 * 12 * 7),
        (lambda: layers.GRU(3, 4, reset_after=False), (5, 3), (5, 4), 108, 5 * 12 * 7),
        (lambda: layers.GRU(3, 4, 2, returns="last"), (5, 3), (4,), 228, 5 * 12 * (7 + 8)),
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


def test_a_model_of_several_layers_and_its_table():
    model = layers.Sequential(
        layers.Conv2d(1, 4, 3, padding=1), layers.Flatten(), layers.Dense(256, 10)
    )
    found = rows(model, (1, 8, 8))
    assert [(r.kind, r.output_shape) for r in found.values()] == [
        ("Sequential", (10,)),
        ("Conv2d", (4, 8, 8)),
        ("Flatten", (256,)),
        ("Dense", (10,)),
    ]
    text = str(model.summary((1, 8, 8)))
    assert text == repr(model.summary((1, 8, 8)))
    lines = text.splitlines()
    assert lines[-1].split() == ["total", "2,610", "4,864"]
    assert lines[2].split()[0] == "(model)"
    assert max(map(len, lines)) == len(lines[1])


def test_what_is_not_called_has_no_output():
    class Lazy(tg.Module):
        def __init__(self):
            self.used, self.unused = layers.Dense(3, 2), layers.Dense(3, 4)

        def forward(self, x):
            return self.used(x).sum(axis=1)

    found = rows(Lazy(), (3,))
    assert [row.output_shape for row in found.values()] == [(), (2,), None]
    lines = [line.split() for line in str(Lazy().summary((3,))).splitlines()]
    assert ["unused", "Dense", "-", "16", "0"] in lines
    assert ["(model)", "Lazy", "()", "0", "0"] in lines


def test_a_shared_parameter_counts_once():
    class Tied(tg.Module):
        def __init__(self):
            self.a, self.b = layers.Dense(3, 3), layers.Dense(3, 3)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x))

    summary = Tied().summary((3,))
    assert summary.parameters == 9 + 3 + 3
    assert summary.multiply_adds == 18


def test_a_summary_leaves_the_model_as_it_was():
    model = layers.Sequential(layers.Dense(2, 2), layers.Dropout(0.5))
    model[1].eval()
    model.summary((2,))
    assert [m.training for m in model.modules()] == [True, True, False]
    with pytest.raises(tg.ShapeError):
        model.summary((3,))
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_the_dtype_of_the_sample():
    seen = []

    class Model(tg.Module):
        def forward(self, x):
            seen.append(x.dtype)
            return x

    Model().summary((2,), "int64")
    assert seen == ["int64"]
