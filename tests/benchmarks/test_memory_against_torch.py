"""The memory that training steps take, beside PyTorch's (optional)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
ROOT = Path(__file__).parent.parent.parent

# The peak of a step above what the process held before it. Kernels are compiled, pools of threads
# started and a first smaller layer trained by then; writing 5 starts the peak afresh.
PROGRAM = """
import sys
from pathlib import Path

import numpy as np

library, kind, *sizes = sys.argv[1:]
if kind == "ResNet":
    from tinygrad_lite.bench import nets
elif library == "torch":
    import torch
    from torch import nn as layers
    tensor, options = torch.tensor, {"batch_first": True}
else:
    import tinygrad_lite as tg
    from tinygrad_lite import layers
    tensor, options = tg.tensor, {}

def megabytes(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

def training(*sizes):
    if kind == "ResNet":
        build = nets._their_training if library == "torch" else nets._our_training
        return build(nets._resnet20, (sizes[0], 3, 32, 32)).step
    return recurrent(*sizes)

def recurrent(steps, batch, inputs, hidden):
    rng = np.random.default_rng(0)
    layer = getattr(layers, kind)(inputs, hidden, **options)
    x = tensor(rng.standard_normal((batch, steps, inputs), dtype="f"), requires_grad=True)
    g = tensor(rng.standard_normal((batch, steps, hidden), dtype="f"))
    leaves = [x, *layer.parameters()]

    def step():
        for leaf in leaves:
            leaf.grad = None
        layer(x)[0].backward(g)

    return step

step = training(24, 8, 32, 96)
for _ in range(5):
    step()
step = training(*map(int, sizes))
before = megabytes("VmRSS")
peaks = []
for _ in range(3):
    Path("/proc/self/clear_refs").write_text("5")
    step()
    peaks.append(megabytes("VmHWM") - before)
print(sorted(peaks)[1])
"""


def peak(*arguments):
    """The median peak of three steps, in MB."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return float(run.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux tells the peak")
@pytest.mark.parametrize("sizes", [(100, 32, 64, 256), (35, 20, 200, 512)], ids=str)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_peak_of_a_training_step(kind, sizes):
    ours, theirs = (peak(library, kind, *sizes) for library in ("tinygrad_lite", "torch"))
    print(f"{kind} {sizes}: ours {ours:.1f} MB, PyTorch's {theirs:.1f} MB")
    assert ours <= theirs


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="Linux tells the peak")
def test_the_peak_of_a_step_of_resnet20():
    ours, theirs = (peak(library, "ResNet", 64) for library in ("tinygrad_lite", "torch"))
    print(f"ResNet-20, batch 64: ours {ours:.1f} MB, PyTorch's {theirs:.1f} MB")
    assert ours <= 1.2 * theirs
