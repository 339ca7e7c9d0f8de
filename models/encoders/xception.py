"""Xception (arXiv 1610.02357), as in keras.applications, with every layer named.

That is its author's own code, whose kernels have Glorot's initialisation.
"""

import re

import keras

from models.encoders import applications
from models.encoders.imagenet_files import Published
from models.layers import normalize

TAPS = {
    2: "block1_conv2_act",  # [B, H/2, W/2, 64]
    4: "block3_sepconv2_bn",  # [B, H/4, W/4, 256]: DeepLab's entry_flow/block2, before it is pooled
    8: "block4_sepconv2_bn",  # [B, H/8, W/8, 728]
    16: "block13_sepconv2_bn",  # [B, H/16, W/16, 1024]
    32: "block14_sepconv2_act",  # [B, H/32, W/32, 2048]
}
IMAGENET = Published(
    "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "https://storage.googleapis.com/tensorflow/keras-applications/xception/",
    "b0042744bf5b25fce3cb969f33bebb97",
)
SHORTCUTS = (2, 3, 4, 13)  # blocks with a convolution in their shortcut
SUMS = range(2, 14)  # blocks that end in a sum


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features by their stride, see `models.encoders.applications.build`."""
    return applications.build(network, TAPS, image, output_stride)


def network(image) -> keras.Model:
    """[B, H, W, 3] in 0..255 -> [B, H/32, W/32, 2048], once its 'valid' convolutions are padded."""
    x = normalize(image)
    x = keras.applications.Xception(include_top=False, weights=None, input_tensor=x).output
    model = keras.Model(image, x, name="xception")
    # Keras numbers the unnamed layers through the whole process; weight files need names that stay.
    rename(model, "conv2d", [f"block{block}_shortcut_conv" for block in SHORTCUTS])
    rename(model, "batch_normalization", [f"block{block}_shortcut_bn" for block in SHORTCUTS])
    rename(model, "add", [f"block{block}_add" for block in SUMS])
    return model


def rename(model: keras.Model, automatic: str, names: list[str]) -> None:
    """Name the layers that Keras called `automatic`, `automatic_7`, ..., in their order."""
    unnamed = [layer for layer in model.layers if re.fullmatch(rf"{automatic}(_\d+)?", layer.name)]
    for layer, name in zip(unnamed, names, strict=True):
        layer.name = name
