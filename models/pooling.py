"""Max-pooling that remembers where each maximum was, and unpooling that puts values back there (SegNet).

No arg-max indices and no scatter, which XLA and TensorRT lack: the four pixels of a window become four
channel groups, three comparisons tell which one won, and unpooling fills the winner's group. Everything
is Compare, Select, SpaceToDepth and DepthToSpace, on every Keras backend.
"""

from functools import reduce

import keras
from keras import layers, ops

WINDOW = 2  # pixels, of windows and of their stride


@keras.saving.register_keras_serializable("street_scenes")
class PoolWithPosition(layers.Layer):
    """2x2 max-pooling: [B, H, W, C] -> maxima and positions, both [B, H/2, W/2, C].

    A position counts a window's pixels row by row, 0..3. Among equal maxima the first wins, as in
    `tf.nn.max_pool_with_argmax`. H and W must be even. Positions have the layer's floating-point type,
    because TensorRT compares no small integers, and pass no gradient on.
    """

    def call(self, inputs):
        pooled = ops.max_pool(inputs, WINDOW, WINDOW)
        a, b, c, d = ops.split(ops.space_to_depth(inputs, WINDOW), 4, axis=-1)  # each [B, H/2, W/2, C]
        # A knock-out with >= has exactly one winner whatever the numbers are. Equality with `pooled` could
        # have several, or none where an engine computes the two in different precision.
        upper, lower = ops.where(a >= b, 0.0, 1.0), ops.where(c >= d, 2.0, 3.0)
        position = ops.where(ops.maximum(a, b) >= ops.maximum(c, d), upper, lower)
        return pooled, ops.cast(position, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        shape = batch, height // WINDOW, width // WINDOW, channels
        return shape, shape


@keras.saving.register_keras_serializable("street_scenes")
class Unpool(layers.Layer):
    """Values at their positions, zeros elsewhere: two [B, h, w, C] -> [B, 2h, 2w, C].

    Call it with [values, positions]; positions are those of a `PoolWithPosition` of the same shape.
    """

    def call(self, inputs):
        values, position = inputs
        zeros = ops.zeros_like(values)
        pixels = [ops.where(position == number, values, zeros) for number in range(WINDOW**2)]
        return ops.depth_to_space(ops.concatenate(pixels, axis=-1), WINDOW)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape[0]
        return batch, WINDOW * height, WINDOW * width, channels


@keras.saving.register_keras_serializable("street_scenes")
class DilatedMaxPooling2D(layers.Layer):
    """Maximum over `size` x `size` positions that lie `dilation` apart, stride 1.

    Input and output are [B, H, W, C] of static size; outside the image nothing is ever the maximum.

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
