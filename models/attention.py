"""Attention of maps, channels-last, without weights: shared by encoders and decoders."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("street_scenes")
class ScaledDotProduct(layers.Layer):
    """Multi-head attention of maps: softmax(q k^T / sqrt(d)) v, without weights.

    Called on [query [B, h, w, C], key [B, u, v, C], value [B, u, v, C]] of static size; returns [B, h, w, C].
    """

    def __init__(self, heads: int, **options):
        super().__init__(**options)
        self.heads = heads

    def call(self, inputs):
        query, key, value = inputs
        _, height, width, channels = query.shape
        depth = channels // self.heads
        query = self._split(query)  # [B, heads, N, d]
        key, value = self._split(key), self._split(value)  # [B, heads, M, d]
        scores = ops.matmul(query * depth**-0.5, ops.transpose(key, (0, 1, 3, 2)))  # [B, heads, N, M]
        x = ops.matmul(ops.softmax(scores, axis=-1), value)  # [B, heads, N, d]
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height, width, channels))

    def _split(self, x):
        _, height, width, channels = x.shape
        x = ops.reshape(x, (-1, height * width, self.heads, channels // self.heads))
        return ops.transpose(x, (0, 2, 1, 3))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}
