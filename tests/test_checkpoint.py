"""Saving and loading: the same model, or a clear refusal."""

import json
import os
import stat

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import layers
from tinygrad_lite.checkpoint import save_arrays
from tinygrad_lite.storage import write_state


@pytest.fixture
def model():
    return layers.Sequential(layers.Dense(3, 2), layers.Dropout(0.25), layers.Dense(2, 1))


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "model.safetensors"
    tg.save(model, path)
    return path


def same(a, b):
    state = b.state_dict()
    return a.config() == b.config() and all(
        array.tobytes() == state[name].tobytes() for name, array in a.state_dict().items()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_to_the_bit(model, tmp_path, dtype):
    model.astype(dtype)
    model[0].weight.data = np.asfortranarray(model[0].weight.data)
    tg.save(model, str(tmp_path / "m"))
    again = tg.load(tmp_path / "m")
    assert same(model, again)
    x = tg.randn(4, 3, dtype=dtype)
    np.testing.assert_array_equal(model.eval()(x).data, again.eval()(x).data)


def test_others_can_read_the_tensors(model, path):
    from safetensors.numpy import load_file

    tensors = load_file(path)
    assert sorted(tensors) == ["0.bias", "0.weight", "2.bias", "2.weight"]
    np.testing.assert_array_equal(tensors["0.weight"], model[0].weight.data)


def test_a_file_has_the_usual_permissions(path):
    other = path.with_name("other")
    other.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


@pytest.mark.parametrize("culprit", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(model, path, monkeypatch, culprit):
    def fail(*_):
        raise OSError("disk full")

    before = path.read_bytes()
    model[0].weight.data += 1
    monkeypatch.setattr(os, culprit, fail)
    with pytest.raises(OSError, match="disk full"):
        tg.save(model, path)
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]


def test_the_old_file_is_there_until_the_new_one_is_complete(model, path, monkeypatch):
    before, replace = path.read_bytes(), os.replace

    def watch(source, target):
        assert path.read_bytes() == before
        assert same(tg.load(source), model)  # flushed and whole
        replace(source, target)

    model[0].weight.data += 1
    monkeypatch.setattr(os, "replace", watch)
    tg.save(model, path)
    assert same(tg.load(path), model)


def test_every_truncation_is_refused(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(tg.CheckpointError, match="damaged"):
            tg.load(path)


@pytest.mark.parametrize("flip", [1, 2, 0x0A, 0x20, 0x80, 0xFF])
def test_every_damaged_byte_is_refused(path, flip):
    """Never another model: a flipped digit of a size, a stride, a probability or a weight."""
    content = path.read_bytes()
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ flip]) + content[i + 1 :])
        with pytest.raises(tg.CheckpointError, match="damaged"):
            tg.load(path)
    path.write_bytes(content + b" ")
    with pytest.raises(tg.CheckpointError, match="damaged"):
        tg.load(path)


def test_a_forged_config_is_refused(path):
    content = path.read_bytes()
    assert content.count(b"0.25") == 1
    path.write_bytes(content.replace(b"0.25", b"0.75"))
    with pytest.raises(tg.CheckpointError, match="not those that were saved"):
        tg.load(path)


def test_a_file_without_a_config_is_sealed_too(model, tmp_path):
    """The best weights of a model that nothing can rebuild: tensors, as they were saved."""
    path = tmp_path / "best"
    save_arrays(layers.Sequential(Late(1)), model.state_dict(), path)
    with pytest.raises(tg.CheckpointError, match="not the config of a model"):
        tg.load(path)
    content = path.read_bytes()
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        with pytest.raises(tg.CheckpointError):
            tg.load(path)


def test_a_folder_that_is_no_checkpoint(tmp_path):
    with pytest.raises(tg.CheckpointError, match="a folder that is no checkpoint"):
        tg.load(tmp_path)


def test_a_state_that_is_of_no_training(tmp_path):
    write_state(tmp_path / "state", {"mine": 1})
    with pytest.raises(tg.CheckpointError, match="not the config of a model"):
        tg.load(tmp_path / "state")


def test_files_of_others_are_told_apart(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(tg.CheckpointError, match="not the config of a model") as caught:
        tg.load(tmp_path / "foreign")
    assert "load_state_dict" in str(caught.value)
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "missing")


class Late(tg.Module):
    def __init__(self, scale):
        self.scale = scale

    def forward(self, x):
        return x


def test_what_cannot_be_saved_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(tg.PluginError, match="Late has no plugin name"):
        tg.save(Late(1), tmp_path / "m")
    with pytest.raises(tg.PluginError, match="Late has no plugin name"):
        tg.save(layers.Sequential(Late(1)), tmp_path / "m")
    assert not [*tmp_path.iterdir()]


def test_arguments_that_are_no_json(tmp_path, monkeypatch):
    from tinygrad_lite import plugins

    monkeypatch.setattr(plugins.layers, "_plugins", dict(plugins.layers._plugins))
    tg.register_layer("late")(Late)
    with pytest.raises(tg.CheckpointError, match="arguments of Late"):
        tg.save(Late(np.sin), tmp_path / "m")
    assert not [*tmp_path.iterdir()]
    tg.save(Late({"a": [1, (2, 3)]}), tmp_path / "m")
    assert json.dumps(tg.load(tmp_path / "m").scale) == '{"a": [1, [2, 3]]}'
