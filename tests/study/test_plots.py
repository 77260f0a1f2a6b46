"""Plots: what is drawn with colours and without, where, and what is refused."""

import numpy as np
import pytest

from tests.study.test_pictures import drawn
from tinygrad_lite.errors import DataError, ShapeError
from tinygrad_lite.study.pictures import INK
from tinygrad_lite.study.plots import show_curves, show_surface

GAP = float("nan")


def body(text):
    """The drawing, without its axes."""
    lines = [line for line in text.splitlines() if "│" in line or "┤" in line]
    return [line.replace("┤", "│").partition("│")[2] for line in lines]


def test_a_straight_line_goes_from_corner_to_corner():
    text = drawn(show_curves({"rise": [0.0, 4.0]}, height=5), width=15)
    assert text == (
        "4 ┤          aa\n"
        "  │       aaa\n"
        "2 ┤     aa\n"
        "  │  aaa\n"
        "0 ┤aa\n"
        "  └────────────\n"
        "   1          2\n"
        "   a rise\n"
    )


def test_each_curve_has_its_letter_and_the_later_is_above():
    curves = {"one": [0.0, 0.0], "two": [1.0, 1.0], "three": [0.0, 1.0]}
    lines = body(drawn(show_curves(curves, height=2), width=15))
    assert lines == ["bbbbbbcccccc", "ccccccaaaaaa"]


def test_a_logarithmic_axis_is_even_in_powers():
    text = drawn(show_curves({"y": [1.0, 10.0, 100.0]}, log=True, height=3), width=13)
    assert [line[:4] for line in text.splitlines()[:3]] == ["100 ", " 10 ", "  1 "]
    assert [len(line.rstrip()) - len(line.strip()) for line in body(text)] == [6, 2, 0]


@pytest.mark.parametrize(
    ("log", "hole"), [(False, GAP), (False, np.inf), (True, 0.0), (True, -1.0)]
)
def test_what_cannot_be_drawn_is_a_gap(log, hole):
    (line,) = body(drawn(show_curves({"y": [1, 1, 1, hole, 1, 1, 1]}, log=log, height=1), width=30))
    left, right = line.split()
    assert set(left + right) == {"a"}
    assert len(left) == len(right)
    assert abs(len(line) / 3 - len(left)) <= 1  # two of six parts each


def test_a_needle_is_drawn_however_narrow_the_plot():
    y = np.zeros(1001)
    y[333] = 1.0
    lines = body(drawn(show_curves({"y": y}, height=6), width=20))
    assert all(line.count("a") >= 1 for line in lines)
    assert {line.strip() for line in lines[:-1]} <= {"a", "aa"}


def test_x_tells_where_the_values_lie():
    text = drawn(show_curves({"y": [0, 1, 2]}, x=[0, 8, 9], height=3, x_label="time"), width=13)
    assert body(text) == ["         a", "     aaaa", "aaaaa"]
    assert text.splitlines()[4].split() == ["0", "time", "9"]


@pytest.mark.parametrize("width", [20, 60, 80, 200])
@pytest.mark.parametrize("color", [None, "truecolor"])
def test_it_fits(width, color):
    curves = {f"a long name of number {i}"[-(width - 12) :]: np.arange(9.0) * i for i in range(6)}
    text = drawn(show_curves(curves, x_label="step"), width, color)
    plain = "".join(part.partition("m")[2] for part in ("m" + text).split("\x1b["))
    assert max(map(len, plain.splitlines())) <= min(width, 100)
    assert all(name in plain for name in curves)
    assert ("\x1b" in text) == (color is not None)


def test_in_colours_a_line_is_of_dots():
    text = drawn(show_curves({"y": [0.0, 0.0]}, height=3), width=14, color="truecolor")
    assert "⠤" in text
    assert "38;2;255;96;64" in text
    assert "a y" not in text


