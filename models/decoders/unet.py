"""U-Net's decoder (arXiv 1505.04597) on any encoder, as in segmentation_models.pytorch.

Against the paper: nearest-neighbour enlargement in the place of up-convolutions, batch norm after each
convolution, and a last level at the image's resolution without a skip. Kernels are drawn as there.
"""

from keras import layers

from models.encoders import Features
from models.layers import Resize
from models.smp_layers import conv_bn_relu, scores

NAME = "unet"
OUTPUT_STRIDES = (32,)
LEVELS = (4, 8, 16, 32)  # and 2 where the encoder has it
PRESETS = {"smp": {}}
CHANNELS = (256, 128, 64, 32, 16)  # from 1/16 to 1/1


def build(features: Features, classes: int, output_stride: int, center: bool | None = None):
    """Scores at the image's resolution from features at 1/2 to 1/32.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32, where no stride of the encoder is turned into dilation.
        center: two convolutions of the deepest features; None: of VGG's, which are only pooled.

    Returns:
        [B, H, W, classes].
    """
    x = features.at[32]  # [B, H/32, W/32, C]
    if features.encoder.startswith("vgg") if center is None else center:
        x = conv_bn_relu(conv_bn_relu(x, x.shape[-1], "center1"), x.shape[-1], "center2")
    for index, (stride, filters) in enumerate(zip((16, 8, 4, 2, 1), CHANNELS)):
        x = up(x, features.at.get(stride), filters, f"decoder{index}")  # [B, H/stride, W/stride, filters]
    return scores(x, classes)


def up(x, skip, filters: int, name: str):
    """Enlarged twice, joined by the skip, convolved twice: [B, h, w, C] -> [B, 2h, 2w, filters]."""
    height, width = x.shape[1:3]
    x = Resize(2 * height, 2 * width, interpolation="nearest", name=f"{name}_up")(x)
    if skip is not None:
        x = layers.Concatenate(name=f"{name}_concat")([x, skip])
    return conv_bn_relu(conv_bn_relu(x, filters, f"{name}_conv1"), filters, f"{name}_conv2")
