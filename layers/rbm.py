"""RBM: a network that learns to dream its data, by energy instead of error."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tinygrad_lite import functional as F
from tinygrad_lite.errors import ArgumentError, DataError, message
from tinygrad_lite.layers import init
from tinygrad_lite.modes import no_grad
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.random import bernoulli, generator
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import ArrayLike, Tensor


@register_layer("rbm")
class RBM(Module):
    """Restricted Boltzmann machine of binary visible units v and binary hidden units h.

    E(v, h) = -b·v - c·h - h·W v,   P(v, h) = exp(-E(v, h)) / Z
    (Smolensky, 1986; Hinton, "Training products of experts", 2002).

    Within a layer units are independent given the other layer, so sampling alternates between the
    two (Gibbs sampling). Training lowers the energy of the data and raises that of the machine's
    own dreams.

    Shapes: v (N, n_visible), from 0 to 1; h (N, n_hidden); weight, W, (n_hidden, n_visible);
    visible_bias, b, (n_visible,); hidden_bias, c, (n_hidden,). Every method takes Tensors, ndarrays
    and lists, and raises ShapeError or DTypeError where they do not fit.

    Args:
        n_visible: number of visible units.
        n_hidden: number of hidden units.
        k: Gibbs steps of a dream (CD-k).
        persistent: let each dream go on where the last one ended, instead of starting from the
            data (PCD; Tieleman, 2008).

    Raises:
        ArgumentError: a size, or k, is no whole number from 1 on.
    """

    def __init__(self, n_visible: int, n_hidden: int, k: int = 1, persistent: bool = False) -> None:
        init.check_sizes(self, n_visible=n_visible, n_hidden=n_hidden, k=k)
        self.n_visible, self.n_hidden, self.k, self.persistent = n_visible, n_hidden, k, persistent
        weight = 0.01 * generator().standard_normal((n_hidden, n_visible), np.float32)
        self.weight = Parameter(weight)  # small and random (Hinton, "A practical guide", 2010, § 8)
        self.visible_bias = Parameter(np.zeros(n_visible, np.float32))
        self.hidden_bias = Parameter(np.zeros(n_hidden, np.float32))
        self._dreams: np.ndarray | None = None  # where the persistent chains stand

    def _visible(self, v: ArrayLike) -> Tensor:
        units: Tensor = self._enter(v)
        self.check_input(units, "... visible_units", visible_units=self.n_visible)
        return units

    def _hidden(self, h: ArrayLike) -> Tensor:
        units: Tensor = self._enter(h)
        self.check_input(units, "... hidden_units", hidden_units=self.n_hidden)
        return units

    def forward(self, v: Tensor) -> Tensor:
        """Return P(h = 1 | v), shape (N, n_hidden): the features of v."""
        return F.sigmoid(F.linear(self._visible(v), self.weight, self.hidden_bias))

    def visible(self, h: ArrayLike) -> Tensor:
        """Return P(v = 1 | h), shape (N, n_visible)."""
        return F.sigmoid(self._hidden(h) @ self.weight + self.visible_bias)

    def energy(self, v: ArrayLike, h: ArrayLike) -> Tensor:
        """Return E(v, h) of each pair, shape (N,)."""
        v, h = self._visible(v), self._hidden(h)
        interaction = (F.linear(v, self.weight) * h).sum(axis=-1)
        return -(v @ self.visible_bias) - h @ self.hidden_bias - interaction

    def free_energy(self, v: ArrayLike) -> Tensor:
        """Return F(v) = -log of the sum over h of exp(-E(v, h)), shape (N,).

        The sum factorises: -b·v - sum over j of log(1 + exp(c + W v)_j).
        """
        v = self._visible(v)
        activity = F.softplus(F.linear(v, self.weight, self.hidden_bias))
        return -(v @ self.visible_bias) - activity.sum(axis=-1)

    def reconstruct(self, v: ArrayLike) -> Tensor:
        """Return P(v = 1 | h) for the mean h of v: up and down once, without sampling."""
        return self.visible(self(v))

    def gibbs(self, v: ArrayLike, steps: int) -> Tensor:
        """Sample h given v, then v given h, `steps` times; return the last v.

        Raises:
            ArgumentError: steps is no whole number from 0 on.
        """
        init.check_sizes(self, least=0, steps=steps)
        v = self._visible(v)
        with no_grad():
            for _ in range(steps):
                v = bernoulli(self.visible(bernoulli(self(v))))
        return v

    def contrastive_divergence(self, v: ArrayLike) -> Tensor:
        """Return mean F(data) - mean F(dream), whose gradient is the CD-k update.

        The dream is a constant: how it depends on the weights is left out (Hinton, 2002, eq. 5).

        Raises:
            DataError: v is not from 0 to 1, or empty.
        """
        v = self._visible(v)
        self._check_data(v)
        start = v
        if self.persistent and self._dreams is not None and len(self._dreams) >= len(v):
            start = Tensor.make(self._dreams[: len(v)].astype(v.dtype))
        dream = self.gibbs(start, self.k)
        if self.persistent:
            rest = self._dreams[len(v) :] if self._dreams is not None else dream.data[:0]
            self._dreams = np.concatenate([dream.data, rest])
        return self.free_energy(v).mean() - self.free_energy(dream).mean()

    def _check_data(self, v: Tensor) -> None:
        if v.size == 0:
            raise DataError(
                message(
                    self._headline(),
                    "needs at least one sample to learn from",
                    {"v": v},
                    fix="leave empty batches out",
                )
            )
        low, high = v.data.min(), v.data.max()
        if not (low >= 0 and high <= 1):
            raise DataError(
                message(
                    self._headline(),
                    f"visible units are from 0 to 1, the data from {low:g} to {high:g}",
                    {"v": v},
                    fix="scale the data: (v - min) / (max - min)",
                )
            )

    def get_extra_state(self) -> dict[str, Any]:
        """Return where the persistent chains stand."""
        return {} if self._dreams is None else {"dreams": self._dreams.copy()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Let the persistent chains go on from there."""
        self._dreams = state.get("dreams")

    def training_step(self, v: Tensor, *_: Any) -> Tensor:
        """Return the loss of one training step; labels, if any, are not looked at."""
        return self.contrastive_divergence(v)

    def log_partition(self) -> float:
        """Return log Z exactly, by summing over every state of the smaller layer.

        Raises:
            ArgumentError: both layers have more than 20 units.
        """
        n = min(self.n_visible, self.n_hidden)
        if n > 20:
            raise ArgumentError(
                message(
                    self._headline(),
                    f"log Z would be a sum over 2^{n} states",
                    fix="use at most 20 units in one of the layers",
                )
            )
        weight, b, c = (
            p.data.astype(np.float64) for p in (self.weight, self.visible_bias, self.hidden_bias)
        )
        if self.n_hidden < self.n_visible:
            weight, b, c = weight.T, c, b
        total = -math.inf
        for head in itertools.product((0.0, 1.0), repeat=max(0, n - 12)):
            tail = (np.arange(2 ** min(n, 12))[:, None] >> np.arange(min(n, 12))) & 1
            states = np.concatenate([np.broadcast_to(head, (len(tail), len(head))), tail], axis=1)
            terms = states @ b + np.logaddexp(0, states @ weight.T + c).sum(axis=1)
            total = np.logaddexp(total, np.logaddexp.reduce(terms))
        return float(total)

    def log_likelihood(self, v: ArrayLike) -> float:
        """Return the exact mean log P(v) in nats; see `log_partition` for its limit."""
        with no_grad():
            mean = self.free_energy(v).data.astype(np.float64).mean()
        return -float(mean) - self.log_partition()
