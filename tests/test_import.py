"""`import tinygrad_lite` is light."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAVY = {"numba", "llvmlite", "rich", "scipy", "click", "safetensors", "sklearn"}
HEAVY |= {"matplotlib", "tensorboard", "tensorflow"}


def python(code, **settings):
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | settings
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return run.stdout


def test_nothing_heavy_is_imported():
    code = "import sys, tinygrad_lite; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = {*python(code).split()}
    assert {"numpy", "tinygrad_lite"} <= imported
    assert not imported & HEAVY


def test_plain_ops_need_nothing_heavy_either():
    code = """if True:
        import sys, tinygrad_lite as tg
        x = tg.randn(4, 3, requires_grad=True)
        tg.cross_entropy(tg.linear(x, tg.randn(2, 3)), [0, 1, 0, 1]).backward()
        print(*{name.partition('.')[0] for name in sys.modules})
    """
    assert not {*python(code).split()} & HEAVY


def test_the_import_costs_at_most_a_tenth_of_a_second_over_numpys(tmp_path):
    code = """if True:
        import time
        import numpy
        start = time.process_time()  # other processes do not count
        import tinygrad_lite
        print(time.process_time() - start)
    """
    # from bytecode, as any second import, even where the environment keeps Python from writing it
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    assert min(float(python(code, **compiled)) for _ in range(5)) < 0.1


def test_the_logs_bring_what_they_need_only_when_they_are_made():
    code = """if True:
        import sys, tinygrad_lite as tg
        tg.train.logs.JSONL("log.jsonl"), tg.train.logs.CSV("epochs.csv"), tg.train.logs.read
        print(*{name.partition('.')[0] for name in sys.modules})
    """
    assert not {*python(code).split()} & {"matplotlib", "tensorboard", "tensorflow", "rich"}


def test_the_face_of_scikit_learn_is_loaded_when_asked_for_and_says_what_it_needs():
    code = """if True:
        import sys
        sys.modules["sklearn"] = None  # as if it were not installed
        import tinygrad_lite as tg
        try:
            tg.sklearn
        except ImportError as error:
            print(error)
    """
    said = python(code)
    assert "tg.sklearn needs scikit-learn, 1.6 or newer" in said
    assert "pip install 'tinygrad-lite[sklearn]'" in said
