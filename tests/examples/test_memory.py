"""Memory by hand: the numbers of the lesson, and where they come from."""

import tinygrad_lite as tg
from tinygrad_lite.examples import memory


def answers(net):
    return net(memory.X).numpy().tolist()


def test_elman():
    assert answers(memory.Elman()) == [[4, 4], [12, 12], [32, 32]]
    hidden = [step.hidden.tolist() for step in memory.Elman().steps(memory.X)]
    assert hidden == [[2, 2], [6, 6], [16, 16]]


def test_jordan():
    assert answers(memory.Jordan()) == [[4, 4], [20, 20], [88, 88]]
    hidden = [step.hidden.tolist() for step in memory.Jordan().steps(memory.X)]
    assert hidden == [[2, 2], [10, 10], [44, 44]]


def test_the_layers_answer_the_same():
    found = [y.tolist() for y in memory.from_layers().values()]
    assert found == [answers(memory.Elman()), answers(memory.Jordan())]


def test_the_arithmetic_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    memory.main(plain=True)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 60
    for part in (
        "1 + 1 + 2 + 2 = 6 ",
        "16 + 16 = 32",
        "It answers [4, 4], [12, 12], [32, 32].",
        "2 + 2 + 20 + 20 = 44 ",
        "It answers [4, 4], [20, 20], [88, 88].",
        "RNN, then Dense  [4, 4], [12, 12], [32, 32]",
        "Jordan           [4, 4], [20, 20], [88, 88]",
    ):
        assert part in out


def test_it_is_in_the_gallery():
    assert tg.plugins.models.get("memory") is memory.Elman
