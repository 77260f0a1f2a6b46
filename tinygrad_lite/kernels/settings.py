"""What users may ask of kernels; nothing is compiled, or even needed, to be asked."""

from __future__ import annotations

import os

_winograd = os.environ.get("TINYGRAD_LITE_WINOGRAD", "1") != "0"


def get_winograd() -> bool:
    """Tell whether Winograd's algorithm may be used."""
    return _winograd


def set_winograd(enabled: bool) -> None:
    """Let 3 x 3 convolutions at stride 1 use Winograd's algorithm, or not.

    It multiplies a quarter as often and is 2 to 4 times as fast; its rounding errors are larger. In
    float32 they stay within 1e-6 √n of the largest number, where n counts what is added up:
    channels for the result (1.6e-5 for 256 of them), filters for the input gradient, tiles of 4 x 4
    places of the whole batch for the weight gradient (4.5e-5 for 32 images of 32 x 32). The sum
    itself stays within a quarter of that. Both lose more where what is added cancels: a gradient
    that sums to zero, times images far from zero.

    The environment variable TINYGRAD_LITE_WINOGRAD=0 turns it off from the start.
    """
    global _winograd
    _winograd = bool(enabled)
