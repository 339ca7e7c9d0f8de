"""Blocks shared by two or more models.

Every block names its layers after itself (`name_conv`, `name_bn`), so that summaries, weight files and
exported graphs can be read. Shapes are channels-last; H and W are those of the input image.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar

import keras
import numpy as np
from keras import layers, ops

from models.depthwise import DepthwiseConv2D, SeparableConv2D
from models.initializers import he_fan_in, he_fan_in_depthwise

BN_MOMENTUM = 0.9  # follows the weights within tens of steps, also in runs of a few hundred
BN_EPSILON = 1e-3

_tracked = ContextVar("tracked", default=True)
_exchange = ContextVar("exchange", default=None)


@contextmanager
def untracked_statistics():
    """Within it `BatchNorm` leaves its moving statistics alone, as for a batch that it has seen before."""
    token = _tracked.set(False)
    try:
        yield
    finally:
        _tracked.reset(token)


@contextmanager
def synchronized_statistics(sums, gpus: int):
    """Within it `BatchNorm` normalises training batches by the statistics of all GPUs' images together.

    Args:
        sums: tensors -> their sums over the GPUs, in one exchange, and so are their gradients.
        gpus: how many, with equally many images each.
    """
    token = _exchange.set((sums, gpus))
    try:
        yield
    finally:
        _exchange.reset(token)


@keras.saving.register_keras_serializable("street_scenes")
class BatchNorm(layers.BatchNormalization):
    """Batch normalisation over [B, H, W, C] by TensorFlow's fused kernel, which there is not for float64.

    Elsewhere it is Keras's own, which on TensorFlow is composed of a dozen element-wise operations. Same
    variables, names and numbers: the kernel reports the unbiased variance, which is turned back into Keras's
    biased one. `synchronized_statistics` makes them those of several GPUs.
    """

    def call(self, inputs, training=None, mask=None):
        fused = keras.backend.backend() == "tensorflow" and self.compute_dtype != "float64"
        if not fused or len(inputs.shape) != 4:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        # Keras runs a frozen layer in inference mode; so do we.
        batch_statistics = bool(training) and self.trainable
        inputs = tf.cast(inputs, self.compute_dtype)
        if batch_statistics and _exchange.get():
            return self._synchronized(inputs, *_exchange.get())
        known = [tf.zeros([0])] * 2  # the batch's own are to be found
        if not batch_statistics:
            known = [tf.cast(moving, tf.float32) for moving in (self.moving_mean, self.moving_variance)]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=known[0],
            variance=known[1],
            epsilon=self.epsilon,
            is_training=batch_statistics,
        )
        if batch_statistics and _tracked.get():
            self._track([mean, variance * _biased_share(inputs)])
        return outputs

    def _synchronized(self, inputs, sums, gpus: int):
        """Normalised by mean and variance over all GPUs, in float32."""
        import tensorflow as tf

        x = tf.cast(inputs, tf.float32)
        # less a mean that all GPUs know: else the mean of squares would lose the digits of the variance
        x = x - tf.stop_gradient(tf.cast(self.moving_mean, tf.float32))
        own = [tf.reduce_mean(x, (0, 1, 2)), tf.reduce_mean(tf.square(x), (0, 1, 2))]  # each [C]
        mean, square = (total / gpus for total in sums(own))
        variance = tf.maximum(square - tf.square(mean), 0.0)
        if _tracked.get():
            self._track([mean + tf.cast(self.moving_mean, tf.float32), variance])
        scale = tf.cast(self.gamma, tf.float32) * tf.math.rsqrt(variance + self.epsilon)
        return tf.cast((x - mean) * scale + tf.cast(self.beta, tf.float32), self.compute_dtype)

    def _track(self, batch):
        import tensorflow as tf

        dtype = self.moving_mean.dtype
        old, new = (tf.constant(share, dtype) for share in (self.momentum, 1.0 - self.momentum))
        for moving, value in zip((self.moving_mean.value, self.moving_variance.value), batch):
            moving.assign(moving * old + tf.cast(value, dtype) * new)


def _biased_share(x):
    """(n - 1) / n of the n values a channel of the tensor x [B, H, W, C]: biased variance over unbiased."""
    import tensorflow as tf

    if x.shape.is_fully_defined():  # a constant instead of nine operations in the graph
        count = np.float32(math.prod(x.shape[:-1]))
    else:
        count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
    return (count - 1) / count


@keras.saving.register_keras_serializable("street_scenes")
class Resize(layers.Layer):
    """Resizing, `bilinear`, or `nearest` by whole factors, [B, h, w, C] -> [B, height, width, C].

    Pixel centres are aligned as in `tf.image.resize` and ONNX `half_pixel`, or with `align_corners` the
    centres of the corner pixels, as PyTorch calls it; exports as one Resize node.
    """

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear", align_corners: bool = False, **options
    ):
        super().__init__(**options)
        self.height, self.width, self.interpolation = height, width, interpolation
        self.align_corners = align_corners

    def call(self, inputs):
        size = (self.height, self.width)
        if inputs.shape[1:3] == size:  # what a network ends with whose scores have the image's size
            return ops.cast(inputs, self.compute_dtype)
        if self.interpolation == "nearest":
            return nearest(inputs, size)
        # float32, because TensorFlow's XLA kernel for the gradient returns that whatever it is given
        resize = bilinear_of_corners if self.align_corners else bilinear
        return ops.cast(resize(ops.cast(inputs, "float32"), size), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.height, self.width, input_shape[3]

    def get_config(self):
        own = {"height": self.height, "width": self.width, "interpolation": self.interpolation}
        return {**super().get_config(), **own, "align_corners": self.align_corners}


def bilinear(inputs, size: tuple[int, int]):
    """Bilinear resizing, [B, h, w, C] -> [B, *size, C]; on JAX in a form that XLA fuses, by whole factors."""
    height, width = inputs.shape[1:3]
    if keras.backend.backend() == "jax" and not (size[0] % height or size[1] % width):
        from models import jax_kernels

        return jax_kernels.enlarge(inputs, (size[0] // height, size[1] // width))
    return ops.image.resize(inputs, size, interpolation="bilinear")


def bilinear_of_corners(inputs, size: tuple[int, int]):
    """Bilinear resizing that keeps the corner pixels' values, [B, h, w, C] -> [B, *size, C]."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.raw_ops.ResizeBilinear(images=inputs, size=size, align_corners=True)
    _, height, width, channels = inputs.shape
    x = ops.reshape(inputs, (-1, height, width * channels))
    x = ops.matmul(corner_weights(height, size[0]), x)
    x = ops.reshape(x, (-1, size[0], width, channels))
    return ops.matmul(corner_weights(width, size[1]), x)


