"""The neural functions in PyTorch, where it is installed: values and gradients."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional as F

torch = pytest.importorskip("torch")

# name, shapes of the operands, parameters; here `axis` is PyTorch's `dim`
CASES = [
    ("relu", [(3, 4)], {}),
    ("leaky_relu", [(3, 4)], {}),
    ("leaky_relu", [(3, 4)], {"negative_slope": 0.3}),
    ("prelu", [(3, 4), (1,)], {}),
    ("prelu", [(5,), (1,)], {}),
    ("prelu", [(), (1,)], {}),
    ("prelu", [(2, 3, 4), (3,)], {}),
    ("elu", [(3, 4)], {"alpha": 0.7}),
    ("selu", [(3, 4)], {}),
    ("celu", [(3, 4)], {"alpha": 0.5}),
    ("celu", [(3, 4)], {"alpha": -2.0}),
    ("gelu", [(3, 4)], {}),
    ("gelu", [(3, 4)], {"approximate": "tanh"}),
    ("silu", [(3, 4)], {}),
    ("mish", [(3, 4)], {}),
    ("softplus", [(3, 4)], {}),
    ("softplus", [(3, 4)], {"beta": 2.0, "threshold": 1.0}),
    ("sigmoid", [(3, 4)], {}),
    ("logsigmoid", [(3, 4)], {}),
    ("hardtanh", [(3, 4)], {}),
    ("hardtanh", [(3, 4)], {"min_val": -0.3, "max_val": 1.1}),
    ("hardsigmoid", [(3, 4)], {}),
    ("hardswish", [(3, 4)], {}),
    ("relu6", [(3, 4)], {}),
    ("softsign", [(3, 4)], {}),
    ("tanh", [(3, 4)], {}),
    ("tanhshrink", [(3, 4)], {}),
    ("softshrink", [(3, 4)], {}),
    ("softshrink", [(3, 4)], {"lambd": 1.1}),
    ("hardshrink", [(3, 4)], {}),
    ("hardshrink", [(3, 4)], {"lambd": 1.1}),
    ("threshold", [(3, 4)], {"threshold": 0.4, "value": -7.0}),
    ("glu", [(3, 4)], {}),
    ("glu", [(3, 4, 2)], {"axis": 1}),
    ("softmax", [(3, 4)], {"axis": 0}),
    ("log_softmax", [(3, 4)], {"axis": 1}),
    ("softmin", [(3, 4)], {"axis": -1}),
    ("layer_norm", [(2, 3, 4)], {"normalized_shape": (4,)}),
    ("layer_norm", [(2, 3, 4), (3, 4), (3, 4)], {"normalized_shape": (3, 4), "eps": 0.1}),
    ("layer_norm", [(2, 3, 4), (4,)], {"normalized_shape": (4,)}),
    ("rms_norm", [(2, 3, 4)], {"normalized_shape": (4,)}),
    ("rms_norm", [(2, 3, 4), (3, 4)], {"normalized_shape": (3, 4), "eps": 0.1}),
    ("group_norm", [(2, 6, 3)], {"num_groups": 3}),
    ("group_norm", [(2, 6, 3, 2), (6,), (6,)], {"num_groups": 2, "eps": 0.1}),
    ("group_norm", [(2, 6), (6,), (6,)], {"num_groups": 2}),
    ("instance_norm", [(2, 3, 4)], {}),
    ("local_response_norm", [(2, 5, 4)], {"size": 2}),
    ("local_response_norm", [(2, 5, 4, 3)], {"size": 3, "alpha": 0.5, "beta": 0.6, "k": 2.0}),
    ("normalize", [(2, 3, 4)], {}),
    ("normalize", [(2, 3, 4)], {"p": 1.0, "axis": -1}),
    ("normalize", [(2, 3, 4)], {"p": 3.5, "axis": 0, "eps": 100.0}),
    ("normalize", [(2, 3, 4)], {"p": float("inf"), "axis": 1}),
    ("scaled_dot_product_attention", [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2)], {}),
    ("scaled_dot_product_attention", [(2, 4, 5), (2, 6, 5), (2, 6, 2), (4, 6)], {"scale": 0.7}),
    ("scaled_dot_product_attention", [(4, 5), (6, 5), (6, 2)], {"is_causal": True}),
    ("scaled_dot_product_attention", [(2, 6, 5), (2, 4, 5), (2, 4, 3)], {"is_causal": True}),
    ("cosine_similarity", [(3, 4), (3, 4)], {}),
    ("cosine_similarity", [(3, 4, 2), (4, 1)], {"axis": -2, "eps": 0.1}),
    ("pairwise_distance", [(3, 4), (3, 4)], {}),
    ("pairwise_distance", [(3, 4), (4,)], {"p": 1.0, "keepdim": True}),
    ("pairwise_distance", [(3, 4), (3, 4)], {"p": 0.5, "eps": 0.1}),
    ("pairwise_distance", [(3, 4), (3, 4)], {"p": float("inf")}),
    ("pairwise_distance", [(3, 4), (3, 4)], {"p": float("-inf")}),
    ("pairwise_distance", [(3, 4), (3, 4)], {"p": 0.0}),
    ("bilinear", [(2, 3), (2, 4), (5, 3, 4)], {}),
    ("bilinear", [(2, 6, 3), (2, 6, 4), (5, 3, 4), (5,)], {}),
    ("linear", [(2, 6, 3), (4, 3), (4,)], {}),
    ("pad", [(2, 3, 4)], {"pad": (1, 2)}),
    ("pad", [(2, 3, 4)], {"pad": (-1, 2, 3, -2), "value": 5.0}),
    ("pad", [(2, 3, 4)], {"pad": (-3, -1)}),
    ("pad", [(2, 3, 4)], {"pad": (3, 2), "mode": "reflect"}),
    ("pad", [(2, 3, 4, 5)], {"pad": (4, -2, 1, 3), "mode": "reflect"}),
    ("pad", [(2, 3, 4, 5)], {"pad": (7, 2, 0, 1), "mode": "replicate"}),
    ("pad", [(2, 3, 4, 5)], {"pad": (5, 2, 0, 4), "mode": "circular"}),
    ("unfold", [(2, 3, 5, 6)], {"kernel_size": 2}),
    (
        "unfold",
        [(2, 3, 7, 8)],
        {"kernel_size": (2, 3), "dilation": (3, 2), "padding": (1, 2), "stride": (2, 1)},
    ),
    ("fold", [(2, 12, 20)], {"output_size": (5, 6), "kernel_size": 2}),
    (
        "fold",
        [(2, 18, 32)],
        {
            "output_size": (7, 8),
            "kernel_size": (2, 3),
            "dilation": (1, 2),
            "padding": (1, 2),
            "stride": (2, 1),
        },
    ),
    ("pixel_shuffle", [(2, 12, 2, 3)], {"upscale_factor": 2}),
    ("pixel_shuffle", [(9, 2, 3)], {"upscale_factor": 3}),
    ("pixel_unshuffle", [(2, 3, 4, 6)], {"downscale_factor": 2}),
]
CHANGES = [{"size": 7}, {"size": 3}, {"size": 1}, {"scale_factor": 1.7}, {"scale_factor": 0.6}]
for mode, shape in [
    ("linear", (2, 3, 5)),
    ("bilinear", (2, 3, 5, 4)),
    ("trilinear", (1, 2, 3, 4, 2)),
]:
    for change in [*CHANGES, {"size": (6, 4, 5)[: len(shape) - 2]}]:
        CASES += [("interpolate", [shape], change)]
        for align_corners in (False, True):
            given = change | {"mode": mode, "align_corners": align_corners}
            CASES += [("interpolate", [shape], given)]

# parameters that stand before the weight
EARLY = {
    "group_norm": ["num_groups"],
    "layer_norm": ["normalized_shape"],
    "rms_norm": ["normalized_shape"],
}
# PyTorch computes 1 / 6 in float32
ROUGH = {"hardsigmoid": 1e-7}


def run(name, library, arrays, params):
    """The result, and the gradients of the arrays, of our function or of PyTorch's."""
    params = dict(params)
    if library is torch:
        xs = [torch.tensor(a, requires_grad=True) for a in arrays]
        if "axis" in params:
            params["dim"] = params.pop("axis")
        function = getattr(torch.nn.functional, name)
    else:
        xs = [tg.tensor(a, requires_grad=True) for a in arrays]
        function = getattr(F, name)
    early = [params.pop(key) for key in EARLY.get(name, [])]
    y = function(xs[0], *early, *xs[1:], **params)
    weight = np.cos(np.arange(np.prod(y.shape))).reshape(tuple(y.shape))
    y.backward(torch.tensor(weight) if library is torch else weight)
    zeros = [np.zeros(a.shape) for a in arrays]
    gradients = [
        zero if x.grad is None else x.grad.numpy() for x, zero in zip(xs, zeros, strict=True)
    ]
    return [y.detach().numpy(), *gradients]


