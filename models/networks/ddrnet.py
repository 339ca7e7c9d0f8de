"""DDRNet: deep dual-resolution networks for road scenes (Hong et al.; arXiv 2101.06085).

Two branches after a common stem, at 1/8 and from 1/16 to 1/64, that are added to each other twice. As in
mmsegmentation, and with `stem_bias` in the authors' code.
"""

from dataclasses import dataclass

import keras
from keras import layers

from models.layers import Resize
from models.model_options import require_one_of
from models.networks import dual_resolution as blocks
from models.torch_layers import ImageNetNormalize, conv_bn_relu

SIZE_MULTIPLE = 8  # of the branch of high resolution; the other one may end in parts of pixels
PYRAMID_CHANNELS = 128


@dataclass(frozen=True)
class Variant:
    """A network of the family.

    Attributes:
        channels: after the first convolution.
        head_channels: of the 3x3 convolution before the scores.
    """

    channels: int
    head_channels: int


VARIANTS = {"23_slim": Variant(32, 64), "23": Variant(64, 128)}


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    variant: str = "23_slim",
    stem_bias: bool = False,
    align_corners: bool = False,
    auxiliary: bool = False,
) -> keras.Model:
    """DDRNet on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 8.
        classes: output channels.
        variant: a key of `VARIANTS`.
        stem_bias: the first two convolutions have a bias.
        align_corners: how scores are enlarged, see `models.layers.Resize`.
        auxiliary: with scores of the branch of high resolution after its first exchange with the other, for
            training (the paper's deep supervision).

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes], or with `auxiliary` a dict of `logits` and
        `auxiliary`, both of that shape.

    Raises:
        UserError: an unknown variant.
    """
    require_one_of("variant of ddrnet", variant, VARIANTS)
    chosen = VARIANTS[variant]
    image = keras.Input(input_shape, name="image")
    x = blocks.stem(ImageNetNormalize(name="normalize")(image), chosen.channels, 2, stem_bias)
    exchanged, x = branches(x, chosen.channels)  # both [B, H/8, W/8, .]

    def enlarge(name: str):
        return Resize(*input_shape[:2], align_corners=align_corners, dtype="float32", name=name)

    outputs = blocks.head(x, chosen.head_channels, classes, "head", enlarge("logits"))
    if auxiliary:
        early = blocks.head(exchanged, chosen.head_channels, classes, "auxiliary_head", enlarge("auxiliary"))
        outputs = {"logits": outputs, "auxiliary": early}
    return keras.Model(image, outputs, name="ddrnet")


def branches(x, channels: int):
    """The two branches: [B, H/8, W/8, 2 C] -> the features for the auxiliary head, and those for the scores.

    Of C `channels`, the first have 2 C and the second 4 C, both at 1/8.
    """
    size = x.shape[1:3]
    context = blocks.basic_stage(x, 4 * channels, 2, "context3", stride=2)  # [B, H/16, W/16, 4 C]
    spatial = blocks.basic_stage(x, 2 * channels, 2, "spatial3")  # [B, H/8, W/8, 2 C]
    context, spatial = exchange(context, spatial, 3)
    exchanged = spatial

    context, spatial = blocks.relu(context, "context3_out"), blocks.relu(spatial, "spatial3_out")
    context = blocks.basic_stage(context, 8 * channels, 2, "context4", stride=2)  # [B, H/32, W/32, 8 C]
    spatial = blocks.basic_stage(spatial, 2 * channels, 2, "spatial4")  # [B, H/8, W/8, 2 C]
    context, spatial = exchange(context, spatial, 4)

    context, spatial = blocks.relu(context, "context4_out"), blocks.relu(spatial, "spatial4_out")
    context = blocks.bottleneck_stage(context, 8 * channels, 1, "context5", stride=2)  # [B, H/64, W/64, 16 C]
    spatial = blocks.bottleneck_stage(spatial, 2 * channels, 1, "spatial5")  # [B, H/8, W/8, 4 C]
    context = blocks.deep_pyramid(context, PYRAMID_CHANNELS, 4 * channels)
    context = Resize(*size, name="spp_resize")(context)  # [B, H/8, W/8, 4 C]
    return exchanged, layers.Add(name="branches_add")([spatial, context])


def exchange(context, spatial, stage: int):
    """Bilateral fusion: each branch is added to the other at the other's shape.

    Args:
        context: the branch at 1/16 (stage 3) or 1/32 (stage 4).
        spatial: the branch at 1/8.
        stage: its number.

    Returns:
        both, without ReLU.
    """
    channels, halvings = spatial.shape[-1], stage - 2
    up = blocks.relu(context, f"context{stage}_relu")
    up = conv_bn_relu(up, channels, f"compression{stage}", 1, relu=False)
    up = Resize(*spatial.shape[1:3], name=f"compression{stage}_resize")(up)
    down = blocks.relu(spatial, f"spatial{stage}_relu")
    for step in range(halvings):
        last = step == halvings - 1
        down = conv_bn_relu(down, channels << (step + 1), f"down{stage}_{step}", stride=2, relu=not last)
    context = layers.Add(name=f"context{stage}_add")([context, down])
    return context, layers.Add(name=f"spatial{stage}_add")([spatial, up])
