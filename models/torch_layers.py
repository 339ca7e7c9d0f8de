"""Layers that compute what PyTorch's do: its padding, pooling, enlargement and epsilon.

Each takes the full name of its layer, which the tables of `models.weights.torch` map to PyTorch's keys.
Shapes are channels-last.
"""

from functools import partial

import keras
import numpy as np
from keras import initializers, layers, ops

from models.depthwise import DepthwiseConv2D
from models.layers import BN_MOMENTUM, BatchNorm

EPSILON = 1e-5  # of batch norm in PyTorch


def he_fan_out():
    """He's initialisation by the number of outputs (arXiv 1502.01852), as torchvision's.

    A new one for each layer: an initializer has its seed from Keras's, and draws the same numbers again.
    """
    return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def conv(
    x,
    filters: int,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    padding: int | None = None,
    initializer=he_fan_out,
):
    """Convolution with `padding` pixels of zeros on every side; None keeps the size at stride 1.

    Keras's "same" puts the odd pixel of a stride of 2 behind, PyTorch's networks one on each side.
    """
    padding = dilation * (kernel - 1) // 2 if padding is None else padding
    if stride > 1 and dilation % stride == 0 and padding % stride == 0:
        # Keras has no dilation beside a stride; such a kernel reads no pixel but every `stride`-th
        x = layers.MaxPooling2D(1, strides=stride, name=f"{name}_subsampled")(x)
        stride, dilation, padding = 1, dilation // stride, padding // stride
    same = stride == 1 and 2 * padding == dilation * (kernel - 1)
    if not same and padding:
        x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        dilation_rate=dilation,
        groups=groups,
        padding="same" if same else "valid",
        use_bias=bias,
        kernel_initializer=initializer(),
        name=name,
    )(x)


def depthwise(
    x,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = False,
    initializer=he_fan_out,
):
    """Depthwise convolution, padded as `conv`.

    To Keras such a kernel [h, w, C, 1] has a fan-out of h w, and a fan-in of h w C.
    """
    padding = dilation * (kernel - 1) // 2
    if stride > 1:
        x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return DepthwiseConv2D(
        kernel,
        strides=stride,
        dilation_rate=dilation,
        padding="valid" if stride > 1 else "same",
        use_bias=bias,
        depthwise_initializer=initializer(),
        name=name,
    )(x)


def batch_norm(x, name: str, relu: str | None = None, epsilon: float = EPSILON):
    """Batch normalisation, and the ReLU layer of the name `relu` if one is given."""
    x = BatchNorm(momentum=BN_MOMENTUM, epsilon=epsilon, name=name)(x)
    return layers.ReLU(name=relu)(x) if relu else x


def conv_bn_relu(x, filters: int, name: str, kernel: int = 3, relu: bool = True, **options):
    """Convolution `name_conv`, batch norm `name_bn`, ReLU `name_relu`."""
    x = conv(x, filters, f"{name}_conv", kernel, **options)
    return batch_norm(x, f"{name}_bn", f"{name}_relu" if relu else None)


def scores(x, outputs: int, name: str = "scores", bias: bool = True):
    """1x1 convolution to scores: [B, h, w, C] -> [B, h, w, outputs].

    Its kernel starts with a deviation of 0.01, as in mmsegmentation, so that all scores are nearly equal.
    """
    small = partial(initializers.RandomNormal, stddev=0.01)
    return conv(x, outputs, name, 1, bias=bias, initializer=small)


def max_pool(x, name: str, kernel: int = 3, stride: int = 2, padding: int = 1):
    """Maximum pooling of values of at least 0, behind a ReLU: there zeros around the map change nothing."""
    if padding:
        x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(kernel, strides=stride, name=name)(x)


@keras.saving.register_keras_serializable("street_scenes")
class ImageNetNormalize(layers.Layer):
    """RGB in 0..255 less ImageNet's mean over its deviation, [B, H, W, 3], calculated in float32."""

    MEAN = (123.675, 116.28, 103.53)
    DEVIATION = (58.395, 57.12, 57.375)

    def __init__(self, **options):
        super().__init__(autocast=False, **options)

    def call(self, image):
        mean, deviation = (np.array(values, "float32") for values in (self.MEAN, self.DEVIATION))
        return ops.cast((ops.cast(image, "float32") - mean) / deviation, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("street_scenes")
class AdaptiveAveragePooling2D(layers.Layer):
    """PyTorch's adaptive average pooling: [B, H, W, C] of static size -> [B, bins, bins, C].

    Window i of n pixels goes from floor(i n / bins) to ceil((i + 1) n / bins). Averages along rows and
    columns are two products with constant matrices, which ONNX and TensorRT have as MatMul; sizes that `bins`
    does not divide are exact.
    """

    def __init__(self, bins: int, **options):
        super().__init__(**options)
        self.bins = bins

    def call(self, inputs):
        _, height, width, _ = inputs.shape
        # channels first, as ONNX has them: there the transposes cancel against those of the convolutions
        x = ops.transpose(ops.cast(inputs, "float32"), (0, 3, 1, 2))  # [B, C, H, W]
        x = ops.matmul(x, averages(width, self.bins).T)  # [B, C, H, bins]
        x = ops.matmul(averages(height, self.bins), x)  # [B, C, bins, bins]
        return ops.cast(ops.transpose(x, (0, 2, 3, 1)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.bins, self.bins, input_shape[3]

    def get_config(self):
        return {**super().get_config(), "bins": self.bins}


def averages(size: int, bins: int) -> np.ndarray:
    """The matrix [bins, size] whose rows average the windows of adaptive pooling along one axis."""
    matrix = np.zeros((bins, size), np.float32)
    for row in range(bins):
        start, end = row * size // bins, -(-(row + 1) * size // bins)
        matrix[row, start:end] = 1 / (end - start)
    return matrix
