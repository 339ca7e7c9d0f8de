"""Convolutions drawn as segmentation_models.pytorch draws those of its decoders and heads."""

from functools import partial

from models import torch_layers
from models.initializers import glorot, he_uniform

conv = partial(torch_layers.conv, initializer=he_uniform)
conv_bn_relu = partial(torch_layers.conv_bn_relu, initializer=he_uniform)


def scores(x, classes: int):
    """3x3 convolution to scores: [B, h, w, C] -> [B, h, w, classes]."""
    return torch_layers.conv(x, classes, "scores", 3, bias=True, initializer=glorot)
