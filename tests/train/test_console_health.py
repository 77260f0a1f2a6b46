"""Which layers are complained about, and which are not."""

import math
from dataclasses import replace

import pytest

from tests.train.recorded import states
from tinygrad_lite.train import LayerState
from tinygrad_lite.train.console.health import Health

FINE = states(4)


def looked(layers, times=2, lr=1e-3):
    health = Health()
    for _ in range(times):
        health.look(layers, lr)
    return health.complaints


def sick(place=0, **changes):
    layers = list(FINE)
    layers[place] = replace(layers[place], **changes)
    return tuple(layers)


def test_healthy_layers_are_left_alone():
    assert looked(FINE, 50) == []


@pytest.mark.parametrize(
    ("changes", "kind", "said", "remedy"),
    [
        ({"gradient": 3e-4}, "vanishing", "gradient vanishes, 13,333 times", "ReLU"),
        ({"update": 0.5}, "wild", "changes 50% of its weights", "lower the learning rate"),
        ({"update": 1e-9}, "idle", "hardly learns", "raise the learning rate"),
        ({"dead": 0.7}, "dead", "70% of its units are dead", "LeakyReLU"),
        ({"gradient": math.nan}, "broken", "gradient holds NaN", "clip_norm"),
        ({"weight": math.inf}, "broken", "weights hold NaN or infinity", "clip_norm"),
    ],
)
def test_what_is_wrong_is_said_with_a_remedy(changes, kind, said, remedy):
    (complaint,) = looked(sick(**changes))
    assert (complaint.kind, complaint.layer) == (kind, FINE[0].path)
    assert said in complaint.problem
    assert remedy in complaint.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"gradient": 5e-4},
        {"update": 0.09},
        {"update": 2e-6},
        {"dead": 0.5},
        {"gradient": 0.0, "update": 0.0},  # frozen
        {"weight": 0.0, "update": math.inf},  # zeros at the start
    ],
)
def test_what_is_odd_but_usual_is_not(changes):
    assert looked(sick(**changes)) == []


def test_an_explosion_is_measured_by_the_layer_itself():
    health = Health()
    for _ in range(5):
        health.look(FINE, 1e-3)
    for _ in range(2):
        health.look(sick(2, gradient=1000.0), 1e-3)
    (complaint,) = health.complaints
    assert complaint.kind == "exploding"
    assert "333 times the usual" in complaint.problem


def test_a_vanishing_gradient_is_measured_by_the_layers_behind():
    assert looked(sick(3, gradient=1e-7)) == []  # the last layer, before the loss
    assert [c.layer for c in looked(sick(2, gradient=1e-7))] == [FINE[2].path]


def test_a_single_look_is_not_enough_unless_something_broke():
    assert looked(sick(dead=1.0), times=1) == []
    assert looked(sick(gradient=math.inf), times=1) != []


def test_slow_layers_at_the_end_of_a_schedule_are_fine():
    health = Health()
    health.look(FINE, 1e-2)
    for _ in range(3):
        health.look(sick(update=1e-8), 1e-5)
    assert health.complaints == []


def test_a_complaint_is_new_once():
    health, news = Health(), 0
    for layers in (sick(dead=0.9), sick(dead=0.9), sick(dead=0.9), FINE, sick(dead=0.9)):
        health.look(layers, 1e-3)
        news += len(health.new)
    assert news == 1


def test_a_layer_without_a_path_goes_by_its_kind():
    (complaint,) = looked((LayerState("", "Dense", math.nan, 1.0, 1e-3),))
    assert str(complaint).startswith("Dense: gradient holds NaN")
