"""ResNet (arXiv 1512.03385) and ResNeXt (arXiv 1611.05431), as in torchvision and mmsegmentation.

A bottleneck has its stride in the 3x3 convolution. The deep stem of three 3x3 convolutions is
mmsegmentation's "v1c". Layers are named after PyTorch's modules, with underscores for dots.
"""

from dataclasses import dataclass

from keras import layers

from models.encoders.imagenet_files import torchvision
from models.model_options import OptionError, require_one_of
from models.torch_layers import ImageNetNormalize, batch_norm, conv, max_pool


@dataclass(frozen=True)
class Variant:
    """A network of the family.

    Attributes:
        blocks: of each stage.
        bottleneck: 1x1, 3x3, 1x1 with four times the channels, instead of 3x3, 3x3.
        groups: of the 3x3 convolution, `group_width` channels each in the first stage; 1 is a ResNet.
        group_width: channels.
        deep_stem: three 3x3 convolutions in the place of one 7x7.
    """

    blocks: tuple[int, int, int, int]
    bottleneck: bool = True
    groups: int = 1
    group_width: int = 64
    deep_stem: bool = False


IMAGENET = torchvision(
    resnet18="f37072fd",
    resnet34="b627a593",
    resnet50="0676ba61",
    resnet101="63fe2227",
    resnext50_32x4d="7cdf4587",
    resnext101_32x8d="8ba56ff5",
)
VARIANTS = {
    "resnet18": Variant((2, 2, 2, 2), bottleneck=False),
    "resnet34": Variant((3, 4, 6, 3), bottleneck=False),
    "resnet50": Variant((3, 4, 6, 3)),
    "resnet101": Variant((3, 4, 23, 3)),
    "resnet18_v1c": Variant((2, 2, 2, 2), bottleneck=False, deep_stem=True),
    "resnet34_v1c": Variant((3, 4, 6, 3), bottleneck=False, deep_stem=True),
    "resnet50_v1c": Variant((3, 4, 6, 3), deep_stem=True),
    "resnet101_v1c": Variant((3, 4, 23, 3), deep_stem=True),
    "resnext50_32x4d": Variant((3, 4, 6, 3), groups=32, group_width=4),
    "resnext101_32x8d": Variant((3, 4, 23, 3), groups=32, group_width=8),
}
FIRST_DILATIONS = ("half", "full", "everywhere")


def build(
    name: str,
    image,
    output_stride: int = 32,
    first_dilation: str = "half",
    multi_grid: tuple[int, ...] | None = None,
    dilations: tuple[int, int, int, int] | None = None,
) -> dict[int, object]:
    """Features at 1/2 to 1/32, by the stride of the network without dilation.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, 16 or 8; a stage whose stride is gone has its 3x3 convolutions dilated instead.
        first_dilation: of a dilated stage's first block, of the stage's: `half` (torchvision; mmsegmentation
            with `contract_dilation`) or `full` (without it); `everywhere` is `full`, and in blocks of two 3x3
            convolutions the second one is dilated as well (segmentation_models.pytorch).
        multi_grid: dilations of the last stage's blocks in the place of that rule.
        dilations: of the stages, in the place of those that make up for strides.

    Returns:
        {2: [B, H/2, W/2, 64], 4: [B, H/4, W/4, 64 or 256], 8: ..., 16: ..., 32: [.., 512 or 2048]}.
    """
    variant = VARIANTS[name]
    require_one_of("value of first_dilation", first_dilation, FIRST_DILATIONS)
    if multi_grid and len(multi_grid) != variant.blocks[-1]:
        raise OptionError(f"multi_grid has a dilation for each of {name}'s last {variant.blocks[-1]} blocks")
    x = stem(ImageNetNormalize(name="normalize")(image), variant)
    features = {2: x}
    x = max_pool(x, "maxpool")  # [B, H/4, W/4, 64]
    both = first_dilation == "everywhere"
    stride, dilation = 4, 1
    for number, count in enumerate(variant.blocks, start=1):
        step = 1 if number == 1 else 2
        keeps_stride = stride * step <= output_stride
        if keeps_stride:
            stride *= step
        else:
            dilation *= step
        if dilations:
            dilation = dilations[number - 1]
        rates = [max(dilation // 2, 1) if first_dilation == "half" else dilation] + [dilation] * (count - 1)
        if multi_grid and number == len(variant.blocks):
            rates = multi_grid
        for index, rate in enumerate(rates):
            first = step if keeps_stride and index == 0 else 1
            x = block(x, variant, f"layer{number}_{index}", 64 << (number - 1), first, rate, both)
        features[2 ** (number + 1)] = x
    return features


def stem(x, variant: Variant):
    """[B, H, W, 3] -> [B, H/2, W/2, 64]."""
    if not variant.deep_stem:
        return batch_norm(conv(x, 64, "conv1", 7, stride=2), "bn1", "relu")
    for index, (filters, stride) in enumerate(((32, 2), (32, 1), (64, 1))):
        x = conv(x, filters, f"stem_{3 * index}", stride=stride)
        x = batch_norm(x, f"stem_{3 * index + 1}", f"stem_{3 * index + 2}")
    return x


def block(x, variant: Variant, name: str, width: int, stride: int, dilation: int, both: bool):
    """A residual block: [B, h, w, C] -> [B, h/stride, w/stride, width], or four times as many channels.

    `both`: whether of two 3x3 convolutions the second is dilated as well; mmsegmentation's is not.
    """
    filters = 4 * width if variant.bottleneck else width
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, f"{name}_downsample_0", 1, stride=stride)
        shortcut = batch_norm(shortcut, f"{name}_downsample_1")
    if variant.bottleneck:
        inner = width * variant.group_width // 64 * variant.groups
        x = batch_norm(conv(x, inner, f"{name}_conv1", 1), f"{name}_bn1", f"{name}_relu1")
        x = conv(x, inner, f"{name}_conv2", stride=stride, dilation=dilation, groups=variant.groups)
        x = batch_norm(x, f"{name}_bn2", f"{name}_relu2")
        x = batch_norm(conv(x, filters, f"{name}_conv3", 1), f"{name}_bn3")
    else:
        x = conv(x, filters, f"{name}_conv1", stride=stride, dilation=dilation)
        x = batch_norm(x, f"{name}_bn1", f"{name}_relu1")
        x = conv(x, filters, f"{name}_conv2", dilation=dilation if both else 1)
        x = batch_norm(x, f"{name}_bn2")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))
