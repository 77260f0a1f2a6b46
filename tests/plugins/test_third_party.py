"""A real little package, built, installed into a folder of its own, and used by name.

Its sources are in `third_party`; `broken` cannot be imported; `rival` takes a name that is taken.
"""

import os
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import tinygrad_lite

HERE = Path(__file__).parent


def build_wheel(project, folder):
    """Write the wheel of a pure Python project; it is a zip, so this needs no build backend."""
    settings = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    name, version = settings["name"].replace("-", "_"), settings["version"]
    info = f"{name}-{version}.dist-info"
    groups = [
        f"[{group}]\n" + "".join(f"{key} = {target}\n" for key, target in entries.items())
        for group, entries in settings["entry-points"].items()
    ]
    files = {
        path.relative_to(project).as_posix(): path.read_text()
        for path in sorted((project / name).rglob("*.py"))
    }
    files |= {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {settings['name']}\n"
        f"Version: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": "\n".join(groups),
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def install(projects, folder):
    """Build the projects and install them into `folder`, without a network."""
    site = folder / "site"
    wheels = [build_wheel(HERE / project, folder) for project in projects]
    if find_spec("pip") is None:  # to install a pure wheel is to unpack it
        for wheel in wheels:
            zipfile.ZipFile(wheel).extractall(site)
        return site
    options = ["--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", site, *wheels],
        check=True,
        capture_output=True,
        text=True,
    )
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with a sound and a broken package."""
    return install(["third_party", "broken"], tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def contested_site(tmp_path_factory):
    """A folder with two packages that declare one name."""
    return install(["third_party", "rival"], tmp_path_factory.mktemp("contested"))


def run(site, folder, *arguments):
    """Start Python in `folder`, with the library and the packages of `site` on its path."""
    home = Path(tinygrad_lite.__file__).parent.parent
    paths = [str(site), str(home), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "100"},
        capture_output=True,
        encoding="utf-8",
    )


def script(site, folder, code):
    """Run code that must succeed; return what it prints."""
    code = "import tinygrad_lite as tg\n" + textwrap.dedent(code)
    done = run(site, folder, "-W", "error", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_found_by_its_name(site, tmp_path):
    """No import of the package by hand: the registry brings it, and tells who provides it."""
    printed = script(
        site,
        tmp_path,
        """
        import sys
        assert "swish_plugin" not in sys.modules
        layer = tg.plugins.layers.get("swish")
        print(layer.__module__, layer.__name__, layer.plugin_name)
        print(tg.plugins.layers.plugin("swish").package)
        print(tg.plugins.layers.plugin("dense").package)
        print([p.name for p in tg.plugins.layers.all() if p.package == "swish-plugin"])
        """,
    )
    assert printed.splitlines() == [
        "swish_plugin Swish swish",
        "swish-plugin",
        "tinygrad_lite",
        "['swish']",
    ]


def test_importing_the_library_does_not_load_plugins(site, tmp_path):
    code = """
        import sys
        from tinygrad_lite import layers
        layers.Dense(2, 2)
        print("swish_plugin" in sys.modules, "broken_plugin" in sys.modules)
        """
    assert script(site, tmp_path, code) == "False False\n"


def test_built_from_a_config(site, tmp_path):
    script(
        site,
        tmp_path,
        """
        config = {"name": "sequential", "modules": [
            {"name": "dense", "in_features": 4, "out_features": 3},
            {"name": "swish", "features": 3},
        ]}
        model = tg.build(config)
        assert type(model[1]).__module__ == "swish_plugin"
        assert model(tg.ones(2, 4)).shape == (2, 3)
        assert model.config() == config
        """,
    )


def test_keeps_the_contract(site, tmp_path):
    script(
        site,
        tmp_path,
        """
        import sys
        Swish = tg.plugins.layers.get("swish")
        tg.contract.check_layer(lambda: Swish(3), (3,), rejects=[(2, 4), ()])
        tg.contract.check_layer(lambda: Swish(features=2), (4, 2))
        SwishNet = tg.plugins.models.get("swish_net")
        tg.contract.check_layer(lambda: SwishNet(2), (8, 8), rejects=[(2, 9, 9)])
        assert "pytest" not in sys.modules
        """,
    )


def test_saved_and_loaded(site, tmp_path):
    """Loaded in another process, which has not imported the package."""
    script(
        site,
        tmp_path,
        """
        import numpy as np
        from tinygrad_lite import layers
        from swish_plugin import Swish
        tg.seed(0)
        model = layers.Sequential(layers.Dense(4, 3), Swish(3))
        model[1].beta.data[...] = [0.5, 1.5, 2.5]
        np.save("outputs.npy", model(np.ones((2, 4))).detach().numpy())
        tg.save(model, "model.safetensors")
        """,
    )
    script(
        site,
        tmp_path,
        """
        import numpy as np
        model = tg.load("model.safetensors")
        assert type(model[1]).__name__ == "Swish"
        outputs = model(np.ones((2, 4))).detach().numpy()
        assert np.array_equal(np.load("outputs.npy"), outputs)
        """,
    )


def test_a_checkpoint_whose_package_is_gone(site, tmp_path):
    code = 'tg.save(tg.build({"name": "swish", "features": 3}), "model.safetensors")'
    script(site, tmp_path, code)
    (tmp_path / "empty").mkdir()
    done = run(
        tmp_path / "empty",
        tmp_path,
        "-c",
        "import tinygrad_lite as tg; tg.load('model.safetensors')",
    )
    assert "PluginError: layers: nothing is registered as 'swish'" in done.stderr


def test_a_broken_package_is_named_and_harms_nothing(site, tmp_path):
    printed = script(
        site,
        tmp_path,
        """
        names = [plugin.name for plugin in tg.plugins.layers.all()]
        assert "shattered" not in names and {"dense", "swish"} <= set(names)
        print(tg.plugins.layers.broken["shattered"])
        for get in (tg.plugins.layers.get, lambda name: tg.build({"name": name})):
            try:
                get("shattered")
            except tg.PluginError as error:
                print(error)
        """,
    )
    first, *rest = printed.splitlines()
    assert first == "broken-plugin (broken_plugin:Shattered): RuntimeError: a driver is missing"
    assert len(rest) == 6
    assert rest[:3] == rest[3:]
    assert rest[0] == "layers: the plugin 'shattered' cannot be used"
    assert rest[1] == f"  why: {first}"
    assert rest[2].startswith("  fix: ")


def test_two_packages_with_one_name(contested_site, tmp_path):
    printed = script(
        contested_site,
        tmp_path,
        """
        try:
            tg.plugins.layers.get("swish")
        except tg.PluginError as error:
            print(error)
        print([p.name for p in tg.plugins.layers.all() if not p.package == "tinygrad_lite"])
        print(tg.plugins.layers.get("rival").__name__, tg.plugins.layers.get("dense").__name__)
        """,
    )
    error, (working, others) = printed.splitlines()[:-2], printed.splitlines()[-2:]
    text = "\n".join(error)
    assert "the name 'swish' is taken twice" in text
    assert "swish_plugin.Swish" in text
    assert "rival_plugin.OtherSwish" in text
    assert "fix: " in text
    assert working == "['rival']"
    assert others == "Rival Dense"


def test_taking_a_built_in_name_harms_only_the_taker(tmp_path):
    """The built-in layer goes on working; the registry tells of the other."""
    project = tmp_path / "project"
    (project / "greedy_plugin").mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[project]\nname = "greedy-plugin"\nversion = "1.0"\n'
        '[project.entry-points."tinygrad_lite.layers"]\ndense = "greedy_plugin:Dense"\n'
    )
    (project / "greedy_plugin" / "__init__.py").write_text(
        "import tinygrad_lite as tg\n\n\nclass Dense(tg.Module):\n    pass\n"
    )
    printed = script(
        install([project], tmp_path),
        tmp_path,
        """
        print(tg.plugins.layers.get("dense").__module__)
        print(*tg.plugins.layers.broken.values())
        """,
    )
    module, *broken = printed.splitlines()
    assert module == "tinygrad_lite.layers.dense"
    assert "greedy-plugin" in broken[0]
    assert "taken twice" in broken[0]


def test_cli_lists_the_package(site, tmp_path):
    done = run(site, tmp_path, "-m", "tinygrad_lite.cli", "list", "layers")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert rows["swish"].split()[1] == "swish-plugin"
    assert rows["dense"].split()[1] == "tinygrad_lite"
    assert "broken-plugin" in rows["shattered"]
    assert "Traceback" not in done.stdout + done.stderr


def test_cli_runs_the_model(site, tmp_path):
    arguments = ["run", "swish_net", "--epochs", "1", "--plain"]
    done = run(site, tmp_path, "-m", "tinygrad_lite.cli", *arguments)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.strip()


TOML = """
[model]
name = "sequential"

[[model.modules]]
name = "flatten"

[[model.modules]]
name = "dense"
in_features = 64
out_features = 16

[[model.modules]]
name = "swish"
features = 16

[[model.modules]]
name = "dense"
in_features = 16
out_features = 10
"""


def test_cli_runs_a_config(site, tmp_path):
    (tmp_path / "model.toml").write_text(TOML)
    arguments = ["run", "model.toml", "--epochs", "1", "--plain"]
    done = run(site, tmp_path, "-m", "tinygrad_lite.cli", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_cli_names_a_broken_layer_without_a_traceback(site, tmp_path):
    (tmp_path / "model.toml").write_text(TOML.replace('"swish"', '"shattered"'))
    arguments = ["run", "model.toml", "--epochs", "1", "--plain"]
    done = run(site, tmp_path, "-m", "tinygrad_lite.cli", *arguments)
    assert done.returncode == 1
    assert "broken-plugin" in done.stderr
    assert "Traceback" not in done.stderr
