"""RBM: a network that learns without labels what the data look like, and dreams more of it.

A restricted Boltzmann machine has visible units v, here pixels, and hidden units h, and finds
likely what has low energy: P(v, h) = exp(-E(v, h)) / Z, E(v, h) = -b·v - c·h - h·W v. To dream it
draws h given v, then v given h, and so on. Training lowers the energy of the data and raises that
of a one-step dream (CD-1; Hinton, "Training products of experts", 2002):

    ΔW  ∝  mean of h vᵀ over the data  -  mean of h vᵀ over the dreams

Only then come labels: a softmax layer learns to tell the digit from P(h = 1 | v), while W stays.

    tinygrad-lite run rbm

MEASURED
"""

import numpy as np
from rich.console import Console

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers, optim
from tinygrad_lite.data import digits
from tinygrad_lite.study.pictures import show_images

BATCH_SIZE = 32


@tg.register_model("rbm")
class DigitsRBM(layers.RBM):
    """An RBM on 8×8 pixels whose weights start larger than the layer's: its units differ sooner."""

    def __init__(self, n_visible: int = 64, n_hidden: int = 200) -> None:
        super().__init__(n_visible, n_hidden)
        self.weight.data *= 10  # standard deviation 0.1, as of Glorot & Bengio (2010)


def fit(model: tg.Module, data: tuple, lr: float, epochs: int, plain: bool, **options) -> None:
    """Train with Adam on a cosine schedule."""
    optimizer = optim.Adam(model.parameters(), lr)
    schedule = optim.schedules.Cosine(optimizer, epochs * -(-len(data[0]) // BATCH_SIZE))
    display = "plain" if plain else "auto"
    trainer = tg.Trainer(model, optimizer, schedule=schedule, display=display, **options)
    trainer.fit(data, epochs=epochs, batch_size=BATCH_SIZE)


def main(epochs: int = 30, seed: int = 0, plain: bool = False) -> float:
    """Learn the digits without labels, show what was learned, and classify by it."""
    tg.seed(seed)
    train, test = digits()
    x, x_test = train.x.reshape(-1, 64), test.x.reshape(-1, 64)
    rbm = DigitsRBM()
    on = x.mean(axis=0).clip(0.01, 0.99)
    rbm.visible_bias.data = np.log(on / (1 - on))  # Hinton, "A practical guide", 2010, section 8
    fit(rbm, (x,), 0.02, epochs, plain)
    with tg.no_grad():
        features, features_test = rbm(x), rbm(x_test)
        copies = rbm.reconstruct(x_test[:10])
        dreams = rbm.reconstruct(rbm.gibbs(tg.bernoulli(tg.full((20, 64), 0.5)), 1000))
    strongest = np.argsort(-np.linalg.norm(rbm.weight.data, axis=1))[:20]
    console = Console(highlight=False, color_system=None if plain else "auto")
    for title, images, signed in (
        ("Held-out digits", x_test[:10], False),
        ("and what is left of them after one way up and down", copies, False),
        (
            "The strongest filters: red pixels speak for a hidden unit",
            rbm.weight.data[strongest],
            True,
        ),
        ("Dreams, 1000 Gibbs steps after random noise", dreams, False),
    ):
        console.print(f"\n{title}:")
        console.print(show_images(images.reshape(-1, 8, 8), columns=10, signed=signed))
    print("\nA softmax layer on the hidden units, which stay as they are:")
    softmax = layers.Dense(200, 10)
    fit(
        softmax,
        (features, train.y),
        0.05,
        epochs,
        plain,
        loss=F.cross_entropy,
        metrics=["accuracy"],
    )
    accuracy = float((softmax(features_test).numpy().argmax(axis=1) == test.y).mean())
    print(f"accuracy on {len(test)} held-out digits: {100 * accuracy:.1f}%")
    return accuracy


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
