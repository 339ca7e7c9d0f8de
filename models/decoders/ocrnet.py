"""OCRNet's decoder: object-contextual representations (Yuan et al.; arXiv 1909.11065), as in mmsegmentation.

First scores say softly which pixels are of which class. The features of a class's region, averaged, are what
each pixel then attends to. These first scores are the auxiliary head as well, and belong to inference.
"""

import keras
from keras import layers, ops

from models.attention import ScaledDotProduct
from models.decoders.joined import is_joined, join
from models.encoders import Features
from models.layers import Resize
from models.torch_layers import conv_bn_relu, scores

NAME = "ocrnet"
OUTPUT_STRIDES = (8, 16, 32)
LEVELS = (16, 32)
PRESETS = {"mmseg": {"dilated_blocks": "first", "last_conv": False}}
REGION_CHANNELS = 256  # of the convolution in front of the first scores, on the last stage but one
DROPOUT = 0.1


def build(
    features: Features,
    classes: int,
    output_stride: int,
    align_corners: bool = False,
    inputs: str | None = None,
    channels: int = 512,
    key_channels: int = 256,
    dropout: float | None = None,
):
    """Scores from the deepest features or from all levels, and the first scores of the regions.

    Args:
        features: of an encoder.
        classes: output channels, and regions.
        output_stride: of the encoder.
        align_corners: how levels are enlarged, see `models.layers.Resize`.
        inputs: `deepest`, with first scores from the features at 1/16 of the strided network, or `joined`;
            None: `joined` of HRNet, `deepest` of other encoders.
        channels: of the features that are averaged over regions.
        key_channels: in which pixels and regions are compared.
        dropout: share of the values dropped before both scores in training; None: 0.1, or 0 of all levels.

    Returns:
        {"logits": [B, h, w, classes], "auxiliary": the first scores}, at the output stride or at 1/4.
    """
    if joined := is_joined(inputs, features, NAME):
        x = join(features, align_corners)
        regions = conv_bn_relu(x, x.shape[-1], "regions", 1)
    else:
        x = features.at[32]
        regions = conv_bn_relu(features.at[16], REGION_CHANNELS, "regions")
    rate = dropout if dropout is not None else 0.0 if joined else DROPOUT
    first = dropped_scores(regions, classes, rate, "regions_")
    x = conv_bn_relu(x, channels, "pixels")  # [B, h, w, channels]
    context = object_context(x, first, key_channels, align_corners)
    x = layers.Concatenate(name="context_concat")([context, x])
    x = conv_bn_relu(x, channels, "fuse", 1)
    return {"logits": dropped_scores(x, classes, rate), "auxiliary": first}


def dropped_scores(x, classes: int, dropout: float, prefix: str = ""):
    """[B, h, w, C] -> [B, h, w, classes]."""
    if dropout:
        x = layers.Dropout(dropout, name=f"{prefix}dropout")(x)
    return scores(x, classes, f"{prefix}scores")


def object_context(x, first, channels: int, align_corners: bool):
    """What a pixel has in common with each region decides what it takes of it: [B, h, w, C] -> the same.

    `first` are the regions' scores [B, h, w, K]; of an encoder with strides they come from finer features,
    and are brought to those of x.
    """
    _, height, width, filters = x.shape
    if first.shape[1:3] != (height, width):
        first = Resize(height, width, align_corners=align_corners, name="regions_resize")(first)
    regions = RegionAverage(name="regions_average")([x, first])  # [B, K, 1, C]
    query = conv_bn_relu(conv_bn_relu(x, channels, "query0", 1), channels, "query1", 1)
    key = conv_bn_relu(conv_bn_relu(regions, channels, "key0", 1), channels, "key1", 1)
    value = conv_bn_relu(regions, channels, "value", 1)
    x = ScaledDotProduct(1, name="context_product")([query, key, value])  # [B, h, w, channels]
    return conv_bn_relu(x, filters, "context", 1)


@keras.saving.register_keras_serializable("street_scenes")
class RegionAverage(layers.Layer):
    """The mean of all pixels' features for each region (section 3.2, equation 2), in float32.

    Called on [features [B, h, w, C], scores [B, h, w, K]]; returns [B, K, 1, C]. A pixel's weight in a region
    is the softmax of the region's scores over all pixels.
    """

    def call(self, inputs):
        features, scores = (ops.cast(x, "float32") for x in inputs)
        _, height, width, channels = features.shape
        regions, pixels = scores.shape[-1], height * width
        scores = ops.transpose(ops.reshape(scores, (-1, pixels, regions)), (0, 2, 1))  # [B, K, h w]
        means = ops.matmul(ops.softmax(scores, axis=-1), ops.reshape(features, (-1, pixels, channels)))
        return ops.cast(ops.reshape(means, (-1, regions, 1, channels)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        features, scores = input_shape
        return features[0], scores[3], 1, features[3]