@pytest.mark.parametrize(("name", "shapes", "params"), CASES)
def test_values_and_gradients(rng, name, shapes, params):
    arrays = [2 * rng.standard_normal(shape) for shape in shapes]
    ours, theirs = (run(name, library, arrays, params) for library in (tg, torch))
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=ROUGH.get(name, 1e-9), atol=1e-11)


def test_every_neural_function_is_compared():
    compared = {name for name, _, _ in CASES} | {"batch_norm", "embedding", "one_hot"}
    random = {"alpha_dropout", "dropout", "dropout1d", "dropout2d"}
    ours_alone = {"log_sigmoid", "maxout"}
    elsewhere = {"gru_cell", "jordan_cell", "lstm_cell", "rnn_cell"}
    for family in ("conv", "pool", "recurrent", "regression", "probability", "classification"):
        elsewhere |= {*getattr(tg.ops, family).__all__}
    elsewhere |= {*tg.ops.margin.__all__, *tg.ops.ctc.__all__}
    assert {*F.__all__} == compared | random | ours_alone | elsewhere


KINKS = {
    "elu": [0.0],
    "selu": [0.0],
    "celu": [0.0],
    "relu": [0.0],
    "leaky_relu": [0.0],
    "relu6": [0.0, 6.0],
    "hardtanh": [-1.0, 1.0],
    "hardsigmoid": [-3.0, 3.0],
    "hardswish": [-3.0, 3.0],
    "softshrink": [-0.5, 0.5],
    "hardshrink": [-0.5, 0.5],
    "softsign": [0.0],
    "softplus": [20.0, np.nextafter(20.0, 21.0)],
    "threshold": [1.0],
    "normalize": [[0.0, 0.0]],
}
KINKS |= {
    name: [*KINKS.get(name, []), -1000.0, 1000.0]
    for name, shapes, params in CASES
    if shapes == [(3, 4)] and not params
}
OPTIONS = {"threshold": {"threshold": 1.0, "value": 7.0}, "normalize": {"p": 2.0}}


