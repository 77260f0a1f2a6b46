"""Tools to look into networks with: compare them, and see how far their gradients reach."""

from tinygrad_lite.study.lr_curve import show_lr_curve
from tinygrad_lite.study.rtrl import rtrl_gradient, rtrl_steps
from tinygrad_lite.study.states import state_gradients

__all__ = ["rtrl_gradient", "rtrl_steps", "show_lr_curve", "state_gradients"]
