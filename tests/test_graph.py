"""The walk: who gets which gradient, in which buffer, and when the graph is freed."""

import copy
import gc
import pickle
import sys
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.graph import walk

MANY = 200_000


def leaf(*numbers):
    return tg.tensor(numbers, requires_grad=True)


def unary(x):
    return tg.Scalar(x), tg.tensor(x, requires_grad=True)


# -- sums over paths ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tg.Scalar, lambda v: tg.tensor(v, requires_grad=True)])
@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x + x, 2),
        (lambda x: x * x * x, 27),
        (lambda x: (x + 1) * (x + 2), 9),
        (lambda x: (lambda y: y * y + y)(x * x), 2 * 9 * 6 + 6),  # a diamond
        (lambda x: (lambda y: (lambda z: z * y + z + x)(y + x))(x * 2), 6 * 2 * 3 + 3 + 1),
        (lambda x: x, 1),
        (lambda x: x - x, 0),
    ],
)
def test_gradients_add_up_over_all_paths(kind, f, expected):
    x = kind(3.0)
    f(x).backward()
    assert x.grad.item() == expected


def test_each_vertex_is_visited_once_when_its_gradient_is_complete():
    """A ladder of diamonds has 2^60 paths; each rung sees its whole gradient, youngest first."""
    x = tg.tensor(1.0, "float64", requires_grad=True)
    seen, y = [], x
    for i in range(60):
        y = y + y
        y.register_hook(lambda g, i=i: seen.append((i, g.item())))
    y.backward()
    assert seen == [(i, 2.0 ** (59 - i)) for i in reversed(range(60))]
    assert x.grad.item() == 2.0**60


def test_a_vertex_waits_for_all_of_its_gradient():
    """In Fibonacci's sequence each vertex feeds the next two."""
    a = b = tg.Scalar(1.0)
    seen = []
    for _ in range(20):
        a, b = b, a + b
        b.register_hook(lambda g: seen.append(g.item()))
    b.backward()
    assert seen == [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, *seen[11:]]
    assert len(seen) == 20


def test_two_backward_calls_add_up_and_inner_gradients_do_not_persist():
    x = leaf(1.0, 2.0)
    inner = x * 3
    y = inner.sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [6, 6]
    assert inner.grad is None
    assert y.grad is None


def test_only_leaves_that_require_a_gradient_get_one():
    x, constant = leaf(1.0), tg.tensor([2.0])
    (x * constant).sum().backward()
    assert x.grad.tolist() == [2]
    assert constant.grad is None


def test_detach_and_no_grad_cut_the_graph():
    x = leaf(2.0)
    (x * (x * x).detach()).sum().backward()
    assert x.grad.tolist() == [4]
    with tg.no_grad():
        assert not (x * 2).requires_grad
        with tg.enable_grad():
            assert (x * 2).requires_grad
    assert tg.is_grad_enabled()

    @tg.no_grad()
    def decorated():
        return x * 2

    assert not decorated().requires_grad
    assert not decorated().requires_grad


def test_backward_works_inside_of_no_grad():
    x = leaf(2.0)
    y = (x**3).sum()
    with tg.no_grad():
        y.backward(create_graph=True)
    assert x.grad.requires_grad


def test_walk_to_chosen_vertices_leaves_no_gradients():
    x, other = leaf(1.0, 2.0), leaf(5.0, 5.0)
    inner = x * other
    y = (inner * x).sum()
    found = walk([(y, np.float32(1))], [inner, x])
    assert found[id(inner)][1].tolist() == [1, 2]
    assert found[id(x)][1].tolist() == [10, 20]
    assert id(other) not in found
    assert x.grad is other.grad is None


def test_walk_does_not_go_behind_the_oldest_wanted_vertex():
    visits = []
    counted = tg.Op("counted", lambda x: x * 2, lambda g, y, x: visits.append(g) or g * 2)
    inner = counted(leaf(1.0))
    y = (inner * 3).sum()
    walk([(y, np.float32(1))], [inner])
    assert not visits
    y.backward()
    assert len(visits) == 1


# -- buffers --------------------------------------------------------------------------------------


