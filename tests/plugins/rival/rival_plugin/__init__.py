"""A package whose layer has the name of another package's layer."""

import tinygrad_lite as tg


class OtherSwish(tg.Module):
    """Takes a name that is taken."""

    def forward(self, x):
        return x


class Rival(tg.Module):
    """Takes a name of its own."""

    def forward(self, x):
        return x
