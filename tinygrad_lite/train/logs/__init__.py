"""Logs of training runs: listeners that write the events down, and a reader."""

from tinygrad_lite.train.logs.curves import Curves
from tinygrad_lite.train.logs.jsonl import JSONL
from tinygrad_lite.train.logs.reader import Run, read
from tinygrad_lite.train.logs.table import CSV
from tinygrad_lite.train.logs.tensorboard import TensorBoard

__all__ = ["CSV", "JSONL", "Curves", "Run", "TensorBoard", "read"]
