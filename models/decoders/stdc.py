"""The decoder of STDC-Seg (Fan et al.; arXiv 2104.13188, section 3.2), as in mmsegmentation.

Features at 1/32 and 1/16, weighed by their means, are brought to 1/8 and fused with those of the encoder.
"""

from keras import layers

from models.encoders import Features
from models.layers import Resize
from models.torch_layers import batch_norm, conv, conv_bn_relu, fcn_head

NAME = "stdc"
OUTPUT_STRIDES = (32,)
LEVELS = (8, 16, 32)
PRESETS = {"mmseg": {}}
CONTEXT, FUSED = 128, 256  # channels
REDUCTION = 4
HEAD = 64  # channels of the heads for training


def build(
    features: Features, classes: int, output_stride: int, align_corners: bool = True, dropout: float = 0.1
):
    """Scores at 1/8 from features at 1/8 to 1/32.

    The attention normalises image means over the batch alone: train with at least two images per GPU.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.
        align_corners: how scores are enlarged to the image, see `models.layers.Resize`.
        dropout: share of values dropped before the scores in training.

    Returns:
        [B, H/8, W/8, classes].
    """
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="context_mean")(features.at[32])
    above = conv_bn_relu(mean, CONTEXT, "context_mean", 1)  # [B, 1, 1, 128], added at every position
    for stride in (32, 16):
        x = attention_refinement(features.at[stride], f"arm{stride}")  # [B, H/stride, W/stride, 128]
        x = layers.Add(name=f"arm{stride}_add")([x, above])
        size = features.at[stride // 2].shape[1:3]
        x = Resize(*size, interpolation="nearest", name=f"context{stride // 2}_resize")(x)
        above = conv_bn_relu(x, CONTEXT, f"context{stride // 2}")  # [B, H/16, W/16, 128], then at 1/8
    x = fuse(features.at[8], above)  # [B, H/8, W/8, 256]
    return fcn_head(x, classes, FUSED, "head", dropout=dropout)


def attention_refinement(x, name: str):
    """A convolution whose channels are weighed by their means: [B, h, w, C] -> [B, h, w, 128]."""
    x = conv_bn_relu(x, CONTEXT, name)
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_mean")(x)  # [B, 1, 1, 128]
    weights = batch_norm(conv(weights, CONTEXT, f"{name}_attention_conv", 1), f"{name}_attention_bn")
    weights = layers.Activation("sigmoid", name=f"{name}_sigmoid")(weights)
    return layers.Multiply(name=f"{name}_multiply")([x, weights])


def fuse(detail, context):
    """Joined, convolved, and its channels weighed: [B, H/8, W/8, C], [B, H/8, W/8, 128] -> [.., 256]."""
    x = layers.Concatenate(name="fusion_concat")([detail, context])
    x = conv_bn_relu(x, FUSED, "fusion", 1)
    weights = layers.GlobalAveragePooling2D(keepdims=True, name="fusion_mean")(x)  # [B, 1, 1, 256]
    weights = conv(weights, FUSED // REDUCTION, "fusion_reduce", 1)
    weights = conv(layers.ReLU(name="fusion_reduce_relu")(weights), FUSED, "fusion_expand", 1)
    weights = layers.Activation("sigmoid", name="fusion_sigmoid")(weights)
    return layers.Add(name="fusion_add")([layers.Multiply(name="fusion_multiply")([x, weights]), x])


def heads(model, features: Features, classes: int) -> dict:
    """What serves training alone: scores from the context at 1/8 and 1/16, and details at 1/8.

    Details are where classes meet (section 3.3), one logit at each pixel; their loss is that of
    `training.losses.details`. They lead the encoder to keep them without a second branch.
    """
    found = {
        f"auxiliary{stride}": fcn_head(
            model.get_layer(f"context{stride}_relu").output, classes, HEAD, f"auxiliary{stride}_head"
        )
        for stride in (8, 16)
    }
    return found | {"detail": fcn_head(features.at[8], 1, HEAD, "detail_head")}