def corner_weights(size: int, target: int) -> np.ndarray:
    """The matrix [target, size] of bilinear weights along one axis whose first and last pixels coincide."""
    at = np.linspace(0, size - 1, target)
    return np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size))).astype(np.float32)


def nearest(inputs, size: tuple[int, int]):
    """Nearest neighbours by whole factors, [B, h, w, C] -> [B, *size, C]; XLA lacks TensorFlow's gradient."""
    if keras.backend.backend() != "tensorflow":
        return ops.image.resize(inputs, size, interpolation="nearest")
    import tensorflow as tf

    height, width = inputs.shape[1:3]
    copies = (size[0] // height, size[1] // width)

    @tf.custom_gradient
    def resize(x):
        def sum_of_copies(upstream):  # an eighth of the time of a sum over two axes on a CPU
            return copies[0] * copies[1] * tf.nn.avg_pool2d(upstream, copies, copies, "VALID")

        return tf.image.resize(x, size, "nearest"), sum_of_copies

    return resize(inputs)


def normalize(image):
    """RGB in 0..255 to -1..1, inside the graph: training, prediction and export cannot disagree on it."""
    return layers.Rescaling(1 / 127.5, offset=-1.0, name="normalize")(image)


def batch_norm(x, name: str, relu: bool = True, epsilon: float = BN_EPSILON):
    """Batch normalisation, then ReLU unless `relu` is false."""
    x = BatchNorm(momentum=BN_MOMENTUM, epsilon=epsilon, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def conv(
    x,
    filters: int,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    relu: bool = True,
    epsilon: float = BN_EPSILON,
    initializer: Callable = he_fan_in,
):
    """Convolution without bias (batch norm has one), batch norm, ReLU.

    `initializer` makes that of the kernel, see `models.initializers`.
    """
    x = layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        kernel_initializer=initializer(),
        name=f"{name}_conv",
    )(x)
    return batch_norm(x, name, relu, epsilon)


def depthwise(
    x,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    relu: bool = True,
    norm: bool = True,
    epsilon: float = BN_EPSILON,
    initializer: Callable = he_fan_in_depthwise,
):
    """3x3 depthwise convolution; batch norm and ReLU unless `norm` is false."""
    x = DepthwiseConv2D(
        3,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        depthwise_initializer=initializer(),
        name=f"{name}_depthwise",
    )(x)
    return batch_norm(x, name, relu, epsilon) if norm else x


def separable(
    x,
    filters: int,
    name: str,
    stride: int = 1,
    dilation: int = 1,
    relu: bool = True,
    initializers: tuple[Callable, Callable] = (he_fan_in_depthwise, he_fan_in),
):
    """3x3 depthwise and 1x1 pointwise convolution with nothing between them, batch norm, ReLU.

    `initializers` make those of the two kernels.
    """
    of_depthwise, of_pointwise = initializers
    x = SeparableConv2D(
        filters,
        3,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        use_bias=False,
        depthwise_initializer=of_depthwise(),
        pointwise_initializer=of_pointwise(),
        name=f"{name}_separable",
    )(x)
    return batch_norm(x, name, relu)


def average_pool(x, bins: tuple[int, int], name: str):
    """About `bins` averages along each axis, with a window and stride fixed by the shape.

    Adaptive pooling has windows of unequal size, which ONNX and TensorRT cannot express; equal windows
    that overlap a little where `bins` does not divide the size are exported as one AveragePool.
    """
    windows, strides = zip(*map(pool_window, x.shape[1:3], bins))
    return layers.AveragePooling2D(windows, strides, name=f"{name}_average")(x)


def pool_window(size: int, bins: int) -> tuple[int, int]:
    """(window, stride) that covers `size` pixels from first to last with min(bins, size) windows."""
    bins = min(bins, size)
    stride = size // bins
    return size - (bins - 1) * stride, stride
