"""U-Net++'s nested decoder (Zhou et al.; arXiv 1807.10165), as in segmentation_models.pytorch."""

from keras import layers

from models.decoders.unet import CHANNELS, up
from models.encoders import Features
from models.smp_layers import scores

NAME = "unet_plus_plus"
OUTPUT_STRIDES = (32,)
LEVELS = (2, 4, 8, 16, 32)
PRESETS = {"smp": {}}


def build(features: Features, classes: int, output_stride: int):
    """Scores at the image's resolution from features at 1/2 to 1/32.

    Node x_i_j enlarges the node that stands one level deeper and joins it with every node between it and the
    encoder on its own level; x_0_j is the decoder proper. Levels are counted from the deepest skip.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.

    Returns:
        [B, H, W, classes].
    """
    deep, *skips = (features.at[stride] for stride in (32, 16, 8, 4, 2))
    depth = len(skips)
    nodes = {}
    for level, skip in enumerate(skips):
        below = deep if level == 0 else skips[level - 1]
        nodes[level, level] = node(below, [skip], level, level)
    for distance in range(1, depth):
        for first in range(depth - distance):
            level = first + distance
            beside = [nodes[other, level] for other in range(first + 1, level + 1)]
            nodes[first, level] = node(nodes[first, level - 1], [*beside, skips[level]], first, level)
    x = up(nodes[0, depth - 1], None, CHANNELS[depth], f"x_0_{depth}")  # [B, H, W, 16]
    return scores(x, classes)


def node(below, beside: list, first: int, level: int):
    """x_first_level: [B, h, w, C] and others of [B, 2h, 2w, .] -> [B, 2h, 2w, channels]."""
    name = f"x_{first}_{level}"
    channels = CHANNELS[level] if first == 0 else beside[-1].shape[-1]
    skip = layers.Concatenate(name=f"{name}_skips")(beside) if len(beside) > 1 else beside[0]
    return up(below, skip, channels, name)
