"""Transforms: closed forms, central differences, compositions, and what they leave alone."""

import gc
import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, transforms

State = namedtuple("State", "position speed")
W = np.random.default_rng(5).standard_normal((4, 3))
X, V = np.array([0.3, -1.2, 0.8]), np.array([1.0, -0.5, 2.0])


def bowl(x):
    """A smooth function whose Hessian is neither diagonal nor constant."""
    return (tg.sin(x) * x).sum() + tg.exp(x[0] * x[1]) + x[2] ** 3 * x[0]


def curve(x):
    return tg.tanh(W @ x) * tg.exp(x).sum()


def difference(f, x, v, step=1e-6):
    """The central difference of f, a function of one array, in a direction."""
    return (np.asarray(f(x + step * v).data) - np.asarray(f(x - step * v).data)) / (2 * step)


def numeric_jacobian(f, x):
    columns = [difference(f, x, unit.reshape(x.shape)) for unit in np.eye(x.size)]
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


def close(a, b, rtol=1e-6, atol=1e-8):
    a, b = (np.asarray(x.data if isinstance(x, tg.Tensor) else x) for x in (a, b))
    assert a.shape == b.shape
    np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=rtol, atol=atol)


# -- what they compute ----------------------------------------------------------------------------


def test_closed_forms():
    cube = lambda x: (x**3).sum()
    close(tg.grad(cube)(X), 3 * X**2)
    value, gradient = tg.value_and_grad(cube)(X)
    close(value, (X**3).sum())
    close(gradient, 3 * X**2)
    y, pullback = tg.vjp(lambda x: W @ x, X)
    close(y, W @ X)
    close(pullback(np.arange(4.0))[0], np.arange(4.0) @ W)
    y, tangent = tg.jvp(lambda x: W @ x, (X,), (V,))
    close(y, W @ X)
    close(tangent, W @ V)
    close(tg.jacobian(lambda x: W @ x)(X), W)
    close(tg.hessian(cube)(X), np.diag(6 * X))
    close(tg.hvp(cube, (X,), (V,)), 6 * X * V)


def test_central_differences():
    close(tg.grad(bowl)(X), numeric_jacobian(bowl, X))
    close(tg.jacobian(curve)(X), numeric_jacobian(curve, X))
    close(tg.jvp(curve, (X,), (V,))[1], difference(curve, X, V))
    hessian = numeric_jacobian(tg.grad(bowl), X)
    close(tg.hessian(bowl)(X), hessian)
    close(tg.hvp(bowl, (X,), (V,)), hessian @ V)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 99))
def test_rows_and_columns_agree(rows, columns, seed):
    rng = np.random.default_rng(seed)
    a, x = rng.standard_normal((rows, columns)), rng.standard_normal(columns)
    f = lambda x: {"y": tg.sin(tg.matmul(a, x)), "z": (x**2)[None, :1] * 3}
    call = transforms._Call("jacobian", f, (x,), {}, 0)
    by_rows, by_columns = transforms._by_rows(call), transforms._by_columns(call)
    close(by_rows[0][0], np.cos(a @ x)[:, None] * a)
    for (one,), (other,) in zip(by_rows, by_columns, strict=True):
        close(one, other, rtol=1e-14)


def test_the_jacobian_takes_the_shorter_way():
    count = {"rows": 0}
    halve = tg.Op(
        "halve", lambda x: x / 2, lambda g, y, x: count.update(rows=1 + count["rows"]) or g / 2
    )
    tg.jacobian(lambda x: halve(x).sum(keepdims=True))(X)
    assert count.pop("rows") == 1
    count["rows"] = 0
    tall = np.ones((50, 1))
    tg.jacobian(lambda x: tg.matmul(tall, halve(x)))(X[:1])
    assert count["rows"] <= 2


def test_shapes_of_jacobians_and_hessians():
    x, y = np.ones((2, 3)), np.ones((4, 1))
    f = lambda x, y: x.sum(axis=0) * y
    assert tg.jacobian(f)(x, y).shape == (4, 3, 2, 3)
    parts = tg.jacobian(f, (1, 0))(x, y)
    assert [p.shape for p in parts] == [(4, 3, 4, 1), (4, 3, 2, 3)]
    (xx, xy), (yx, yy) = tg.hessian(lambda x, y: (f(x, y) ** 2).sum(), (0, 1))(x, y)
    assert [h.shape for h in (xx, xy)] == [(2, 3, 2, 3), (2, 3, 4, 1)]
    assert [h.shape for h in (yx, yy)] == [(4, 1, 2, 3), (4, 1, 4, 1)]
    close(xy, yx.transpose(2, 3, 0, 1))
    close(tg.jacobian(f, -1)(x, y), parts[0])


