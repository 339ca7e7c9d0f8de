"""MobileNetV2 (arXiv 1801.04381), width 1, as in torchvision and mmsegmentation.

They differ from keras.applications' (`models.encoders.mobilenet_v2`) in padding, in batch norm's epsilon and
in which activations are features; and from each other in the last convolution and in what is dilated.
"""

from keras import layers

from models.encoders.imagenet_files import torchvision
from models.initializers import he_fan_out_depthwise
from models.model_options import require_one_of
from models.torch_layers import ImageNetNormalize, batch_norm, conv, depthwise

# channels are widened by, channels, blocks, stride of the first one; of each stage
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
IMAGENET = torchvision(mobilenet_v2="b0353104")
STEM, LAST = 32, 1280  # channels
DILATED = ("all", "first")


def build(
    name: str, image, output_stride: int = 32, dilated_blocks: str = "all", last_conv: bool = True
) -> dict[int, object]:
    """Features at 1/2 to 1/32, by the stride of the network without dilation.

    Args:
        name: of the encoder; there is one.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, 16 or 8; a stage whose stride is gone is dilated instead.
        dilated_blocks: `all` of such a stage and the ones behind it (segmentation_models.pytorch), or the
            `first` one of each (mmsegmentation).
        last_conv: whether the last feature is that of the 1x1 convolution in front of the classifier;
            mmsegmentation has none.

    Returns:
        {2: [B, H/2, W/2, 16], 4: [.., 24], 8: [.., 32], 16: [.., 96], 32: [.., 1280 or 320]}.
    """
    require_one_of("value of dilated_blocks", dilated_blocks, DILATED)
    x = ImageNetNormalize(name="normalize")(image)
    x = conv_bn_relu6(x, STEM, "stem", 3, stride=2)
    features = {}
    stride, current = 2, 2  # of the network without dilation, of the features
    for stage, (widening, filters, blocks, step) in enumerate(STAGES, start=1):
        stride *= step
        for index in range(blocks):
            first = step if index == 0 and current * step <= output_stride else 1
            current *= first
            dilation = stride // current if index == 0 or dilated_blocks == "all" else 1
            x = block(x, filters, f"block{stage}_{index}", widening, first, dilation)
        features[stride] = x  # the last stage of each stride
    if last_conv:
        features[32] = conv_bn_relu6(x, LAST, "last", 1)
    return features


def conv_bn_relu6(x, filters: int, name: str, kernel: int, stride: int = 1):
    """Convolution, batch norm, ReLU6."""
    x = batch_norm(conv(x, filters, f"{name}_conv", kernel, stride=stride), f"{name}_bn")
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def block(x, filters: int, name: str, widening: int, stride: int, dilation: int):
    """An inverted residual: [B, h, w, C] -> [B, h/stride, w/stride, filters]."""
    shortcut, channels = x, x.shape[-1]
    if widening > 1:
        x = conv_bn_relu6(x, widening * channels, f"{name}_expand", 1)
    x = depthwise(
        x, f"{name}_depthwise_conv", stride=stride, dilation=dilation, initializer=he_fan_out_depthwise
    )
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(batch_norm(x, f"{name}_depthwise_bn"))
    x = batch_norm(conv(x, filters, f"{name}_project_conv", 1), f"{name}_project_bn")
    if stride == 1 and channels == filters:
        x = layers.Add(name=f"{name}_add")([x, shortcut])
    return x
