"""Pictures: what is drawn with colours and without, how it fits, and what is refused."""

import io

import numpy as np
import pytest
from rich.console import Console

import tinygrad_lite as tg
from tinygrad_lite.errors import DataError, ShapeError
from tinygrad_lite.study.pictures import INK, draw, show_boundary, show_images


def drawn(picture, width=80, color=None, environ=None):
    """Print to a console of our own; return what it wrote."""
    file = io.StringIO()
    terminal = color is not None
    console = Console(
        file=file,
        width=width,
        force_terminal=terminal,
        color_system=color,
        _environ=environ or {},
    )
    console.print(picture)
    return file.getvalue()


def test_ink_grows_with_brightness():
    ramp = np.linspace(0, 1, len(INK))[None, None]
    assert drawn(show_images(ramp)) == "".join(2 * c for c in INK) + "\n"


def test_brightness_beyond_0_and_1_is_cut():
    assert drawn(show_images([[[-3.0, 0.0, 1.0, 7.0]]])) == "    @@@@\n"


def test_signed_ink_goes_from_most_negative_to_most_positive():
    assert drawn(show_images([[[-5.0, 0.0, 5.0]]], signed=True)) == "  ==@@\n".replace(
        "==", 2 * INK[round(0.5 * (len(INK) - 1))]
    )


def test_signed_images_share_one_scale():
    text = drawn(show_images([[[4.0]], [[-4.0]], [[1.0]]], signed=True))
    assert text == f"@@      {2 * INK[round(1.25 / 2 * 9)]}\n"


def test_signed_zeros_are_drawn():
    assert len(drawn(show_images(np.zeros((1, 2, 3)), signed=True)).splitlines()) == 2


@pytest.mark.parametrize("width", [1, 10, 33, 34, 80, 200])
@pytest.mark.parametrize("color", [None, "truecolor"])
def test_as_many_in_a_row_as_fit(width, color):
    text = drawn(show_images(np.ones((5, 8, 8))), width, color)
    plain = "".join(part.partition("m")[2] for part in ("m" + text).split("\x1b["))
    lines = plain.splitlines()
    wide = 8 if color else 16
    assert max(map(len, lines)) <= max(width, 1)
    each = min(5, max(1, (width + 2) // (wide + 2)))
    assert len([line for line in lines if line]) == -(-5 // each) * (4 if color else 8)


def test_columns_limit_the_row():
    text = drawn(show_images(np.ones((3, 1, 1)), columns=2))
    assert text == "@@  @@\n\n@@\n"


def test_titles_stand_above_and_are_cut():
    text = drawn(show_images(np.ones((2, 1, 2)), titles=["a", "much too long"]))
    assert text == "a     much\n@@@@  @@@@\n"


def test_half_blocks_hold_two_pixels():
    text = drawn(show_images([[[1.0], [0.0]]]), color="truecolor")
    assert text == "\x1b[38;2;255;255;255;48;2;0;0;0m▀\x1b[0m\n"


def test_an_odd_last_row_leaves_the_background_alone():
    text = drawn(show_images([[[1.0], [0.0], [1.0]]]), color="truecolor")
    assert text.splitlines()[1] == "\x1b[38;2;255;255;255m▀\x1b[0m"


def test_256_colours_use_their_greys():
    text = drawn(show_images([[[0.5], [0.0]]]), color="256")
    assert text == "\x1b[38;5;244;48;5;16m▀\x1b[0m\n"


def test_signed_colours_are_red_and_blue():
    text = drawn(show_images([[[2.0], [-2.0]]], signed=True), color="truecolor")
    assert text == "\x1b[38;2;255;96;64;48;2;64;140;255m▀\x1b[0m\n"


@pytest.mark.parametrize(
    "options",
    [{}, {"color": "standard"}, {"color": "truecolor", "environ": {"NO_COLOR": "1"}}],
    ids=["piped", "16 colours", "NO_COLOR"],
)
@pytest.mark.parametrize("signed", [False, True])
def test_without_colours_no_escape_code_is_written(options, signed):
    text = drawn(show_images(np.eye(4)[None], signed=signed, titles=["a"]), **options)
    assert "\x1b" not in text
    assert "@@" in text


def test_tensors_lists_single_images_and_none_at_all():
    image = [[0.0, 1.0]]
    for images in (image, [image], np.array(image), tg.tensor([image])):
        assert drawn(show_images(images)) == "  @@\n"
    assert drawn(show_images(np.zeros((0, 8, 8)))) == ""


def test_bad_images_are_refused():
    with pytest.raises(ShapeError, match="must be"):
        show_images(np.zeros((2, 1, 8, 8)))
    with pytest.raises(ShapeError, match="must be"):
        show_images(np.zeros((2, 0, 8)))
    with pytest.raises(ShapeError, match="1 titles for 2 images"):
        show_images(np.zeros((2, 8, 8)), titles=["one"])
    images = np.zeros((3, 2, 2))
    images[1, 0, 0] = np.nan
    with pytest.raises(DataError, match="image 1 holds NaN"):
        show_images(images)


def test_boundary_shows_sides_and_points():
    points, labels = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([-1, 1])
    text = drawn(show_boundary(lambda p: p[:, 0] - 0.5, points, labels, width=10, height=5))
    assert text == ".....+++#+\n.....+++++\n.....+++++\n.....+++++\n.o...+++++\n"


def test_boundary_refuses_points_that_are_not_in_a_plane():
    for points, labels in (((3, 3), 3), ((3, 2), 2), ((0, 2), 0)):
        with pytest.raises(ShapeError, match="points must be"):
            show_boundary(lambda p: p[:, 0], np.zeros(points), np.zeros(labels))


def test_draw_prints_plainly_where_told_to(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    draw(show_images([[[0.0, 1.0]]]), plain=True)
    assert capsys.readouterr().out == "  @@\n"
    draw(show_images([[[0.0, 1.0]]]))
    assert "▀" in capsys.readouterr().out
