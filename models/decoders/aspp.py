"""Atrous spatial pyramid pooling (Chen et al.; arXiv 1706.05587, section 3.3; 1802.02611, section 3.1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from keras import layers

from models.initializers import (
    glorot,
    he_fan_out,
    he_fan_out_depthwise,
    he_uniform,
    he_uniform_depthwise,
    narrow_normal,
    truncated_normal,
)
from models.layers import Resize, conv, depthwise

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # output stride -> the pyramid's dilations


class Kernels(NamedTuple):
    """Initializers: of convolutions, of the two parts of separable ones, and of the last layer."""

    conv: Callable
    depthwise: Callable
    pointwise: Callable
    scores: Callable


KERNELS = {
    # DeepLab's code, research/deeplab/model.py; where it names none, TF-Slim's is Glorot's
    "deeplab": Kernels(glorot, truncated_normal(0.33), truncated_normal(0.06), truncated_normal(0.01)),
    "mmseg": Kernels(he_fan_out, he_fan_out_depthwise, he_fan_out, narrow_normal),
    "smp": Kernels(he_uniform, he_uniform_depthwise, he_uniform, glorot),
}


@dataclass(frozen=True)
class Style:
    """How convolutions are made: separable or not, with batch norm inside, its epsilon, their kernels."""

    separable: bool
    inner_norm: bool
    epsilon: float
    kernels: Kernels = KERNELS["mmseg"]

    def conv(self, x, filters: int, name: str, kernel: int = 1):
        """A convolution, batch norm, ReLU."""
        return conv(x, filters, name, kernel, epsilon=self.epsilon, initializer=self.kernels.conv)

    def conv3x3(self, x, filters: int, name: str, dilation: int = 1):
        """3x3 convolution, batch norm, ReLU; separable: depthwise 3x3 and 1x1, each with both."""
        # From the map's size on, only the centre still reads pixels. A larger dilation would compute the
        # same, but TensorFlow on a CPU pads the map to a multiple of it: 1.2 s, not 0.06 s, for 4x8 at 36.
        dilation = min(dilation, max(x.shape[1:3]))
        batch_norm, kernels = {"epsilon": self.epsilon}, self.kernels
        if not self.separable:
            return conv(x, filters, name, dilation=dilation, initializer=kernels.conv, **batch_norm)
        inner = {"norm": self.inner_norm, "initializer": kernels.depthwise} | batch_norm
        x = depthwise(x, name, dilation=dilation, **inner)
        return conv(x, filters, f"{name}_pointwise", 1, initializer=kernels.pointwise, **batch_norm)


def aspp(
    x,
    rates: tuple[int, int, int],
    style: Style,
    filters: int,
    pool_first: bool = False,
    project_kernel: int = 1,
):
    """The pyramid's five branches side by side, convolved: [B, h, w, C] -> [B, h, w, filters].

    Image pooling normalises over the batch alone: train with at least two images per GPU.

    Args:
        x: features.
        rates: dilations of the 3x3 convolutions.
        style: of the convolutions.
        filters: of each branch, and of the result.
        pool_first: in the concatenation, the image's mean comes first instead of last.
        project_kernel: of the convolution behind the concatenation.
    """
    branches = pyramid(x, rates, style, filters)
    if pool_first:
        branches = [branches[-1], *branches[:-1]]
    x = layers.Concatenate(name="aspp_concat")(branches)  # [B, h, w, 5 * filters]
    return style.conv(x, filters, "aspp_project", project_kernel)


def pyramid(x, rates: tuple[int, int, int], style: Style, filters: int) -> list:
    """1x1, three dilated 3x3 and the image's mean, [B, h, w, filters] each.

    The names leave the rates out: weights trained at one output stride serve at the other, as in the paper.
    """
    branches = [style.conv(x, filters, "aspp_1x1")]
    for index, rate in enumerate(rates, start=1):
        branches.append(style.conv3x3(x, filters, f"aspp_atrous{index}", rate))
    return [*branches, image_pooling(x, style, filters)]


def image_pooling(x, style: Style, filters: int):
    """The mean over all positions, [B, 1, 1, C], convolved and spread over the map again."""
    _, height, width, _ = x.shape
    x = layers.GlobalAveragePooling2D(keepdims=True, name="aspp_pool_average")(x)
    x = style.conv(x, filters, "aspp_pool")
    return Resize(height, width, name="aspp_pool_resize")(x)
