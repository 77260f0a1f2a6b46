"""Hooks of Modules: what they see, what they change, and when."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers

ORDER = []


class Twice(tg.Module):
    """Two arguments, two results, one of them nested."""

    def forward(self, x, y):
        return x * 2, [y * 3, x * y]


def dense():
    tg.seed(0)
    return layers.Dense(3, 2)


def leaf(*shape):
    return tg.ones(*shape, requires_grad=True)


# -- around forward -------------------------------------------------------------------------------


def test_hooks_see_the_arguments_and_the_result_in_the_order_of_registration():
    layer, x, seen = dense(), tg.ones(1, 3), []
    layer.register_forward_hook(lambda m, args, y: seen.append(("after", m, args, y)))
    layer.register_forward_pre_hook(lambda m, args: seen.append(("before", m, args)))
    layer.register_forward_pre_hook(lambda m, args: seen.append(("second", m, args)))
    y = layer(x)
    assert [s[0] for s in seen] == ["before", "second", "after"]
    assert all(s[1] is layer and s[2] == (x,) for s in seen)
    assert seen[2][3] is y


def test_a_raw_array_arrives_as_a_tensor():
    layer, seen = dense(), []
    layer.register_forward_pre_hook(lambda m, args: seen.append(type(args[0])))
    layer(np.ones((1, 3)))
    assert seen == [tg.Tensor]


def test_what_hooks_return_replaces():
    model = Twice()
    first = model.register_forward_pre_hook(lambda m, args: (args[0] * 10, args[1]))
    second = model.register_forward_hook(lambda m, args, y: y[0] + args[0])
    assert model(tg.tensor(1.0), tg.tensor(1.0)).item() == 30
    first.remove()
    first.remove()
    assert model(tg.tensor(1.0), tg.tensor(1.0)).item() == 3
    second.remove()
    assert model(tg.tensor(1.0), tg.tensor(1.0))[0].item() == 2


def test_one_argument_may_be_returned_without_a_tuple():
    layer = dense()
    layer.register_forward_pre_hook(lambda m, args: args[0] * 0)
    layer.register_forward_hook(lambda m, args, y: y - layer.bias)
    assert layer(tg.ones(1, 3)).tolist() == [[0, 0]]


def test_a_hook_may_remove_itself():
    layer, calls = dense(), []

    def once(module, args):
        calls.append(args)
        handle.remove()

    handle = layer.register_forward_pre_hook(once)
    layer.register_forward_pre_hook(lambda m, args: calls.append(args))
    layer(tg.ones(1, 3))
    layer(tg.ones(1, 3))
    assert len(calls) == 3


def test_inner_modules_have_hooks_of_their_own():
    inner, seen = dense(), []
    inner.register_forward_hook(lambda m, args, y: seen.append(y.shape))
    layers.Sequential(inner, layers.ReLU())(tg.ones(4, 3))
    assert seen == [(4, 2)]


# -- the gradients at both ends -------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_backward_hook_sees_the_gradients_of_both_ends(create_graph):
    layer, x, seen = dense(), leaf(1, 3), []
    layer.register_full_backward_hook(lambda m, given, arriving: seen.append((m, given, arriving)))
    (layer(x) * 5).sum().backward(create_graph=create_graph)
    ((module, (g,), (gy,)),) = seen
    assert module is layer
    assert gy.tolist() == [[5, 5]]
    assert g.tolist() == x.grad.tolist() == (5 * layer.weight.data.sum(axis=0))[None].tolist()
    assert g.requires_grad == create_graph


def test_gradients_are_the_same_with_hooks_that_change_nothing():
    def gradients(hooked):
        model = layers.Sequential(dense(), layers.LSTM(2, 2))
        if hooked:
            for module in model.modules():
                module.register_full_backward_hook(lambda m, given, arriving: None)
                module.register_forward_hook(lambda m, args, y: None)
        x = tg.arange(12.0).reshape(2, 2, 3).requires_grad_()
        out, (h, c) = model(x)
        (out.sum() + (h * h).sum() + 2 * c.sum()).backward()
        return [x.grad.data, *(p.grad.data for p in model.parameters())]

    for one, other in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_several_arguments_and_results_constants_and_what_is_not_used():
    model, seen = Twice(), []
    model.register_full_backward_hook(lambda m, given, arriving: seen.append((given, arriving)))
    x, constant = leaf(), tg.tensor(4.0)
    doubled, [tripled, product] = model(x, constant)
    product.backward()
    (((gx, none), (unused, untracked, g)),) = seen
    assert (gx.item(), none, unused, untracked, g.item()) == (4, None, None, None, 1)
    assert not tripled.requires_grad
    assert doubled.requires_grad


def test_what_a_backward_hook_returns_replaces_the_gradients_of_the_arguments():
    layer, x = dense(), leaf(1, 3)
    layer.register_full_backward_hook(lambda m, given, arriving: given[0] * 0 + 7)
    layer.register_full_backward_hook(lambda m, given, arriving: (given[0].numpy() + 1,))
    layer(x).sum().backward()
    assert x.grad.tolist() == [[8, 8, 8]]
    assert layer.weight.grad.tolist() == [[1, 1, 1], [1, 1, 1]]  # as before


def test_what_a_hook_does_to_what_it_sees_reaches_nobody():
    def spoil(module, given, arriving):
        given[0].data[:] = arriving[0].data[:] = 99

    layer, x = dense(), leaf(1, 3)
    expected = layer.weight.data.sum(axis=0)
    layer.register_full_backward_hook(spoil)
    layer(x).sum().backward()
    assert x.grad.tolist() == [expected.tolist()]


def test_where_no_argument_requires_a_gradient_the_hook_is_called_all_the_same():
    layer, seen = dense(), []
    layer.register_full_backward_hook(lambda m, given, arriving: seen.append((given, arriving)))
    layer(tg.ones(1, 3)).sum().backward()
    assert seen[0][0] == (None,)
    assert seen[0][1][0].tolist() == [[1, 1]]


def test_each_call_and_each_backward_counts():
    layer, x, seen = dense(), leaf(1, 3), []
    layer.register_full_backward_hook(lambda m, given, arriving: seen.append(arriving[0].tolist()))
    y = (layer(x) * 2 + layer(x) * 3).sum()
    y.backward()
    y.backward()
    assert seen == [[[3, 3]], [[2, 2]]] * 2  # the later call first


def test_backward_hooks_do_nothing_under_no_grad():
    layer, seen = dense(), []
    layer.register_full_backward_hook(lambda *given: seen.append(given))
    with tg.no_grad():
        assert not layer(leaf(1, 3)).requires_grad
    assert not seen


def test_second_order_goes_through_hooked_modules():
    layer = layers.Dense(2, 2).astype("float64")
    layer.register_full_backward_hook(lambda m, given, arriving: (given[0] * 1.0,))
    x = tg.tensor([[0.3, -0.4]], "float64", requires_grad=True)
    tg.gradcheck(lambda x: tg.tanh(layer(tg.sin(x))), x, order=2)


def test_it_is_as_in_torch():
    torch = pytest.importorskip("torch")
    seen = {}
    for name, library in (("ours", tg), ("torch", torch)):
        calls = seen[name] = []
        inner = layers.Dense(2, 2) if library is tg else torch.nn.Linear(2, 2)
        with library.no_grad():
            inner.weight.data[:] = 1.0
            inner.bias.data[:] = 0.5
        note = lambda word, c=calls: c.append(word)
        inner.register_forward_pre_hook(lambda m, a, note=note: note(("pre", a[0].tolist())))
        inner.register_forward_hook(lambda m, a, y, note=note: note(("post", y.tolist())))
        inner.register_full_backward_hook(
            lambda m, gi, go, note=note: note(("back", gi[0].tolist(), go[0].tolist()))
        )
        inner.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
        inner.register_full_backward_hook(
            lambda m, gi, go, note=note: note(("back", gi[0].tolist(), go[0].tolist()))
        )
        x = library.ones(1, 2, requires_grad=True)
        (inner(x) * 3).sum().backward()
        note(x.grad.tolist())
    assert seen["ours"] == seen["torch"]


# -- apart from calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_hooks_are_no_part_of_a_module(again):
    plain, layer = dense(), dense()
    layer.register_forward_hook(lambda *_: 1)
    layer.register_full_backward_hook(plain)  # a Module can be called, but is no member here
    assert layer.config() == plain.config()
    assert layer.state_dict().keys() == plain.state_dict().keys()
    assert [*layer.modules()] == [layer]
    copied = again(layer)
    x = tg.ones(1, 3)
    assert copied(x).tolist() == plain(x).tolist()
    assert layer(x) == 1