def test_the_product_with_the_hessian_has_the_form_of_the_gradient():
    f = lambda a, b: (a**2 * b).sum() * b.sum()
    a, b, va, vb = (np.random.default_rng(i).standard_normal(3) for i in range(4))
    products = tg.hvp(f, (a, b), (va, vb))
    assert isinstance(products, tuple)
    h = tg.hessian(f, (0, 1))(a, b)
    for product, (to_a, to_b) in zip(products, h, strict=True):
        close(product, to_a.data @ va + to_b.data @ vb)
    nested = tg.hvp(lambda p: f(p["a"], p["b"]), ({"a": a, "b": b},), ({"b": vb, "a": va},))
    close(nested["a"], products[0])
    close(nested["b"], products[1])
    close(tg.hvp(lambda x: x.sum(), (a,), (va,)), np.zeros(3))  # no second derivative at all


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_against_torch():
    torch = pytest.importorskip("torch")
    w, x, v = (torch.tensor(n) for n in (W, X, V))

    def of_torch(x):
        return torch.tanh(w @ x) * torch.exp(x).sum()

    total, total_of_torch = (lambda x: (curve(x) ** 2).sum()), (lambda x: (of_torch(x) ** 2).sum())
    exact = {"rtol": 1e-12, "atol": 1e-12}
    close(tg.grad(total)(X), torch.func.grad(total_of_torch)(x).numpy(), **exact)
    close(tg.jacobian(curve)(X), torch.func.jacrev(of_torch)(x).numpy(), **exact)
    close(tg.hessian(total)(X), torch.func.hessian(total_of_torch)(x).numpy(), **exact)
    for ours, theirs in zip(
        tg.jvp(curve, (X,), (V,)), torch.func.jvp(of_torch, (x,), (v,)), strict=True
    ):
        close(ours, theirs.numpy(), **exact)
    (ours,), (theirs,) = tg.vjp(curve, X)[1](W[:, 0]), torch.func.vjp(of_torch, x)[1](w[:, 0])
    close(ours, theirs.numpy(), **exact)


# -- composition ----------------------------------------------------------------------------------


def test_higher_orders():
    f = tg.sin
    for expected in (np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7)):
        f = tg.grad(f)
        close(f(np.float64(0.7)), expected, rtol=1e-14)


def test_perturbations_are_not_confused():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0).item() == 1.0
    push = lambda f, x: tg.jvp(f, (x,), (tg.ones_like(x),))[1]
    one = tg.tensor(1.0)
    assert push(lambda x: x * push(lambda y: x + y, one), one).item() == 1.0
    assert push(lambda x: x * tg.grad(lambda y: x * y * y)(x), tg.tensor(2.0)).item() == 24.0


def test_every_order_of_composition_gives_the_same_hessian():
    hessian = numeric_jacobian(tg.grad(bowl), X)
    close(tg.jvp(tg.grad(bowl), (X,), (V,))[1], hessian @ V)
    close(tg.grad(lambda x: tg.jvp(bowl, (x,), (V,))[1])(X), hessian @ V)
    close(tg.jvp(lambda x: tg.vjp(bowl, x)[1](1.0)[0], (X,), (V,))[1], hessian @ V)
    close(tg.vjp(tg.grad(bowl), X)[1](V)[0], hessian @ V)
    close(tg.jacobian(tg.grad(bowl))(X), hessian)
    close(tg.jacobian(lambda x: tg.jvp(bowl, (x,), (V,))[1])(X), hessian @ V)
    inner = lambda x: (tg.grad(bowl)(x) * V).sum()
    close(tg.grad(inner)(X), hessian @ V)
    close(tg.hessian(inner)(X), numeric_jacobian(tg.grad(inner), X))
    close(
        tg.grad(lambda x: tg.hvp(bowl, (x,), (V,)).sum())(X),
        numeric_jacobian(lambda x: tg.hvp(bowl, (x,), (V,)).sum(), X),
    )
    close(tg.jacobian(tg.jacobian(curve))(X), numeric_jacobian(tg.jacobian(curve), X))


