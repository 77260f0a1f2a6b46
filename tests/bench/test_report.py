"""What the table looks like: wide, narrow, as Markdown and as JSON."""

import json

import pytest
from rich.cells import cell_len

from tinygrad_lite.bench import report
from tinygrad_lite.bench.measure import Benchmark, Group, Result

FACTS = {"cpu": "CPU", "threads": 2, "system": "Linux", "tinygrad-lite": "1", "Python": "3"}
OURS, BOTH = Group("g", "what g does", "torch"), Group("h", "what h does", "micrograd")


def result(group, ours, theirs=(), bar=0.5, others=0.0):
    row = Benchmark(group, "batch-512", bar, lambda: None, lambda: None)
    return Result(row, list(ours), list(theirs), others)


ALONE = result(OURS, [1e-3, 2e-3, 3e-3])
MET = result(BOTH, [1e-6, 2e-6, 3e-6], [4e-6] * 3)
MISSED = result(BOTH, [0.3] * 3, [0.4] * 3, others=0.7)


@pytest.mark.parametrize("width", [80, 50])
def test_rows_fit_and_stand_below_their_heads(width):
    heads = report.head(BOTH, True, width)[1].plain
    lines = [report.line(r, width).plain for r in (MET, MISSED)]
    assert max(cell_len(text) for text in (heads, *lines)) <= width
    for text, cell in [("ours", "2.00 µs"), ("micrograd", "4.00 µs"), ("ratio", "0.50")]:
        assert heads.index(text) + len(text) == lines[0].index(cell) + len(cell)
    assert lines[0].endswith("  ✓ within 0.50")
    assert lines[1].endswith("! ✗ over 0.50")
    assert ("0.38–0.62" in lines[0]) == (width == 80)


def test_our_side_alone():
    assert report.head(OURS, False, 80)[1].plain.split() == ["ours", "spread"]
    assert report.line(ALONE, 80).plain.rstrip().endswith("2.00 ms  -25 % +25 %")
    assert report.line(ALONE, 50).plain.split() == ["batch-512", "2.00", "ms"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.5e-8, "0.03 µs"),
        (1.234e-6, "1.23 µs"),
        (4.56e-5, "45.6 µs"),
        (0.0123, "12.3 ms"),
        (0.45678, "457 ms"),
        (3.2, "3.20 s"),
        (1234.4, "1234 s"),
    ],
)
def test_times_have_a_unit_that_fits(seconds, text):
    assert report.write_time(seconds) == text


def test_remarks_count_bars_and_name_what_was_disturbed():
    text = " ".join(report.remarks([ALONE, MET, MISSED]))
    assert "1 of 2 bars met." in text
    assert "--vs torch" in text
    assert "Others used up to 0.7 cores" in text
    text = " ".join(report.remarks([MET]))
    assert "--vs torch" not in text
    assert "Others" not in text


def test_markdown_has_as_many_cells_in_every_row():
    lines = report.to_markdown([ALONE, MET, MISSED], FACTS).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in table} == {7}
    assert "| batch-512 | 2.00 µs | 4.00 µs | 0.50 | 0.38–0.62 | ✓ within 0.50 |" in table
    assert "| batch-512 | 2.00 ms |  |  | -25 % +25 % |  |" in table
    assert lines[-1].startswith("CPU, 2 threads, Linux; tinygrad-lite 1, Python 3. 1 of 2 bars")


def test_json_holds_every_round():
    data = json.loads(json.dumps(report.to_json([ALONE, MET], FACTS)))
    assert data["machine"] == FACTS
    alone, met = data["rows"]
    assert "ratio" not in alone
    assert met["rounds"] == {"ours": MET.ours, "theirs": MET.theirs}
    assert (met["name"], met["ratio"], met["met"]) == ("h/batch-512", 0.5, True)


def test_only_rivals_that_come_with_the_library_run_unasked(capsys, monkeypatch):
    asked = []

    def measure(row, rival, seconds):
        asked.append((row.group.rival, rival))
        return ALONE

    monkeypatch.setattr(report, "measure", measure)
    report.run([ALONE.benchmark, MET.benchmark])
    assert asked == [("torch", False), ("micrograd", True)]
    assert "what h does" in capsys.readouterr().out


def test_an_interrupted_run_keeps_what_it_has(capsys, monkeypatch, tmp_path):
    measured = iter([MET])

    def measure(*_):
        for found in measured:
            return found
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "measure", measure)
    path = tmp_path / "bench.json"
    with pytest.raises(KeyboardInterrupt):
        report.run([MET.benchmark] * 2, json_path=str(path))
    assert "1 of 1 bars met" in capsys.readouterr().out
    assert len(json.loads(path.read_text())["rows"]) == 1
