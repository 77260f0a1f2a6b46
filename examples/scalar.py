"""Two moons on Scalars alone: a neural network in which every number is a vertex of its own.

There are no arrays in the network: a neuron is a list of weights, and its output a Python sum of
products. Each of the 337 weights and of the thousands of numbers computed from them is a Scalar
whose value and gradient can be looked at; a Tensor does the same a thousand numbers at a time. The
plan is that of micrograd's demo (Karpathy, 2020): two hidden layers of 16 ReLUs. The loss of a
point with label y = ±1 and score s is max(0, 1 - y s): zero once the point is on its side of the
boundary with a margin of 1 (Cortes & Vapnik, "Support-vector networks", 1995).

    tinygrad-lite run scalar

MEASURED
"""

import numpy as np
from rich.console import Console
from rich.text import Text

import tinygrad_lite as tg
from tinygrad_lite.ops.random import generator


class Neuron:
    """w·x + b, through a ReLU unless it is `linear`."""

    def __init__(self, inputs: int, linear: bool) -> None:
        size = (2 / inputs) ** 0.5  # keeps the signal's size from layer to layer (He et al., 2015)
        self.w = [tg.Scalar(size * generator().standard_normal()) for _ in range(inputs)]
        self.b, self.linear = tg.Scalar(0.0), linear

    def __call__(self, x: list) -> tg.Scalar:
        s = sum((w * value for w, value in zip(self.w, x, strict=True)), self.b)
        return s if self.linear else s.relu()


@tg.register_model("scalar")
class MLP:
    """Layers of neurons, each on the outputs of the one before; the last layer is linear."""

    def __init__(self, inputs: int = 2, sizes: tuple[int, ...] = (16, 16, 1)) -> None:
        widths, last = (inputs, *sizes), len(sizes) - 1
        self.layers = [
            [Neuron(widths[i], i == last) for _ in range(n)] for i, n in enumerate(sizes)
        ]
        self.parameters = [
            p for layer in self.layers for neuron in layer for p in (*neuron.w, neuron.b)
        ]

    def __call__(self, x: list) -> tg.Scalar:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0]

    def scores(self, points: np.ndarray) -> np.ndarray:
        """Return the output at each point, without a graph."""
        with tg.no_grad():
            return np.array([self(point).data for point in points.tolist()])


def moons(n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, 2) on two half circles, one in the other, and their labels, -1 and 1."""
    angle, y = generator().uniform(0, np.pi, n), np.where(np.arange(n) % 2, 1, -1)
    upper, lower = (np.cos(angle), np.sin(angle)), (1 - np.cos(angle), 0.5 - np.sin(angle))
    return np.where(y < 0, upper, lower).T + 0.1 * generator().standard_normal((n, 2)), y


def picture(net: MLP, x: np.ndarray, y: np.ndarray) -> str:
    """Draw on which side of the boundary (. or +) the plane is, and the points (o and #)."""
    across = np.linspace(x[:, 0].min() - 0.2, x[:, 0].max() + 0.2, 52)
    down = np.linspace(x[:, 1].max() + 0.2, x[:, 1].min() - 0.2, 17)
    plane = net.scores(np.array([(a, b) for b in down for a in across])).reshape(17, 52)
    drawn = np.where(plane > 0, "+", ".")
    for (a, b), label in zip(x, y, strict=True):
        drawn[abs(down - b).argmin(), abs(across - a).argmin()] = "#" if label > 0 else "o"
    return "\n".join("".join(line) for line in drawn)


def main(epochs: int = 15, seed: int = 0, plain: bool = False) -> None:
    """Tell two moons apart with a network of Scalars, by stochastic gradient descent."""
    tg.seed(seed)
    (x, y), net = moons(), MLP()
    velocity = [0.0] * len(net.parameters)
    print(f"{len(velocity)} weights, each a Scalar; {len(x)} points")
    for epoch in range(epochs):
        rate, total = 0.1 * (1 - epoch / epochs), 0.0
        for batch in generator().permutation(len(x)).reshape(-1, 10).tolist():
            loss = sum((1 - int(y[i]) * net(x[i].tolist())).relu() for i in batch) / len(batch)
            for p in net.parameters:
                p.zero_grad()
            loss.backward()
            for i, p in enumerate(net.parameters):
                velocity[i] = 0.9 * velocity[i] - rate * p.grad.data  # momentum (Polyak, 1964)
                p.data += velocity[i]
            total += loss.data / 10
        right = ((net.scores(x) > 0) == (y > 0)).mean()
        print(f"epoch {epoch + 1}/{epochs}  loss {total:.4f}  accuracy {right:.0%}", flush=True)
    drawing = Text(picture(net, x, y))
    drawing.highlight_regex(r"[.o]+", "blue")
    drawing.highlight_regex(r"[+#]+", "red")
    Console(color_system=None if plain else "auto").print(drawing)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
