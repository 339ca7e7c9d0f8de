"""DeepLab's modified aligned Xception with 65 layers (arXiv 1802.02611, figure 4).

Against Xception: strided separable convolutions instead of maximum pooling, batch norm and ReLU after each
depthwise convolution, sixteen middle-flow units. Depthwise and pointwise convolutions count as one layer:
2 + 3*3 in the entry flow, 16*3 in the middle, 3 + 3 in the exit.
"""

import keras
from keras import layers

from models.depthwise import DepthwiseConv2D
from models.encoders import applications
from models.initializers import all_kernels, truncated_normal
from models.layers import batch_norm, conv, normalize

TAPS = {
    2: "entry_conv2_relu",  # [B, H/2, W/2, 64]
    4: "entry_block2_sepconv2_bn",  # [B, H/4, W/4, 256]: what the paper's decoder takes
    8: "entry_block3_sepconv2_bn",  # [B, H/8, W/8, 728]
    16: "exit_block1_sepconv2_bn",  # [B, H/16, W/16, 1024]
    32: "exit_block2_sepconv3_relu",  # [B, H/32, W/32, 2048]
}
IMAGENET = None  # published as TensorFlow 1 checkpoints only
MIDDLE_UNITS = 16
KERNELS = all_kernels(truncated_normal(0.09))  # research/deeplab/core/xception.py


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features by their stride, see `models.encoders.applications.build`."""
    return applications.build(network, TAPS, image, output_stride, KERNELS)


def network(image) -> keras.Model:
    """[B, H, W, 3] in 0..255 -> [B, H/32, W/32, 2048]."""
    x = normalize(image)
    x = strided_conv(x, 32, "entry_conv1")  # [B, H/2, W/2, 32]
    x = conv(x, 64, "entry_conv2")  # [B, H/2, W/2, 64]
    for block, filters in enumerate((128, 256, 728), start=1):  # [B, H/4 to H/16, W/4 to W/16, 128 to 728]
        x = unit(x, (filters,) * 3, f"entry_block{block}", stride=2)
    for block in range(1, MIDDLE_UNITS + 1):
        x = unit(x, (728,) * 3, f"middle_block{block}")  # [B, H/16, W/16, 728]
    x = unit(x, (728, 1024, 1024), "exit_block1", stride=2)  # [B, H/32, W/32, 1024]
    for index, filters in enumerate((1536, 1536, 2048), start=1):
        x = separable(x, filters, f"exit_block2_sepconv{index}")
        x = layers.ReLU(name=f"exit_block2_sepconv{index}_relu")(x)
    return keras.Model(image, x, name="modified_xception")


def unit(x, filters: tuple[int, int, int], name: str, stride: int = 1):
    """Three separable convolutions, each after a ReLU, beside a shortcut; the last one has the stride."""
    shortcut = x
    if stride > 1 or x.shape[-1] != filters[-1]:
        shortcut = layers.Conv2D(
            filters[-1], 1, strides=stride, use_bias=False, name=f"{name}_shortcut_conv"
        )(x)
        shortcut = batch_norm(shortcut, f"{name}_shortcut", relu=False)
    for index, channels in enumerate(filters, start=1):
        x = layers.ReLU(name=f"{name}_sepconv{index}_relu")(x)
        x = separable(x, channels, f"{name}_sepconv{index}", stride if index == len(filters) else 1)
    return layers.Add(name=f"{name}_add")([x, shortcut])


def separable(x, filters: int, name: str, stride: int = 1):
    """Depthwise 3x3, batch norm, ReLU, pointwise 1x1, batch norm: no ReLU at the end."""
    if stride > 1:
        x = aligned_padding(x, name)
    x = DepthwiseConv2D(
        3, strides=stride, padding="valid" if stride > 1 else "same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = batch_norm(x, f"{name}_depthwise")
    return conv(x, filters, name, kernel=1, relu=False)


def strided_conv(x, filters: int, name: str):
    """3x3 convolution with stride 2, batch norm, ReLU."""
    x = layers.Conv2D(filters, 3, strides=2, use_bias=False, name=f"{name}_conv")(aligned_padding(x, name))
    return batch_norm(x, name)


def aligned_padding(x, name: str):
    """One pixel all around: strided kernels are centred on the even pixels that 1x1 shortcuts read.

    TensorFlow's 'same' would centre them on the odd ones.
    """
    return layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
