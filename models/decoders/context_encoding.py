"""Context encoding (Zhang et al., EncNet; arXiv 1803.08904, section 3)."""

import keras
from keras import initializers, layers, ops

from models.initializers import uniform
from models.layers import BN_MOMENTUM, BatchNorm
from models.torch_layers import EPSILON, conv_bn_relu

ENCODING = "encoding_mean"  # the layer whose output, float32 [B, C], says what the image shows


def context_encoding(x, codes: int):
    """The features plus themselves times a weight for each channel, which follows from the whole image.

    Args:
        x: features, [B, h, w, C].
        codes: codewords that the image is described by.

    Returns:
        [B, h, w, C].
    """
    channels = x.shape[-1]
    encoding = conv_bn_relu(x, channels, "encoding_project", 1)
    single = {"dtype": "float32"}  # sums over all positions overflow in float16
    encoding = Encoding(codes, name="encoding", **single)(encoding)  # [B, C, codes]
    encoding = BatchNorm(momentum=BN_MOMENTUM, epsilon=EPSILON, name="encoding_bn", **single)(encoding)
    encoding = layers.ReLU(name="encoding_relu", **single)(encoding)
    encoding = layers.GlobalAveragePooling1D("channels_first", name=ENCODING, **single)(encoding)
    weigh = layers.Dense(channels, "sigmoid", kernel_initializer=uniform(), name="encoding_weights", **single)
    weights = weigh(encoding)  # [B, C]
    weights = layers.Reshape((1, 1, channels), name="encoding_reshape")(weights)
    weighed = layers.Multiply(name="encoding_multiply")([x, weights])
    x = layers.Add(name="encoding_add")([x, weighed])
    return layers.ReLU(name="encoding_out")(x)


@keras.saving.register_keras_serializable("street_scenes")
class Encoding(layers.Layer):
    """What remains of features beyond codewords, summed over the map: [B, h, w, C] -> [B, C, codes].

    A position counts for each codeword by the softmax over the codewords of their scaled squared distances
    (equation 2), which are calculated from products: the differences themselves, [B, h w, codes, C], would
    be as many numbers as the map has, times the codewords.
    """

    def __init__(self, codes: int, **options):
        super().__init__(**options)
        self.codes = codes

    def build(self, input_shape):
        channels = input_shape[-1]
        bound = (self.codes * channels) ** -0.5
        self.codewords = self.add_weight(
            name="codewords",
            shape=(self.codes, channels),
            initializer=initializers.RandomUniform(-bound, bound),
        )
        self.scale = self.add_weight(
            name="scale", shape=(self.codes,), initializer=initializers.RandomUniform(-1.0, 0.0)
        )

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        # channels first, as ONNX has them: there the transpose cancels against that of the convolution
        x = ops.reshape(ops.transpose(inputs, (0, 3, 1, 2)), (-1, channels, height * width))  # [B, C, N]
        squares = ops.sum(x * x, axis=1, keepdims=True)  # [B, 1, N]
        of_codes = ops.sum(self.codewords * self.codewords, axis=1, keepdims=True)  # [codes, 1]
        distances = squares - 2 * ops.matmul(self.codewords, x) + of_codes  # [B, codes, N]
        shares = ops.softmax(ops.expand_dims(self.scale, 1) * distances, axis=1)
        totals = ops.expand_dims(ops.sum(shares, axis=2), 1)  # [B, 1, codes]
        return ops.matmul(x, ops.transpose(shares, (0, 2, 1))) - totals * ops.transpose(self.codewords)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1], self.codes

    def get_config(self):
        return {**super().get_config(), "codes": self.codes}
