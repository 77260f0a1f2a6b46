"""XOR: what one neuron cannot learn and two layers can; and how to train without the Trainer.

The output shall be 1 when exactly one of two inputs is 1. A perceptron, sigmoid(w·x + b), answers
"one" on one side of the straight line w·x + b = 0. But w·x + b sums up to the same over (0,1) and
(1,0) as over (0,0) and (1,1): it cannot be positive at both of the first and negative at both of
the others. So no line separates them, the best gets 3 of 4 (Minsky & Papert, "Perceptrons", 1969),
and the loss is least at w = 0, b = 0: "one half" to every question, right only by luck.

A hidden layer bends the plane first, so that a line can separate it (Rumelhart, Hinton & Williams,
"Learning representations by back-propagating errors", 1986).

    tinygrad-lite run xor

Measured for each seed from 0 to 29: the two-layer net gets 4 of 4, with a loss of 0.0034 at most;
the perceptron ends at a loss of 0.6931 = log 2.
"""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.study.pictures import draw, show_images

X = tg.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = tg.tensor([[0.0], [1.0], [1.0], [0.0]])


@tg.register_model("xor")
class TwoLayers(tg.Module):
    """Two inputs, one hidden layer that bends the plane, and one output that decides."""

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
    return float(loss.item())


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
    print("P(one) over the plane, x1 to the right, x2 up, both from -0.5 to 1.5:")
    side = np.linspace(-0.5, 1.5, 16, dtype=np.float32)
    plane = tg.tensor([[x1, x2] for x2 in side[::-1] for x1 in side])
    maps = np.stack([answer(net, plane) for net in nets.values()]).reshape(2, 16, 16)
    draw(show_images(maps, titles=list(nets)), plain)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