def test_parents_of_add_share_an_array_and_nothing_is_corrupted():
    a, b = leaf(1.0, 1.0), leaf(1.0, 1.0)
    total = a + b  # both get the same array
    (total + a + a + b * 3).sum().backward()
    assert a.grad.tolist() == [3, 3]
    assert b.grad.tolist() == [4, 4]


@pytest.mark.parametrize("create_graph", [False, True])
def test_no_two_gradients_share_a_buffer_nor_with_the_seed(create_graph):
    a, b, c, d, e = (tg.ones(2, 2, requires_grad=True) for _ in range(5))
    seed = tg.ones(2, 2)
    kept = []
    e.register_hook(kept.append)
    y = a + b + c.T + d.reshape(4).reshape(2, 2) + e
    y.register_hook(kept.append)
    y.backward(seed, create_graph)
    buffers = [seed.data, *(t.grad.data for t in (a, b, c, d, e))]
    if not create_graph:
        buffers += [t.data for t in kept]
    for i, one in enumerate(buffers):
        assert not any(np.shares_memory(one, other) for other in buffers[:i])
    a.grad.data += 1
    assert b.grad.data.sum() == seed.data.sum() == 4


def test_a_leaf_as_the_end_gets_a_copy_of_the_seed():
    x, seed = leaf(1.0), np.ones(1, np.float32)
    x.backward(seed)
    assert not np.shares_memory(x.grad.data, seed)


# -- depth and lifetime ---------------------------------------------------------------------------


def chain(make):
    x = y = make(1.0)
    for _ in range(MANY):
        y = y + x
    y.backward()
    assert x.grad.item() == MANY + 1


def sum_of_leaves(make):
    xs = [make(1.0) for _ in range(MANY)]
    total = xs[0] * 1
    for x in xs[1:]:
        total = total + x
    total.backward()
    assert all(x.grad.item() == 1 for x in xs)


