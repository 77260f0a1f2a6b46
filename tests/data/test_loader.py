"""DataLoader: each sample once an epoch, orders that repeat and resume, and every error."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite.data import DataLoader, Dataset
from tinygrad_lite.errors import ArgumentError, CheckpointError, DataError, DTypeError
from tinygrad_lite.ops.random import generator


def indices(loader):
    """Return the first part of every batch of one epoch, as lists."""
    return [batch[0].tolist() for batch in loader]


def flat(loader):
    return list(itertools.chain.from_iterable(indices(loader)))


@given(st.integers(1, 60), st.integers(1, 70), st.booleans(), st.booleans(), st.integers(0, 2**40))
def test_each_sample_once_an_epoch(n, batch_size, shuffle, drop_last, seed):
    if drop_last and batch_size > n:
        return
    y = np.arange(n) * 10
    loader = DataLoader((np.arange(n), y), batch_size, shuffle, seed, drop_last)
    for _ in range(3):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert len(loader) == (n // batch_size if drop_last else math.ceil(n / batch_size))
        assert all(len(x) == batch_size for x, _ in batches[:-1])
        seen = [i for x, _ in batches for i in x.tolist()]
        assert len(seen) == len(set(seen)) == (n - n % batch_size if drop_last else n)
        assert set(seen) <= set(range(n))
        assert all((y.data == 10 * x.data).all() for x, y in batches)
        if not shuffle:
            assert seen == list(range(len(seen)))


@given(st.integers(20, 60), st.integers(1, 20), st.integers(0, 2**40))
def test_orders_differ_by_epoch_and_repeat_under_a_seed(n, batch_size, seed):
    def run(seed):
        loader = DataLoader(np.arange(n), batch_size, shuffle=True, seed=seed)
        return [flat(loader) for _ in range(4)]

    epochs = run(seed)
    assert all(a != b for a, b in itertools.combinations(epochs, 2))
    assert list(range(n)) not in epochs
    assert run(seed) == epochs
    assert run(seed + 1) != epochs


def test_the_seed_comes_from_the_library_s_generator():
    def run():
        tg.seed(3)
        a, b = (DataLoader(np.arange(50), shuffle=True) for _ in range(2))
        return flat(a), flat(b)

    first = run()
    assert first[0] != first[1]
    assert run() == first
    tg.seed(3)
    drawn = generator().random()
    tg.seed(3)
    DataLoader(np.arange(50))  # needs no seed and draws none
    DataLoader(np.arange(50), shuffle=True, seed=1)
    assert generator().random() == drawn


@given(st.integers(1, 40), st.integers(1, 15), st.booleans(), st.booleans(), st.data())
def test_resume_is_exact(n, batch_size, shuffle, drop_last, data):
    if drop_last and batch_size > n:
        return

    def make(seed):
        return DataLoader(np.arange(n), batch_size, shuffle, seed, drop_last)

    whole = make(5)
    expected = [indices(whole) for _ in range(4)]
    epoch = data.draw(st.integers(0, 2))
    done = data.draw(st.integers(0, len(whole)))
    loader = make(5)
    for _ in range(epoch):
        list(loader)
    running = iter(loader)
    assert [next(running)[0].tolist() for _ in range(done)] == expected[epoch][:done]
    state = loader.state_dict()
    assert all(type(value) is int for value in state.values())
    resumed = make(6)
    resumed.load_state_dict({name: np.int64(value) for name, value in state.items()})
    assert resumed.state_dict() == state
    assert indices(resumed) == expected[epoch][done:]
    assert indices(resumed) == expected[epoch + 1]


def test_state_between_epochs_and_after_a_break():
    loader = DataLoader(np.arange(10), 3, shuffle=True, seed=0)
    expected = [flat(loader) for _ in range(3)]
    assert loader.state_dict() == {"seed": 0, "epoch": 3, "position": 0, "samples": 10}
    loader = DataLoader(np.arange(10), 3, shuffle=True, seed=0)
    for _ in loader:
        break
    assert loader.state_dict()["position"] == 3
    assert flat(loader) == expected[1]  # a pass that is broken off counts as an epoch
    assert flat(loader) == expected[2]


def test_a_resumed_pass_may_be_saved_again():
    loader = DataLoader(np.arange(10), 3, shuffle=True, seed=0)
    expected = indices(loader)
    loader.load_state_dict({"seed": 0, "epoch": 0, "position": 3, "samples": 10})
    assert next(iter(loader))[0].tolist() == expected[1]
    assert loader.state_dict()["position"] == 6


def test_two_passes_at_once():
    loader = DataLoader(np.arange(6), 2, shuffle=True, seed=0)
    for _ in range(2):
        assert sorted(flat(loader)) == list(range(6))
    pairs = list(zip(loader, loader, strict=True))
    for side in (0, 1):
        assert sorted(i for pair in pairs for i in pair[side][0].tolist()) == list(range(6))


class Squares:
    """A data set of samples one by one."""

    def __init__(self, sample):
        self.sample = sample

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return self.sample(index)


@pytest.mark.parametrize(
    "data",
    [
        Dataset(np.arange(5), np.arange(5) ** 2),
        (np.arange(5), np.arange(5) ** 2),
        (tg.arange(5), tg.tensor([0, 1, 4, 9, 16])),
        Squares(lambda i: (i, i**2)),
        Squares(lambda i: (np.int64(i), tg.tensor(i**2))),
        [(i, i**2) for i in range(5)],
    ],
)
def test_kinds_of_data(data):
    batches = list(DataLoader(data, 2))
    assert [len(batch) for batch in batches] == [2, 2, 2]
    assert all(isinstance(part, tg.Tensor) for batch in batches for part in batch)
    assert [x.tolist() for x, _ in batches] == [[0, 1], [2, 3], [4]]
    assert [y.tolist() for _, y in batches] == [[0, 1], [4, 9], [16]]


@pytest.mark.parametrize(
    "data", [np.ones((5, 2)), tg.ones(5, 2), (np.ones((5, 2)),), Squares(lambda i: np.ones(2))]
)
def test_data_without_labels(data):
    (x,) = next(iter(DataLoader(data, 4)))
    assert x.shape == (4, 2)


def test_dtypes_stay():
    for dtype in ("float32", "float64", "uint8"):
        (x,) = next(iter(DataLoader(np.ones(3, dtype))))
        assert x.dtype == dtype
        (x,) = next(iter(DataLoader(Squares(lambda i, d=dtype: np.ones(2, d)))))
        assert x.dtype == dtype
    (x,) = next(iter(DataLoader(Squares(float))))
    assert x.dtype == np.float32  # Python's floats, as everywhere


def test_a_batch_is_a_copy():
    data = Dataset(np.zeros((4, 2)), np.zeros(4, int))
    for x, y in DataLoader(data, 2):
        x.data += 1.0
        y.data += 1
    assert not data.x.any()
    assert not data.y.any()


def test_collate():
    def padded(samples):
        width = max(len(x) for x, _ in samples)
        x = np.zeros((len(samples), width))
        for row, (values, _) in zip(x, samples, strict=True):
            row[: len(values)] = values
        return x, np.array([y for _, y in samples])

    ragged = Squares(lambda i: (np.ones(i + 1), i))
    shapes = [(x.shape, y.tolist()) for x, y in DataLoader(ragged, 2, collate=padded)]
    assert shapes == [((2, 2), [0, 1]), ((2, 4), [2, 3]), ((1, 5), [4])]
    # it is also given the samples of a Dataset, and may return one array alone
    loader = DataLoader((np.arange(4), np.arange(4)), 3, collate=lambda s: np.array([len(s)]))
    assert indices(loader) == [[3], [1]]


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda: DataLoader(np.ones(3), 0), ArgumentError, "batch_size=0 is not possible"),
        (lambda: DataLoader(np.ones(3), 1.5), ArgumentError, "batch_size=1.5 is not possible"),
        (lambda: DataLoader(np.ones(3), True), ArgumentError, "batch_size=True is not possible"),
        (lambda: DataLoader(np.ones((0, 3))), DataError, "the data set is empty"),
        (lambda: DataLoader([]), DataError, "the data set is empty"),
        (lambda: DataLoader(np.ones(3), 4, drop_last=True), ArgumentError, "leaves no batch"),
        (lambda: DataLoader(iter([1, 2])), ArgumentError, "cannot take samples from a list_iter"),
        (lambda: DataLoader((np.ones(3),) * 3), ArgumentError, "cannot take samples from a tuple"),
        (lambda: DataLoader((np.ones(3), np.ones(2))), DataError, "3 samples, but 2 labels"),
    ],
)
def test_bad_arguments(make, kind, text):
    with pytest.raises(kind, match=text) as error:
        make()
    assert "fix:" in str(error.value)
    assert "test_loader.py" in str(error.value)


def test_a_batch_larger_than_the_data():
    assert indices(DataLoader(np.arange(3), 10)) == [[0, 1, 2]]
    assert indices(DataLoader(np.arange(3), 3, drop_last=True)) == [[0, 1, 2]]


def test_a_sample_that_raises():
    def sample(index):
        if index == 3:
            raise OSError("no such image")
        return index

    batches = iter(DataLoader(Squares(sample), 2))
    next(batches)
    with pytest.raises(DataError, match="sample 3 cannot be read: OSError: no such image") as error:
        next(batches)
    assert isinstance(error.value.__cause__, OSError)


@pytest.mark.parametrize(
    "sample", [lambda i: np.ones(i + 1), lambda i: (i,) * (1 + i % 2), lambda i: [[1.0]] * (i + 1)]
)
def test_samples_that_do_not_stack(sample):
    with pytest.raises(DataError, match="do not stack") as error:
        list(DataLoader(Squares(sample), 2))
    assert error.value.__cause__ is not None
    assert "collate" in str(error.value)


def test_samples_of_text():
    with pytest.raises(DTypeError):
        list(DataLoader(["a", "b"]))


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"samples": 11}, "is of 11 samples, the data set has 10"), ({"epoch": None}, "lacks epoch")],
)
def test_state_that_does_not_fit(changes, text):
    loader = DataLoader(np.arange(10), 3)
    next(iter(loader))
    before = loader.state_dict()
    state = {k: v for k, v in (before | {"seed": 9} | changes).items() if v is not None}
    with pytest.raises(CheckpointError, match=text):
        loader.load_state_dict(state)
    assert loader.state_dict() == before