def test_a_wide_and_a_tall_jacobian_are_differentiable():
    tall, wide = np.arange(1.0, 6.0)[:, None], np.arange(1.0, 4.0)[None]
    for f, x in (
        (lambda x: tg.sin(tg.matmul(tall, x)), X[:1]),
        (lambda x: tg.sin(tg.matmul(wide, x)), X),
    ):
        total = lambda x, f=f: (tg.jacobian(f)(x) ** 2).sum()
        close(tg.grad(total)(x), numeric_jacobian(total, x))


def test_tangents_and_gradients_can_be_differentiated_by():
    v = tg.tensor(V, requires_grad=True)
    tg.jvp(curve, (X,), (v,))[1].sum().backward()
    close(v.grad, tg.jacobian(curve)(X).data.sum(axis=0))
    u = tg.tensor(np.ones(4), requires_grad=True)
    tg.vjp(curve, X)[1](u)[0].sum().backward()
    close(u.grad, tg.jacobian(curve)(X).data.sum(axis=1))
    close(
        tg.grad(lambda v: (tg.hvp(bowl, (X,), (v,)) ** 2).sum())(V),
        2 * tg.hessian(bowl)(X).data @ (tg.hessian(bowl)(X).data @ V),
    )


# -- what is on the graph, and what is not --------------------------------------------------------


def test_a_gradient_penalty_reaches_the_parameters():
    tg.seed(1)
    model = layers.Sequential(layers.Dense(3, 4), layers.Tanh(), layers.Dense(4, 1)).astype(
        "float64"
    )
    x = np.random.default_rng(0).standard_normal((5, 3))

    def penalty():
        return ((tg.grad(lambda x: model(x).sum())(x) ** 2).sum(axis=1) - 1).sum()

    penalty().backward()
    for parameter in model.parameters():
        kept = parameter.data.copy()

        def at(value, parameter=parameter):
            parameter.data = value
            with tg.no_grad():
                return penalty()

        numeric = numeric_jacobian(at, kept)
        parameter.data = kept
        close(np.zeros(kept.shape) if parameter.grad is None else parameter.grad, numeric)
    assert any(np.abs(p.grad.data).max() > 0.01 for p in model.parameters() if p.grad is not None)


def test_everything_a_connected_call_returns_is_connected():
    w = tg.Parameter([2.0, 3.0])
    x = tg.ones(2)
    linear, square = (lambda x: w * x), (lambda x: (w * x**2).sum())
    value, gradient = tg.value_and_grad(square)(x)
    y, tangent = tg.jvp(linear, (x,), (x,))
    once = [value, y, tangent, tg.jacobian(linear)(x), tg.vjp(linear, x)[1](x)[0]]
    twice = [gradient, tg.hessian(square)(x), tg.hvp(square, (x,), (x,))]
    for results, expected in ((once, [1, 1]), (twice, [2, 2])):
        for result in results:
            w.zero_grad()
            result.sum().backward()
            assert w.grad.tolist() == expected
    _, aux = tg.grad(lambda x: (x.sum(), w * 5), has_aux=True)(x)
    assert aux.requires_grad


def test_inputs_that_require_gradients():
    x = tg.tensor(X, requires_grad=True)
    tg.grad(bowl)(x).sum().backward()
    close(x.grad, tg.hessian(bowl)(X).data.sum(axis=0))
    z = tg.tensor(X / 2, requires_grad=True)
    tg.grad(bowl)(z * 2).sum().backward()  # on the graph of an outer computation
    close(z.grad, 2 * tg.hessian(bowl)(X).data.sum(axis=0))


def test_the_gradients_of_leaves_stay_untouched():
    w = tg.Parameter(np.ones(3))
    x = tg.tensor(X, requires_grad=True)
    f = lambda x: (tg.sin(x) * w).sum()
    tg.grad(f)(x), tg.value_and_grad(f)(x), tg.jvp(f, (x,), (V,)), tg.hessian(f)(x)
    tg.vjp(f, x)[1](1.0), tg.jacobian(lambda x: x * w)(x), tg.hvp(f, (x,), (V,))
    assert x.grad is None
    assert w.grad is None


