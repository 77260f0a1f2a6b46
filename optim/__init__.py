"""Optimisers, each registered as a plugin under its lower-case name, and what goes with them.

Schedules of the learning rate, averages of the weights, parameter groups, clipping of gradients.
"""

from tinygrad_lite.optim import schedules
from tinygrad_lite.optim.adadelta import Adadelta
from tinygrad_lite.optim.adagrad import Adagrad
from tinygrad_lite.optim.adam import Adam
from tinygrad_lite.optim.adamw import AdamW
from tinygrad_lite.optim.clip import clip_grad_norm_, clip_grad_value_
from tinygrad_lite.optim.ema import EMA
from tinygrad_lite.optim.groups import decay_groups
from tinygrad_lite.optim.nadam import NAdam
from tinygrad_lite.optim.optimizer import Optimizer
from tinygrad_lite.optim.radam import RAdam
from tinygrad_lite.optim.rmsprop import RMSprop
from tinygrad_lite.optim.sgd import SGD

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "EMA",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "SGD",
    "clip_grad_norm_",
    "clip_grad_value_",
    "decay_groups",
    "schedules",
]
