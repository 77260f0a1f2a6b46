"""A third-party package: a layer with a learned parameter, and a model that uses it."""

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import layers


class Swish(tg.Module):
    """x sigmoid(beta x), with a beta to learn for each feature (Ramachandran et al., 2017)."""

    def __init__(self, features):
        self.features = features
        self.beta = tg.Parameter(tg.ones(features))

    def forward(self, x):
        self.check_input(x, "... features", features=self.features)
        return x * F.sigmoid(self.beta * x)


class SwishNet(tg.Module):
    """A network with one hidden layer of Swish units, for images of 8 x 8 in 10 classes."""

    def __init__(self, hidden=32):
        self.body = layers.Sequential(
            layers.Flatten(), layers.Dense(64, hidden), Swish(hidden), layers.Dense(hidden, 10)
        )

    def forward(self, x):
        return self.body(x)
