"""Data: sets of samples, splits, batches, augmentation, digits that come along, other images."""

from tinygrad_lite.data import transforms
from tinygrad_lite.data.balance import class_weights
from tinygrad_lite.data.cifar import cifar10
from tinygrad_lite.data.dataset import Dataset
from tinygrad_lite.data.digits import digits
from tinygrad_lite.data.disk import read
from tinygrad_lite.data.download import cache_folder, fetch
from tinygrad_lite.data.folder import image_folder
from tinygrad_lite.data.idx import fashion_mnist, mnist, read_idx
from tinygrad_lite.data.loader import DataLoader
from tinygrad_lite.data.split import stratified_split

__all__ = [
    "DataLoader",
    "Dataset",
    "cache_folder",
    "cifar10",
    "class_weights",
    "digits",
    "fashion_mnist",
    "fetch",
    "image_folder",
    "mnist",
    "read",
    "read_idx",
    "stratified_split",
    "transforms",
]