def test_without_a_need_nothing_is_on_the_graph():
    pairs = [
        tg.value_and_grad(bowl)(X),
        tg.jvp(curve, (X,), (V,)),
        (tg.jacobian(curve)(X), tg.hessian(bowl)(X)),
        (tg.hvp(bowl, (X,), (V,)), tg.vjp(curve, X)[1](np.ones(4))[0]),
        tg.grad(lambda x: (bowl(x), x * 2), has_aux=True)(X),
    ]
    assert not any(result.requires_grad for pair in pairs for result in pair)
    x = tg.tensor(X, requires_grad=True)
    w = tg.Parameter(X)
    f = lambda x: (w * bowl(x)).sum()
    with tg.no_grad():
        results = [*tg.value_and_grad(f)(x), *tg.jvp(f, (x,), (V,)), tg.hessian(f)(x)]
    assert not any(result.requires_grad for result in results)
    close(results[1], w.data.sum() * tg.grad(bowl)(X).data)


def test_no_grad_costs_no_graph_of_the_gradient():
    seen = []
    double = tg.Op("double", lambda x: 2 * x, lambda g, y, x: seen.append(type(g)) or 2 * g)
    x = tg.tensor(1.0, requires_grad=True)
    with tg.no_grad():
        tg.grad(double)(x)
    y, pullback = tg.vjp(double, x)
    with tg.no_grad():
        assert not pullback(tg.tensor(1.0))[0].requires_grad
    assert y.requires_grad
    tg.grad(double)(1.0)
    assert seen == [np.ndarray] * 3
    tg.grad(double)(x)
    assert seen[-1] is tg.Tensor


def test_no_grad_inside_of_the_function_holds():
    def f(x):
        with tg.no_grad():
            factor = x * 2
        return (factor * x).sum()

    assert tg.grad(f)(3.0).item() == 6.0


def test_a_parameter_as_aux_is_itself():
    w = tg.Parameter([1.0])
    with tg.no_grad():
        _, aux = tg.grad(lambda x: (x * 2, {"w": w, "note": "text"}), has_aux=True)(1.0)
    assert aux["w"] is w
    assert aux["note"] == "text"


def test_gradients_share_no_buffers():
    seed = tg.ones(2)
    a, b = tg.vjp(lambda a, b: a + b, tg.ones(2), tg.ones(2))[1](seed)
    a *= 5
    assert (seed.tolist(), b.tolist()) == ([1, 1], [1, 1])
    total = tg.grad(lambda x: x.sum())(tg.ones(2, 2))
    total *= 3  # no view that is read-only either
    assert total.tolist() == [[3, 3], [3, 3]]


def test_a_pullback_does_not_see_later_changes():
    x = X.copy()
    y, pullback = tg.vjp(tg.square, x)
    x[:] = 0
    close(pullback(np.ones(3))[0], 2 * X)
    x = tg.tensor(X)
    y, pullback = tg.vjp(tg.square, x)
    x[0] = 0.0  # a Tensor is not copied: this is noticed
    with pytest.raises(tg.GraphError, match="changed"):
        pullback(np.ones(3))
    y, pullback = tg.vjp(lambda x: x, X)
    y *= 2
    close(pullback(V)[0], V)
    assert X[0] == 0.3


def test_hooks():
    seen, x = [], tg.ones(2, requires_grad=True)
    x.register_hook(lambda g: seen.append("leaf"))

    def f(x):
        y = x * 2
        y.register_hook(lambda g: seen.append("inside") or g * 10)
        return y.sum()

    assert tg.grad(f)(x).tolist() == [20, 20]
    assert seen == ["inside"]  # the input's own hook belongs to backward
    assert tg.jvp(f, (tg.ones(2),), (tg.ones(2),))[1].item() == 40


def test_memory_is_freed_with_the_results():
    gc.collect()
    gc.disable()
    try:
        made = []

        def f(x):
            y = tg.tanh(x)
            made.append(weakref.ref(y))
            return (y * y).sum()

        _, pullback = tg.vjp(f, X)
        tg.grad(f)(X), tg.hessian(f)(X), tg.jvp(f, (X,), (V,)), tg.hvp(f, (X,), (V,))
        tg.jacobian(f)(X), pullback(1.0)
        assert made.pop(0)() is not None
        assert [ref() for ref in made] == [None] * 5
        first = weakref.ref(pullback)
        del pullback
        assert first() is None
    finally:
        gc.enable()


# -- arguments and results of all kinds -----------------------------------------------------------


