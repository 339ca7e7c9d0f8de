"""U-Net: Convolutional Networks for Biomedical Image Segmentation (Ronneberger et al.; arXiv 1505.04597)."""

import keras
from keras import layers

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
    followed by batch norm, which also takes the place of the dropout between the two halves.

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
    epsilon = EPSILON if mmseg else BN_EPSILON
    image = keras.Input(input_shape, name="image")
    x = ImageNetNormalize(name="normalize")(image) if mmseg else normalize(image)
    skips = []
    for level in range(DEPTH):
        x = double_conv(
            x, width << level, f"encoder{level + 1}", epsilon
        )  # [B, H/2^level, ..., width * 2^level]
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"encoder{level + 1}_pool")(x)
    x = double_conv(x, width << DEPTH, "bottom", epsilon)  # [B, H/16, W/16, 16 width]
    for level in reversed(range(DEPTH)):
        enlarge = bilinear_up if mmseg else transposed_up
        x = enlarge(x, skips[level], f"decoder{level + 1}")
        x = layers.Concatenate(name=f"decoder{level + 1}_concat")([skips[level], x])
        x = double_conv(
            x, width << level, f"decoder{level + 1}", epsilon
        )  # [B, H/2^level, ..., width * 2^level]
    if mmseg:
        x = layers.Dropout(dropout, name="head_dropout")(conv(x, width, "head", epsilon=epsilon))
    logits = layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)  # [B, H, W, classes]
    return keras.Model(image, logits, name="unet")


def double_conv(x, filters: int, name: str, epsilon: float):
    """Two 3x3 convolutions: [B, h, w, C] -> [B, h, w, filters]."""
    return conv(conv(x, filters, f"{name}a", epsilon=epsilon), filters, f"{name}b", epsilon=epsilon)


def transposed_up(x, skip, name: str):
    """Up-convolution: [B, h, w, 2C] -> [B, 2h, 2w, C], the skip's channels."""
    return layers.Conv2DTranspose(skip.shape[-1], 2, strides=2, name=f"{name}_up")(x)


def bilinear_up(x, skip, name: str):
    """Bilinear enlargement and a 1x1 convolution: [B, h, w, 2C] -> [B, 2h, 2w, C], the skip's channels."""
    x = Resize(*skip.shape[1:3], name=f"{name}_up_resize")(x)
    return conv(x, skip.shape[-1], f"{name}_up", kernel=1, epsilon=EPSILON)
