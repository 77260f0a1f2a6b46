"""Ops of `tinygrad_lite.ops.trigonometry`."""

import numpy as np

from tests.ops.strategies import UNIT, Entry, one, several

TABLE = {
    "sin": Entry(np.sin, one()),
    "cos": Entry(np.cos, one()),
    "tan": Entry(lambda x: np.sin(x) / np.cos(x), one(), (-1.1, 1.2)),
    "arcsin": Entry(np.arcsin, one(), UNIT),
    "arccos": Entry(np.arccos, one(), UNIT),
    "arctan": Entry(np.arctan, one()),
    "arctan2": Entry(lambda a, b: np.angle(b + 1j * a), several()),
    "hypot": Entry(lambda a, b: np.sqrt(a**2 + b**2), several()),
    "sinh": Entry(lambda x: (np.exp(x) - np.exp(-x)) / 2, one()),
    "cosh": Entry(lambda x: (np.exp(x) + np.exp(-x)) / 2, one()),
    "tanh": Entry(np.tanh, one()),
    "arcsinh": Entry(lambda x: np.log(x + np.sqrt(x**2 + 1)), one()),
    "arccosh": Entry(lambda x: np.log(x + np.sqrt(x**2 - 1)), one(), (1.2, 3.1)),
    "arctanh": Entry(lambda x: np.log((1 + x) / (1 - x)) / 2, one(), (-0.9, 0.8)),
    "sinc": Entry(lambda x: np.sin(np.pi * x) / (np.pi * x), one()),
    "deg2rad": Entry(lambda x: x * (np.pi / 180), one()),
    "rad2deg": Entry(lambda x: x * (180 / np.pi), one()),
}
