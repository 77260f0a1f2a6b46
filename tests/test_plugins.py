"""The registry: names, taken and unknown ones, and plugins that do not import."""

import importlib.metadata
import sys
from importlib.metadata import EntryPoint

import pytest

import tinygrad_lite as tg
from tinygrad_lite import plugins

MODULE = """
import tinygrad_lite as tg

@tg.register_layer("swish")
class Swish(tg.Module):
    pass

class Plain(tg.Module):
    pass

def function():
    pass
"""


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry with one built-in, `dense`, and a home of its own."""
    (tmp_path / "home_package.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "home_package", raising=False)
    registry = plugins.Registry("layers", "home_package")

    @registry.register("dense")
    class Dense(tg.Module):
        pass

    return registry


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Declare entry points, as an installed package does."""

    def install(**entries):
        points = [EntryPoint(*entry, "tinygrad_lite.layers") for entry in entries.items()]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)

    (tmp_path / "third_party.py").write_text(MODULE)
    (tmp_path / "broken_party.py").write_text("import no_such_module")
    yield install
    for name in ("third_party", "broken_party"):
        sys.modules.pop(name, None)


def test_a_decorated_class_is_found_by_name(registry):
    @registry.register("mine")
    class Mine(tg.Module):
        pass

    assert registry.get("mine") is Mine
    assert Mine.plugin_name == "mine"
    assert registry.plugin("mine").source.endswith("Mine")
    assert [p.name for p in registry.all()] == ["dense", "mine"]


@pytest.mark.parametrize(
    ("register", "registry"),
    [
        (tg.register_layer, plugins.layers),
        (tg.register_model, plugins.models),
        (tg.register_optimizer, plugins.optim),
        (tg.register_dataset, plugins.datasets),
    ],
)
def test_each_decorator_has_its_registry(register, registry, monkeypatch):
    monkeypatch.setattr(registry, "_plugins", {})
    monkeypatch.setattr(registry, "_loaded", True)

    @register("mine")
    def mine():
        pass

    assert registry.get("mine") is mine


def test_a_taken_name_tells_both(registry):
    with pytest.raises(tg.PluginError) as caught:

        @registry.register("dense")
        class Other(tg.Module):
            pass

    message = str(caught.value)
    assert "'dense' is taken twice" in message
    assert "Dense" in message
    assert "Other" in message
    assert "fix: rename" in message
    assert registry.get("dense").__name__ == "Dense"


@pytest.mark.parametrize("definition", ["class Item: pass", "def item(): return 1"])
def test_the_same_definition_may_run_again(registry, tmp_path, definition):
    """Reloaded, or run by path under another module's name, it replaces itself."""

    def run(file, module):
        space = {"__name__": module, "registry": registry}
        source = f"@registry.register('item')\n{definition}"
        exec(compile(source, str(tmp_path / file), "exec"), space)
        return space.get("Item") or space["item"]

    run("item.py", "package.item")
    again = run("item.py", "__main__")
    assert registry.get("item") is again
    with pytest.raises(tg.PluginError, match="taken twice"):
        run("other.py", "elsewhere")


def test_an_unknown_name_lists_what_exists_nearest_first(registry):
    for name in ("alpha", "dance", "zeta"):
        registry.register(name)(lambda: None)
    with pytest.raises(tg.PluginError) as caught:
        registry.get("densse")
    assert "nothing is registered as 'densse'" in str(caught.value)
    assert "known: dense, dance, alpha, zeta" in str(caught.value)


def test_an_entry_point_is_loaded_on_first_need(registry, install):
    install(plain="third_party:Plain")
    assert "third_party" not in sys.modules
    assert registry.get("plain").__name__ == "Plain"
    assert registry.get("plain").plugin_name == "plain"
    assert registry.plugin("plain").package == "unknown package"


def test_an_entry_point_to_a_class_that_registers_itself(registry, install, monkeypatch):
    monkeypatch.setattr(tg, "register_layer", registry.register)
    install(swish="third_party:Swish")
    assert registry.get("swish").plugin_name == "swish"
    assert [p.name for p in registry.all()] == ["dense", "swish"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("broken_party:Layer", "No module named 'no_such_module'"),
        ("absent_party:Layer", "No module named 'absent_party'"),
        ("third_party:Absent", "has no attribute 'Absent'"),
    ],
)
def test_a_broken_plugin_is_reported_by_name_and_harms_nothing_else(registry, install, value, why):
    install(bad=value, plain="third_party:Plain")
    assert [p.name for p in registry.all()] == ["dense", "plain"]
    assert registry.get("dense")
    with pytest.raises(tg.PluginError) as caught:
        registry.get("bad")
    for part in ("'bad' cannot be used", value, why, "fix: "):
        assert part in str(caught.value)
    assert why in registry.broken["bad"]


def test_an_entry_point_with_a_taken_name_is_refused_with_both_sources(registry, install):
    install(dense="third_party:Plain", plain="third_party:Plain")
    assert registry.get("plain")
    with pytest.raises(tg.PluginError) as caught:
        registry.get("dense")
    for part in ("taken twice", "Dense", "third_party.Plain"):
        assert part in str(caught.value)


def test_a_home_that_fails_to_import_fails_every_time(registry, tmp_path):
    (tmp_path / "home_package.py").write_text("raise RuntimeError('half written')")
    importlib.invalidate_caches()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="half written"):
            registry.get("relu")


def test_the_built_in_layers_have_their_names():
    names = {p.name: p for p in plugins.layers.all()}
    assert {"dense", "conv2d", "max_pool2d", "rnn", "lstm", "gru", "rbm", "sequential"} <= {*names}
    assert names["dense"].package == "tinygrad_lite"


@pytest.mark.parametrize("name", [None, "", tg.Module])
def test_a_decorator_without_a_name(registry, name):
    with pytest.raises(tg.PluginError, match="is no name to register under"):
        registry.register(name)
