"""BiSeNet V2: Bilateral Network with Guided Aggregation (Yu et al.; arXiv 2004.02147).

As mmsegmentation publishes it. That adds to the paper's figures ReLU behind the depthwise convolutions of
gather-and-expansion, and batch norm and ReLU behind the last convolution of context embedding.
"""

import keras
from keras import layers

from models.layers import Resize
from models.torch_layers import (
    ImageNetNormalize,
    average_pool,
    batch_norm,
    conv,
    conv_bn_relu,
    depthwise_bn,
    fcn_head,
    max_pool,
)

SIZE_MULTIPLE = 32  # the semantic branch ends at 1/32
DETAIL = ((64, 2), (64, 3), (128, 3))  # channels and convolutions of each stage, table 1
STEM = 16  # channels
SEMANTIC = ((32, 2), (64, 2), (128, 4))  # channels and gather-and-expansion layers of each stage
EXPANSION = 6
HEAD = 1024  # channels
BOOSTERS = {4: 16, 8: 64, 16: 256, 32: 1024}  # stride of the features -> channels of the auxiliary head


def build(
    input_shape: tuple[int, int, int], classes: int, dropout: float = 0.1, auxiliary: bool = False
) -> keras.Model:
    """BiSeNet V2 on RGB in 0..255.

    The context embedding normalises image means over the batch alone: train with at least two images per GPU.

    Args:
        input_shape: (H, W, 3), H and W multiples of 32.
        classes: output channels.
        dropout: share of values dropped before the scores in training.
        auxiliary: with heads on four stages of the semantic branch (section 4.3, "booster training").

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes]; with auxiliary heads, a dict of `logits`
        and `auxiliary4`, `auxiliary8`, `auxiliary16`, `auxiliary32`, all of that shape.
    """
    image = keras.Input(input_shape, name="image")
    x = ImageNetNormalize(name="normalize")(image)
    detail = detail_branch(x)  # [B, H/8, W/8, 128]
    stages = semantic_branch(x)
    x = aggregate(detail, context_embedding(stages[32]))  # [B, H/8, W/8, 128]
    scores = {"logits": fcn_head(x, classes, HEAD, "head", dropout=dropout)}  # [B, H/8, W/8, classes]
    if auxiliary:
        for stride, channels in BOOSTERS.items():
            name = f"auxiliary{stride}"
            scores[name] = fcn_head(stages[stride], classes, channels, f"{name}_head", 2, dropout)
    outputs = {
        name: Resize(*input_shape[:2], dtype="float32", name=name)(x) for name, x in scores.items()
    }  # [B, H, W, classes] each
    return keras.Model(image, outputs if auxiliary else outputs["logits"], name="bisenetv2")


def detail_branch(x):
    """Wide and shallow, for what is small: [B, H, W, 3] -> [B, H/8, W/8, 128] (section 3.1)."""
    for stage, (channels, convolutions) in enumerate(DETAIL):
        for index in range(convolutions):
            x = conv_bn_relu(x, channels, f"detail_{stage}_{index}", stride=2 if index == 0 else 1)
    return x


def semantic_branch(x) -> dict:
    """Narrow and deep, for context: [B, H, W, 3] -> features by stride, {4: [B, H/4, W/4, 16], ...}."""
    x = stem(x)
    stages = {4: x}
    for number, (channels, count) in enumerate(SEMANTIC, start=2):
        x = expand_and_shrink(x, channels, f"stage{number}_0")
        for index in range(1, count):
            x = gather_and_expand(x, f"stage{number}_{index}")
        stages[2 ** (number + 1)] = x  # [B, H/8, W/8, 32], [B, H/16, W/16, 64], [B, H/32, W/32, 128]
    return stages