@pytest.mark.parametrize("name", KINKS)
def test_kinks_and_far_away(name):
    """Gradients at kinks, and values and gradients at ±1000."""
    ours, theirs = (
        run(name, library, [np.array(KINKS[name])], OPTIONS.get(name, {}))
        for library in (tg, torch)
    )
    for mine, other in zip(ours, theirs, strict=True):
        assert np.isfinite(mine).all()
        np.testing.assert_allclose(mine, other, rtol=ROUGH.get(name, 1e-12), atol=1e-15)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (2, 3, 4, 2)])
def test_running_statistics(rng, name, shape, affine, training):
    if name == "instance_norm" and len(shape) == 2:
        return
    data = 2 * rng.standard_normal(shape) + 1
    weights = rng.standard_normal((2, 3)) if affine else []
    start = [rng.standard_normal(3), 1 + rng.random(3)]
    key = "training" if name == "batch_norm" else "use_input_stats"
    answers = []
    for make, functions in [(tg.tensor, F), (torch.tensor, torch.nn.functional)]:
        x, *parameters = (make(a, requires_grad=True) for a in (data, *weights))
        running = [make(a) for a in start]
        y = getattr(functions, name)(
            x, *running, *parameters, **{key: training}, momentum=0.3, eps=0.01
        )
        y.backward(make(np.cos(data)))
        gradients = [p.grad.numpy() for p in (x, *parameters)]
        answers.append([y.detach().numpy(), *gradients, *(r.numpy() for r in running)])
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    assert (answers[0][-1] == start[1]).all() != training


MASKS = {
    "boolean": np.array([[True, False, True], [False] * 3, [True] * 3, [False, False, True]]),
    "float": np.array([[0.5, -np.inf, 2.0], [-np.inf] * 3, [0.0, 1.0, -1.0], [0.0, 0.0, 0.0]]),
}


@pytest.mark.parametrize("kind", MASKS)
def test_attention_masks(rng, kind):
    """With a row that allows nothing."""
    arrays = [rng.standard_normal(shape) for shape in ((2, 4, 5), (2, 3, 5), (2, 3, 2))]
    answers = []
    for make, functions in [(tg.tensor, F), (torch.tensor, torch.nn.functional)]:
        q, k, v = (make(a, requires_grad=True) for a in arrays)
        y = functions.scaled_dot_product_attention(q, k, v, make(MASKS[kind]))
        y.backward(make(np.cos(np.arange(16.0)).reshape(2, 4, 2)))
        answers.append([y.detach().numpy(), *(x.grad.numpy() for x in (q, k, v))])
    for mine, other in zip(*answers, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-11)
    assert not answers[0][0][:, 1].any()


@pytest.mark.parametrize("padding_idx", [None, 1, -1])
def test_embedding(rng, padding_idx):
    table, indices = rng.standard_normal((4, 3)), np.array([[0, 1, 1], [3, 0, 3]])
    ours = tg.tensor(table, requires_grad=True)
    theirs = torch.tensor(table, requires_grad=True)
    y = F.embedding(indices, ours, padding_idx=padding_idx)
    z = torch.nn.functional.embedding(torch.tensor(indices), theirs, padding_idx=padding_idx)
    weight = np.cos(np.arange(18.0)).reshape(2, 3, 3)
    y.backward(weight)
    z.backward(torch.tensor(weight))
    np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy())
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("num_classes", [-1, 6])
def test_one_hot(num_classes):
    labels = np.array([[0, 3], [2, 2]])
    y = F.one_hot(tg.tensor(labels), num_classes)
    z = torch.nn.functional.one_hot(torch.tensor(labels), num_classes)
    assert y.dtype == np.int64
    np.testing.assert_array_equal(y.numpy(), z.numpy())
