"""The curve of the learning-rate finder, drawn."""

from __future__ import annotations

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from tinygrad_lite.study.plots import show_curves
from tinygrad_lite.train.lr_finder import LRCurve


def show_lr_curve(curve: LRCurve, height: int = 14) -> RenderableType:
    """Return the smoothed loss over the learning rate, for `draw` or any rich console to print.

    Losses far above the first one are cut off, so that the part where they fall can be seen.

    Args:
        curve: what `train.find_lr` returned.
        height: lines of the drawing.
    """
    lowest, first = curve.smoothed.min(), curve.smoothed[0]
    limit = first + 0.5 * (first - lowest) or np.inf
    shown = np.where(curve.smoothed <= limit, curve.smoothed, np.nan)
    plot = show_curves(
        {"loss": shown}, np.log10(curve.lrs), height=height, x_label="log10 of the learning rate"
    )
    return Group(
        plot,
        Text(
            f"suggested: {curve.suggestion:.1e} "
            f"(falls fastest at {curve.steepest:.1e}, lowest at {10 * curve.tenth:.1e})"
        ),
    )
