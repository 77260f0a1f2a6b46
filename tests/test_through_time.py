"""Truncated BPTT against loops written out by hand, in float64."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers

N, T, F, H = 2, 12, 3, 4  # F: features of x
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


@pytest.fixture
def data(rng):
    return rng.standard_normal((N, T, F)), rng.standard_normal((N, T, H))


def layer_of(kind, **options):
    return kind(F, H, **options).astype("float64")


def squares(outputs, targets):
    return ((outputs - targets) ** 2).sum()


def gradients(layer, x, y, *, batch_first=True, **how):
    """The sum of the gradients of all chunks, and the steps that came with outputs."""
    layer.zero_grad()
    seen = []
    for outputs, steps, _ in tg.truncated_bptt(layer, x, batch_first=batch_first, **how):
        squares(outputs, y[:, steps] if batch_first else y[steps]).backward()
        seen += range(*steps.indices(T))
    return [p.grad.numpy().copy() for p in layer.parameters()], seen


def naive_gradients(layer, x, y, k1, k2):
    """The same for a tanh RNN, by the definition: at each stop, k2 steps back and no further."""
    w, u, b, c = (getattr(layer, name).numpy() for name in NAMES)
    h = [np.zeros((N, H))]
    for t in range(T):
        h.append(np.tanh(x[:, t] @ w.T + b + h[-1] @ u.T + c))
    dw, du, db = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    previous = 0
    for stop in [t for t in range(1, T + 1) if t % k1 == 0 or t == T]:
        dh = np.zeros((N, H))
        for t in range(stop - 1, max(-1, stop - k2 - 1), -1):
            if t >= previous:  # an error that no earlier stop has carried back
                dh = dh + 2 * (h[t + 1] - y[:, t])
            da = dh * (1 - h[t + 1] ** 2)
            dw, du, db = dw + da.T @ x[:, t], du + da.T @ h[t], db + da.sum(axis=0)
            dh = da @ u
        previous = stop
    return [dw, du, db, db]


@pytest.mark.parametrize("k1", [1, 3, 4, 5, 12, 20])
@pytest.mark.parametrize("k2", [1, 2, 3, 4, 6, 7, 11, 12, 20])
def test_against_the_definition(data, k1, k2):
    x, y = data
    layer = layer_of(layers.RNN)
    found, seen = gradients(layer, x, y, k1=k1, k2=k2)
    for a, b in zip(found, naive_gradients(layer, x, y, k1, k2), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    stops = [t for t in range(1, T + 1) if t % k1 == 0 or t == T]
    before = [0, *stops[:-1]]
    assert seen == [t for a, b in zip(before, stops, strict=True) for t in range(max(a, b - k2), b)]


@pytest.mark.parametrize("kind", [layers.RNN, layers.LSTM, layers.GRU])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2}])
def test_all_the_way_it_is_full_bptt(data, kind, options):
    x, y = data
    layer = layer_of(kind, **options)
    found, seen = gradients(layer, x, y, k1=T)
    assert seen == [*range(T)]
    layer.zero_grad()
    squares(layer(x)[0], y).backward()
    for a, p in zip(found, layer.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), atol=1e-12)


@pytest.mark.parametrize("kind", [layers.RNN, layers.LSTM, layers.GRU])
def test_every_error_all_the_way_back_is_full_bptt_too(data, kind):
    x, y = data
    layer = layer_of(kind)
    for a, b in zip(
        gradients(layer, x, y, k1=2, k2=T)[0], gradients(layer, x, y, k1=T)[0], strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("kind", [layers.RNN, layers.LSTM, layers.GRU])
@pytest.mark.parametrize("k", [1, 4, 6])
def test_equal_steps_are_pieces_cut_by_hand(data, kind, k):
    x, y = data
    layer = layer_of(kind)
    found, _ = gradients(layer, x, y, k1=k)
    layer.zero_grad()
    state = None
    for begin in range(0, T, k):
        outputs, state = layer(x[:, begin : begin + k], tg.detach_state(state))
        squares(outputs, y[:, begin : begin + k]).backward()
    for a, p in zip(found, layer.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), atol=1e-12)


def test_time_first_and_a_state_to_go_on_with(data):
    x, y = data
    layer = layer_of(layers.LSTM, batch_first=False)
    x, y = x.swapaxes(0, 1), y.swapaxes(0, 1)
    found, seen = gradients(layer, x, y, k1=4, batch_first=False)
    assert seen == [*range(T)]
    layer.zero_grad()
    state = None
    for half in (slice(0, 8), slice(8, T)):
        for outputs, steps, end in tg.truncated_bptt(
            layer, x[half], 4, state=state, batch_first=False
        ):
            squares(outputs, y[half][steps]).backward()
            assert not any(part.requires_grad for part in end)
            state = end
    for a, p in zip(found, layer.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), atol=1e-12)


def test_an_initial_state_can_be_learned(data):
    x, y = data
    layer = layer_of(layers.RNN)
    start = tg.zeros(1, N, H, dtype="float64", requires_grad=True)
    chunks = tg.truncated_bptt(layer, x, 3, state=start)
    for outputs, steps, _ in chunks:
        squares(outputs, y[:, steps]).backward()
    learned = start.grad.numpy().copy()
    start.grad = None
    squares(layer(x[:, :3], start)[0], y[:, :3]).backward()
    np.testing.assert_allclose(learned, start.grad.numpy(), atol=1e-12)


def test_weights_may_change_between_the_stops(data):
    """A step of descent at each stop: the chunks that follow run with the new weights."""
    x, y = data
    ours, manual = layer_of(layers.RNN), layer_of(layers.RNN)
    manual.load_state_dict(ours.state_dict())
    for layer, chunks in ((ours, tg.truncated_bptt(ours, x, 3)), (manual, None)):
        optimizer = tg.optim.SGD(layer.parameters(), lr=0.01)
        state = None
        for begin in range(0, T, 3):
            steps = slice(begin, begin + 3)
            if chunks is None:
                outputs, state = layer(x[:, steps], tg.detach_state(state))
            else:
                outputs, given, _ = next(chunks)
                assert given == steps
            optimizer.zero_grad()
            squares(outputs, y[:, steps]).backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), manual.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-12)


def test_no_graph_spans_more_than_k2_steps(data):
    """In plain ops, a tanh a step: on the newest output hang k2 of them and no more."""

    def run(x, h):
        h = tg.zeros(N, F) if h is None else h
        outputs = []
        for t in range(x.shape[1]):
            h = tg.tanh(x[:, t] * weight + h)
            outputs.append(h)
        return tg.stack(outputs, axis=1), h

    weight = tg.ones(F, requires_grad=True)
    spans = []
    for outputs, _, _ in tg.truncated_bptt(run, data[0].astype("float32"), 2, 5):
        vertices, stack = {}, [outputs]
        while stack:
            vertex = stack.pop()
            vertices[id(vertex)] = vertex
            stack += vertex.parents
        spans.append(sum(v.op is tg.tanh.op for v in vertices.values()))
    assert spans == [2, 4, 5, 5, 5, 5]


def test_detach_state_keeps_the_nest_and_the_values():
    h = tg.ones(2, requires_grad=True) * 3
    s = tg.Scalar(2.0) * 2
    nest = tg.detach_state((h, (h, [h, None]), {"s": s}))
    assert nest[0].tolist() == nest[1][0].tolist() == nest[1][1][0].tolist() == [3.0, 3.0]
    assert not any(x.requires_grad for x in (nest[0], nest[1][0], nest[1][1][0], nest[2]["s"]))
    assert nest[1][1][1] is None
    assert nest[2]["s"].data == 4.0
    assert h.requires_grad
    assert tg.detach_state(None) is None
    assert tg.detach_state(h).tolist() == [3.0, 3.0]