def test_nested_arguments_and_results():
    params = {"layers": [(W, np.ones(4)), (W.T, np.zeros(3))], "scale": np.float64(2.0)}

    def f(p, x):
        for w, b in p["layers"]:
            x = tg.tanh(tg.matmul(w, x) + b)
        return (x * p["scale"]).sum()

    gradient = tg.grad(f)(params, X)
    assert [*gradient] == ["layers", "scale"]
    assert [type(pair) for pair in gradient["layers"]] == [tuple, tuple]
    close(
        gradient["layers"][0][0],
        numeric_jacobian(
            lambda w: f(
                {**params, "layers": [(w, params["layers"][0][1]), params["layers"][1]]},
                tg.tensor(X),
            ),
            W,
        ),
    )

    def step(state):
        return State(state.position + state.speed, {"energy": (state.speed**2).sum()})

    state = State(X, V)
    y, tangent = tg.jvp(step, (state,), (State(V, X),))
    assert isinstance(y, State)
    close(tangent.position, X + V)
    close(tangent.speed["energy"], 2 * (V * X).sum())
    y, pullback = tg.vjp(step, state)
    (back,) = pullback(State(V, {"energy": 1.0}))
    assert isinstance(back, State)
    close(back.position, V)
    close(back.speed, V + 2 * V)
    jacobian = tg.jacobian(step)(state)
    close(jacobian.position.position, np.eye(3))
    close(jacobian.speed["energy"].speed, 2 * V)
    close(jacobian.speed["energy"].position, np.zeros(3))
    assert tg.grad(lambda p, x: x * 2)({}, tg.tensor(1.0)) == {}


def test_several_and_negative_argnums():
    f = lambda a, b, c: a * b**2 * c**3
    assert [g.item() for g in tg.grad(f, (0, 2))(1.0, 2.0, 3.0)] == [108.0, 108.0]
    assert tg.grad(f, -1)(1.0, 2.0, 3.0).item() == 108.0
    assert tg.grad(f, [1])(1.0, 2.0, 3.0)[0].item() == 108.0
    assert tg.grad(f, range(3))(1.0, 2.0, 3.0)[1].item() == 108.0
    assert tg.grad(f, (-1, 0))(1.0, 2.0, 3.0)[1].item() == 108.0


def test_aux_keywords_and_arguments_that_pass_through():
    def f(x, index, *, power=1, table=None):
        assert isinstance(index, int)
        assert table == {"a": None}
        return x[index] ** power, {"index": index, "double": x * 2}

    gradient, aux = tg.grad(f, has_aux=True)(X, 1, power=3, table={"a": None})
    close(gradient, [0, 3 * X[1] ** 2, 0])
    assert aux["index"] == 1
    close(aux["double"], 2 * X)
    (value, aux), gradient = tg.value_and_grad(f, has_aux=True)(X, 1, power=1, table={"a": None})
    close(value, X[1])
    assert tg.grad(lambda n, x: x * n, 1)(np.array(3), 2.0).item() == 3.0
    assert tg.grad(lambda x, n: (x[n] * 2).sum())(X, tg.tensor([0, 0])).tolist() == [4, 0, 0]


