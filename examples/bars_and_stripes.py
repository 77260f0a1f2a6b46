"""Bars and stripes: an RBM so small that its likelihood can be summed exactly.

4×4 pixels show bars (each row all on or all off) or stripes (each column): 2⁴ + 2⁴ - 2 = 30
patterns (MacKay, "Information theory, inference, and learning algorithms", 2003, chapter 43). If
each is equally likely no model can do better than a log-likelihood of -log 30 = -3.40 nats a
pattern; a model that knows nothing has -16 log 2 = -11.09.

With 16 hidden units log Z is a sum over 2¹⁶ states, so that here one can see what CD never shows:
whether learning makes the data more likely. Dreams that begin at the data (CD-1) never visit what
the model finds likely elsewhere; so they go on from step to step, as persistent chains (Tieleman,
"Training restricted Boltzmann machines using approximations to the likelihood gradient", 2008).
While the rate is high the weights run ahead of the chains and the likelihood swings; as it falls
the chains catch up.

    tinygrad-lite run bars-and-stripes

Measured for seeds 0, 1, 2: -3.631, -3.599, -3.639, and each of the 30 patterns is dreamt.
"""

from itertools import product

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import layers, optim
from tinygrad_lite.study.pictures import draw, show_images


def patterns() -> np.ndarray:
    """Return the 30 patterns, shape (30, 16)."""
    sides = np.array(list(product((0, 1), repeat=4)), np.float32)
    bars = sides[:, :, None].repeat(4, axis=2)
    both = np.concatenate([bars, bars.swapaxes(1, 2)]).reshape(-1, 16)
    return np.unique(both, axis=0)  # all off and all on are bars and stripes


@tg.register_model("bars-and-stripes")
class BarsAndStripesRBM(layers.RBM):
    """An RBM on 4×4 pixels, with 16 hidden units and chains of dreams that go on."""

    def __init__(self, n_visible: int = 16, n_hidden: int = 16, k: int = 10) -> None:
        super().__init__(n_visible, n_hidden, k, persistent=True)


def main(epochs: int = 2000, seed: int = 0, plain: bool = False) -> float:
    """Learn bars and stripes; return the exact log-likelihood. An epoch is one step."""
    tg.seed(seed)
    data, rbm = patterns(), BarsAndStripesRBM()
    batch = data.repeat(4, axis=0)  # four chains for each pattern
    optimizer = optim.SGD(rbm.parameters(), lr=0.2, momentum=0.5)
    schedule = optim.schedules.Cosine(optimizer, epochs)
    print(f"log-likelihood in nats a pattern; the best possible is {-np.log(len(data)):.3f}")
    print(f"step {0:4}  {rbm.log_likelihood(data):.3f}")
    for step in range(1, epochs + 1):
        optimizer.zero_grad()
        rbm.contrastive_divergence(batch).backward()
        optimizer.step()
        schedule.step()
        if step % max(1, epochs // 10) == 0:
            print(f"step {step:4}  {rbm.log_likelihood(data):.3f}", flush=True)
    dreams = rbm.gibbs(tg.bernoulli(tg.full((1000, 16), 0.5)), 1000).numpy()
    known = (dreams[:, None] == data).all(axis=2)
    print(f"\nOf 1000 dreams {known.any(axis=1).sum()} are bars or stripes, ", end="")
    print(f"{known.any(axis=0).sum()} of the {len(data)} patterns among them. The first ones:")
    draw(show_images(dreams[:24].reshape(-1, 4, 4), columns=12), plain)
    return rbm.log_likelihood(data)


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
