"""Fast-SCNN: Fast Semantic Segmentation Network (Poudel, Liwicki, Cipolla; arXiv 1902.04502)."""

import keras
from keras import layers

from models.layers import Resize, average_pool, conv, depthwise, normalize, separable

SIZE_MULTIPLE = 32  # the deepest features are at 1/32
POOL_BINS = (1, 2, 3, 6)


def build(input_shape: tuple[int, int, int], classes: int, dropout: float = 0.1) -> keras.Model:
    """Fast-SCNN on RGB in 0..255.

    Args:
        input_shape: (H, W, 3), H and W multiples of 32.
        classes: output channels.
        dropout: share of channels' values dropped before the last convolution in training.

    Returns:
        A model [B, H, W, 3] -> float32 logits [B, H, W, classes].
    """
    image = keras.Input(input_shape, name="image")
    x = normalize(image)
    skip = learning_to_downsample(x)  # [B, H/8, W/8, 64]
    x = global_features(skip)  # [B, H/32, W/32, 128]
    x = fuse(skip, x)  # [B, H/8, W/8, 128]
    x = classifier(x, classes, dropout)  # [B, H/8, W/8, classes]
    logits = Resize(*input_shape[:2], dtype="float32", name="logits")(x)  # [B, H, W, classes]
    return keras.Model(image, logits, name="fastscnn")


def learning_to_downsample(x):
    """Three strided convolutions, shared by both branches: [B, H, W, 3] -> [B, H/8, W/8, 64]."""
    x = conv(x, 32, "downsample1", stride=2)  # [B, H/2, W/2, 32]
    x = separable(x, 48, "downsample2", stride=2)  # [B, H/4, W/4, 48]
    return separable(x, 64, "downsample3", stride=2)


def global_features(x):
    """Nine inverted residuals and pyramid pooling: [B, H/8, W/8, 64] -> [B, H/32, W/32, 128]."""
    for stage, (filters, stride) in enumerate(((64, 2), (96, 2), (128, 1)), start=1):
        for block in range(1, 4):
            x = bottleneck(x, filters, stride if block == 1 else 1, f"bottleneck{stage}_{block}")
    return pyramid_pooling(x, 128)


def bottleneck(x, filters: int, stride: int, name: str, expansion: int = 6):
    """MobileNetV2's inverted residual: expand 1x1, depthwise 3x3, project 1x1 without ReLU."""
    channels = x.shape[-1]
    y = conv(x, channels * expansion, f"{name}_expand", kernel=1)
    y = depthwise(y, f"{name}_spatial", stride=stride)
    y = conv(y, filters, f"{name}_project", kernel=1, relu=False)
    return layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and channels == filters else y


def pyramid_pooling(x, filters: int):
    """PSPNet's pooling (arXiv 1612.01105): averages over 1, 4, 9 and 36 regions join the features."""
    _, height, width, channels = x.shape
    branches = [x]
    for bins in POOL_BINS:
        name = f"pool{bins}"
        y = average_pool(x, (bins, bins), name)  # [B, <=bins, <=bins, C]
        y = conv(y, channels // len(POOL_BINS), name, kernel=1)
        branches.append(Resize(height, width, name=f"{name}_resize")(y))
    x = layers.Concatenate(name="pool_concat")(branches)  # [B, H/32, W/32, 2C]
    return conv(x, filters, "pool_project", kernel=1)


def fuse(skip, x, filters: int = 128):
    """Feature fusion: the deep branch is upsampled and refined, then added to the shallow one."""
    x = Resize(*skip.shape[1:3], name="fuse_resize")(x)  # [B, H/8, W/8, 128]
    x = depthwise(x, "fuse_deep", dilation=4)
    x = conv(x, filters, "fuse_deep_project", kernel=1, relu=False)
    skip = conv(skip, filters, "fuse_skip", kernel=1, relu=False)
    return layers.ReLU(name="fuse_relu")(layers.Add(name="fuse_add")([skip, x]))


def classifier(x, classes: int, dropout: float):
    """Two separable convolutions, dropout, 1x1 convolution to scores at 1/8."""
    x = separable(x, 128, "classifier1")
    x = separable(x, 128, "classifier2")
    x = layers.Dropout(dropout, name="classifier_dropout")(x)
    return layers.Conv2D(classes, 1, name="classifier_scores")(x)
