"""The digits: the facts that are known of them, and how the file came about."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import plugins
from tinygrad_lite.data import digits
from tinygrad_lite.data.digits.make_digits import make_digits
from tinygrad_lite.errors import ArgumentError, DataError

FOLDER = Path(tg.__file__).parent / "data" / "digits"


def keys(dataset):
    return [image.tobytes() for image in dataset.x]


def test_facts():
    train, test = digits()
    x, y = np.concatenate([train.x, test.x]), np.concatenate([train.y, test.y])
    assert x.shape == (1797, 1, 8, 8)
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert (x.min(), x.max()) == (0.0, 1.0)
    # the counts that the source publishes
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert int((x * 16).sum()) == 561718
    assert (len(train), len(test)) == (1438, 359)
    train.check_finite()


def test_split_is_disjoint_and_repeatable():
    train, test = digits(seed=1)
    every = keys(train) + keys(test)
    assert len(set(every)) == 1797
    assert keys(digits(seed=1)[1]) == keys(test)
    assert keys(digits(seed=2)[1]) != keys(test)
    assert len(digits(test=0.5)[1]) == 898
    with pytest.raises(ArgumentError):
        digits(test=0)


def test_each_call_gives_arrays_of_its_own():
    first = digits()[0]
    first.x[:] = 7.0
    assert digits()[0].x.max() == 1.0


def test_registered():
    assert plugins.datasets.get("digits") is digits
    assert tg.data.digits is digits


def test_import_is_light():
    code = (
        "import sys, tinygrad_lite.data;"
        "print([m for m in ('numba', 'rich', 'scipy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_source_and_licence_lie_beside_the_file():
    for name in ("README.md", "LICENSE"):
        text = (FOLDER / name).read_text()
        assert "10.24432/C50P49" in text
        assert "CC BY 4.0" in text
    assert (FOLDER / "digits.npz").stat().st_size < 60_000


def original():
    """Return the text that the file was made from, out of the file."""
    with np.load(FOLDER / "digits.npz") as file:
        table = np.column_stack([file["images"].reshape(-1, 64), file["labels"]])
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist())


@pytest.mark.parametrize("name", ["optdigits.tes", "digits.csv.gz"])
def test_the_script_makes_the_file_again(tmp_path, name):
    source, target = tmp_path / name, tmp_path / "digits.npz"
    with gzip.open(source, "wt") if name.endswith("gz") else source.open("w") as file:
        file.write(original())
    make_digits(source, target)
    with np.load(FOLDER / "digits.npz") as kept, np.load(target) as made:
        assert set(kept) == set(made) == {"images", "labels"}
        for key in kept:
            assert made[key].dtype == np.uint8
            np.testing.assert_array_equal(made[key], kept[key])
    first = target.read_bytes()
    make_digits(source, target)
    assert target.read_bytes() == first


def test_the_script_by_name(tmp_path):
    source, target = tmp_path / "optdigits.tes", tmp_path / "made.npz"
    source.write_text(original())
    command = [sys.executable, "-m", "tinygrad_lite.data.digits.make_digits", source, target]
    subprocess.run(command, check=True)
    assert target.exists()


def test_the_file_agrees_with_scikit_learn_s():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs = datasets.load_digits()
    with np.load(FOLDER / "digits.npz") as file:
        np.testing.assert_array_equal(file["images"], theirs.images)
        np.testing.assert_array_equal(file["labels"], theirs.target)


@pytest.mark.parametrize("text", ["1,2,3\n", "17," * 64 + "1\n"])
def test_another_text_is_refused(tmp_path, text):
    source = tmp_path / "other.csv"
    source.write_text(text * 1797)
    with pytest.raises(DataError, match="is not the test part"):
        make_digits(source, tmp_path / "digits.npz")
    assert not (tmp_path / "digits.npz").exists()
