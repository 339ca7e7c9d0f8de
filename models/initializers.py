"""How fresh kernels are drawn; docs/models.md says which network draws which, and after whom.

Each function makes a new initializer, one for each layer: an initializer has its seed from Keras's, and draws
the same numbers again. Fans are those of kernels [h, w, in, out]; a depthwise kernel [h, w, C, multiplier]
has h w inputs to each value, which Keras takes for its fan-out.
"""

from functools import partial

from keras import initializers


def glorot():
    """Uniform within sqrt(6 / (fan-in + fan-out)): the default of TensorFlow and Keras."""
    return initializers.GlorotUniform()


def he_fan_in():
    """He's initialisation by the number of inputs (arXiv 1502.01852, equation 10): deviation sqrt(2 / N)."""
    return initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def he_fan_in_depthwise():
    """The same for depthwise kernels: deviation sqrt(2 / 9) of 3x3 ones."""
    return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def he_fan_in_up():
    """The same for 2x2 up-convolutions, [2, 2, out, in], in which a value has the inputs of one pixel."""
    return initializers.VarianceScaling(2.0 * 4, "fan_out", "untruncated_normal")


def he_fan_out():
    """He's initialisation by the number of outputs (equation 14 there), as torchvision's."""
    return initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def he_fan_out_depthwise(multiplier: int = 1):
    """The same for depthwise kernels, whose outputs PyTorch counts in all channels.

    That is h w C times the multiplier. To Keras a kernel [h, w, C, multiplier] has a fan-in of h w C.
    """
    return initializers.VarianceScaling(2.0 / multiplier, "fan_in", "untruncated_normal")


def uniform():
    """PyTorch's default for convolutions and dense layers: uniform within 1 / sqrt(inputs of a value)."""
    return initializers.VarianceScaling(1 / 3, "fan_in", "uniform")


def uniform_depthwise():
    """The same for depthwise kernels."""
    return initializers.VarianceScaling(1 / 3, "fan_out", "uniform")


def he_uniform():
    """As `he_fan_in`, of a uniform distribution: segmentation_models.pytorch's for decoders."""
    return initializers.VarianceScaling(2.0, "fan_in", "uniform")


def he_uniform_depthwise():
    """The same for depthwise kernels."""
    return initializers.VarianceScaling(2.0, "fan_out", "uniform")


def normal(deviation: float):
    """A function that makes a normal distribution of a deviation."""
    return partial(initializers.RandomNormal, stddev=deviation)


narrow_normal = normal(0.01)  # mmsegmentation's of the last layer of a head: all scores are nearly equal


def truncated_normal(deviation: float):
    """A function that makes a truncated normal distribution of a deviation, as DeepLab's code has it."""
    return partial(initializers.TruncatedNormal, stddev=deviation)


def all_kernels(initializer) -> dict:
    """The same for every kind of kernel, as `models.encoders.dilation.dilate` takes it."""
    kinds = ("kernel", "depthwise", "pointwise")
    return {f"{kind}_initializer": initializer for kind in kinds}
