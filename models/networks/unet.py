"""U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al.; arXiv 1505.04597)."""

import keras
from keras import layers

from models.layers import conv, normalize
from models.model_options import OptionError

SIZE_MULTIPLE = 16  # four halvings
DEPTH = 4


def build(input_shape: tuple[int, int, int], classes: int, width: int = 64) -> keras.Model:
    """U-Net on RGB in 0..255, with two differences to the paper.

    Convolutions are padded, so that the logits have the image's size without mirrored borders, and are
    followed by batch norm, which also takes the place of the dropout between the two halves.

    Args:
        input_shape: (H, W, 3), H and W multiples of 16.
        classes: output channels.
        width: channels at full resolution, doubled by every halving; the paper's 64 has 31.0 M parameters.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: a width that is no whole number of at least 1.
    """
    if type(width) is not int or width < 1:
        raise OptionError(f"unet's width is a whole number of at least 1, not {width!r}")
    image = keras.Input(input_shape, name="image")
    x = normalize(image)
    skips = []
    for level in range(DEPTH):
        x = double_conv(
            x, width << level, f"encoder{level + 1}"
        )  # [B, H/2^level, W/2^level, width * 2^level]
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder{level + 1}_pool")(x)
    x = double_conv(x, width << DEPTH, "bottom")  # [B, H/16, W/16, 16 width]
    for level in reversed(range(DEPTH)):
        x = up(x, skips[level], f"decoder{level + 1}")  # [B, H/2^level, W/2^level, width * 2^level]
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)  # [B, H, W, classes]
    return keras.Model(image, logits, name="unet")


def double_conv(x, filters: int, name: str):
    """Two 3x3 convolutions: [B, h, w, C] -> [B, h, w, filters]."""
    return conv(conv(x, filters, f"{name}a"), filters, f"{name}b")


def up(x, skip, name: str):
    """Up-convolution and convolutions with the skip: [B, h, w, 2C], [B, 2h, 2w, C] -> [B, 2h, 2w, C]."""
    filters = skip.shape[-1]
    x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"{name}_up")(x)
    return double_conv(layers.Concatenate(name=f"{name}_concat")([skip, x]), filters, name)
