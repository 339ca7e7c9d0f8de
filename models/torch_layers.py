"""Layers that compute what PyTorch's do: its padding, pooling, enlargement and epsilon.

Each takes the full name of its layer, which the tables of `models.weights.torch` map to PyTorch's keys.
Shapes are channels-last.
"""

import functools
from functools import partial

import keras
import numpy as np
from keras import initializers, layers, ops

from common import startup
from models.depthwise import DepthwiseConv2D
from models.initializers import he_fan_out, he_fan_out_depthwise, narrow_normal
from models.layers import BN_MOMENTUM, BatchNorm

EPSILON = 1e-5  # of batch norm in PyTorch


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
    return (GroupedConv2D if groups > 1 else layers.Conv2D)(
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


@functools.cache
def has_grouped_kernels() -> bool:
    """Whether TensorFlow has all kernels of grouped convolutions here: in oneDNN, or on a GPU.

    Else it has the convolution alone, without its gradient and without the form that is joined with the batch
    norm behind it.
    """
    import tensorflow as tf

    return startup.has_onednn() or bool(tf.config.list_physical_devices("GPU"))


@keras.saving.register_keras_serializable("street_scenes")
class GroupedConv2D(layers.Conv2D):
    """Keras's grouped convolution of [B, H, W, C] without XLA, which graphs of ONNX cannot take over.

    Where TensorFlow lacks kernels of it, the gradient is that of a convolution for each group.
    """

    def convolution_op(self, inputs, kernel):
        if keras.backend.backend() != "tensorflow":
            return super().convolution_op(inputs, kernel)
        import tensorflow as tf

        def convolved(x, weights):
            return tf.nn.conv2d(x, weights, self.strides, self.padding.upper(), dilations=self.dilation_rate)

        def convolved_by_group(x, weights):
            parts = zip(tf.split(x, self.groups, -1), tf.split(weights, self.groups, -1))
            return tf.concat([convolved(*part) for part in parts], -1)

        @tf.custom_gradient
        def with_gradient(x, weights):
            def gradient(upstream):
                with tf.GradientTape() as tape:
                    tape.watch((x, weights))
                    found = convolved_by_group(x, weights)
                return tape.gradient(found, (x, weights), upstream)

            # what stands between convolution and batch norm keeps TensorFlow from joining them
            return tf.ensure_shape(convolved(x, weights), [None] * 4), gradient

        if has_grouped_kernels():
            return convolved(inputs, kernel)
        return with_gradient(inputs, tf.identity(ops.convert_to_tensor(kernel)))  # no variable itself


def depthwise(
    x,
    name: str,
    kernel: int | tuple[int, int] = 3,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = False,
    multiplier: int = 1,
    initializer=he_fan_out,
):
    """Depthwise convolution, padded as `conv`; `kernel` may be (height, width) at stride 1.

    Each channel has `multiplier` outputs, side by side.
    """
    both = stride > 1 and dilation > 1  # for which TensorFlow has no kernel
    strided = stride > 1 and not both
    if strided:
        x = layers.ZeroPadding2D((kernel - 1) // 2, name=f"{name}_pad")(x)
    x = DepthwiseConv2D(
        kernel,
        strides=stride if strided else 1,
        dilation_rate=dilation,
        padding="valid" if strided else "same",
        use_bias=bias,
        depth_multiplier=multiplier,
        depthwise_initializer=initializer(),
        name=name,
    )(x)
    return layers.MaxPooling2D(1, strides=stride, name=f"{name}_stride")(x) if both else x


def batch_norm(x, name: str, relu: str | None = None, epsilon: float = EPSILON):
    """Batch normalisation, and the ReLU layer of the name `relu` if one is given."""
    x = BatchNorm(momentum=BN_MOMENTUM, epsilon=epsilon, name=name)(x)
    return layers.ReLU(name=relu)(x) if relu else x


def batch_norm_prelu(x, name: str, epsilon: float = EPSILON):
    """Batch norm `name_bn`, PReLU `name_act`."""
    return PReLU(name=f"{name}_act")(batch_norm(x, f"{name}_bn", epsilon=epsilon))


def conv_bn_relu(x, filters: int, name: str, kernel: int = 3, relu: bool = True, **options):
    """Convolution `name_conv`, batch norm `name_bn`, ReLU `name_relu`."""
    x = conv(x, filters, f"{name}_conv", kernel, **options)
    return batch_norm(x, f"{name}_bn", f"{name}_relu" if relu else None)


def scores(x, outputs: int, name: str = "scores", bias: bool = True):
    """1x1 convolution to scores: [B, h, w, C] -> [B, h, w, outputs]."""
    return conv(x, outputs, name, 1, bias=bias, initializer=narrow_normal)


def depthwise_bn(x, name: str, relu: bool = False, multiplier: int = 1, initializer=None, **options):
    """Depthwise convolution `name_conv`, batch norm `name_bn`, and `name_relu` if wanted."""
    initializer = initializer or partial(he_fan_out_depthwise, multiplier)
    x = depthwise(x, f"{name}_conv", multiplier=multiplier, initializer=initializer, **options)
    return batch_norm(x, f"{name}_bn", f"{name}_relu" if relu else None)


def fcn_head(x, classes: int, channels: int, name: str, convolutions: int = 1, dropout: float = 0.1):
    """mmsegmentation's FCN head without concatenation: [B, h, w, C] -> scores [B, h, w, classes].

    3x3 convolutions `name_0_conv`, ..., with batch norm and ReLU, dropout, 1x1 convolution `name_scores`.
    """
    for number in range(convolutions):
        x = conv_bn_relu(x, channels, f"{name}_{number}")
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return scores(x, classes, f"{name}_scores")


def max_pool(x, name: str, kernel: int = 3, stride: int = 2, padding: int = 1):
    """Maximum pooling of values of at least 0, behind a ReLU: there zeros around the map change nothing."""
    if padding:
        x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return layers.MaxPooling2D(kernel, strides=stride, name=name)(x)


def average_pool(x, name: str, kernel: int = 3, stride: int = 2, padding: int = 1):
    """Average pooling in which zeros around the map count, PyTorch's `count_include_pad`."""
    if padding:
        x = layers.ZeroPadding2D(padding, name=f"{name}_pad")(x)
    return layers.AveragePooling2D(kernel, strides=stride, name=name)(x)


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
class PReLU(layers.Layer):
    """Negative values times a slope for each channel, which is learnt (arXiv 1502.01852): [..., C] -> same.

    Keras's own has a slope of shape [1, 1, C], and starts at 0.
    """

    START = 0.25

    def build(self, input_shape):
        self.slope = self.add_weight(
            shape=(input_shape[-1],), initializer=initializers.Constant(self.START), name="slope"
        )

    def call(self, inputs):
        return ops.relu(inputs) - ops.cast(self.slope, self.compute_dtype) * ops.relu(-inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("street_scenes")
class AdaptiveAveragePooling2D(layers.Layer):
    """PyTorch's adaptive average pooling: [B, H, W, C] of static size -> [B, rows, columns, C].

    Window i of n pixels goes from floor(i n / bins) to ceil((i + 1) n / bins). Halves, thirds and so on, and
    two bins of three pixels, are plain pooling. Else averages along rows and columns are two products with
    constant matrices, which ONNX and TensorRT have as MatMul, so that any size is exact.
    """

    def __init__(self, rows: int, columns: int | None = None, **options):
        super().__init__(**options)
        self.rows, self.columns = rows, columns or rows

    def call(self, inputs):
        x, sides = ops.cast(inputs, "float32"), inputs.shape[1:3]
        bins = self.rows, self.columns
        if not any(side % count for side, count in zip(sides, bins)):
            windows = tuple(side // count for side, count in zip(sides, bins))
            x = ops.average_pool(x, windows, windows)
        elif all(2 * side == 3 * count for side, count in zip(sides, bins)):
            x = two_of_three(x)
        else:
            x = by_matrices(x, *map(averages, sides, bins))
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.rows, self.columns, input_shape[3]

    def get_config(self):
        return {**super().get_config(), "rows": self.rows, "columns": self.columns}


def two_of_three(x):
    """Averages of pixels 0 and 1, and of 1 and 2, of every three: [B, 3h, 3w, C] -> [B, 2h, 2w, C]."""
    parts = [ops.average_pool(x[:, row:, column:], 2, 3) for row in (0, 1) for column in (0, 1)]
    return ops.depth_to_space(ops.concatenate(parts, axis=-1), 2)


def by_matrices(x, rows: np.ndarray, columns: np.ndarray):
    """Linear maps along both axes: [B, H, W, C], rows [h, H] and columns [w, W] -> [B, h, w, C]."""
    # channels first, as ONNX has them: there the transposes cancel against those of the convolutions
    x = ops.transpose(x, (0, 3, 1, 2))  # [B, C, H, W]
    x = ops.matmul(x, columns.T)  # [B, C, H, w]
    x = ops.matmul(rows, x)  # [B, C, h, w]
    return ops.transpose(x, (0, 2, 3, 1))


def averages(size: int, bins: int) -> np.ndarray:
    """The matrix [bins, size] whose rows average the windows of adaptive pooling along one axis."""
    matrix = np.zeros((bins, size), np.float32)
    for row in range(bins):
        start, end = row * size // bins, -(-(row + 1) * size // bins)
        matrix[row, start:end] = 1 / (end - start)
    return matrix


@keras.saving.register_keras_serializable("street_scenes")
class BicubicResize(layers.Layer):
    """PyTorch's bicubic resizing, corners not aligned: [B, h, w, C] of static size -> [B, height, width, C].

    TensorRT has none, and TensorFlow's has another cubic: it is two products with constant matrices.
    """

    def __init__(self, height: int, width: int, **options):
        super().__init__(**options)
        self.height, self.width = height, width

    def call(self, inputs):
        matrices = map(cubic_weights, inputs.shape[1:3], (self.height, self.width))
        return ops.cast(by_matrices(ops.cast(inputs, "float32"), *matrices), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0], self.height, self.width, input_shape[3]

    def get_config(self):
        return {**super().get_config(), "height": self.height, "width": self.width}


def cubic_weights(size: int, target: int) -> np.ndarray:
    """The matrix [target, size] of cubic convolution along one axis, whose border pixels are repeated."""
    at = (np.arange(target) + 0.5) * size / target - 0.5
    matrix = np.zeros((target, size))
    for offset in range(-1, 3):
        pixel = np.floor(at).astype(int) + offset
        np.add.at(matrix, (np.arange(target), np.clip(pixel, 0, size - 1)), cubic(np.abs(at - pixel)))
    return matrix.astype(np.float32)


def cubic(distance: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Keys's cubic convolution kernel at distances in 0..2."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, far)
