"""SegFormer's all-MLP decoder (Xie et al.; arXiv 2105.15203, section 3.2)."""

from keras import layers

from models.encoders import Features
from models.layers import Resize
from models.torch_layers import batch_norm, conv, conv_bn_relu

NAME = "segformer"
OUTPUT_STRIDES = (32,)
LEVELS = (4, 8, 16, 32)
PRESETS = {
    "mmseg": {"epsilons": "mmseg"},
    "smp": {"projection": "linear", "order": "deep_first", "align_corners": True},
    "hub": {"projection": "linear", "order": "deep_first", "epsilons": "hub"},
}


def build(
    features: Features,
    classes: int,
    output_stride: int,
    channels: int = 256,
    projection: str = "conv",
    order: str = "shallow_first",
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
        dropout: share of values dropped before the scores in training.

    Returns:
        [B, H/4, W/4, classes].
    """
    height, width = features.at[4].shape[1:3]
    projected = []
    for index, stride in enumerate(LEVELS):
        x = features.at[stride]  # [B, H/stride, W/stride, C]
        if projection == "conv":
            x = conv_bn_relu(x, channels, f"project{index}", 1)
        else:
            x = layers.Dense(channels, name=f"project{index}_linear")(x)
        if stride > 4:
            x = Resize(height, width, name=f"project{index}_resize")(x)
        projected.append(x)
    joined = projected if order == "shallow_first" else projected[::-1]
    x = layers.Concatenate(name="fuse_concat")(joined)  # [B, H/4, W/4, 4 * channels]
    x = batch_norm(conv(x, channels, "fuse_conv", 1), "fuse_bn", "fuse_relu")
    x = layers.Dropout(dropout, name="fuse_dropout")(x)
    return conv(x, classes, "scores", 1, bias=True)
