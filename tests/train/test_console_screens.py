"""What is shown in terminals of all sizes: nothing wraps, nothing overflows, what matters stays."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.train.recorded import Clock, run, started, states
from tests.train.screens import SIZES, TAKEN, Sheet, photographer
from tinygrad_lite.summary import Row, Summary
from tinygrad_lite.train import Compiling, EpochEnded, FitEnded, LayersMeasured, StepEnded, Warned
from tinygrad_lite.train.console import Live
from tinygrad_lite.train.console.panels import curves, sparkline
from tinygrad_lite.train.console.report import EpochTable, confusion
from tinygrad_lite.train.console.words import ASCII, UNICODE

GLYPHS = {"unicode": UNICODE, "ascii": ASCII}
NAMES = ["conv1", "block.层.卷积", "a very long name of a layer with spaces", "x\x1b[31m\n\ty"]


def watch(width, height, glyphs=UNICODE, colors=True, stop=None, **options):
    """Show a run up to its event number `stop`; return the display and everything it showed."""
    clock = Clock()
    live = Live(Sheet(width, height, glyphs, colors), clock)
    for i, event in enumerate(run(clock, **options)):
        live(event)
        live.draw()
        if i == stop:
            break
    return live


def texts(lines):
    return ["".join(segment.text for segment in line) for line in lines]


@given(
    st.integers(1, 220),
    st.integers(2, 60),
    st.integers(0, 45),
    st.sampled_from([UNICODE, ASCII]),
    st.sampled_from([(8, None), (4, NAMES), (60, None)]),
    st.booleans(),
)
def test_it_fits_every_terminal(width, height, stop, glyphs, layers, colors):
    live = watch(width, height, glyphs, colors, stop, layers=layers[0], names=layers[1])
    frame = texts(live.screen.frame)
    assert len(frame) < height
    assert all(cell_len(line) < max(2, width) for line in frame)
    assert all(line.isprintable() for line in frame)
    above = texts(live.screen.above)
    assert all(cell_len(line) < max(2, width) for line in above)
    if glyphs is ASCII and layers[1] is None:
        assert "".join(frame + above).isascii()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("glyphs", GLYPHS)
def test_the_four_sizes_show_what_matters(size, glyphs):
    live = watch(*size, GLYPHS[glyphs], stop=40)
    text = "\n".join(live.screen.text)
    assert len(live.screen.text) <= size[1]
    for shown in (r"run\b.* \d+%", r"(epoch|validate)\b.* \d+%", r"loss 0\.\d{4}", "val loss"):
        assert re.search(shown, text), shown
    assert "epochs" in text  # the axis of the curve
    assert ("|grad" in text) == (size[0] >= 100)
    assert ("accuracy  " in text) == (size[0] >= 60)
    assert ("samples/s" in text) == (size[0] >= 60)
    rows = [line for line in texts(live.screen.above) if GLYPHS[glyphs].star in line]
    assert len(rows) == 2  # as of epochs 1 and 2


def test_validation_is_the_last_column_to_go():
    event = EpochEnded(
        1, {"loss": 1, "accuracy": 0.5, "val_loss": 2, "val_accuracy": 0.25}, 0, 1, True
    )
    heads = {}
    for width in range(10, 120):
        lines = texts(EpochTable().rows(event, width, UNICODE))
        assert all(len(line) < width for line in lines)
        heads[width] = lines[0].replace("val ", "val_").split()
    assert heads[18] == ["epoch", "val_loss"]
    assert heads[35] == ["epoch", "val_loss", "val_accuracy"]
    assert heads[119] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "time"]
    counts = [len(columns) for columns in heads.values()]
    assert counts == sorted(counts)


def test_the_heads_are_repeated_only_when_columns_change():
    event = EpochEnded(1, {"loss": 1.0, "val_loss": 2.0}, 0.1, 1.0, False)
    table = EpochTable()
    assert [len(table.rows(event, width, UNICODE)) for width in (80, 80, 30, 30, 80)] == [
        2, 1, 2, 1, 2,
    ]  # fmt: skip


def test_the_summary_stands_before_and_the_result_after():
    live = watch(100, 30)
    text = "\n".join(texts(live.screen.above))
    assert live.screen.frame == []
    assert text.index("multiply-adds") < text.index("LeNet: 61,706") < text.index("epoch      loss")
    end = text[text.index("finished in 35s") :]
    assert re.search(r"best epoch 2 ★ +of 4 +val loss 0.4100 +val accuracy 91.00%", end)
    assert "checkpoint runs/lenet-1/step-20" in end
    assert "to go on   tinygrad-lite run cnn --resume" in end
    assert re.search(r"0 30 +1 +·", end)  # the confusion matrix, of the best epoch
    assert "━━ train" in text  # the curves stay


def test_a_long_command_is_whole_and_alone_on_its_line():
    live = Live(Sheet(40, 15))
    live(started())
    command = "tinygrad-lite run /a/very/long/path/of/a/model.toml --resume runs/model-20260101"
    live(FitEnded(True, 1.0, resume=command))
    assert command in texts(live.screen.above)


def test_a_long_path_is_broken_after_a_slash():
    live = Live(Sheet(40, 15))
    live(started())
    live(FitEnded(True, 1.0, checkpoint="runs/model-1/checkpoints/step-00000360-epoch-0008"))
    lines = texts(live.screen.above)
    assert {"runs/model-1/checkpoints/", "step-00000360-epoch-0008"} <= set(lines)


@pytest.mark.parametrize(("width", "height"), [(100, 30), (60, 20), (40, 15)])
def test_a_long_summary_is_as_short_as_the_terminal(width, height):
    rows = [Row(f"layer{i}", "Dense", f"layer{i}", 1, ((10,),), 10) for i in range(100)]
    live = Live(Sheet(width, height))
    live(started(summary=Summary([Row("", "Net"), *rows], 4000)))
    live.draw()
    lines = texts(live.screen.above)
    assert len(lines) <= height
    assert max(map(len, lines)) < width
    assert "total 1,000 parameters" in " ".join(lines)


def test_a_run_that_is_not_yet_measured_is_shown():
    live = Live(Sheet(100, 30))
    live(started(summary=None, folder=None))
    live.draw()
    text = "\n".join(live.screen.text)
    assert "step 0/5" in text
    assert "waiting for numbers" in text
    assert "eta" not in text
    live(Compiling("gemm.product"))
    live.draw()
    assert "gemm.product" in "\n".join(live.screen.text)


def test_what_is_wrong_with_layers_is_shown_in_words():
    live = Live(Sheet(100, 30))
    live(started())
    dead = (replace(states(1)[0], dead=0.9), *states(3)[1:])
    for total in (1, 2):
        live(LayersMeasured(1, total, total, dead))
        live(StepEnded(1, total, 1.0, 1e-3, 32))
    live.draw()
    text = "\n".join(live.screen.text)
    assert "▲ features.0.conv: 90% of its units are dead, always 0; lower the learning rate" in text
    live(FitEnded(False, 1.0))
    assert "90% of its units are dead" in "\n".join(texts(live.screen.above))


def test_many_layers_are_shown_from_the_first_to_the_last_and_sick_ones_among_them():
    live = Live(Sheet(100, 30))
    live(started())
    layers = list(states(60))
    layers[31] = replace(layers[31], gradient=float("nan"))
    live(LayersMeasured(1, 1, 1, tuple(layers)))
    live.draw()
    text = "\n".join(live.screen.text)
    assert "of 60" in text
    for i in (0, 31, 59):
        assert f".{i}.conv " in text


def test_letters_tell_curves_apart_where_there_are_no_colours():
    for glyphs, colors in ((UNICODE, False), (ASCII, True)):
        text = "\n".join(
            texts(curves("loss", [(0, 1), (2, 0)], [(1, 1), (2, 1)], None, 40, 9, glyphs, colors))
        )
        assert "ttt" in text
        assert "vvv" in text
        assert "⠉" not in text


def test_the_axis_is_logarithmic_where_numbers_differ_much():
    steep = [(1, 100.0), (2, 10.0), (3, 1.0)]
    lines = texts(curves("loss", steep, [], None, 46, 7, ASCII, True))
    assert "log" in lines[0]
    places = [i for i, line in enumerate(lines[1:-1]) if "t" in line]
    assert places == list(range(5))
    columns = [np.mean([m.start() for m in re.finditer("t", lines[1 + i])]) for i in places]
    assert np.ptp(np.diff(columns)[1:-1]) < 3  # even steps
    assert "log" not in texts(curves("loss", [(1, 2.0), (2, 1.0)], [], None, 46, 7, ASCII, True))[0]


def test_the_best_epoch_has_its_star_on_the_curve():
    lines = texts(
        curves("loss", [], [(1, 3.0), (2, 1.0), (3, 2.0)], (2, 1.0), 41, 9, UNICODE, True)
    )
    (row,) = [i for i, line in enumerate(lines) if "★" in line]
    assert row == 7  # the lowest, above the lower edge


def test_values_that_are_not_finite_leave_gaps():
    nan = float("nan")
    lines = texts(curves("loss", [(1, nan)], [(1, nan)], None, 40, 9, UNICODE, True))
    assert "waiting for numbers" in "".join(lines)
    lines = texts(curves("x", [(0, 1), (1, nan), (2, 1)], [], None, 40, 9, ASCII, True))
    assert "t" in "".join(lines[1:])


def test_a_sparkline_rises_by_powers():
    assert sparkline([(i, 10.0**i) for i in range(8)], 20, UNICODE) == "▁▂▃▄▅▆▇█"
    assert sparkline([(i, 10.0**i) for i in range(8)], 2, UNICODE) == "▁█"
    assert set(sparkline([(0, 1.0), (1, 1.1)], 9, UNICODE)) <= set("▃▄▅▆")
    assert sparkline([(0, 0.0), (1, float("nan"))], 9, UNICODE) == ""


def test_a_large_confusion_matrix_is_told_in_words():
    matrix = np.eye(30) * 9
    matrix[3, 5], matrix[8, 1] = 4, 2
    (line,) = texts(confusion("confusion", matrix.tolist(), 80, UNICODE))
    assert line == "  confusion: most often 3 as 5 (4), 8 as 1 (2)"
    (line,) = texts(confusion("confusion", np.eye(30).tolist(), 80, UNICODE))
    assert line.endswith("nothing")


def test_what_is_no_square_matrix_is_left_out():
    assert confusion("rates", [[1.0, 2.0]], 80, UNICODE) == []
    assert confusion("rates", [[float("nan")]], 80, UNICODE) == []


def test_a_warning_has_no_control_characters_and_does_not_wrap():
    live = Live(Sheet(100, 30))
    live(started())
    live(Warned("one\ntwo\x1b[2J " + "long " * 30))
    live.draw()
    first, second = texts(live.screen.above)[-2:]
    assert first.startswith("▲ one two long")
    assert second.startswith("  long")
    assert max(len(first), len(second)) < 100


def test_what_cannot_be_printed_harms_nothing():
    class Broken:
        def table(self, width, height):
            raise ZeroDivisionError("badly made")

    live = Live(Sheet(100, 30))
    live(started(summary=Broken()))
    live.draw()
    text = "\n".join(live.screen.text)
    assert "the display failed, the training goes on: ZeroDivisionError('badly made')" in text
    assert "step 0/5" in text


def test_the_pictures_are_taken(tmp_path):
    watch = photographer(tmp_path)
    watch(started(epochs=20, steps=45))
    for epoch in (TAKEN[0] - 1, TAKEN[0]):
        for step in range(1, 46):
            watch(StepEnded(epoch, step, 1 / epoch, 1e-3, 32))
        watch(EpochEnded(epoch, {"loss": 0.1, "val_loss": 0.1}, 1e-3, 1.0, True))
    watch(FitEnded(False, 1.0))
    names = {f"train-{width}x{height}.svg" for width, height in SIZES} | {"train-result.svg"}
    assert {path.name for path in tmp_path.iterdir()} == names
    for path in tmp_path.iterdir():
        assert 1_000 < path.stat().st_size < 100_000
