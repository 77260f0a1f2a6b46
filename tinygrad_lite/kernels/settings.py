"""What users may ask of kernels; nothing is compiled, or even needed, to be asked."""

from __future__ import annotations

import os

_winograd = os.environ.get("TINYGRAD_LITE_WINOGRAD", "1") != "0"


def get_winograd() -> bool:
    """Tell whether Winograd's algorithm may be used."""
    return _winograd


def set_winograd(enabled: bool) -> None:
    """Let 3 x 3 convolutions at stride 1 use Winograd's algorithm, or not.

    It multiplies a quarter as often and is 1.5 to 3 times as fast; its rounding errors are larger.
    In float32 they stay within 1.5e-6 √n of the largest number, where n counts what is added up:
    channels for the result (2.4e-5 for 256 of them), filters for the input gradient, tiles of 4 x 4
    places of the whole batch for the weight gradient (6.8e-5 for 32 images of 32 x 32). The sum
    itself stays within 3e-7 √n. This is measured on random images, not proved; both lose more where
    what is added cancels, as a gradient that sums to zero does with images far from zero.

    The environment variable TINYGRAD_LITE_WINOGRAD=0 turns it off from the start.
    """
    global _winograd
    _winograd = bool(enabled)
