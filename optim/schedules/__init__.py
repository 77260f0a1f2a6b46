"""Schedules: how the learning rate changes while training goes on."""

from tinygrad_lite.optim.schedules.cosine import Cosine, CosineRestarts
from tinygrad_lite.optim.schedules.decay import Exponential, MultiStep, Polynomial, Step
from tinygrad_lite.optim.schedules.one_cycle import OneCycle
from tinygrad_lite.optim.schedules.plateau import Plateau
from tinygrad_lite.optim.schedules.schedule import Schedule
from tinygrad_lite.optim.schedules.warmup import Warmup

__all__ = [
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "MultiStep",
    "OneCycle",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Step",
    "Warmup",
]
