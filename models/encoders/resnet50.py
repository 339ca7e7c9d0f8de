"""ResNet-50 (arXiv 1512.03385), as in keras.applications.

Kernels are drawn after He, as the paper has it (section 3.4).
"""

import keras
from keras import layers, ops

from models.encoders import applications
from models.encoders.imagenet_files import Published
from models.initializers import all_kernels, he_fan_in

TAPS = {
    2: "conv1_relu",  # [B, H/2, W/2, 64]
    4: "conv2_block3_out",  # [B, H/4, W/4, 256]
    8: "conv3_block4_out",  # [B, H/8, W/8, 512]
    16: "conv4_block6_out",  # [B, H/16, W/16, 1024]
    32: "conv5_block3_out",  # [B, H/32, W/32, 2048]
}
IMAGENET = Published(
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "https://storage.googleapis.com/tensorflow/keras-applications/resnet/",
    "4d473c1dd8becc155b73f8504c6f6626",
)
MEAN_BGR = (103.939, 116.779, 123.68)  # of ImageNet's images


@keras.saving.register_keras_serializable("street_scenes")
class CaffeNormalize(layers.Layer):
    """RGB in 0..255 to BGR less ImageNet's mean, [B, H, W, 3]: what the published weights were trained on."""

    def __init__(self, **options):
        super().__init__(autocast=False, **options)  # differences from the mean are taken in float32

    def call(self, image):
        red, green, blue = ops.split(ops.cast(image, "float32"), 3, axis=-1)
        bgr = ops.concatenate([blue, green, red], axis=-1)
        return ops.cast(bgr - ops.convert_to_tensor(MEAN_BGR, "float32"), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features by their stride, see `models.encoders.applications.build`."""
    return applications.build(network, TAPS, image, output_stride, all_kernels(he_fan_in))


def network(image) -> keras.Model:
    """[B, H, W, 3] in 0..255 -> [B, H/32, W/32, 2048]."""
    x = CaffeNormalize(name="normalize")(image)
    x = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x).output
    return keras.Model(image, x, name="resnet50")
