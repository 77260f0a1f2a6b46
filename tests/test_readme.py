"""The code in README.md and TRAINING.md runs as it stands."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QUOTED = "exp = Op("  # how a block begins that is not to be run


@pytest.mark.parametrize(
    ("file", "count", "written"),
    [
        ("README.md", 9, ["net.safetensors"]),
        ("TRAINING.md", 3, ["model.safetensors", "runs/mine/best.safetensors"]),
    ],
)
def test_the_python_in_it_runs(tmp_path, file, count, written):
    text = (ROOT / file).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == count
    if not importlib.util.find_spec("sklearn"):
        blocks = [block for block in blocks if "sklearn" not in block]
    program = "\n".join(block for block in blocks if not block.startswith(QUOTED))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace("epochs=10", "epochs=1")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / name).exists() for name in written)
