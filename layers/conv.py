"""Convolution: the same small weights at every place of a sequence, an image or a volume."""

from __future__ import annotations

import math
from collections.abc import Callable

from tinygrad_lite import functional as F
from tinygrad_lite.layers import init
from tinygrad_lite.module import Module, Parameter
from tinygrad_lite.ops.conv import AXES, Padding, Sizes, borders, check_output_padding, numbers
from tinygrad_lite.plugins import register_layer
from tinygrad_lite.tensor import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    _axes: int
    _function: Callable[..., Tensor]
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: Padding = 0,
        dilation: int | Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
    ) -> None:
        """Set the sizes, and draw the weights.

        Args:
            in_channels: channels of x.
            out_channels: number of filters.
            kernel_size: lengths of a filter; one number, or one for each axis.
            stride: step from one position to the next; one number, or one for each axis.
            padding: places added on each side of an axis: one number, or one for each; or "valid",
                none, or "same", as many as let the result be of x's size.
            dilation: distance between the places that a filter looks at.
            groups: into how many parts the channels are divided, each seeing only its own.
            bias: whether each filter adds a number of its own.
            padding_mode: what is added: "zeros", or places of x, as `F.pad` does: "reflect",
                "replicate" or "circular".

        Raises:
            ArgumentError: a size is no whole number from 1 on (padding: from 0 on), `groups` does
                not divide the channels, "same" with a stride, an unknown padding or padding_mode.
        """
        name, axes = type(self).__name__, self._axes
        init.check_sizes(self, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            fix = f"choose a divisor of in_channels={in_channels} and out_channels={out_channels}"
            init.refuse(self, "groups", groups, fix)
        init.check_choices(self, _PADDING_MODES, padding_mode=padding_mode)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = numbers(kernel_size, "kernel_size", name, 1, axes)
        self.stride = numbers(stride, "stride", name, 1, axes)
        self.dilation = numbers(dilation, "dilation", name, 1, axes)
        self.padding, self.padding_mode = padding, padding_mode
        self._borders = borders(name, padding, self.kernel_size, self.stride, self.dilation)
        outer, inner = out_channels, in_channels
        if self._transposed:
            outer, inner = inner, outer
        shape = (outer, inner // groups, *self.kernel_size)
        fan_in = math.prod(shape[1:])
        self.weight = Parameter(init.uniform(shape, fan_in))
        self.bias = Parameter(init.uniform((out_channels,), fan_in)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes or channels, or is smaller than a filter.
            DTypeError: x is not of floats.
        """
        self._check(x)
        padding = self.padding
        if self.padding_mode != "zeros":
            widths = [width for border in reversed(self._borders) for width in border]
            x, padding = F.pad(x, widths, self.padding_mode), 0
        further = self.stride, padding, self.dilation, self.groups
        return self._function(x, self.weight, self.bias, *further)

    def _check(self, x: Tensor) -> None:
        axes = " ".join(["batch channels", *AXES[self._axes]])
        self.check_input(x, axes, channels=self.in_channels)


@register_layer("conv1d")
class Conv1d(_Conv):
    """Slide out_channels filters over a sequence (Waibel et al., 1989); see `F.conv1d`.

    Shapes: x (N, in_channels, L) to (N, out_channels, OL), where
    OL = (L + 2 padding - dilation (KL - 1) - 1) // stride + 1; weight
    (out_channels, in_channels / groups, KL), bias (out_channels,).
    """

    _axes = 1
    _function = staticmethod(F.conv1d)


@register_layer("conv2d")
class Conv2d(_Conv):
    """Slide out_channels filters over an image (LeCun et al., 1989); `F.conv2d` has the formula.

    Shapes: x (N, in_channels, H, W) to (N, out_channels, OH, OW), where
    OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1; weight
    (out_channels, in_channels / groups, KH, KW), bias (out_channels,).
    """

    _axes = 2
    _function = staticmethod(F.conv2d)


@register_layer("conv3d")
class Conv3d(_Conv):
    """Slide out_channels filters over a volume or a film (Ji et al., 2010); see `F.conv3d`.

    Shapes: x (N, in_channels, D, H, W) to (N, out_channels, OD, OH, OW), where
    OD = (D + 2 padding - dilation (KD - 1) - 1) // stride + 1; weight
    (out_channels, in_channels / groups, KD, KH, KW), bias (out_channels,).
    """

    _axes = 3
    _function = staticmethod(F.conv3d)


class _ConvTranspose(_Conv):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sizes,
        stride: int | Sizes = 1,
        padding: int | Sizes = 0,
        output_padding: int | Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sizes = 1,
        padding_mode: str = "zeros",
    ) -> None:
        """Set the sizes, and draw the weights.

        Args:
            in_channels: channels of x.
            out_channels: channels of the result.
            kernel_size: lengths of what a place becomes; one number, or one for each axis.
            stride: distance of what neighbours become; one number, or one for each axis.
            padding: places cut off on each side of an axis; one number, or one for each axis.
            output_padding: how many more the result has behind; one number, or one for each axis.
            groups: into how many parts the channels are divided, each seeing only its own.
            bias: whether each channel of the result has a number of its own added.
            dilation: distance between the places of what a place becomes.
            padding_mode: "zeros"; there is no other.

        Raises:
            ArgumentError: a size is no whole number from 1 on (padding: from 0 on), `groups` does
                not divide the channels, `output_padding` is not smaller than the larger of stride
                and dilation, another padding_mode.
        """
        name, axes = type(self).__name__, self._axes
        padding = numbers(padding, "padding", name, 0, axes)
        init.check_choices(self, ["zeros"], padding_mode=padding_mode)
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        )
        self.output_padding = numbers(output_padding, "output_padding", name, 0, axes)
        check_output_padding(name, self.output_padding, self.stride, self.dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer.

        Raises:
            ShapeError: x has other axes or channels, or nothing is left of it.
            DTypeError: x is not of floats.
        """
        self._check(x)
        further = self.stride, self.padding, self.output_padding, self.groups, self.dilation
        return self._function(x, self.weight, self.bias, *further)


@register_layer("conv_transpose1d")
class ConvTranspose1d(_ConvTranspose):
    """Lengthen a sequence: the transpose of `Conv1d`; see `F.conv_transpose1d`.

    Shapes: x (N, in_channels, L) to (N, out_channels, OL), where
    OL = (L - 1) stride - 2 padding + dilation (KL - 1) + output_padding + 1; weight
    (in_channels, out_channels / groups, KL), bias (out_channels,).
    """

    _axes = 1
    _function = staticmethod(F.conv_transpose1d)


@register_layer("conv_transpose2d")
class ConvTranspose2d(_ConvTranspose):
    """Enlarge an image (Zeiler et al., 2010): the transpose of `Conv2d`; see `F.conv_transpose2d`.

    Shapes: x (N, in_channels, H, W) to (N, out_channels, OH, OW), where
    OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1; weight
    (in_channels, out_channels / groups, KH, KW), bias (out_channels,).
    """

    _axes = 2
    _function = staticmethod(F.conv_transpose2d)


Conv = Conv2d
