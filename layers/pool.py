"""Pooling: one number for each window; and ways back to larger images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tinygrad_lite import functional as F
from tinygrad_lite.module import Module
from tinygrad_lite.ops.conv import Pair
from tinygrad_lite.ops.pool import AdaptiveSize, adaptive_size, geometry
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor

_PLACES = {1: "batch channels length", 2: "batch channels height width"}


class _Sliding(Module):
    """Applies a function of `functional`, with the layer's arguments, to what it checked."""

    _axes: ClassVar[int]
    _function: Callable[..., Any]
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any

    def _set(self, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> None:
        """Check the geometry, and keep it."""
        name = type(self).__name__
        self.kernel_size, self.stride, self.padding, self.dilation = geometry(
            name, self._axes, kernel_size, stride, padding, dilation
        )

    def _apply(self, x: Tensor, **options: Any) -> Any:
        self.check_input(x, _PLACES[self._axes])
        return self._function(x, self.kernel_size, self.stride, self.padding, **options)


class _MaxPool(_Sliding):
    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        dilation: int | Pair = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> None:
        """Set the windows.

        Args:
            kernel_size: size of a window; one number, or one for each axis.
            stride: step from one window to the next; the window's size by default, so that windows
                neither overlap nor leave gaps.
            padding: how far windows reach beyond each border, where nothing is taken.
            dilation: distance between the places that a window takes.
            ceil_mode: round the number of windows up instead of down.
            return_indices: return also where each maximum lies, as MaxUnpool2d takes it.

        Raises:
            ArgumentError: a number is not whole, or too small, or padding is more than half of a
                window.
        """
        self._set(kernel_size, stride, padding, dilation)
        self.ceil_mode, self.return_indices = ceil_mode, return_indices

    def forward(self, x: Tensor) -> Any:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes, or is smaller than a window.
            DTypeError: x is not of floats.
        """
        return self._apply(
            x,
            dilation=self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


@register_layer("max_pool1d")
class MaxPool1d(_MaxPool):
    """The maximum of each window of sequences; its gradient goes to the (first) maximum.

    Shapes: x (N, C, L) to (N, C, OL), OL = (L + 2 padding - ((K - 1) dilation + 1)) // stride + 1.
    """

    _axes = 1
    _function = staticmethod(F.max_pool1d)


@register_layer("max_pool2d")
class MaxPool2d(_MaxPool):
    """The maximum of each window; its gradient goes to the place of the (first) maximum.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), where
    OH = (H + 2 padding - ((KH - 1) dilation + 1)) // stride + 1.
    """

    _axes = 2
    _function = staticmethod(F.max_pool2d)


class _AvgPool(_Sliding):
    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        """Set the windows.

        Args:
            kernel_size: size of a window; one number, or one for each axis.
            stride: step from one window to the next; the window's size by default, so that windows
                neither overlap nor leave gaps.
            padding: number of zeros beyond each border.
            ceil_mode: round the number of windows up instead of down.
            count_include_pad: whether these zeros count as numbers.

        Raises:
            ArgumentError: a number is not whole, or too small, or padding is more than half of a
                window.
        """
        self._set(kernel_size, stride, padding)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes, or is smaller than a window.
            DTypeError: x is not of floats.
        """
        return self._apply(  # type: ignore[no-any-return]
            x, ceil_mode=self.ceil_mode, count_include_pad=self.count_include_pad
        )


@register_layer("avg_pool1d")
class AvgPool1d(_AvgPool):
    """The mean of each window of sequences.

    Shapes: x (N, C, L) to (N, C, OL), OL = (L + 2 padding - K) // stride + 1.
    """

    _axes = 1
    _function = staticmethod(F.avg_pool1d)


@register_layer("avg_pool2d")
class AvgPool2d(_AvgPool):
    """The mean of each window.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H + 2 padding - KH) // stride + 1.
    """

    _axes = 2
    _function = staticmethod(F.avg_pool2d)


