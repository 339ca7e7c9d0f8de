"""PIDNet: a real-time network inspired by PID controllers (Xu et al.; arXiv 2206.02066).

Three branches after a common stem: P keeps details at 1/8, I gathers context down to 1/64, D finds borders
at 1/8, where the others are joined by its answer. As in mmsegmentation, and with `stem_bias` in the authors'
code.
"""

from dataclasses import dataclass

import keras
from keras import layers, ops

from models.layers import Resize
from models.model_options import require_one_of
from models.networks import dual_resolution as blocks
from models.torch_layers import ImageNetNormalize, conv_bn_relu

SIZE_MULTIPLE = 8  # of the branches of high resolution; the other one may end in parts of pixels


@dataclass(frozen=True)
class Variant:
    """A network of the family.

    Attributes:
        channels: after the first convolution.
        pyramid_channels: of each scale of the pyramid pooling.
        head_channels: of the 3x3 convolution before the scores.
        detail_blocks: of each stage of the stem and of P.
        context_blocks: of each stage of I.
        light: the pyramid's scales do not wait for one another, D has fewer channels, and the branches are
            joined by 1x1 convolutions.
    """

    channels: int
    pyramid_channels: int
    head_channels: int
    detail_blocks: int = 2
    context_blocks: int = 3
    light: bool = True


VARIANTS = {
    "s": Variant(32, 96, 128),
    "m": Variant(64, 96, 128),
    "l": Variant(64, 112, 256, detail_blocks=3, context_blocks=4, light=False),
}


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    variant: str = "s",
    stem_bias: bool = False,
    align_corners: bool = True,
    auxiliary: bool = False,
) -> keras.Model:
    """PIDNet on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 8.
        classes: output channels.
        variant: a key of `VARIANTS`.
        stem_bias: the first two convolutions have a bias.
        align_corners: how scores are enlarged, see `models.layers.Resize`.
        auxiliary: with the heads of P and D, for training.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes], or with `auxiliary` a dict of `logits`,
        `auxiliary`, P's scores [B, H, W, classes], and `border`, D's logits of borders [B, H, W, 1].

    Raises:
        UserError: an unknown variant.
    """
    require_one_of("variant of pidnet", variant, VARIANTS)
    chosen = VARIANTS[variant]
    image = keras.Input(input_shape, name="image")
    x = ImageNetNormalize(name="normalize")(image)
    x = blocks.stem(x, chosen.channels, chosen.detail_blocks, stem_bias)
    p, x, d = branches(x, chosen)  # each [B, H/8, W/8, .]

    def enlarge(name: str):
        return Resize(*input_shape[:2], align_corners=align_corners, dtype="float32", name=name)

    outputs = blocks.head(x, chosen.head_channels, classes, "i_head", enlarge("logits"))
    if auxiliary:
        outputs = {
            "logits": outputs,
            "auxiliary": blocks.head(p, chosen.head_channels, classes, "p_head", enlarge("auxiliary")),
            "border": blocks.head(d, chosen.channels, 1, "d_head", enlarge("border")),
        }
    return keras.Model(image, outputs, name="pidnet")


def branches(x, variant: Variant):
    """The three branches: [B, H/8, W/8, 2 C] -> what P's head, the scores' head and D's head see.

    Of C `variant.channels`, these have 2 C, 4 C and 2 C, at 1/8.
    """
    channels, count = variant.channels, variant.detail_blocks
    i = blocks.basic_stage(x, 4 * channels, variant.context_blocks, "i3", stride=2)
    i = blocks.relu(i, "i3_relu")  # [B, H/16, W/16, 4 C]
    p = blocks.basic_stage(x, 2 * channels, count, "p3")  # [B, H/8, W/8, 2 C]
    d = blocks.basic(x, channels if variant.light else 2 * channels, "d3")  # [B, H/8, W/8, C or 2 C]
    details = p = attended(p, i, channels, 3)
    d = with_difference(d, i, 3)

    i = blocks.basic_stage(i, 8 * channels, variant.context_blocks, "i4", stride=2)
    i = blocks.relu(i, "i4_relu")  # [B, H/32, W/32, 8 C]
    p = blocks.basic_stage(blocks.relu(p, "p3_relu"), 2 * channels, count, "p4")
    d = blocks.relu(d, "d3_relu")
    if variant.light:
        d = blocks.bottleneck_stage(d, channels, 1, "d4")
    else:
        d = blocks.basic(d, 2 * channels, "d4")  # [B, H/8, W/8, 2 C] either way
    p = attended(p, i, channels, 4)
    borders = d = with_difference(d, i, 4)

    i = blocks.bottleneck_stage(i, 8 * channels, 2, "i5", stride=2)  # [B, H/64, W/64, 16 C]
    p = blocks.bottleneck_stage(blocks.relu(p, "p4_relu"), 2 * channels, 1, "p5")  # [B, H/8, W/8, 4 C]
    d = blocks.bottleneck_stage(blocks.relu(d, "d4_relu"), 2 * channels, 1, "d5")  # [B, H/8, W/8, 4 C]
    pyramid = blocks.parallel_pyramid if variant.light else blocks.deep_pyramid
    i = pyramid(i, variant.pyramid_channels, 4 * channels)
    i = Resize(*p.shape[1:3], name="spp_resize")(i)  # [B, H/8, W/8, 4 C]
    return details, (joined_lightly if variant.light else joined)(p, i, d), borders


