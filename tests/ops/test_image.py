"""Corner cases of padding and of windows laid in columns."""

import numpy as np

import tinygrad_lite as tg
from tinygrad_lite import functional as F


def test_padding_with_none_is_padding_with_zero():
    """None is PyTorch's default; NumPy would turn it into nan."""
    assert F.pad(tg.ones(1), (1, 1), "constant", None).tolist() == [0.0, 1.0, 0.0]
    assert F.pad(tg.ones(1), (1, 1), value=2.0).tolist() == [2.0, 1.0, 2.0]


def test_one_image_unfolds_and_folds_as_a_batch_of_one_does():
    x = tg.tensor(np.arange(40.0).reshape(2, 4, 5))
    columns = F.unfold(x, (2, 3), padding=1)
    assert columns.tolist() == F.unfold(x[None], (2, 3), padding=1)[0].tolist()
    image = F.fold(columns, (4, 5), (2, 3), padding=1)
    assert image.tolist() == F.fold(columns[None], (4, 5), (2, 3), padding=1)[0].tolist()
