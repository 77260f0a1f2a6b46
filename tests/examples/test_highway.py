"""Highway networks: the lesson's claims, at a size that trains in seconds."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.examples import highway

PARTS = {"enter": 64 * 50 + 50, "layer": 50 * 50 + 50, "head": 50 * 10 + 10}


@pytest.mark.parametrize("depth", [1, 50])
def test_the_layers(depth):
    net = highway.HighwayNet(depth)
    summary = net.summary((1, 8, 8))
    rows = {row.path: (row.output_shape, row.parameters) for row in summary.rows}
    assert rows["enter"] == ((50,), PARTS["enter"])
    assert rows[f"body.{depth - 1}.transform"] == ((50,), PARTS["layer"])
    assert rows[f"body.{depth - 1}.gate"] == ((50,), PARTS["layer"])
    assert rows["head"] == ((10,), PARTS["head"])
    total = PARTS["enter"] + 2 * depth * PARTS["layer"] + PARTS["head"]
    assert summary.parameters == total
    plain = highway.PlainNet(depth).summary((1, 8, 8)).parameters
    assert plain == total - depth * PARTS["layer"]


def test_before_training():
    tg.seed(0)
    made = {
        "plain": highway.PlainNet(50),
        "half open": highway.HighwayNet(50, -1.0),
        "closed": highway.HighwayNet(50, -4.0),
    }
    found = {name: highway.outcome(net, 1) for name, net in made.items()}
    shares = {name: o.norms[1] / o.norms[-2] for name, o in found.items()}
    assert all(len(o.norms) == 52 for o in found.values())
    assert 0.1 < shares["plain"] < 10
    assert shares["half open"] < 1e-3
    assert 0.3 < shares["closed"] < 3
    assert found["plain"].alike > 0.95 > 0.9 > found["closed"].alike
    assert found["closed"].accuracy[0] > 0.4 > found["plain"].accuracy[0]


def test_likeness():
    net = highway.PlainNet(1)
    net.last_layer = lambda x: x
    assert highway.likeness(net, tg.ones(3, 4)) == pytest.approx(1)
    assert highway.likeness(net, tg.asarray(np.eye(4, dtype="f"))) == pytest.approx(0)
    corner = np.array([[1, 0], [0, 2], [3, 0]], "f")  # 0, 1, 0
    assert highway.likeness(net, tg.asarray(corner)) == pytest.approx(1 / 3)


def test_what_is_shown(capsys):
    found = highway.main(depth=12, epochs=1, plain=True)
    assert [*found] == [10, 12]
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    assert f"with 12 {100 * found[12]['plain'].accuracy[-1]:.1f}%" in words
    assert "12 highway -4 64,960" in words


def test_too_few_layers_are_refused():
    with pytest.raises(tg.ArgumentError, match="depth=10"):
        highway.main(depth=10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gates_let_depth_train(seed):
    shallow, deep = highway.main(seed=seed, plain=True).values()
    assert shallow["plain"].accuracy[-1] > 0.9
    assert deep["plain"].accuracy[-1] < 0.7
    assert deep["plain"].loss[-1] > 1
    assert deep["highway -4"].accuracy[-1] > 0.96