def stem(x):
    """Two ways of halving, joined: [B, H, W, 3] -> [B, H/4, W/4, 16] (figure 4 (a))."""
    x = conv_bn_relu(x, STEM, "stem_first", stride=2)  # [B, H/2, W/2, 16]
    left = conv_bn_relu(x, STEM // 2, "stem_left_0", 1)
    left = conv_bn_relu(left, STEM, "stem_left_1", stride=2)  # [B, H/4, W/4, 16]
    x = layers.Concatenate(name="stem_concat")([left, max_pool(x, "stem_pool")])  # [B, H/4, W/4, 32]
    return conv_bn_relu(x, STEM, "stem_fuse")


def gather_and_expand(x, name: str):
    """3x3, depthwise 3x3 to six times the channels, 1x1 back: [B, h, w, C] -> the same (figure 5 (b))."""
    y = conv_bn_relu(x, x.shape[-1], f"{name}_gather")
    y = depthwise_bn(y, f"{name}_expand", relu=True, multiplier=EXPANSION)  # [B, h, w, 6C]
    y = batch_norm(conv(y, x.shape[-1], f"{name}_project_conv", 1), f"{name}_project_bn")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))


def expand_and_shrink(x, filters: int, name: str):
    """The same with stride 2 and a second depthwise convolution: [B, h, w, C] -> [B, h/2, w/2, filters]
    (figure 5 (c))."""
    y = conv_bn_relu(x, x.shape[-1], f"{name}_gather")
    y = depthwise_bn(y, f"{name}_expand", stride=2, multiplier=EXPANSION)  # [B, h/2, w/2, 6C]
    y = depthwise_bn(y, f"{name}_spatial", relu=True)
    y = batch_norm(conv(y, filters, f"{name}_project_conv", 1), f"{name}_project_bn")
    x = depthwise_bn(x, f"{name}_shortcut_depthwise", stride=2)
    x = batch_norm(conv(x, filters, f"{name}_shortcut_pointwise_conv", 1), f"{name}_shortcut_pointwise_bn")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([y, x]))


def context_embedding(x):
    """The image's mean added at every position: [B, h, w, C] -> the same (figure 4 (b))."""
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="context_mean")(x)  # [B, 1, 1, C]
    mean = conv_bn_relu(batch_norm(mean, "context_norm"), x.shape[-1], "context_embed", 1)
    x = layers.Add(name="context_add")([x, mean])
    return conv_bn_relu(x, x.shape[-1], "context_last")


def aggregate(detail, semantic):
    """Each branch gated by the other at its resolution (figure 6, table 2).

    Args:
        detail: [B, H/8, W/8, C].
        semantic: [B, H/32, W/32, C].

    Returns:
        [B, H/8, W/8, C].
    """
    size, channels = detail.shape[1:3], detail.shape[-1]
    fine = conv(depthwise_bn(detail, "bga_detail"), channels, "bga_detail_pointwise", 1, bias=True)
    coarse = batch_norm(
        conv(detail, channels, "bga_down_conv", stride=2), "bga_down_bn"
    )  # [B, H/16, W/16, C]
    coarse = average_pool(coarse, "bga_down_average")  # [B, H/32, W/32, C]

    fine_gate = batch_norm(conv(semantic, channels, "bga_semantic_conv"), "bga_semantic_bn")
    fine_gate = Resize(*size, name="bga_semantic_resize")(fine_gate)  # [B, H/8, W/8, C]
    coarse_gate = depthwise_bn(semantic, "bga_gate")
    coarse_gate = conv(coarse_gate, channels, "bga_gate_pointwise", 1, bias=True)  # [B, H/32, W/32, C]

    fine, coarse = gated(fine, fine_gate, "bga_fine"), gated(coarse, coarse_gate, "bga_coarse")
    coarse = Resize(*size, name="bga_resize")(coarse)
    return conv_bn_relu(layers.Add(name="bga_add")([fine, coarse]), channels, "bga")


def gated(x, gate, name: str):
    """Values times the sigmoid of their gates, all [B, h, w, C]."""
    gate = layers.Activation("sigmoid", name=f"{name}_sigmoid")(gate)
    return layers.Multiply(name=f"{name}_multiply")([x, gate])
