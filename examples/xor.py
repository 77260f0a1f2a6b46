"""XOR: what one neuron cannot learn, and two layers can; and how to train without the Trainer.

The output shall be 1 when exactly one of two inputs is 1. A perceptron, sigmoid(w·x + b), says
"one" on one side of the straight line w·x + b = 0. No straight line has (0,1) and (1,0) on one side
and (0,0) and (1,1) on the other: the sums of both pairs are the same point, (1,1), so w·x + b adds
up to the same number for both pairs and cannot be positive for one pair and negative for the other.
The best a line can do is 3 of 4 (Minsky & Papert, "Perceptrons", 1969). The loss does even worse by
it: it is least at w = 0, b = 0, where every answer is one half.

A hidden layer bends the plane first, so that a line can do it (Rumelhart, Hinton & Williams,
"Learning representations by back-propagating errors", 1986).

    tinygrad-lite run xor

HIDDEN
"""

import numpy as np
from rich.console import Console

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.study.pictures import show_images

X = tg.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = tg.tensor([[0.0], [1.0], [1.0], [0.0]])


@tg.register_model("xor")
class TwoLayers(tg.Module):
    """Two layers of neurons; the name of the first is what it does to the plane."""

    def __init__(self, hidden: int = 8) -> None:
        self.bend = layers.Dense(2, hidden)
        self.decide = layers.Dense(hidden, 1)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Return logits (N, 1) of points (N, 2); a positive one says "one"."""
        return self.decide(F.tanh(self.bend(x)))


def learn(net: tg.Module, epochs: int) -> float:
    """Train by hand: forward, loss, backward, step. Return the last loss."""
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    for _ in range(epochs):
        loss = F.binary_cross_entropy_with_logits(net(X), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def answer(net: tg.Module, points: tg.Tensor) -> np.ndarray:
    """Return the probability of "one" at each point."""
    with tg.no_grad():
        return F.sigmoid(net(points)).numpy()[:, 0]


def main(epochs: int = 300, seed: int = 0, plain: bool = False) -> None:
    """Let a perceptron fail on XOR and a two-layer net succeed."""
    tg.seed(seed)
    nets = {"perceptron": layers.Dense(2, 1), "two layers": TwoLayers()}
    for name, net in nets.items():
        print(f"{name}: loss {learn(net, epochs):.4f} after {epochs} steps")
    outputs = np.stack([answer(net, X) for net in nets.values()], axis=1)
    print("\n x1  x2   XOR   perceptron   two layers")
    for (x1, x2), y, (one, two) in zip(X.tolist(), Y.tolist(), outputs, strict=True):
        print(f"  {x1:.0f}   {x2:.0f}     {y[0]:.0f}        {one:.3f}        {two:.3f}")
    right = ((outputs > 0.5) == Y.numpy()).sum(axis=0)
    print(f"      right     {right[0]} of 4       {right[1]} of 4\n")
    console = Console(highlight=False, color_system=None if plain else "auto")
    console.print("P(one) over the plane, x1 to the right, x2 up, both from -0.5 to 1.5:")
    side = np.linspace(-0.5, 1.5, 16, dtype=np.float32)
    plane = tg.tensor([[x1, x2] for x2 in side[::-1] for x1 in side])
    maps = np.stack([answer(net, plane) for net in nets.values()]).reshape(2, 16, 16)
    console.print(show_images(maps, titles=list(nets)))


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
