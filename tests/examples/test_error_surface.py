"""The error surface: its numbers, the fall without clipping, and the way on with it."""

from itertools import pairwise

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import error_surface


@pytest.mark.parametrize(("w", "y"), [(1.0, 1.0), (1.01, 20751.64), (0.99, 4.36073e-5)])
def test_a_thousand_steps_are_a_power(w, y):
    net = error_surface.LinearRNN(w)
    result = net()
    assert result.item() == pytest.approx(y, rel=1e-6)
    result.backward()
    assert net.w.grad.item() == pytest.approx(999 * w**998, rel=1e-9)
    assert net.v.grad.item() == pytest.approx(w**999, rel=1e-9)


def test_the_surface_is_the_loss_at_every_pair():
    w, v = np.array([0.98, 1.0, 1.02]), np.array([2.0, 0.5])
    expected = [[(b * a**99 - 1) ** 2 / 2 for a in w] for b in v]
    np.testing.assert_allclose(error_surface.surface(100, w, v), expected)


def test_the_curvature_is_that_of_the_closed_form():
    """At w = v = 1 the Hessian is the outer product of (n, 1), n = length - 1, with itself."""
    assert error_surface.steepest(200) == pytest.approx(199**2 + 1)


def test_without_clipping_it_is_thrown_away_and_with_it_goes_on():
    free, bound = (error_surface.descend(1000, 100, 1e-4, clip) for clip in (np.inf, 1.0))
    assert free[0] == bound[0]
    assert abs(free[4].w - free[3].w) > 1
    assert free[3].norm > 1e4
    assert free[-1].loss == pytest.approx(0.5, rel=1e-6)
    assert free[-1].norm < 1e-100
    assert bound[-1].loss < 1e-2
    assert abs(bound[-1].w - 1) < 1e-3
    assert all(np.hypot(b.w - a.w, b.v - a.v) <= 1e-4 * (1 + 1e-6) for a, b in pairwise(bound))


def test_it_ends_where_the_gradient_is_no_number():
    *_, last = error_surface.descend(1000, 10, 1.0, np.inf)
    assert not np.isfinite(last.norm)


@pytest.mark.parametrize("columns", [60, 100])
def test_what_is_shown(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    descents = error_surface.main(plain=True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= columns
    said = " ".join(out.split())
    assert "4.3607e-05 at w = 0.99, 1 at w = 1, 20,752 at w = 1.01." in said
    assert f"the next one lands at w = {descents['unclipped'][4].w:.6g}." in said
    assert f"and the last one {descents['clipped'][-1].loss:.1e}." in said
    (row,) = [line for line in out.splitlines() if line.startswith("1 ┤")]
    assert row.count("c") > 5
    assert row.count("u") > 1


def test_other_settings_make_other_sentences(capsys):
    error_surface.main(length=100, epochs=5, lr=1e-6, plain=True)
    assert "Nothing throws the unclipped descent away" in " ".join(capsys.readouterr().out.split())
    error_surface.main(epochs=5, lr=1.0, plain=True)
    assert "the training is over" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(tg.ArgumentError, match="length=50"):
        error_surface.main(length=50)
