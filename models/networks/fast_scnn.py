"""Fast-SCNN: Fast Semantic Segmentation Network (Poudel, Liwicki, Cipolla; arXiv 1902.04502)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
from keras import layers

from models.initializers import glorot, narrow_normal, uniform, uniform_depthwise
from models.layers import Resize, average_pool, conv, depthwise, normalize, separable
from models.model_options import require_one_of
from models.torch_layers import (
    EPSILON,
    AdaptiveAveragePooling2D,
    ImageNetNormalize,
    conv_bn_relu,
    depthwise_bn,
    fcn_head,
)

SIZE_MULTIPLE = 32  # the deepest features are at 1/32
POOL_BINS = (1, 2, 3, 6)
HEAD = 32  # channels of the auxiliary heads


@dataclass(frozen=True)
class Style:
    """In what the presets differ.

    Attributes:
        normalize: of the image [B, H, W, 3].
        conv: (x, filters, name, kernel=, stride=, relu=) -> convolution, batch norm, ReLU.
        depthwise: (x, name, stride=, dilation=) -> depthwise convolution, batch norm, ReLU.
        separable: (x, filters, name, stride=) -> depthwise and 1x1 convolution, batch norm, ReLU.
        average: (x, (bins, bins), name) -> [B, bins, bins, C].
        pool_kernel: of the convolution behind pyramid pooling.
        fuse_dilation: of the depthwise convolution in feature fusion.
        scores: initializer of the last convolution.
    """

    normalize: Callable
    conv: Callable
    depthwise: Callable
    separable: Callable
    average: Callable
    pool_kernel: int
    fuse_dilation: int
    scores: Callable


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    preset: str = "pytorch",
    dropout: float = 0.1,
    auxiliary: bool = False,
) -> keras.Model:
    """Fast-SCNN on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 32.
        classes: output channels.
        preset: `pytorch`, as PyTorch implementations have it: batch norm and ReLU between the two parts of
            separable convolutions, and PyTorch's initialisation; `paper`: nothing between them, and
            TensorFlow's initialisation; or `mmseg`: mmsegmentation's, with batch norm alone between them, a
            3x3 convolution behind the pyramid pooling, and no dilation in the fusion.
        dropout: share of channels' values dropped before the last convolution in training.
        auxiliary: with heads on the shared downsampling and on the global features (section 4.1).

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes]; with auxiliary heads, a dict of `logits`,
        `auxiliary8` and `auxiliary32`, all of that shape.

    Raises:
        UserError: an unknown preset.
    """
    require_one_of("preset of fastscnn", preset, STYLES)
    style = STYLES[preset]
    image = keras.Input(input_shape, name="image")
    skip = learning_to_downsample(style.normalize(image), style)  # [B, H/8, W/8, 64]
    deep = global_features(skip, style)  # [B, H/32, W/32, 128]
    x = fuse(skip, deep, style)  # [B, H/8, W/8, 128]
    scores = {"logits": classifier(x, classes, dropout, style)}  # [B, H/8, W/8, classes]
    if auxiliary:
        for name, x in (("auxiliary8", skip), ("auxiliary32", deep)):
            scores[name] = fcn_head(x, classes, HEAD, f"{name}_head", dropout=dropout)
    outputs = {
        name: Resize(*input_shape[:2], dtype="float32", name=name)(x) for name, x in scores.items()
    }  # [B, H, W, classes] each
    return keras.Model(image, outputs if auxiliary else outputs["logits"], name="fastscnn")


def learning_to_downsample(x, style: Style):
    """Three strided convolutions, shared by both branches: [B, H, W, 3] -> [B, H/8, W/8, 64]."""
    x = style.conv(x, 32, "downsample1", stride=2)  # [B, H/2, W/2, 32]
    x = style.separable(x, 48, "downsample2", stride=2)  # [B, H/4, W/4, 48]
    return style.separable(x, 64, "downsample3", stride=2)


def global_features(x, style: Style):
    """Nine inverted residuals and pyramid pooling: [B, H/8, W/8, 64] -> [B, H/32, W/32, 128]."""
    for stage, (filters, stride) in enumerate(((64, 2), (96, 2), (128, 1)), start=1):
        for block in range(1, 4):
            x = bottleneck(x, filters, stride if block == 1 else 1, f"bottleneck{stage}_{block}", style)
    return pyramid_pooling(x, 128, style)


def bottleneck(x, filters: int, stride: int, name: str, style: Style, expansion: int = 6):
    """MobileNetV2's inverted residual: expand 1x1, depthwise 3x3, project 1x1 without ReLU."""
    channels = x.shape[-1]
    y = style.conv(x, channels * expansion, f"{name}_expand", kernel=1)
    y = style.depthwise(y, f"{name}_spatial", stride=stride)
    y = style.conv(y, filters, f"{name}_project", kernel=1, relu=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == filters else y


def pyramid_pooling(x, filters: int, style: Style):
    """PSPNet's pooling (arXiv 1612.01105): averages over 1, 4, 9 and 36 regions join the features."""
    _, height, width, channels = x.shape
    branches = [x]
    for bins in POOL_BINS:
        name = f"pool{bins}"
        y = style.average(x, (bins, bins), name)  # [B, <=bins, <=bins, C]
        y = style.conv(y, channels // len(POOL_BINS), name, kernel=1)
        branches.append(Resize(height, width, name=f"{name}_resize")(y))
    x = layers.Concatenate(name="pool_concat")(branches)  # [B, H/32, W/32, 2C]
    return style.conv(x, filters, "pool_project", kernel=style.pool_kernel)


def fuse(skip, x, style: Style, filters: int = 128):
    """Feature fusion: the deep branch is upsampled and refined, then added to the shallow one."""
    x = Resize(*skip.shape[1:3], name="fuse_resize")(x)  # [B, H/8, W/8, 128]
    x = style.depthwise(x, "fuse_deep", dilation=style.fuse_dilation)
    x = style.conv(x, filters, "fuse_deep_project", kernel=1, relu=False)
    skip = style.conv(skip, filters, "fuse_skip", kernel=1, relu=False)
    return layers.ReLU(name="fuse_relu")(layers.Add(name="fuse_add")([skip, x]))


def classifier(x, classes: int, dropout: float, style: Style):
    """Two separable convolutions, dropout, 1x1 convolution to scores at 1/8."""
    x = style.separable(x, 128, "classifier1")
    x = style.separable(x, 128, "classifier2")
    x = layers.Dropout(dropout, name="classifier_dropout")(x)
    return layers.Conv2D(classes, 1, kernel_initializer=style.scores(), name="classifier_scores")(x)


def imagenet_normalize(image):
    """RGB in 0..255 less ImageNet's mean over its deviation."""
    return ImageNetNormalize(name="normalize")(image)


def adaptive_average_pool(x, bins: tuple[int, int], name: str):
    """PyTorch's adaptive pooling: [B, h, w, C] -> [B, *bins, C]."""
    return AdaptiveAveragePooling2D(*bins, name=f"{name}_average")(x)


def separable_of_two(x, filters: int, name: str, stride: int = 1):
    """3x3 depthwise and 1x1 convolution, batch norm and ReLU behind each."""
    x = pytorch_depthwise(x, f"{name}_spatial", stride=stride)
    return pytorch_conv(x, filters, name, kernel=1)


def separable_with_norm(x, filters: int, name: str, stride: int = 1):
    """3x3 depthwise convolution, batch norm, 1x1 convolution, batch norm, ReLU."""
    x = depthwise_bn(x, f"{name}_depthwise", stride=stride)
    return conv_bn_relu(x, filters, f"{name}_pointwise", kernel=1)


pytorch_conv = partial(conv, epsilon=EPSILON, initializer=uniform)
pytorch_depthwise = partial(depthwise, epsilon=EPSILON, initializer=uniform_depthwise)
STYLES = {
    "pytorch": Style(
        normalize=imagenet_normalize,
        conv=pytorch_conv,
        depthwise=pytorch_depthwise,
        separable=separable_of_two,
        average=adaptive_average_pool,
        pool_kernel=1,
        fuse_dilation=4,
        scores=uniform,
    ),
    "paper": Style(
        normalize=normalize,
        conv=partial(conv, initializer=glorot),
        depthwise=partial(depthwise, initializer=glorot),
        separable=partial(separable, initializers=(glorot, glorot)),
        average=average_pool,
        pool_kernel=1,
        fuse_dilation=4,
        scores=glorot,
    ),
    "mmseg": Style(
        normalize=imagenet_normalize,
        conv=conv_bn_relu,
        depthwise=partial(depthwise_bn, relu=True),
        separable=separable_with_norm,
        average=adaptive_average_pool,
        pool_kernel=3,
        fuse_dilation=1,
        scores=narrow_normal,
    ),
}
