"""The public names: each is there, once, and says what it is."""

import pickle

import pytest

import tinygrad_lite as tg
from tinygrad_lite import functional

FACES = {"tg": tg, "F": functional, "linalg": tg.linalg}
NAMES = [(face, name) for face, module in FACES.items() for name in module.__all__]


@pytest.mark.parametrize("face", FACES)
def test_each_name_is_public_and_listed_once(face):
    names = FACES[face].__all__
    assert len({*names}) == len(names)
    assert [name for name in names if name.startswith("_")] in ([], ["__version__"])


@pytest.mark.parametrize(("face", "name"), NAMES)
def test_everything_says_what_it_is(face, name):
    assert getattr(FACES[face], name).__doc__


@pytest.mark.parametrize("name", ["exp", "add", "sum"])
def test_functions_can_be_sent_to_other_processes(name):
    function = getattr(tg, name)
    assert pickle.loads(pickle.dumps(function)) is function
