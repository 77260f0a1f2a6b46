"""Threads build and differentiate graphs of their own at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.modes import current


def in_threads(*functions):
    """Run each function in a thread of its own, all at once, and return their results."""
    start = threading.Barrier(len(functions), timeout=20)

    def run(function):
        start.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [*pool.map(run, functions)]


def graph_of_scalars():
    x = y = tg.Scalar(1.0)
    for i in range(3000):
        y = y + x * i
    y.backward()
    return x.grad.item()


def graph_of_tensors():
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((4, 5, 3)), requires_grad=True)
    shapes = [(8, 3), (8, 2), 8, 8]
    weights = [tg.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]
    for _ in range(20):
        y, *_ = tg.lstm(x, np.zeros((4, 2)), np.zeros((4, 2)), *weights)
        images = y.reshape(1, 1, 8, 5)
        y = tg.conv2d(images, images[:, :, :2, :2]).sum()
        y.backward()
    return x.grad.data.tobytes()


@pytest.mark.parametrize("work", [graph_of_scalars, graph_of_tensors])
def test_threads_give_what_one_thread_gives(work):
    alone = work()
    assert in_threads(*[work] * 4) == [alone] * 4


def test_threads_share_leaves_that_they_only_read():
    w = tg.ones(3)

    def work():
        x = tg.ones(3, requires_grad=True)
        for _ in range(200):
            (x * w).sum().backward()
        return x.grad.tolist()

    assert in_threads(work, work) == [[200, 200, 200]] * 2


@pytest.mark.parametrize(("context", "mode"), [(tg.no_grad, "grad"), (tg.reference, "reference")])
def test_a_mode_of_one_thread_does_not_leak_to_another(context, mode):
    entered, looked = threading.Event(), threading.Event()
    normal = getattr(current.get(), mode)

    def inside():
        with context():
            entered.set()
            assert looked.wait(20)
            return getattr(current.get(), mode)

    def outside():
        assert entered.wait(20)
        found = getattr(current.get(), mode)
        looked.set()
        return found

    assert in_threads(inside, outside) == [not normal, normal]
    assert getattr(current.get(), mode) == normal


def test_no_grad_ends_where_an_error_leaves_it():
    with pytest.raises(tg.ShapeError), tg.no_grad():
        tg.ones(2) + tg.ones(3)
    assert tg.is_grad_enabled()
