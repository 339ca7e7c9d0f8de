"""The auxiliary head of PSPNet (arXiv 1612.01105, section 3.3): scores from the encoder's last stage but one.

It serves training alone, where its loss shortens the way to the encoder's middle.
"""

from keras import layers

from models.encoders import Features
from models.torch_layers import conv_bn_relu, scores

CHANNELS = 256


def auxiliary(features: Features, classes: int, dropout: float = 0.1):
    """[B, h, w, classes] from the features whose strided network is at 1/16 there."""
    x = conv_bn_relu(features.at[16], CHANNELS, "auxiliary")
    x = layers.Dropout(dropout, name="auxiliary_dropout")(x)
    return scores(x, classes, "auxiliary_scores")
