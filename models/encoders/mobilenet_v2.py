"""MobileNetV2 (arXiv 1801.04381), width 1, as in keras.applications.

Kernels are drawn as in its authors' code, which is TF-Slim's.
"""

import keras

from models.encoders import applications
from models.encoders.imagenet_files import Published
from models.initializers import all_kernels, truncated_normal
from models.layers import normalize

# the last activation before each stride
TAPS = {
    2: "block_1_expand_relu",  # [B, H/2, W/2, 96]
    4: "block_3_expand_relu",  # [B, H/4, W/4, 144]
    8: "block_6_expand_relu",  # [B, H/8, W/8, 192]
    16: "block_13_expand_relu",  # [B, H/16, W/16, 576]
    32: "out_relu",  # [B, H/32, W/32, 1280]
}
IMAGENET = Published(
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/",
)
KERNELS = all_kernels(truncated_normal(0.09))  # research/slim/nets/mobilenet/mobilenet.py


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features by their stride, see `models.encoders.applications.build`."""
    return applications.build(network, TAPS, image, output_stride, KERNELS)


def network(image) -> keras.Model:
    """[B, H, W, 3] in 0..255 -> [B, H/32, W/32, 1280]."""
    x = normalize(image)
    x = keras.applications.MobileNetV2(include_top=False, weights=None, input_tensor=x).output
    return keras.Model(image, x, name="mobilenetv2")
