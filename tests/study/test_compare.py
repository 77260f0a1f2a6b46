"""The comparison and the sentences that are computed from it."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.study.compare import Result, compare_models, sparkline
from tinygrad_lite.study.flow import Flow
from tinygrad_lite.study.sentences import sentences
from tinygrad_lite.train.recipe import learn_digits


def result(
    name, *, parameters=100, madds=100, seconds=1.0, train=1.0, test=0.9, before=None, after=None
):
    before = before or Flow("layers", (1.0, 1.0))
    return Result(name, parameters, madds, seconds, train, test, before, after or before)


def test_two_models_side_by_side(capsys, tmp_path):
    picture = tmp_path / "compare.svg"
    results = compare_models(["dnn", "rnn"], epochs=1, svg=str(picture))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "epoch 1/1  test accuracy  dnn" in out
    assert [r.name for r in results] == ["dnn", "rnn"]
    assert results[0].parameters == 64 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10
    assert results[0].multiply_adds == 64 * 128 + 128 * 128 + 128 * 10
    assert results[1].multiply_adds == 8 * (8 * 128 + 128 * 128) + 128 * 10
    assert results[1].before.over == "steps"
    assert len(results[1].before.norms) == 8
    assert "parameters" in picture.read_text()


def test_a_model_learns_in_company_what_it_learns_alone(capsys):
    alone = learn_digits(tg.plugins.models.get("rnn"), epochs=2, seed=5, plain=True)
    together = compare_models(["dnn", "rnn"], epochs=2, seed=5, plain=True)
    capsys.readouterr()
    assert together[1].test == pytest.approx(alone["val_accuracy"][-1], abs=1e-12)


@pytest.mark.parametrize("name", ["rbm", "xor", "scalar"])
def test_a_model_of_another_kind_is_refused(name):
    with pytest.raises(tg.TinygradLiteError):
        compare_models([name], epochs=1)


def test_sparkline_shows_the_whole_course():
    assert sparkline([0.1, 0.7, 0.85, 1.0], 10) == "▁▁▅█"
    assert sparkline(np.linspace(0.7, 1, 31).tolist(), 3) == "▁▅█"
    assert sparkline([], 5) == ""


def test_sentences_follow_the_numbers():
    fading = Flow("steps", (0.01, 0.1, 1.0))
    carried = Flow("steps", (1.0, 1.0, 1.0))
    said = sentences(
        [
            result("a", test=0.95, seconds=0.5),
            result("b", test=0.99, madds=900, seconds=2.0),
            result("c", test=0.9, madds=800, before=fading, after=carried),
        ]
    )
    text = " ".join(said)
    assert "b gets most held-out images right: 99.0%, the others 90.0% to 95.0%" in text
    assert "9 times in b and 8 times in c for one image" in text
    assert "in a it is used once" in text
    assert "a trains fastest, 0.50 s an epoch; b takes 4.0 times as long, for 9.0 times" in text
    assert "is 1.0% in c of that at the last; after it, 100% in c: learning to read" in text
    # a share of 1 % over two steps is 10 % a step, and 1e-99 over 99
    assert "c began with 10.0% a step, of which 100 steps would leave 1e-99" in text
    assert "1.00 in a (2 layers) and 1.00 in b (2 layers): with so few layers" in text
    assert (
        "c has the widest gap between the images it learned from (100%) and new ones (90.0%)"
        in text
    )


def test_other_numbers_make_other_sentences():
    deep = Flow("layers", (0.001, 1.0))
    text = " ".join(sentences([result("a", train=0.9, before=deep), result("b", train=0.9)]))
    assert "a and b are level at 90.0%" in text
    assert "the first layers of a learn slowly" in text
    assert "None does much better" in text
    assert "times in" not in text


def test_one_model_alone_has_its_sentences():
    assert sentences([result("a")])[0] == "a gets 90.0% of the held-out images right."