@register_layer("max_unpool2d")
class MaxUnpool2d(_Sliding):
    """Put pooled numbers back to where they came from, zeros elsewhere (Zeiler et al., 2011).

    Shapes: x (N, C, H, W) to (N, C, OH, OW), OH = (H - 1) stride - 2 padding + KH.
    """

    _axes = 2
    _function = staticmethod(F.max_unpool2d)

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
    ) -> None:
        """Set the windows of the pooling that is to be undone; see MaxPool2d.

        Raises:
            ArgumentError: a number is not whole, or too small, or padding is more than half of a
                window.
        """
        self._set(kernel_size, stride, padding)

    def forward(
        self, x: Tensor, indices: Tensor | None = None, output_size: Pair | None = None
    ) -> Tensor:
        """Apply the layer.

        Args:
            x: the pooled images.
            indices: the places that MaxPool2d(..., return_indices=True) returned; the upper left
                corner of each window by default.
            output_size: (OH, OW) if it is not as above.

        Raises:
            ShapeError: x has other axes, or indices another shape.
            DTypeError: x is not of floats, or indices are not of integers.
            DataError: an index lies outside of the new images.
            ArgumentError: no pooling makes x of images of `output_size`.
        """
        self.check_input(x, _PLACES[2])
        return self._function(  # type: ignore[no-any-return]
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class _Adaptive(Module):
    _axes: ClassVar[int]
    _function: Callable[..., Any]

    def __init__(self, output_size: AdaptiveSize) -> None:
        """Set how many windows there are.

        Args:
            output_size: one number, or one for each axis; None for as many as x has places.

        Raises:
            ArgumentError: a number is not whole, or below 1.
        """
        adaptive_size(type(self).__name__, self._axes, output_size, (1,) * self._axes)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes, or no places.
            DTypeError: x is not of floats.
        """
        self.check_input(x, _PLACES[self._axes])
        return self._function(x, self.output_size)  # type: ignore[no-any-return]


@register_layer("adaptive_avg_pool1d")
class AdaptiveAvgPool1d(_Adaptive):
    """The means of so many windows, as equal as possible, that cover sequences of any length.

    Shapes: x (N, C, L) to (N, C, output_size).
    """

    _axes = 1
    _function = staticmethod(F.adaptive_avg_pool1d)


@register_layer("adaptive_avg_pool2d")
class AdaptiveAvgPool2d(_Adaptive):
    """The means of so many windows, as equal as possible, that cover images of any size.

    Shapes: x (N, C, H, W) to (N, C, OH, OW), where (OH, OW) is `output_size`.
    """

    _axes = 2
    _function = staticmethod(F.adaptive_avg_pool2d)


@register_layer("global_avg_pool2d")
class GlobalAvgPool2d(Module):
    """The mean of each channel (Lin et al., 2014, section 3.2), in place of dense layers.

    Shapes: x (N, C, H, W) to (N, C), or (N, C, 1, 1) with `keepdims`.
    """

    def __init__(self, keepdims: bool = False) -> None:
        """Set whether the axes that are averaged stay, of length 1."""
        self.keepdims = keepdims

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x is not (N, C, H, W), or has no places.
            DTypeError: x is not of floats.
        """
        self.check_input(x, _PLACES[2])
        y = F.adaptive_avg_pool2d(x, 1)
        return y if self.keepdims else y[:, :, 0, 0]


@register_layer("upsample")
class Upsample(Module):
    """Resample sequences, images or volumes to another size; see `F.interpolate`.

    Shapes: (N, C, L), (N, C, H, W) or (N, C, D, H, W), with other lengths after C.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:
        """Set the new size.

        Args:
            size: the new lengths, or one for all axes.
            scale_factor: or what to multiply the lengths by; the result is rounded down.
            mode: "nearest", or "linear", "bilinear", "trilinear" for one, two, three axes.
            align_corners: let the outermost places keep their positions; not for "nearest".
        """
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes, or no places.
            DTypeError: x is not of floats.
            ArgumentError: size, scale_factor, mode and align_corners do not fit each other, or x.
        """
        self.check_input(x, "...")
        return F.interpolate(x, self.size, self.scale_factor, self.mode, self.align_corners)
