"""Every registered layer keeps the contract; none is forgotten."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import contract, layers

# name: cases of (make, input shape, further arguments of check_layer)
CASES = {
    "dense": [
        (lambda: layers.Dense(4, 3), (4,), {"rejects": [(3, 5), (3, 4, 1), ()]}),
        (lambda: layers.Dense(1, 2, bias=False), (3, 1), {"rejects": [(3, 2)]}),
    ],
    "conv2d": [
        (
            lambda: layers.Conv2d(2, 3, 3, padding=1),
            (2, 5, 4),
            {"rejects": [(2, 5, 4), (1, 3, 5, 4), (1, 5, 4, 2), (1, 2, 0, 4), (1, 1, 2, 5, 4)]},
        ),
        (
            lambda: layers.Conv2d(1, 2, (2, 3), stride=(2, 1), padding=(0, 1), bias=False),
            (1, 5, 3),
            {"rejects": [(1, 1, 1, 3)]},
        ),
        (lambda: layers.Conv2d(3, 1, 1), (3, 1, 1), {}),
        (lambda: layers.Conv2d(2, 4, 3, padding="same", dilation=2, groups=2), (2, 3, 2), {}),
        *(
            (
                lambda mode=mode: layers.Conv2d(1, 2, 3, padding=(1, 2), padding_mode=mode),
                (1, 3, 3),
                {"rejects": [(1, 1, 0, 3)]},
            )
            for mode in ("reflect", "replicate", "circular")
        ),
    ],
    "conv1d": [
        (
            lambda: layers.Conv1d(2, 3, 3, stride=2, padding=1),
            (2, 5),
            {"rejects": [(2, 5), (1, 5, 2), (1, 2, 0), (1, 2, 5, 1)]},
        ),
        (
            lambda: layers.Conv1d(2, 2, 2, padding="same", groups=2, padding_mode="circular"),
            (2, 3),
            {},
        ),
    ],
    "conv3d": [
        (
            lambda: layers.Conv3d(1, 2, (2, 1, 2), padding=(0, 1, 0), bias=False),
            (1, 2, 2, 3),
            {"rejects": [(1, 2, 2, 3), (1, 2, 2, 2, 3), (1, 1, 1, 2, 3)]},
        ),
        (lambda: layers.Conv3d(2, 2, 1, groups=2), (2, 1, 2, 1), {}),
    ],
    "conv_transpose1d": [
        (
            lambda: layers.ConvTranspose1d(2, 3, 3, 2, 1, 1),
            (2, 3),
            {"rejects": [(2, 3), (1, 3, 2), (1, 2, 0)]},
        ),
        (lambda: layers.ConvTranspose1d(2, 4, 2, groups=2, bias=False, dilation=2), (2, 1), {}),
    ],
    "conv_transpose2d": [
        (
            lambda: layers.ConvTranspose2d(2, 1, (2, 3), stride=(2, 1), output_padding=(1, 0)),
            (2, 2, 3),
            {"rejects": [(2, 2, 3), (1, 4, 3, 2), (1, 2, 0, 3)]},
        ),
        (lambda: layers.ConvTranspose2d(2, 2, 3, padding=1, groups=2), (2, 2, 1), {}),
    ],
    "max_pool1d": [
        (lambda: layers.MaxPool1d(2), (2, 5), {"rejects": [(2, 5), (1, 2, 1), (1, 2, 5, 1)]}),
        (lambda: layers.MaxPool1d((3,), 2, 1, 2, True, True), (1, 6), {}),
    ],
    "max_pool2d": [
        (lambda: layers.MaxPool2d(2), (2, 5, 4), {"rejects": [(2, 5, 4), (1, 2, 1, 4)]}),
        (lambda: layers.MaxPool2d((2, 3), stride=1), (1, 3, 4), {}),
        (lambda: layers.MaxPool2d(3, 2, 1, ceil_mode=True, return_indices=True), (1, 4, 3), {}),
    ],
    "avg_pool1d": [
        (lambda: layers.AvgPool1d(2), (2, 5), {"rejects": [(2, 5), (1, 2, 1), (1, 2, 5, 1)]}),
        (lambda: layers.AvgPool1d(3, 2, 1, True, False), (1, 6), {}),
    ],
    "avg_pool2d": [
        (lambda: layers.AvgPool2d(2), (2, 5, 4), {"rejects": [(2, 5, 4), (1, 2, 1, 4)]}),
        (lambda: layers.AvgPool2d(3, stride=(1, 2)), (1, 4, 5), {}),
        (lambda: layers.AvgPool2d(3, 2, 1, True, False), (1, 4, 4), {}),
    ],
    "adaptive_avg_pool1d": [
        (lambda: layers.AdaptiveAvgPool1d(3), (2, 5), {"rejects": [(2, 5), (1, 2, 0)]}),
    ],
    "adaptive_avg_pool2d": [
        (lambda: layers.AdaptiveAvgPool2d((2, None)), (2, 5, 3), {"rejects": [(2, 5, 3)]}),
        (lambda: layers.AdaptiveAvgPool2d(1), (1, 2, 3), {"rejects": [(1, 1, 0, 3)]}),
    ],
    "global_avg_pool2d": [
        (layers.GlobalAvgPool2d, (2, 3, 2), {"rejects": [(2, 3, 2), (1, 2, 0, 2)]}),
        (lambda: layers.GlobalAvgPool2d(keepdims=True), (2, 3, 2), {}),
    ],
    "max_unpool2d": [
        (lambda: layers.MaxUnpool2d(2), (2, 2, 3), {"rejects": [(2, 2, 3)]}),
        (
            lambda: layers.MaxUnpool2d(2, stride=1),
            (1, 2, 2),
            {"call": lambda layer, x: layer(x, np.broadcast_to([[0, 1], [5, 8]], x.shape))},
        ),
    ],
    "upsample": [
        (lambda: layers.Upsample(scale_factor=2), (1, 2, 3), {"rejects": [(2, 3), (1, 1, 0, 2)]}),
        (lambda: layers.Upsample((3, 4), mode="bilinear", align_corners=True), (1, 2, 3), {}),
        (lambda: layers.Upsample(5, mode="linear"), (2, 3), {"rejects": [(1, 2, 3, 3)]}),
    ],
    "inception": [
        (
            lambda: layers.Inception(2, 1, 2, 2, 1, 1, 3),
            (2, 3, 2),
            {"rejects": [(2, 3, 2), (1, 3, 3, 2), (1, 3, 4, 2), (1, 2, 0, 2)]},
        ),
    ],
    "maxout": [
        (lambda: layers.Maxout(3, 2), (3,), {"rejects": [(2, 4), ()]}),
        (lambda: layers.Maxout(2, 3, pieces=4, bias=False), (3, 2), {}),
        (lambda: layers.Maxout(2, 2, pieces=1), (2,), {}),
    ],
    "maxout2d": [
        (
            lambda: layers.Maxout2d(2, 3, 2),
            (2, 3, 4),
            {"rejects": [(2, 3, 4), (1, 3, 3, 4), (1, 3, 4, 2), (1, 2, 1, 4)]},
        ),
        (lambda: layers.Maxout2d(1, 2, (2, 3), 3, (2, 1), "valid", False), (1, 4, 3), {}),
    ],
    "flatten": [
        (layers.Flatten, (2, 3, 2), {"rejects": [()]}),
        (layers.Flatten, (), {}),
    ],
    "dropout": [
        (lambda: layers.Dropout(0.3), (12,), {"stochastic": True}),
        (lambda: layers.Dropout(0.0), (5,), {}),
        (lambda: layers.Dropout(1.0), (5,), {}),
    ],
    "dropout2d": [
        (lambda: layers.Dropout2d(0.3), (6, 2, 1), {"stochastic": True, "rejects": [(2, 3)]}),
        (lambda: layers.Dropout2d(0.0), (2, 1, 2), {}),
    ],
    "batch_norm1d": [
        (lambda: layers.BatchNorm1d(3), (3,), {"rejects": [(2, 4), (3,), (), (2, 3, 1, 1)]}),
        (lambda: layers.BatchNorm1d(2, eps=0.1, momentum=None), (2, 4), {"rejects": [(2, 4, 2)]}),
        (lambda: layers.BatchNorm1d(1, affine=False), (1, 2), {}),
    ],
    "batch_norm2d": [
        (
            lambda: layers.BatchNorm2d(3),
            (3, 2, 2),
            {"rejects": [(2, 4, 2, 2), (2, 2, 2, 3), (3, 2, 2), (2, 3), ()]},
        ),
        (lambda: layers.BatchNorm2d(2, eps=0.1, momentum=None, affine=False), (2, 1, 1), {}),
    ],
    "instance_norm2d": [
        (
            lambda: layers.InstanceNorm2d(3),
            (3, 2, 2),
            {"rejects": [(2, 4, 2, 2), (3, 2, 2), (2, 3), ()]},
        ),
        (
            lambda: layers.InstanceNorm2d(2, affine=True, track_running_stats=True),
            (2, 2, 3),
            {"rejects": [(2, 3, 2, 3)]},
        ),
    ],
    "layer_norm": [
        (lambda: layers.LayerNorm(4), (4,), {"rejects": [(2, 3), ()]}),
        (lambda: layers.LayerNorm((3, 2), bias=False), (2, 3, 2), {"rejects": [(2, 2, 3)]}),
        (lambda: layers.LayerNorm([2], 0.1, elementwise_affine=False), (3, 2), {}),
    ],
    "group_norm": [
        (lambda: layers.GroupNorm(2, 4), (4, 3), {"rejects": [(2, 3, 3), (2, 2, 3), (4,), ()]}),
        (lambda: layers.GroupNorm(1, 3, affine=False), (3, 2, 1), {"rejects": [(2, 4, 2, 1)]}),
        (lambda: layers.GroupNorm(3, 6), (6,), {"rejects": [(2, 3)]}),
    ],
    "local_response_norm": [
        (lambda: layers.LocalResponseNorm(3, 0.5), (4, 2), {"rejects": [(2, 4), ()]}),
        (lambda: layers.LocalResponseNorm(2, k=2.0), (3, 1, 2), {}),
    ],
    "relu": [(layers.ReLU, (4, 2), {})],
    "sigmoid": [(layers.Sigmoid, (4, 2), {})],
    "tanh": [(layers.Tanh, (4, 2), {})],
    "softplus": [(layers.Softplus, (4, 2), {})],
    "silu": [(layers.SiLU, (4, 2), {})],
    "leaky_relu": [(lambda: layers.LeakyReLU(0.2), (4, 2), {})],
    "elu": [(lambda: layers.ELU(0.7), (4, 2), {})],
    "softmax": [
        (layers.Softmax, (4,), {}),
        (lambda: layers.Softmax(axis=1), (4, 2), {"rejects": [(3,)]}),
    ],
    "sequential": [
        (layers.Sequential, (3,), {}),
        (
            lambda: layers.Sequential(
                layers.Conv2d(1, 2, 2),
                layers.Tanh(),
                layers.MaxPool2d(2),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(8, 3),
            ),
            (1, 5, 5),
            {"stochastic": True, "rejects": [(1, 5, 5), (1, 1, 6, 7)]},
        ),
    ],
    "basic_block": [
        (
            lambda: layers.BasicBlock(2, 2),
            (2, 3, 4),
            {"rejects": [(2, 3, 4), (2, 3, 3, 4), (2, 3, 4, 2), (0, 2, 3, 4)]},
        ),
        (lambda: layers.BasicBlock(2, 3, 2), (2, 5, 4), {}),
        (lambda: layers.BasicBlock(1, 2, 2, "A"), (1, 3, 3), {}),
    ],
    "bottleneck": [
        (lambda: layers.Bottleneck(4, 1), (4, 3, 2), {"rejects": [(2, 3, 3, 2), (4, 3, 2)]}),
        (lambda: layers.Bottleneck(2, 1, 2), (2, 3, 4), {}),
        (lambda: layers.Bottleneck(3, 1, 2, "A"), (3, 3, 3), {}),
    ],
    "squeeze_excitation": [
        (
            lambda: layers.SqueezeExcitation(4, 2),
            (4, 3, 2),
            {"rejects": [(2, 3, 3, 2), (4, 3, 2), (1, 4, 0, 2)]},
        ),
    ],
    "highway": [
        (lambda: layers.Highway(3), (3,), {"rejects": [(2, 4), ()]}),
        (lambda: layers.Highway(2, 0.5, "tanh"), (2, 2), {}),
    ],
    "highway_conv2d": [
        (
            lambda: layers.HighwayConv2d(2),
            (2, 3, 2),
            {"rejects": [(2, 3, 3, 2), (2, 3, 2), (1, 2, 0, 2)]},
        ),
        (lambda: layers.HighwayConv2d(1, (1, 2), nonlinearity="tanh"), (1, 2, 3), {}),
    ],
    "rbm": [
        (
            lambda: layers.RBM(4, 3),
            (4,),
            {"call": lambda rbm, v: rbm.reconstruct(v), "rejects": [(3, 5), ()]},
        ),
        (lambda: layers.RBM(4, 3), (4,), {"call": lambda rbm, v: rbm.free_energy(v)}),
    ],
}
RECURRENT = {
    "rnn": (layers.RNN, [{"nonlinearity": "relu"}, {"nonlinearity": "linear"}]),
    "jordan": (layers.Jordan, [{"output_size": 3, "output_nonlinearity": "sigmoid"}]),
    "gru": (layers.GRU, [{"reset_after": False}]),
    "lstm": (
        layers.LSTM,
        [
            {"forget_bias": 1.0},
            {"peephole": True},
            {"coupled": True, "peephole": True},
            {"layer_norm": True},
            {"proj_size": 1},
        ],
    ),
}
COMMON = [
    {"learned_state": True, "returns": "outputs"},
    {"bidirectional": True, "returns": "last"},
    {"recurrent_init": "orthogonal"},
]
for name, (layer, variants) in RECURRENT.items():
    wrong = {"rejects": [(2, 4, 4), (3,), (), (1, 2, 4, 3), (2, 0, 3)]}
    CASES[name] = [
        (lambda layer=layer: layer(3, 2), (4, 3), wrong),
        (lambda layer=layer: layer(3, 2, num_layers=2, bidirectional=True), (3, 3), wrong),
        (lambda layer=layer: layer(1, 1, bias=False), (1, 1), {}),
        *(
            (lambda layer=layer, options=options: layer(3, 2, **options), (3, 3), wrong)
            for options in [*variants, *COMMON]
        ),
    ]
    CASES[name] += [
        (lambda layer=layer, p=p: layer(3, 2, 2, **{p: 0.4}), (3, 3), {"stochastic": True})
        for p in ("dropout", "recurrent_dropout")
    ]
CELLS = {
    "rnn_cell": (layers.RNNCell, "rnn"),
    "jordan_cell": (layers.JordanCell, "jordan"),
    "gru_cell": (layers.GRUCell, "gru"),
    "lstm_cell": (layers.LSTMCell, "lstm"),
}
for name, (cell, kind) in CELLS.items():
    CASES[name] = [
        (
            lambda cell=cell, options=options: cell(3, 2, **options),
            (3,),
            {"rejects": [(2, 4), (4,), (), (1, 2, 3)]},
        )
        for options in [{}, {"bias": False}, {"recurrent_init": "identity"}, *RECURRENT[kind][1]]
    ]


@pytest.mark.parametrize(
    ("make", "input_shape", "further"),
    [pytest.param(*case, id=f"{name}{i}") for name in CASES for i, case in enumerate(CASES[name])],
)
def test_keeps_the_contract(make, input_shape, further):
    contract.check_layer(make, input_shape, **further)


def test_no_registered_layer_is_missing():
    registered = {
        plugin.name for plugin in tg.plugins.layers.all() if plugin.package == "tinygrad_lite"
    }
    assert registered - {name for name in registered if _is_of_a_test(name)} == set(CASES)


def _is_of_a_test(name):
    return tg.plugins.layers.get(name).__module__.startswith("tests.")


def test_every_public_layer_is_registered():
    classes = {value for value in vars(layers).values() if isinstance(value, type)}
    assert {tg.plugins.layers.get(name) for name in CASES} == classes
    assert {layers.__dict__[name] for name in layers.__all__} == classes
