"""Vanishing gradients: how much of an error arrives at a memory 99 time steps before it.

Four kinds of networks, as they are before any training, read the same random sequences, and an
error enters at their last step. Drawn is the norm of the gradient at what each remembers after
every step: h of an RNN and a GRU, c of an LSTM.

At every step back the gradient is multiplied by the derivative of one memory by the one before. In
a plain RNN that is a matrix, diag(1 - h²) U, whose powers fade, or explode (Hochreiter, 1991;
Bengio, Simard & Frasconi, "Learning long-term dependencies with gradient descent is difficult",
1994). An LSTM's cell has c' = f c + i g, so the derivative is f, and the gate may be near 1
(Hochreiter & Schmidhuber, 1997). It *may*: with bias 0 it begins at sigmoid(0) = 1/2, and forgets
as fast as the RNN. Therefore its bias begins at 1 (Gers, Schmidhuber & Cummins, "Learning to
forget", 2000; Józefowicz et al., "An empirical exploration of recurrent network architectures",
2015), or for a memory of T steps at log T, where f is about 1 - 1/T (Tallec & Ollivier, "Can
recurrent neural networks warp time?", 2018).

    tinygrad-lite run vanish

Measured for seeds 0, 1, 2, the norm at the first of 100 steps over that at the last: RNN 5e-27,
1e-23, 4e-25; GRU 2e-21, 3e-20, 4e-20; LSTM with forget bias 0 7e-22, 4e-21, 9e-22, with bias 1
1e-8, 4e-8, 2e-8, with bias log 100 19, 8, 15.
"""

from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.study import state_gradients
from tinygrad_lite.study.pictures import draw
from tinygrad_lite.study.plots import show_curves
from tinygrad_lite.study.sentences import bullets

Recurrent = layers.RNN | layers.GRU | layers.LSTM
FEATURES, BATCH = 8, 16
LOST = 1e-7  # what float32 no longer sees beside 1


@tg.register_model("vanish")
class BiasedLSTM(layers.LSTM):
    """An LSTM whose forget gates begin open, or as open as you choose."""

    def __init__(
        self, input_size: int = FEATURES, hidden_size: int = 32, forget_bias: float = 1.0
    ) -> None:
        super().__init__(input_size, hidden_size, forget_bias=forget_bias)


def norms(layer: Recurrent, steps: int) -> np.ndarray:
    """Return the norm of the gradient at the memory after each step, of an error at the last."""
    layer.astype("float64")
    x, error = tg.randn(BATCH, steps, FEATURES), tg.randn(BATCH, layer.hidden_size)
    x, error = x.astype("float64"), error.astype("float64")
    found = state_gradients(layer, x, lambda result: (result[0][:, -1] * error).sum())
    return np.linalg.norm(found.get("c_l0", found["h_l0"]), axis=(1, 2))


def measure(steps: int, hidden: int, seed: int) -> dict[str, np.ndarray]:
    """Return the norms of each network; all of them meet the same sequences and errors."""
    makers: dict[str, Callable[[], Recurrent]] = {
        "RNN": lambda: layers.RNN(FEATURES, hidden),
        "GRU": lambda: layers.GRU(FEATURES, hidden),
        "LSTM, bias 0": lambda: layers.LSTM(FEATURES, hidden, forget_bias=0.0),
        "LSTM, bias 1": lambda: layers.LSTM(FEATURES, hidden, forget_bias=1.0),
        f"LSTM, bias log {steps}": lambda: layers.LSTM(FEATURES, hidden, forget_bias=np.log(steps)),
    }
    found = {}
    for name, make in makers.items():
        tg.seed(seed)
        layer = make()
        tg.seed(seed + 1)
        found[name] = norms(layer, steps)
    return found


def keeps(norms: np.ndarray) -> float:
    """Return the share that is left after one step back, on average over the steps."""
    return float((norms[0] / norms[-1]) ** (1 / (len(norms) - 1)))


def reach(norms: np.ndarray) -> int | None:
    """Return how many steps back the gradient is lost in float32; None if it never is."""
    lost = np.flatnonzero(norms[::-1] < LOST * norms[-1])
    return int(lost[0]) if lost.size else None


def sentences(found: dict[str, np.ndarray]) -> list[str]:
    """Say what is seen, from the numbers."""
    rnn, gru, zero, one, log = found.values()
    back = len(rnn) - 1
    said = [
        f"Of an error at the last step the RNN's first memory gets {rnn[0] / rnn[-1]:.0e}: every "
        f"step back keeps {100 * keeps(rnn):.0f} %, and there are {back} of them."
    ]
    if reach(rnn) is not None:
        said.append(
            f"After {reach(rnn)} steps less than {LOST:.0e} is left, which float32 no longer sees "
            "beside the newest step's gradient: what lies further back has no say in what is "
            "learned."
        )
    said += [
        f"With forget bias 0 an LSTM keeps {100 * keeps(zero):.0f} % a step: its gates begin half "
        f"open, sigmoid(0) = 0.50. So does the z of the GRU, which keeps {100 * keeps(gru):.0f} %.",
        f"With forget bias 1, sigmoid(1) = 0.73, it keeps {100 * keeps(one):.0f} %: what arrives, "
        f"{one[0] / one[-1]:.0e}, is {(one[0] / one[-1]) / (zero[0] / zero[-1]):.0e} times as much "
        "as with 0.",
        f"A gate that is to keep something for {back + 1} steps must begin nearly open: with bias "
        f"log {back + 1} it is 1 - 1/{back + 2}, and {log[0] / log[-1]:.2g} times the last "
        "gradient arrives at the first step.",
    ]
    return said


def main(
    steps: int = 100, hidden: int = 32, seed: int = 0, plain: bool = False
) -> dict[str, np.ndarray]:
    """Draw how the gradient fades over time in RNN, GRU and LSTM, before any training."""
    if steps < 2:
        raise tg.ArgumentError(f"vanish: steps={steps}\n  fix: take 2 steps or more")
    found = measure(steps, hidden, seed)
    console = Console(color_system=None if plain else "auto", highlight=False)
    console.print(
        f"An error enters at the last of {steps} time steps. The norm of its gradient at what the "
        "networks remember after each step, before any training; the bias is the forget gate's:\n"
    )
    draw(show_curves(found, log=True, x_label="time step"), plain)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for head in ("first/last", "kept a step", "lost after"):
        table.add_column(head, justify="right")
    for name, values in found.items():
        lost = reach(values)
        table.add_row(
            name,
            f"{values[0] / values[-1]:.1e}",
            f"{100 * keeps(values):.1f} %",
            "-" if lost is None else f"{lost} steps",
        )
    console.print("", table, "", bullets(sentences(found)), sep="\n")
    return found


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
