"""Keras's layers with a depthwise convolution; on JAX it is one that XLA fuses, see `models.jax_kernels`."""

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable("street_scenes")
class DepthwiseConv2D(layers.DepthwiseConv2D):
    """Depthwise convolution of [B, H, W, C]; variables, names and numbers are Keras's."""

    def call(self, inputs):
        if keras.backend.backend() != "jax" or self.depth_multiplier != 1:
            return super().call(inputs)
        outputs = shifted(self, inputs, self.kernel)
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)


@keras.saving.register_keras_serializable("street_scenes")
class SeparableConv2D(layers.SeparableConv2D):
    """Depthwise, then 1x1 convolution of [B, H, W, C]; variables, names and numbers are Keras's."""

    def call(self, inputs):
        if keras.backend.backend() != "jax" or self.depth_multiplier != 1:
            return super().call(inputs)
        outputs = ops.conv(shifted(self, inputs, self.depthwise_kernel), self.pointwise_kernel)
        if self.use_bias:
            outputs += ops.cast(self.bias, outputs.dtype)
        return self.activation(outputs)


def shifted(layer, inputs, kernel):
    """A layer's depthwise convolution on JAX."""
    from models import jax_kernels

    return jax_kernels.depthwise(
        inputs, ops.convert_to_tensor(kernel), layer.strides, layer.dilation_rate, layer.padding == "same"
    )