@pytest.mark.parametrize(
    "options",
    [{}, {"color": "standard"}, {"color": "truecolor", "environ": {"NO_COLOR": "1"}}],
    ids=["piped", "16 colours", "NO_COLOR"],
)
def test_without_colours_no_escape_code_is_written(options):
    surface = show_surface(np.eye(3), [0, 1, 2], [0, 1, 2], {"o": [(1, 1)]}, ("x", "y"))
    for picture in (show_curves({"y": [0.0, 1.0]}), surface):
        assert "\x1b" not in drawn(picture, **options)


def test_dots_of_a_steep_line_are_joined():
    text = drawn(show_curves({"y": [0.0, 9.0]}, height=6), width=14, color="truecolor")
    dots = np.zeros((24, 24), bool)
    plain = "".join(part.partition("m")[2] for part in ("m" + text).split("\x1b["))
    for i, line in enumerate(body(plain)):
        for j, char in enumerate(line):
            for bit, (y, x) in enumerate(
                [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1), (3, 0), (3, 1)]
            ):
                if char != " " and (ord(char) - 0x2800) >> bit & 1:
                    dots[4 * i + y, 2 * j + x] = True
    rows, columns = np.nonzero(dots)
    assert (dots.sum(axis=0)[: columns.max() + 1] >= 1).all()
    assert (dots.sum(axis=1) >= 1).all()
    assert (rows.min(), rows.max(), columns.min()) == (0, 23, 0)


def test_curves_that_make_no_plot_are_refused():
    for curves, x in (
        ({}, None),
        ({"a": [1.0]}, None),
        ({"a": [1.0, 2.0], "b": [1.0]}, None),
        ({"a": [1.0, 2.0]}, [1.0]),
        ({"a": [[1.0, 2.0]]}, None),
        ({str(i): [1.0, 2.0] for i in range(7)}, None),
    ):
        with pytest.raises(ShapeError, match="one to 6 curves"):
            show_curves(curves, x)
    with pytest.raises(DataError, match="no value can be drawn"):
        show_curves({"a": [0.0, -1.0]}, log=True)


def test_a_surface_has_more_ink_where_it_is_higher():
    values = np.arange(10.0).reshape(2, 5)
    text = drawn(show_surface(values, np.arange(5), [1, 0], labels=("w", "v")))
    assert body(text) == [INK[:5], INK[5:]]
    lines = text.splitlines()
    assert lines[0] == "v"
    assert [line[0] for line in lines[1:3]] == ["1", "0"]
    assert lines[4].split() == ["0", "w", "4"]


def test_marks_stand_at_the_nearest_value_and_the_later_above():
    values, x, y = np.zeros((3, 4)), [0.0, 1.0, 2.0, 3.0], [2.0, 1.0, 0.0]
    marks = {"c": [(0.1, 2.0), (3.0, 0.2), (9.0, 1.0), (GAP, 1.0)], "u": [(2.9, 0.0)]}
    assert body(drawn(show_surface(values, x, y, marks))) == ["c   ", "    ", "   u"]


def test_a_surface_in_colours_is_filled():
    values = np.array([[0.0, 1.0]])
    text = drawn(show_surface(values, [0, 1], [0], {"o": [(1, 0)]}), color="truecolor")
    assert "48;2;20;20;60m \x1b" in text
    assert "48;2;255;90;60mo\x1b" in text


def test_a_narrow_console_cuts_a_surface():
    text = drawn(show_surface(np.ones((2, 50)), np.arange(50), [0, 1]), width=20)
    assert max(map(len, text.splitlines())) <= 20


def test_surfaces_that_cannot_be_drawn_are_refused():
    for values, x, y in ((np.zeros((2, 3)), [1, 2], [1, 2]), (np.zeros(3), [1, 2, 3], [1])):
        with pytest.raises(ShapeError, match=r"\(H, W\)"):
            show_surface(values, x, y)
    with pytest.raises(DataError, match="NaN or infinite"):
        show_surface([[0.0, GAP]], [0, 1], [0])
