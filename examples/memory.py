"""Memory by hand: what Elman's and Jordan's networks remember, with numbers one can check.

Two linear units, two linear outputs, every weight 1 and no biases. Fed with [1, 1], [1, 1], [2, 2]
the second answer differs from the first though the input is the same: a network with a memory
answers to all that it has seen. What is remembered makes the difference:

    Elman (1990):   h_t = W x_t + U h_(t-1),   y_t = V h_t      the hidden units
    Jordan (1986):  h_t = W x_t + U y_(t-1),   y_t = V h_t      the answers

    tinygrad-lite run memory

Measured: Elman answers [4, 4], [12, 12], [32, 32]; Jordan [4, 4], [20, 20], [88, 88].
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import tinygrad_lite as tg
from tinygrad_lite import layers

X = tg.tensor([[1.0, 1.0], [1.0, 1.0], [2.0, 2.0]])


class Step(NamedTuple):
    """What stands in the network after one time step, each of shape (2,)."""

    memory: tg.Tensor  # what it remembered when the step began
    hidden: tg.Tensor
    output: tg.Tensor


@tg.register_model("memory")
class Elman(tg.Module):
    """Two linear units that remember themselves, all weights 1."""

    remembers = "h"

    def __init__(self) -> None:
        self.w, self.u, self.v = (tg.Parameter(tg.ones(2, 2)) for _ in range(3))

    def steps(self, x: tg.Tensor) -> Iterator[Step]:
        """Yield each step over x (T, 2)."""
        memory = tg.zeros(2)
        for x_t in x:
            hidden = self.w @ x_t + self.u @ memory
            output = self.v @ hidden
            yield Step(memory, hidden, output)
            memory = self.kept(hidden, output)

    def kept(self, hidden: tg.Tensor, output: tg.Tensor) -> tg.Tensor:
        """Return what the next step shall remember."""
        return hidden

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Return the outputs (T, 2) over x (T, 2)."""
        return tg.stack([step.output for step in self.steps(x)])


class Jordan(Elman):
    """The same, but it remembers what it answered."""

    remembers = "y"

    def kept(self, hidden: tg.Tensor, output: tg.Tensor) -> tg.Tensor:  # noqa: D102
        return output


def table_of(net: Elman) -> Table:
    """Lay out the arithmetic of each step; both units do the same, so one is enough."""
    m = net.remembers
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("t", "x", f"{m} before", f"h = x1 + x2 + {m}1 + {m}2", "y = h1 + h2"):
        table.add_column(head)
    for t, (x, step) in enumerate(zip(X.tolist(), net.steps(X), strict=True), 1):
        memory, hidden, output = ([round(v) for v in part.tolist()] for part in step)
        x1, x2 = map(round, x)
        table.add_row(
            str(t),
            f"{[x1, x2]}",
            f"{memory}",
            f"{x1} + {x2} + {memory[0]} + {memory[1]} = {hidden[0]}",
            f"{hidden[0]} + {hidden[1]} = [bold green]{output[0]}[/]",
        )
    return table


def from_layers() -> dict[str, tg.Tensor]:
    """Return the answers of the library's layers with the same weights."""
    linear: dict[str, Any] = {"nonlinearity": "linear", "bias": False, "returns": "outputs"}
    nets = {
        "RNN, then Dense": layers.Sequential(
            layers.RNN(2, 2, **linear), layers.Dense(2, 2, bias=False)
        ),
        "Jordan": layers.Jordan(2, 2, **linear),
    }
    for net in nets.values():
        for weight in net.parameters():
            weight.data[...] = 1
    return {name: net(X) for name, net in nets.items()}


def listed(y: tg.Tensor) -> str:
    """Write answers (T, 2) as whole numbers."""
    return escape(", ".join(str([round(v) for v in y_t]) for y_t in y.tolist()))


def main(plain: bool = False) -> None:
    """Work out what Elman's and Jordan's networks answer, step by step."""
    console = Console(color_system=None if plain else "auto", highlight=False)
    console.print("Two linear units and outputs, all weights 1; both do the same, one is shown.")
    for net in (Elman(), Jordan()):
        kept = "the hidden units h" if net.remembers == "h" else "the outputs y"
        console.print(f"\n[bold]{type(net).__name__}[/] remembers {kept}:\n")
        console.print(table_of(net))
        console.print(f"\nIt answers [bold green]{listed(net(X))}[/].")
    console.print("\nThe layers of the library, linear and with these weights, answer the same:\n")
    for name, y in from_layers().items():
        console.print(f"{name:<16} {listed(y)}")
    console.print(
        "\nIn both the second answer differs from the first, to the same input: that is the "
        "memory. Jordan's grows faster: an answer sums up both units, and comes back to both."
    )


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
