"""EfficientViT's segmentation head (Cai et al.; arXiv 2205.14756, section 3.2)."""

from keras import layers

from models.encoders import Features
from models.encoders.efficientvit import add, conv, conv_norm_act, mobile_block
from models.torch_layers import BicubicResize

NAME = "efficientvit"
OUTPUT_STRIDES = (32,)
LEVELS = (8, 16, 32)
PRESETS = {"efficientvit": {}}
FEW_CHANNELS = 32  # up to which one block is enough: B0's


def build(
    features: Features,
    classes: int,
    output_stride: int,
    channels: int | None = None,
    blocks: int | None = None,
    last_channels: int | None = None,
):
    """Scores at 1/8: features of three levels brought to 1/8 and added, mobile blocks, two 1x1 convolutions.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.
        channels: of the sum; None: as many as the encoder has at 1/8.
        blocks: number of mobile blocks; None: 3, or 1 for up to 32 channels.
        last_channels: of the first 1x1 convolution; None: four times `channels`.

    Returns:
        [B, H/8, W/8, classes].
    """
    height, width, own = features.at[8].shape[1:]
    channels = channels or own
    levels = []
    for index, stride in enumerate(LEVELS[::-1]):
        x = conv_norm_act(features.at[stride], channels, f"head_input{index}", act=False)
        if stride > 8:
            x = BicubicResize(height, width, name=f"head_input{index}_resize")(x)
        levels.append(x)
    x = layers.Add(name="head_sum")(levels)  # [B, H/8, W/8, channels]
    for index in range(blocks or (3 if channels > FEW_CHANNELS else 1)):
        x = add(x, mobile_block(x, channels, f"head_middle{index}"), f"head_middle{index}")
    x = conv_norm_act(x, last_channels or 4 * channels, "head_last")
    return conv(x, classes, "scores", 1, bias=True)
