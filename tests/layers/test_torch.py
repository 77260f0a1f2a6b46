"""A state_dict loads on PyTorch's side as it is, and gives equal outputs (optional)."""

import numpy as np
import pytest

from tinygrad_lite import layers

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batched", [True, False])
def test_recurrent(rng, kind, bias, batched):
    arguments = {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": bias}
    ours = getattr(layers, kind)(3, 5, **arguments).astype("float64")
    theirs = getattr(torch.nn, kind)(3, 5, **arguments).double()
    theirs.load_state_dict({n: torch.tensor(a) for n, a in ours.state_dict().items()})
    shape = (2, 7, 3) if batched else (7, 3)
    x = rng.standard_normal(shape)
    start = rng.standard_normal((2, 4, 2, 5) if batched else (2, 4, 5))
    given = tuple(start) if kind == "LSTM" else start[0]
    asked = tuple(map(torch.tensor, start)) if kind == "LSTM" else torch.tensor(start[0])
    for mine, other in [
        (ours(x), theirs(torch.tensor(x))),
        (ours(x, given), theirs(torch.tensor(x), asked)),
    ]:
        for a, b in zip(_flat(mine), _flat(other), strict=True):
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-10)
    back = getattr(layers, kind)(3, 5, **arguments)
    back.load_state_dict(theirs.state_dict())
    for name, array in ours.state_dict().items():
        np.testing.assert_allclose(back.state_dict()[name], array, atol=1e-7)


def _flat(results):
    if isinstance(results, tuple):
        return [part for result in results for part in _flat(result)]
    return [results]


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
