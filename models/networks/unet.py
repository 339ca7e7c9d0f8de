"""U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al.; arXiv 1505.04597)."""

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from models.initializers import he_fan_in, he_fan_in_up, he_fan_out, narrow_normal
from models.layers import BN_EPSILON, Resize, conv, normalize
from models.model_options import OptionError, require_one_of
from models.torch_layers import EPSILON, ImageNetNormalize

SIZE_MULTIPLE = 16  # four halvings
DEPTH = 4
PRESETS = ("paper", "mmseg")


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 64,
    preset: str = "paper",
    dropout: float = 0.1,
) -> keras.Model:
    """U-Net on RGB in 0..255, with two differences to the paper.

    Convolutions are padded, so that the logits have the image's size without mirrored borders, and are
    followed by batch norm, which also takes the place of the dropout between the two halves. Kernels are
    normal with deviation sqrt(2 / inputs of a value), as the paper has it (section 3).

    Args:
        input_shape: (H, W, 3), H and W multiples of 16.
        classes: output channels.
        width: channels at full resolution, doubled by every halving; the paper's 64 has 31.0 M parameters.
        preset: `paper`, or `mmseg`: bilinear enlargement and a 1x1 convolution in the place of
            up-convolutions, a 3x3 convolution and dropout before the scores (mmsegmentation's UNet-s5-d16
            with its FCN head).
        dropout: share of values dropped before the scores in training; of `mmseg`.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].

    Raises:
        UserError: a width that is no whole number of at least 1, or an unknown preset.
    """
    if type(width) is not int or width < 1:
        raise OptionError(f"unet's width is a whole number of at least 1, not {width!r}")
    require_one_of("preset of unet", preset, PRESETS)
    mmseg = preset == "mmseg"
    block = partial(
        conv, epsilon=EPSILON if mmseg else BN_EPSILON, initializer=he_fan_out if mmseg else he_fan_in
    )
    image = keras.Input(input_shape, name="image")
    x = ImageNetNormalize(name="normalize")(image) if mmseg else normalize(image)
    skips = []
    for level in range(DEPTH):
        name = f"encoder{level + 1}"
        x = double_conv(x, width << level, name, block)  # [B, H/2^level, ..., width * 2^level]
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    x = double_conv(x, width << DEPTH, "bottom", block)  # [B, H/16, W/16, 16 width]
    for level in reversed(range(DEPTH)):
        name = f"decoder{level + 1}"
        x = bilinear_up(x, skips[level], name, block) if mmseg else transposed_up(x, skips[level], name)
        x = layers.Concatenate(name=f"{name}_concat")([skips[level], x])
        x = double_conv(x, width << level, name, block)  # [B, H/2^level, ..., width * 2^level]
    if mmseg:
        x = layers.Dropout(dropout, name="head_dropout")(block(x, width, "head"))
    initializer = narrow_normal() if mmseg else he_fan_in()
    scores = layers.Conv2D(classes, 1, kernel_initializer=initializer, dtype="float32", name="logits")
    logits = scores(x)  # [B, H, W, classes]
    return keras.Model(image, logits, name="unet")


def double_conv(x, filters: int, name: str, block: Callable):
    """Two 3x3 convolutions: [B, h, w, C] -> [B, h, w, filters]."""
    return block(block(x, filters, f"{name}a"), filters, f"{name}b")


def transposed_up(x, skip, name: str):
    """Up-convolution: [B, h, w, 2C] -> [B, 2h, 2w, C], the skip's channels."""
    up = {"kernel_initializer": he_fan_in_up(), "name": f"{name}_up"}
    return layers.Conv2DTranspose(skip.shape[-1], 2, strides=2, **up)(x)


def bilinear_up(x, skip, name: str, block: Callable):
    """Bilinear enlargement and a 1x1 convolution: [B, h, w, 2C] -> [B, 2h, 2w, C], the skip's channels."""
    x = Resize(*skip.shape[1:3], name=f"{name}_up_resize")(x)
    return block(x, skip.shape[-1], f"{name}_up", kernel=1)