def second_order(make):
    x = y = make(1.0)
    for _ in range(MANY // 10 - 1):
        y = y * x
    y.backward(create_graph=True)
    slope, x.grad = x.grad, None
    slope.backward()
    assert slope.item() == MANY // 10
    # float32 cannot hold all of it
    assert x.grad.item() == pytest.approx((MANY // 10) * (MANY // 10 - 1), rel=1e-4)


def several_results(make):
    both = tg.Op("both", lambda a: (a + 1, a * 2), lambda g, y, a: g[0])
    x = y = make(1.0)
    for _ in range(MANY // 4):
        y, _ = both(y)
    y.backward()
    assert x.grad.item() == 1


@pytest.fixture
def in_a_thread_of_little_stack():
    """Run a function where deep recursion, in C too, would crash; pass on what it raises."""

    def run(f):
        before = threading.stack_size(256 * 1024)
        try:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(f).result()
        finally:
            threading.stack_size(before)

    return run


@pytest.mark.parametrize("make", [tg.Scalar, lambda v: tg.tensor(v, requires_grad=True)])
@pytest.mark.parametrize("build", [chain, sum_of_leaves, second_order, several_results])
def test_big_graphs_come_and_go_without_recursion(build, make, in_a_thread_of_little_stack):
    """Forward, backward and deletion, by reference counting alone, to the last byte but few."""
    assert sys.getrecursionlimit() < MANY // 10

    def left_and_peak():
        gc.collect()
        gc.disable()
        tracemalloc.start()
        try:
            build(make)
            return tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            gc.enable()

    left, peak = in_a_thread_of_little_stack(left_and_peak)
    assert peak > 10e6
    assert (
        left < 0.5e6
    )  # Python keeps up to 2000 freed tuples of each length, and floats, for later


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x * 2,
        lambda x: (x * 2)[0:1].sum(),
        lambda x: tg.softmax(x.reshape(1, 2)),
        lambda x: tg.rnn(*(tg.ones(s) * x[0] for s in [(1, 2, 1), (1, 1), (1, 1), (1, 1), 1, 1])),
    ],
)
def test_a_graph_is_freed_at_once_when_nobody_holds_its_end(build):
    x = leaf(1.0, 2.0)
    gc.collect()
    gc.disable()
    try:
        inner = x * 3
        watched = weakref.ref(inner)
        y = build(inner)
        del inner
        assert watched() is not None
        if isinstance(y, tg.Tensor):
            y.sum().backward(create_graph=True)
        x.grad = None
        del y
        assert watched() is None
    finally:
        gc.enable()


# -- hooks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("x", unary(3.0), ids=["Scalar", "Tensor"])
def test_hooks_see_and_change_gradients(x, create_graph):
    x.grad = None
    inner = x * 2
    seen = []
    handles = [
        inner.register_hook(seen.append),
        inner.register_hook(lambda g: g * 10),
        x.register_hook(lambda g: g + 1),
    ]
    (inner * inner).backward(create_graph=create_graph)
    assert type(seen[0]) is type(x)
    assert seen[0].item() == 12
    assert x.grad.item() == 12 * 10 * 2 + 1
    for handle in handles:
        handle.remove()
        handle.remove()
    x.grad = None
    (inner * inner).backward()
    assert x.grad.item() == 24
    assert len(seen) == 1


def test_what_a_hook_does_to_its_copy_reaches_only_its_own_vertex():
    a, b = leaf(1.0), leaf(1.0)

    def spoil(g):
        g.data[:] = 99

    a.register_hook(spoil)
    (a + b).sum().backward()
    assert b.grad.tolist() == [1]


def test_a_hook_may_return_a_plain_array():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: np.array([5.0, 6.0]))
    x.sum().backward()
    assert x.grad.tolist() == [5, 6]
    assert x.grad.dtype == np.float32


# -- higher orders --------------------------------------------------------------------------------


@pytest.mark.parametrize("x", unary(2.0), ids=["Scalar", "Tensor"])
def test_derivatives_of_every_order(x):
    y = x**4
    for expected in (32, 48, 48, 24):
        x.grad = None
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == expected


def test_without_create_graph_gradients_have_no_history():
    x = leaf(2.0)
    (x**2).sum().backward()
    assert not x.grad.requires_grad


def test_second_order_through_shared_and_multiple_results():
    w = tg.tensor([[0.5]], "float64", requires_grad=True)
    zero, x = np.zeros((1, 1)), tg.ones(1, 3, 1, dtype="float64")

    def f(w):
        out, h = tg.rnn(x, zero, w, w, zero[0], zero[0])
        return (out * out).sum() * h

    tg.gradcheck(f, w, order=2)


# -- copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("make", [tg.Parameter, tg.Buffer, leaf, lambda v: tg.Scalar(v)])
def test_leaves_can_be_copied_and_pickled(make, again):
    x = make(1.5)
    other = again(x)
    assert type(other) is type(x)
    assert float(other) == 1.5
    assert other.requires_grad == x.requires_grad
    (other * 2).sum().backward() if isinstance(x, tg.Tensor) and x.requires_grad else None
    assert x.grad is None


def test_a_vertex_knows_its_parents_and_its_op():
    a, b = tg.Scalar(2.0), tg.Scalar(3.0)
    y = a * b * 2.0
    assert y.parents[0].parents == (a, b)
    assert repr(y.op) == "<op multiply>"


def test_a_vertex_of_no_kind_takes_no_gradient():
    from tinygrad_lite.graph import Node

    with pytest.raises(NotImplementedError):
        Node().receive(1.0, set())
    with pytest.raises(NotImplementedError):
        Node().expect(1.0)


@pytest.mark.parametrize("where", ["forward", "rule"])
def test_ctrl_c_inside_of_a_kernel_is_a_keyboard_interrupt(where):
    """Numba hides it inside of a SystemError."""

    def interrupted(*_):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise SystemError("returned a result with an exception set") from error

    op = tg.Op("op", *((interrupted, None) if where == "forward" else (np.exp, interrupted)))
    with pytest.raises(KeyboardInterrupt):
        op(tg.ones(2, requires_grad=True)).sum().backward()


def test_another_system_error_stays_one():
    def broken(x):
        raise SystemError("of another kind")

    with pytest.raises(SystemError, match="of another kind"):
        tg.Op("op", broken)(tg.ones(2))
