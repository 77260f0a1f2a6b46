"""Data: sets of samples, splits, batches, augmentation, and digits that come with the library."""

from tinygrad_lite.data import transforms
from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.digits import digits
from tinygrad_lite.data.loader import DataLoader
from tinygrad_lite.data.split import stratified_split

__all__ = ["DataLoader", "Dataset", "digits", "stratified_split", "transforms"]
