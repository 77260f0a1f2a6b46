"""The rival is a fair one: its gradients are right, and it learns what we learn."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.bench.micrograd import Value
from tinygrad_lite.bench.suite import select


def test_gradients_are_those_of_scalars():
    def f(a, b):
        c = a * b + 2.0
        return (c * c + 3.0 * a).relu() + (a + -5.0).relu() + b * b

    def gradients(number):
        a, b = number(1.5), number(-0.5)
        f(a, b).backward()
        return [float(getattr(x.grad, "data", x.grad)) for x in (a, b)]

    assert gradients(Value) == pytest.approx(gradients(tg.Scalar), rel=1e-12)


def test_the_demo_gives_both_engines_the_same_loss_and_weights():
    (row,) = select(["scalar/moons"])
    ours, theirs = row.ours(), row.theirs()
    losses = []
    for _ in range(3):
        for side in (ours, theirs):
            side.step()
        for a, b in zip(ours.result(), theirs.result(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)
        losses.append(theirs.result()[0])
    assert losses == sorted(losses, reverse=True)
