"""Maximum pooling with dilation, which Keras lacks."""

from functools import reduce

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("street_scenes")
class DilatedMaxPooling2D(layers.Layer):
    """Maximum over `size` x `size` positions that lie `dilation` apart, stride 1.

    Input and output are [B, H, W, C] of static size; outside the picture nothing is ever the maximum.

    Args:
        size: positions along each axis.
        dilation: their distance in pixels.
        padding: pixels before and after, the same along both axes.
    """

    def __init__(self, size: int, dilation: int, padding: tuple[int, int], **options):
        super().__init__(**options)
        self.size, self.dilation, self.padding = size, dilation, tuple(padding)

    def call(self, inputs):
        pads = [(0, 0), self.padding, self.padding, (0, 0)]
        x = ops.pad(inputs, pads, constant_values=float("-inf")) if any(self.padding) else inputs
        if self.dilation == 1:
            return ops.max_pool(x, self.size, strides=1, padding="valid")
        _, height, width, _ = self.compute_output_shape(inputs.shape)
        shifts = [shift * self.dilation for shift in range(self.size)]
        x = reduce(ops.maximum, [x[:, shift : shift + height] for shift in shifts])
        return reduce(ops.maximum, [x[:, :, shift : shift + width] for shift in shifts])

    def compute_output_shape(self, input_shape):
        change = sum(self.padding) - self.dilation * (self.size - 1)
        batch, height, width, channels = input_shape
        return batch, height + change, width + change, channels

    def get_config(self):
        own = {"size": self.size, "dilation": self.dilation, "padding": self.padding}
        return {**super().get_config(), **own}