def attended(p, i, channels: int, stage: int):
    """Pag: I where P and I agree, else P: -> P's shape.

    The likeness of two pixels is the product of two projections of them to `channels`.
    """
    name, size = f"pag{stage}", p.shape[1:3]
    i = conv_bn_relu(i, p.shape[-1], f"compression{stage}", 1, relu=False)  # [B, h, w, 2 C]
    of_i = conv_bn_relu(i, channels, f"{name}_i", 1, relu=False)
    of_i = Resize(*size, name=f"{name}_i_resize")(of_i)  # [B, H/8, W/8, C]
    of_p = conv_bn_relu(p, channels, f"{name}_p", 1, relu=False)
    likeness = ChannelSum(name=f"{name}_sum")(layers.Multiply(name=f"{name}_product")([of_p, of_i]))
    share = layers.Activation("sigmoid", name=f"{name}_sigmoid")(likeness)  # [B, H/8, W/8, 1]
    return mixed(share, Resize(*size, name=f"{name}_resize")(i), p, name)


def with_difference(d, i, stage: int):
    """D plus a 3x3 convolution of I, enlarged: -> D's shape."""
    name = f"diff{stage}"
    i = conv_bn_relu(i, d.shape[-1], name, relu=False)
    i = Resize(*d.shape[1:3], name=f"{name}_resize")(i)
    return layers.Add(name=f"{name}_add")([d, i])


def joined(p, i, d):
    """Bag: P at borders, I elsewhere, convolved: three of [B, h, w, C] -> [B, h, w, C]."""
    border = layers.Activation("sigmoid", name="dfm_sigmoid")(d)
    return blocks.norm_relu_conv(mixed(border, p, i, "dfm"), p.shape[-1], "dfm", 3)


def joined_lightly(p, i, d):
    """Light Bag: P and I without borders, I and P at borders, each by a 1x1 convolution: -> [B, h, w, C]."""
    border = layers.Activation("sigmoid", name="dfm_sigmoid")(d)
    i_at_borders = layers.Multiply(name="dfm_i_borders")([border, i])
    p_at_borders = layers.Multiply(name="dfm_p_borders")([border, p])
    inner = layers.Subtract(name="dfm_i_inner")([i, i_at_borders])
    p = conv_bn_relu(layers.Add(name="dfm_p_add")([inner, p]), p.shape[-1], "dfm_p", 1, relu=False)
    i = conv_bn_relu(layers.Add(name="dfm_i_add")([i, p_at_borders]), i.shape[-1], "dfm_i", 1, relu=False)
    return layers.Add(name="dfm_add")([p, i])


def mixed(share, one, other, name: str):
    """`share` of the one, and the rest of the other: -> their shape."""
    difference = layers.Subtract(name=f"{name}_difference")([one, other])
    difference = layers.Multiply(name=f"{name}_share")([share, difference])
    return layers.Add(name=f"{name}_mix")([other, difference])


@keras.saving.register_keras_serializable("street_scenes")
class ChannelSum(layers.Layer):
    """The sum over channels: [B, h, w, C] -> [B, h, w, 1]."""

    def call(self, inputs):
        return ops.sum(inputs, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)
