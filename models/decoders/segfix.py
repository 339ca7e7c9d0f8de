"""SegFix's heads (Yuan et al.; arXiv 2007.04269): which pixels are at a border, and where their region lies.

The outputs are no scores of classes. They move the labels that another network gives to pixels at borders,
see `inference.refinement`; it is trained by `training.losses.segfix`.
"""

from keras import layers

from models.decoders.joined import STRIDES, join
from models.encoders import Features
from models.torch_layers import batch_norm, conv, scores

NAME = "segfix"
OUTPUT_STRIDES = (32,)
LEVELS = STRIDES
# (rows, columns) of a step in each of the directions, in the order of the original's outputs
DIRECTIONS = ((0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1))
BORDER = 2  # outputs in front of the directions': of pixels inside a region, and at its border
OUTPUTS = BORDER + len(DIRECTIONS)


def build(features: Features, classes: int, output_stride: int, channels: int = 256):
    """Scores at 1/4 of border and direction, from features at 1/4 to 1/32.

    Args:
        features: of an encoder.
        classes: of the data; nothing here depends on them.
        output_stride: 32.
        channels: of the convolution of each head.

    Returns:
        [B, H/4, W/4, 10]: inside, at a border, and the eight `DIRECTIONS` away from it.
    """
    x = join(features)
    border = head(x, channels, BORDER, "border")
    direction = head(x, channels, len(DIRECTIONS), "direction")
    return layers.Concatenate(name="heads")([border, direction])


def head(x, channels: int, outputs: int, name: str):
    """Two 1x1 convolutions: [B, h, w, C] -> [B, h, w, outputs]."""
    x = batch_norm(conv(x, channels, f"{name}_conv", 1), f"{name}_bn", f"{name}_relu")
    return scores(x, outputs, f"{name}_scores", bias=False)
