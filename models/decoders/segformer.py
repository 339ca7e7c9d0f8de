"""SegFormer's all-MLP decoder (Xie et al.; arXiv 2105.15203, section 3.2)."""

from keras import layers

from models.encoders import Features
from models.initializers import uniform
from models.layers import Resize
from models.torch_layers import batch_norm, conv, conv_bn_relu, scores

NAME = "segformer"
OUTPUT_STRIDES = (32,)
LEVELS = (4, 8, 16, 32)
NAMES = {2: "project_half"} | {stride: f"project{index}" for index, stride in enumerate(LEVELS)}
PRESETS = {
    "mmseg": {"epsilons": "mmseg"},
    "smp": {"projection": "linear", "order": "deep_first", "half": True, "align_corners": True},
    "hub": {"projection": "linear", "order": "deep_first", "epsilons": "hub"},
}


def build(
    features: Features,
    classes: int,
    output_stride: int,
    channels: int = 256,
    projection: str = "conv",
    order: str = "shallow_first",
    half: bool = False,
    levels_align_corners: bool = False,
    dropout: float = 0.1,
):
    """Scores at 1/4: each level projected to the same channels, enlarged, joined, fused.

    Args:
        features: of an encoder.
        classes: output channels.
        output_stride: 32.
        channels: of the projections and the fusion.
        projection: `conv` has batch norm and ReLU (mmsegmentation), `linear` a bias alone (the original,
            segmentation_models.pytorch, the hub).
        order: of the levels in the concatenation, `shallow_first` or `deep_first`.
        half: with the features at 1/2, where the encoder has them (segmentation_models.pytorch).
        levels_align_corners: how levels are enlarged, see `models.layers.Resize`.
        dropout: share of values dropped before the scores in training.

    Returns:
        [B, H/4, W/4, classes].
    """
    height, width = features.at[4].shape[1:3]
    projected = []
    for stride in (2, *LEVELS) if half and 2 in features.at else LEVELS:
        name = NAMES[stride]
        x = features.at[stride]  # [B, H/stride, W/stride, C]
        if projection == "conv":
            x = conv_bn_relu(x, channels, name, 1)
        else:
            x = layers.Dense(channels, kernel_initializer=uniform(), name=f"{name}_linear")(x)
        if stride != 4:
            corners = levels_align_corners
            x = Resize(height, width, align_corners=corners, name=f"{name}_resize")(x)
        projected.append(x)  # [B, H/4, W/4, channels]
    joined = projected if order == "shallow_first" else projected[::-1]
    x = layers.Concatenate(name="fuse_concat")(joined)  # [B, H/4, W/4, 4 or 5 * channels]
    x = batch_norm(conv(x, channels, "fuse_conv", 1), "fuse_bn", "fuse_relu")
    x = layers.Dropout(dropout, name="fuse_dropout")(x)
    return scores(x, classes)
