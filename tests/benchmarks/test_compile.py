"""How long a user waits for kernels: once on a machine, and at each later start."""

import os
import subprocess
import sys

import pytest

from tinygrad_lite import kernels

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here"),
]

# every kernel of float32, alone and shared
START = """
import time
import tinygrad_lite as tg
from tinygrad_lite import kernels, layers

tg.set_num_threads(2)
told = []
start, work = time.perf_counter(), time.process_time()
import numba
loaded = time.perf_counter()
"""
END = """
now = time.perf_counter()
print(now - start, time.process_time() - work, loaded - start, len(told))
"""
RECURRENT = """
with kernels.compiling(told.append):
    for kind in (layers.RNN, layers.LSTM, layers.GRU):
        for batch, steps, hidden in ((1, 1, 4), (8, 32, 96)):
            layer = kind(hidden, hidden)
            layer(tg.ones(batch, steps, hidden, requires_grad=True))[0].sum().backward()
    for size in (20, 200):
        a = tg.ones(size, size).data
        kernels.gemm.gemm(a, a)
names = {f"_{kind}_{way}" for kind in ("rnn", "lstm", "gru") for way in ("forward", "backward")}
names |= {name + "s" for name in names}
ran = {name for name in names if getattr(kernels.recurrent, name).signatures}
assert ran == names, names - ran
assert kernels.gemm._share.signatures and kernels.gemm._shares.signatures
"""
IMAGES = """
from tinygrad_lite import warmup
with kernels.compiling(told.append):
    warmup.FAMILIES["convolution and pooling"]()
for family in (kernels.patches, kernels.winograd, kernels.depthwise):
    assert family._work.signatures and family._shared.signatures
"""


def waited(program, folder):
    """Return the seconds by the clock, those of work, those of loading Numba; and what was told."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    command = [sys.executable, "-c", START + program + END]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    *seconds, told = run.stdout.split()
    return *map(float, seconds), int(told)


@pytest.mark.parametrize(
    ("program", "most"), [(RECURRENT, 20), (IMAGES, 30)], ids=["recurrence", "images"]
)
def test_the_wait_for_kernels(program, most, tmp_path):
    """Seconds of work count, by which the rest of the machine does not disturb the measure."""
    wall, work, numba, told = waited(program, tmp_path)
    print(f"cold: {wall:.1f} s, {work:.1f} s of work, {numba:.2f} s of it to load Numba")
    assert told  # the user sees why
    assert min(wall, work) <= most
    wall, work, numba, told = waited(program, tmp_path)
    print(f"cached: {wall:.2f} s, {work:.2f} s of work, {numba:.2f} s of it to load Numba")
    assert not told
    assert min(wall, work) <= 1
