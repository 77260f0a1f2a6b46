"""What is wrong with layers, in plain words, and what may help."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tinygrad_lite.train.events import LayerState

VANISHED = 1e-4  # of the largest gradient among the layers behind; sigmoid nets fall below it
IDLE, WILD = 1e-6, 0.1  # update ratios; about 1e-3 is usual
DEAD = 0.5  # share of units
EXPLODED = 100.0  # times the usual gradient of the same layer
_LOOKS = 2  # in a row, before something is worth a warning: a single batch may be odd
_MEMORY = 32  # looks that tell what is usual


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a layer.

    Attributes:
        kind: one word.
        layer: its path.
        problem: what is wrong.
        remedy: what to try.
    """

    kind: str
    layer: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.layer}: {self.problem}; {self.remedy}"


class Health:
    """Watches the layers of a run.

    Attributes:
        complaints: what is wrong now; a layer has one complaint at most.
        new: those among them that were never made before.
    """

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self.new: list[Complaint] = []
        self._looks: dict[tuple[str, str], int] = {}
        self._gradients: dict[str, list[float]] = {}
        self._fastest = 0.0
        self._told: set[tuple[str, str]] = set()

    def look(self, layers: Sequence[LayerState], lr: float) -> None:
        """Take a look at the layers of one step.

        Args:
            layers: their states.
            lr: learning rate of the step.
        """
        self._fastest = max(self._fastest, lr)
        found = {(c.kind, c.layer): c for c in self._find(layers, lr >= 0.1 * self._fastest)}
        self._looks = {key: self._looks.get(key, 0) + 1 for key in found}
        self.complaints = [
            complaint
            for key, complaint in found.items()
            if self._looks[key] >= _LOOKS or complaint.kind == "broken"
        ]
        self.new = [c for c in self.complaints if (c.kind, c.layer) not in self._told]
        self._told |= {(c.kind, c.layer) for c in self.new}

    def _find(self, layers: Sequence[LayerState], fast: bool) -> Iterator[Complaint]:
        """Yield at most one complaint a layer.

        Args:
            layers: their states.
            fast: whether the learning rate is not much below its highest, as at a schedule's end.
        """
        largest_behind = [
            max((s.gradient for s in layers[i:] if math.isfinite(s.gradient)), default=0.0)
            for i in range(len(layers))
        ]
        for state, behind in zip(layers, largest_behind, strict=True):
            name = state.path or state.kind
            usual = self._usual(state)
            if not math.isfinite(state.gradient) or not math.isfinite(state.weight):
                what = "gradient holds" if math.isfinite(state.weight) else "weights hold"
                yield Complaint(
                    "broken",
                    name,
                    f"{what} NaN or infinity",
                    "lower the learning rate, or set clip_norm=1.0",
                )
            elif usual and state.gradient > EXPLODED * usual:
                yield Complaint(
                    "exploding",
                    name,
                    f"gradient explodes, {state.gradient / usual:,.0f} times the usual",
                    "set clip_norm=1.0, or lower the learning rate",
                )
            elif state.update > WILD and state.weight > 0:
                yield Complaint(
                    "wild",
                    name,
                    f"a step changes {min(state.update, 9.99):.0%} of its weights, 0.1% is usual",
                    "lower the learning rate",
                )
            elif 0 < state.gradient < VANISHED * behind:
                yield Complaint(
                    "vanishing",
                    name,
                    f"gradient vanishes, {behind / state.gradient:,.0f} times less than further on",
                    "try ReLU, batch norm, skip connections, or an LSTM over time",
                )
            elif state.dead is not None and state.dead > DEAD:
                yield Complaint(
                    "dead",
                    name,
                    f"{state.dead:.0%} of its units are dead, always 0",
                    "lower the learning rate, or try LeakyReLU",
                )
            elif fast and state.gradient > 0 and state.weight > 0 and state.update < IDLE:
                yield Complaint(
                    "idle",
                    name,
                    f"hardly learns, a step changes {state.update:.0e} of its weights",
                    "raise the learning rate, or try Adam",
                )

    def _usual(self, state: LayerState) -> float | None:
        """Return the median of the gradients before, once there are enough; take note of this."""
        gradients = self._gradients.setdefault(state.path, [])
        usual = median(gradients) if len(gradients) >= 4 else None
        if math.isfinite(state.gradient):
            gradients.append(state.gradient)
            del gradients[:-_MEMORY]
        return usual
