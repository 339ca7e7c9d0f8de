"""EfficientNet B0 to B5 (Tan, Le; arXiv 1905.11946), as in timm and in segmentation_models.pytorch.

Padding is symmetric and batch norm's epsilon 1e-5, as in timm's `efficientnet_b*` and in the encoders
`timm-efficientnet-b*`, which take the weights of `tf_efficientnet_b*` so too. Layers are named after timm's
modules, with underscores for dots.
"""

import math
from dataclasses import dataclass

from keras import layers

from models.torch_layers import ImageNetNormalize, batch_norm, conv, depthwise

# channels are widened by, kernel, channels, blocks, stride of the first one; of B0's stages (table 1)
STAGES = (
    (1, 3, 16, 1, 1),
    (6, 3, 24, 2, 2),
    (6, 5, 40, 2, 2),
    (6, 3, 80, 3, 2),
    (6, 5, 112, 3, 1),
    (6, 5, 192, 4, 2),
    (6, 3, 320, 1, 1),
)
STEM = 32  # channels
SQUEEZE = 4  # a block's channels over those that its squeeze-and-excitation has
DROP_PATH = 0.2  # towards which the rate grows from block to block


@dataclass(frozen=True)
class Variant:
    """What B0's channels and numbers of blocks are multiplied by."""

    width: float
    depth: float

    def channels(self, channels: int) -> int:
        """A multiple of 8 next to the product, and at least nine tenths of it."""
        wanted = channels * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded

    def blocks(self, blocks: int) -> int:
        """The product, rounded up."""
        return math.ceil(blocks * self.depth)


VARIANTS = {
    "efficientnet-b0": Variant(1.0, 1.0),
    "efficientnet-b1": Variant(1.0, 1.1),
    "efficientnet-b2": Variant(1.1, 1.2),
    "efficientnet-b3": Variant(1.2, 1.4),
    "efficientnet-b4": Variant(1.4, 1.8),
    "efficientnet-b5": Variant(1.6, 2.2),
}


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/2 to 1/32, by the stride of the network without dilation.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, 16 or 8; where a stride is gone, all later kernels are dilated instead.

    Returns:
        Of B0 {2: [B, H/2, W/2, 32], 4: [.., 24], 8: [.., 40], 16: [.., 112], 32: [.., 320]}.
    """
    variant = VARIANTS[name]
    x = conv(ImageNetNormalize(name="normalize")(image), variant.channels(STEM), "conv_stem", stride=2)
    x = norm_silu(x, "bn1")
    features = {2: x}
    stride, current = 2, 2  # of the network without dilation, of the features
    number, total = 0, sum(variant.blocks(stage[3]) for stage in STAGES)
    for stage, (widening, kernel, channels, blocks, step) in enumerate(STAGES):
        stride *= step
        for index in range(variant.blocks(blocks)):
            first = step if index == 0 and current * step <= output_stride else 1
            current *= first
            x = block(
                x,
                variant.channels(channels),
                f"blocks_{stage}_{index}",
                widening,
                kernel,
                first,
                stride // current,
                DROP_PATH * number / total,
            )
            number += 1
        if stride > 2:
            features[stride] = x  # the last stage of each stride
    return features


def norm_silu(x, name: str):
    """Batch norm, SiLU."""
    return layers.Activation("silu", name=f"{name}_silu")(batch_norm(x, name))


def block(x, filters: int, name: str, widening: int, kernel: int, stride: int, dilation: int, rate: float):
    """Inverted residual with squeeze-and-excitation: [B, h, w, C] -> [B, h/stride, w/stride, filters].

    `rate` of the images leave the block out in training (stochastic depth, arXiv 1603.09382).
    """
    shortcut, channels = x, x.shape[-1]
    norms = iter(range(1, 4))
    if widening > 1:
        x = norm_silu(conv(x, widening * channels, f"{name}_conv_pw", 1), f"{name}_bn{next(norms)}")
    x = depthwise(x, f"{name}_conv_dw", kernel, stride, dilation)
    x = norm_silu(x, f"{name}_bn{next(norms)}")
    x = squeeze_excite(x, f"{name}_se", channels // SQUEEZE)
    x = conv(x, filters, f"{name}_{'conv_pwl' if widening > 1 else 'conv_pw'}", 1)
    x = batch_norm(x, f"{name}_bn{next(norms)}")
    if stride > 1 or channels != filters:
        return x
    if rate:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])


def squeeze_excite(x, name: str, channels: int):
    """Channels weighted by what the whole map has (arXiv 1709.01507); [B, h, w, C] -> the same."""
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_average")(x)  # [B, 1, 1, C]
    weights = conv(weights, channels, f"{name}_conv_reduce", 1, bias=True)
    weights = layers.Activation("silu", name=f"{name}_silu")(weights)
    weights = conv(weights, x.shape[-1], f"{name}_conv_expand", 1, bias=True)
    weights = layers.Activation("sigmoid", name=f"{name}_gate")(weights)
    return layers.Multiply(name=f"{name}_multiply")([x, weights])