def test_floats_lists_and_arrays_as_inputs():
    assert tg.grad(lambda x: x**2)(3.0).dtype == np.float32
    assert tg.grad(lambda x: x**2)(np.float64(3.0)).dtype == np.float64
    assert [g.item() for g in tg.grad(lambda xs: xs[0] * xs[1])([2.0, 3.0])] == [3.0, 2.0]
    x = np.ones((2, 2), "float32")
    assert tg.grad(lambda x: x.sum())(x).dtype == np.float32
    x.setflags(write=False)
    close(tg.jacobian(lambda x: x.T)(x), np.eye(4).reshape(2, 2, 2, 2).transpose(1, 0, 2, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_stay(dtype):
    x = tg.tensor(X, dtype)
    w = W.astype(dtype)
    f = lambda x: tg.tanh(tg.matmul(w, x))
    total = lambda x: f(x).sum()
    results = [
        *tg.value_and_grad(total)(x),
        *tg.jvp(f, (x,), (V,)),
        tg.vjp(f, x)[1](np.ones(4))[0],
        tg.jacobian(f)(x),
        tg.jacobian(total)(x),
        tg.hessian(total)(x),
        tg.hvp(total, (x,), (V,)),
    ]
    assert {r.dtype for r in results} == {np.dtype(dtype)}


def test_the_jacobian_has_the_arguments_dtype_both_ways():
    x = tg.tensor(X)
    tall, wide = (lambda x: tg.tile(x, 3).astype("float32")), (lambda x: x[:1].astype("float32"))
    p = tg.Parameter(np.ones(1))
    for f in (tall, wide, lambda x: tall(x * p), lambda x: wide(x * p)):
        assert tg.jacobian(f)(x).dtype == np.float64


def test_results_that_do_not_depend_on_an_input():
    constant = tg.ones(2, dtype="float64")
    f = lambda x, y: constant * y.sum()
    assert tg.grad(lambda x: constant.sum())(X).tolist() == [0, 0, 0]
    assert tg.jacobian(f)(X, V).tolist() == np.zeros((2, 3)).tolist()
    assert tg.jvp(lambda x: constant, (X,), (V,))[1].tolist() == [0, 0]
    assert [g.tolist() for g in tg.vjp(f, X, V)[1](np.ones(2))] == [[0, 0, 0], [2, 2, 2]]
    assert not tg.hessian(lambda x: constant.sum())(X).data.any()
    y, pullback = tg.vjp(lambda x: {"places": tg.argsort(x), "sorted": tg.sort(x)}, X)
    close(pullback({"places": [0, 0, 0], "sorted": V})[0][y["places"]], V)
    tangent = tg.jvp(lambda x: (tg.argmax(x), x * 2), (X,), (V,))[1]
    assert (tangent[0].dtype, tangent[0].item()) == (np.int64, 0)
    assert not tg.jacobian(lambda x: tg.stack([tg.argmax(x)] * 5))(X).data.any()


def test_no_axes_and_no_elements():
    close(tg.jacobian(tg.sin)(np.float64(1.0)), np.cos(1.0))
    empty = np.zeros((0, 2))
    assert tg.grad(lambda x: x.sum())(empty).shape == (0, 2)
    assert tg.jacobian(lambda x: x * 2)(empty).shape == (0, 2, 0, 2)
    assert tg.jacobian(lambda x: x.sum())(empty).shape == (0, 2)
    assert tg.hessian(lambda x: x.sum())(empty).shape == (0, 2, 0, 2)
    assert tg.jvp(lambda x: x * 2, (empty,), (empty,))[1].shape == (0, 2)
    assert tg.jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert tg.grad(lambda x: x.reshape(1, 1))(1.0).item() == 1.0  # one element, whatever its shape


# -- Scalars --------------------------------------------------------------------------------------


def test_scalars():
    x = tg.Scalar(0.7)
    f = lambda x: x.sin() * x
    for derive in (tg.grad, tg.jacobian):
        gradient = derive(f)(x)
        assert isinstance(gradient, tg.Scalar)
        assert gradient.data == pytest.approx(np.sin(0.7) + 0.7 * np.cos(0.7))
    second = 2 * np.cos(0.7) - 0.7 * np.sin(0.7)
    assert tg.hessian(f)(x).data == pytest.approx(second)
    assert tg.hvp(f, (x,), (2.0,)).data == pytest.approx(2 * second)
    assert tg.jvp(f, (x,), (3,))[1].data == pytest.approx(3 * tg.grad(f)(x).data)
    (pulled,) = tg.vjp(f, x)[1](tg.tensor(2.0))
    assert pulled.data == pytest.approx(2 * tg.grad(f)(x).data)
    tg.grad(f)(x).backward()  # a Scalar requires a gradient of its own
    assert x.grad.data == pytest.approx(second)
    assert x.grad.requires_grad is False


def test_arrays_of_scalars():
    for wrap in (np.asarray, tg.Tensor.make):
        s = wrap(tg.to_scalars(X))
        f = lambda x: (np.sin(x) * x).sum() + x[0] * x[1]
        gradient = tg.grad(f)(s)
        expected = tg.grad(f)(tg.tensor(X))
        assert type(gradient) is type(s)
        close(gradient, expected)
        tangent = tg.jvp(np.exp, (s,), (V,))[1]
        close(tangent, np.exp(X) * V)
        assert type(tangent) is type(s)
        close(tg.hvp(f, (s,), (V,)), tg.hvp(f, (X,), (V,)))
        # an array, or a Tensor, of such for each element
        jacobian = tg.jacobian(lambda x: x[:2] ** 2)(s)
        rows = jacobian.data if isinstance(jacobian, tg.Tensor) else jacobian
        assert {type(row) for row in rows} == {type(s)}
        for row, expected in zip(rows, np.diag(2 * X), strict=False):
            close(row, expected)


def test_tensors_and_scalars_mixed():
    s, t = tg.Scalar(2.0, requires_grad=False), tg.tensor(X)
    for size in (0, 1, 3):
        jacobian = tg.jacobian(lambda s, t: t[:size] * s**2, (0, 1))(s, t)  # noqa: B023
        close(jacobian[0], 4 * X[:size])
        close(jacobian[1], 4 * np.eye(3)[:size])
    second = lambda t: t.scalars()[1] ** 2
    close(tg.jacobian(second)(t), [0, 2 * X[1], 0])
    close(tg.jvp(second, (t,), (V,))[1].data, 2 * X[1] * V[1])
    # both at once, each with each, on the graph as well
    w = tg.Parameter(np.array(3.0))
    for factor in (3.0, w):
        f = lambda s, t: (s * 2.0, t[:2] * s * factor)  # noqa: B023
        call = transforms._Call("jacobian", f, (s, t), {}, (0, 1))
        for blocks in (transforms._by_rows(call), transforms._by_columns(call)):
            (a, b), (c, d) = blocks
            assert (a.data, b.tolist()) == (2.0, [0, 0, 0])
            close(c, 3 * X[:2])
            close(d, 6 * np.eye(3)[:2])
            assert c.requires_grad is isinstance(factor, tg.Tensor)


# -- kernels, modes, threads ----------------------------------------------------------------------

rng = np.random.default_rng(3)
IMAGE, KERNEL = rng.standard_normal((2, 2, 4, 4)), rng.standard_normal((2, 2, 3, 3))
SEQUENCE, STATE = rng.standard_normal((2, 3, 2)), np.zeros((2, 2))
WEIGHTS = {
    n: [rng.standard_normal(s) for s in ((2 * n, 2), (2 * n, 2), 2 * n, 2 * n)] for n in (1, 3, 4)
}
FUSED = {
    "conv2d": (lambda x: tg.conv2d(x, KERNEL, padding=1), IMAGE),
    "kernel": (lambda k: tg.conv2d(IMAGE, k), KERNEL),
    "max_pool2d": (lambda x: tg.max_pool2d(x, 2) ** 2, IMAGE),
    "rnn": (lambda x: tg.rnn(x, STATE, *WEIGHTS[1])[0], SEQUENCE),
    "gru": (lambda x: tg.gru(x, STATE, *WEIGHTS[3])[0], SEQUENCE),
    "lstm": (lambda x: tg.lstm(x, STATE, STATE, *WEIGHTS[4])[0], SEQUENCE),
    "cross_entropy": (lambda x: F.cross_entropy(x[0], [1, 0, 1], reduction="none"), SEQUENCE),
}


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("name", FUSED)
def test_through_kernels(name, opened):
    f, x = FUSED[name]
    v = np.cos(np.arange(x.size)).reshape(x.shape)
    total = lambda x: (f(x) ** 2).sum()

    def results():
        return (
            tg.grad(total)(x),
            tg.jvp(f, (x,), (v,))[1],
            tg.hvp(total, (x,), (v,)),
        )

    if opened:
        with tg.reference():
            gradient, tangent, product = results()
    else:
        gradient, tangent, product = results()
    close(gradient, numeric_jacobian(total, x), atol=1e-6)
    close(tangent, difference(f, x, v), atol=1e-6)
    close(product, difference(tg.grad(total), x, v), atol=1e-5)


def test_under_detect_anomaly():
    with tg.detect_anomaly():
        close(tg.jvp(curve, (X,), (V,))[1], difference(curve, X, V))
        close(tg.hessian(bowl)(X), numeric_jacobian(tg.grad(bowl), X))


def test_in_threads():
    expected = tg.hessian(bowl)(X).data
    _, pullback = tg.vjp(curve, X)
    rows = tg.jacobian(curve)(X).data
    wrong = []

    def work(i):
        for _ in range(20):
            wrong.append(not np.array_equal(tg.hessian(bowl)(X).data, expected))
            wrong.append(not np.allclose(pullback(np.eye(4)[i])[0].data, rows[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 160
    assert not any(wrong)


def test_names_and_documentation_are_those_of_the_function():
    assert tg.grad(bowl).__name__ == "bowl"
    assert tg.jacobian(bowl).__doc__ == bowl.__doc__
    model = layers.Dense(3, 1)
    assert not hasattr(tg.grad(model), "weight")
    assert tg.grad(model)(tg.ones(1, 3)).shape == (1, 3)
