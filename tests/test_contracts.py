"""The arrows of ARCHITECTURE.md, held by import-linter."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def installed_layout(tmp_path):
    """The packages as they lie when installed, where import-linter can follow them."""
    for source, target in [
        ("tinygrad_lite", "tinygrad_lite"),
        ("layers", "tinygrad_lite/layers"),
        ("optim", "tinygrad_lite/optim"),
        ("examples", "tinygrad_lite/examples"),
    ]:
        shutil.copytree(
            ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_file_of_the_engine_stands_in_the_house_table():
    rows = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## How")[0]
    folder = ROOT / "tinygrad_lite"
    files = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert {name for name in files | folders if f"`{name}`" not in rows} == set()


def lint_imports(folder):
    command = "from importlinter.cli import lint_imports_command as main; main()"
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_point_one_way(installed_layout):
    result = lint_imports(installed_layout)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_arrow_is_noticed(installed_layout):
    with (installed_layout / "tinygrad_lite/graph.py").open("a") as graph:
        graph.write("\nfrom tinygrad_lite.tensor import Tensor\n")
    result = lint_imports(installed_layout)
    assert result.returncode != 0
    assert "tinygrad_lite.graph is not allowed to import" in result.stdout
