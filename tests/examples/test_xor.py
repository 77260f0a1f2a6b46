"""XOR: the perceptron fails, the two-layer net succeeds, and the command line shows it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.examples import xor

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(10))
def test_two_layers_succeed_and_one_fails(seed):
    tg.seed(seed)
    one, two = layers.Dense(2, 1), xor.TwoLayers()
    assert xor.learn(one, 300) == pytest.approx(np.log(2), abs=1e-3)
    assert xor.learn(two, 300) < 0.01
    assert ((xor.answer(two, xor.X) > 0.5) == xor.Y.numpy()[:, 0]).all()
    assert np.abs(xor.answer(one, xor.X) - 0.5).max() < 0.01


def test_no_line_gets_more_than_three():
    side = np.linspace(-2, 2, 21)
    lines = np.array(np.meshgrid(side, side, side)).reshape(3, -1)
    says_one = xor.X.numpy() @ lines[:2] + lines[2] > 0
    assert (says_one == xor.Y.numpy()).sum(axis=0).max() == 3


@pytest.mark.parametrize(
    "how", [["-m", "tinygrad_lite.cli", "run", "xor"], ["examples/xor.py"]], ids=["name", "path"]
)
def test_command_line(how):
    done = subprocess.run(
        [sys.executable, *how, "--plain"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
