"""A child forked after kernels ran can run them too, alone: its parent's threads are not there."""

import os
import subprocess
import sys

import pytest

from tinygrad_lite import kernels

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or not kernels.available(), reason="nothing to fork"
)

FORKED = """
import os, signal
import numpy as np
import tinygrad_lite as tg
from tinygrad_lite import kernels, layers

def train():
    tg.seed(0)
    convolution, lstm = layers.Conv2d(1, 2, 3), layers.LSTM(6, 64)
    y, _ = lstm(convolution(tg.ones(8, 1, 16, 8)).sum(axis=1))
    (y * y).sum().backward()
    return [p.grad.numpy() for m in (convolution, lstm) for p in m.parameters()]

def same(a, b):  # threads add up their parts of a filter's gradient in another order
    return all(np.allclose(x, y, rtol=1e-5, atol=1e-5) for x, y in zip(a, b, strict=True))

def threads():
    with kernels.threads.Team(2) as count:
        return count

tg.set_num_threads(2)
expected = train()
import numba
assert numba.np.ufunc.parallel._is_initialized, "the kernels were to share this work"
assert threads() == 2
child = os.fork()
if not child:
    signal.alarm(60)  # a child that hangs dies
    os._exit(0 if same(train(), expected) and threads() == 1 else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""

POOL = """
import multiprocessing
import tinygrad_lite as tg

def gradient(value):
    w = tg.full((1, 1), value, requires_grad=True)
    b = tg.zeros(1)
    tg.rnn(tg.ones(1, 3, 1), tg.zeros(1, 1), w, w, b, b)[0].sum().backward()
    return w.grad.item()

if __name__ == "__main__":
    here = [gradient(v) for v in (0.1, 0.2, 0.3, 0.4)]
    with multiprocessing.get_context("METHOD").Pool(2) as pool:
        print(pool.map_async(gradient, (0.1, 0.2, 0.3, 0.4)).get(100) == here)
"""


def run(program, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(program)
    ran = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_a_forked_child_computes_what_its_parent_does(tmp_path):
    assert run(FORKED, tmp_path) == ["0"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_of_processes_after_kernels_ran(method, tmp_path):
    assert run(POOL.replace("METHOD", method), tmp_path) == ["True"]
