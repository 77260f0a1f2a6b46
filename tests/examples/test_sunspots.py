"""Sunspots: forecasts are made from the past alone, and beat what costs nothing."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import sunspots


class Table(dict):
    """What stands in for a DataFrame: columns that become arrays."""

    def __getitem__(self, name):
        return SimpleNamespace(to_numpy=lambda: np.array(super(Table, self).__getitem__(name)))


@pytest.fixture
def stand_in(monkeypatch):
    """A statsmodels with 309 years of its own: a cycle of eleven years, and noise."""
    years = np.arange(1700.0, 2009.0)
    noise = np.random.default_rng(0).standard_normal(len(years))
    numbers = 60 - 50 * np.cos(2 * np.pi * years / 11) + 5 * noise
    table = Table({"YEAR": years, "SUNACTIVITY": numbers})
    datasets = ModuleType("statsmodels.datasets")
    datasets.sunspots = SimpleNamespace(load_pandas=lambda: SimpleNamespace(data=table))
    monkeypatch.setitem(sys.modules, "statsmodels", ModuleType("statsmodels"))
    monkeypatch.setitem(sys.modules, "statsmodels.datasets", datasets)
    return numbers


def test_a_run(stand_in, capsys):
    years, series = sunspots.sunspots()
    assert years.dtype.kind == "i"
    np.testing.assert_array_equal(series, stand_in)
    rms = sunspots.main(epochs=8, plain=True)
    assert rms["GRU"][0] < rms["as now"][0]
    assert rms["11 years ago"] == pytest.approx([rms["as now"][3]] * 4)  # 11 years after "as now"
    out = capsys.readouterr().out
    assert "1921 to 2008" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(tg.ArgumentError, match=r"statsmodels.*\n.*tinygrad-lite\[examples\]"):
        sunspots.sunspots()


def test_forecasts_are_made_from_the_past_alone(rng):
    series, net = rng.random(100) * 50, sunspots.Forecaster()
    before = sunspots.forecast_all(series, 60, net)
    changed = series.copy()
    changed[80:] = 1000
    for name, made in sunspots.forecast_all(changed, 60, net).items():
        np.testing.assert_array_equal(made[:80], before[name][:80], err_msg=name)
        assert (made[80:] != before[name][80:]).any(), name


def test_errors_compare_with_the_year_that_was_meant():
    series = np.arange(30.0)
    perfect = np.arange(30.0)[:, None] + np.arange(1, 12)
    for ahead in (1, 2, 11):
        assert (sunspots.errors(series, perfect, ahead, 20) == 0).all()
        assert len(sunspots.errors(series, perfect, ahead, 20)) == 10


def test_seasonal_forecasts_repeat_a_period():
    series = np.tile(np.arange(11.0), 6)
    made = sunspots.forecast_all(series, 50, sunspots.Forecaster())["11 years ago"]
    for ahead in (1, 2, 5, 11):
        assert (sunspots.errors(series, made, ahead, 50) == 0).all()


def test_a_linear_series_is_found_by_the_linear_model():
    t = np.arange(120)
    series = 50 + 30 * np.sin(2 * np.pi * t / 10.5) + 5 * np.cos(2 * np.pi * t / 4)
    made = sunspots.autoregression(series, 60)
    for ahead in (1, 5, 11):
        np.testing.assert_allclose(sunspots.errors(series, made, ahead, 60), 0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_better_than_naive_for_two_years(seed):
    pytest.importorskip("statsmodels")
    rms = sunspots.main(seed=seed, plain=True)
    assert rms["AR(9)"][0] < rms["GRU"][0] < 0.75 * min(rms["as now"][0], rms["11 years ago"][0])
    assert rms["GRU"][1] < 0.95 * min(rms["as now"][1], rms["11 years ago"][1])
