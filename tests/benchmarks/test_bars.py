"""The bars of the speed table, on an idle machine: `pytest -m slow tests/benchmarks`."""

import pytest

from tinygrad_lite.bench.measure import measure, quartiles
from tinygrad_lite.bench.suite import SUITE


@pytest.mark.slow
@pytest.mark.parametrize("row", SUITE, ids=lambda row: row.key)
def test_the_bar_is_met(row):
    if row.group.rival == "torch":
        pytest.importorskip("torch")
    result = measure(row)
    assert result.passed, (
        f"{result.ratio:.2f} of {row.group.rival}'s time, half of the rounds within "
        f"{quartiles(result.ratios)}; others used {result.others:.1f} cores meanwhile"
    )
