"""HRNetV2 (Wang et al.; arXiv 1908.07919), as in mmsegmentation: four resolutions side by side.

A stage begins with one resolution more, at half of the last one, and exchanges all of them after every few
blocks. No resolution is given up on the way, so nothing is dilated. Layers are named after mmsegmentation's
modules, with underscores for dots.
"""

from dataclasses import dataclass

from keras import layers

from models.encoders.imagenet_files import Published
from models.encoders.resnet import VARIANTS as RESNETS
from models.encoders.resnet import block
from models.layers import Resize
from models.torch_layers import ImageNetNormalize, batch_norm, conv

STEM = 64  # channels of the stem, and of the first stage's bottlenecks inside
BASIC, BOTTLENECK = RESNETS["resnet18"], RESNETS["resnet50"]  # whose blocks these are


@dataclass(frozen=True)
class Variant:
    """A network of the family.

    Attributes:
        width: channels at 1/4, doubled by every halving of the resolution.
        blocks: between two exchanges, and of the first stage.
        modules: blocks with an exchange behind them, in the stages with two, three and four resolutions.
    """

    width: int
    blocks: int = 4
    modules: tuple[int, int, int] = (1, 4, 3)


VARIANTS = {
    "hrnet_w18_small": Variant(18, 2, (1, 3, 2)),
    "hrnet_w18": Variant(18),
    "hrnet_w48": Variant(48),
}
IMAGENET = {
    name: Published(
        f"{file}-{digits}.pth", "https://download.openmmlab.com/pretrain/third_party/", sha256=digits
    )
    for name, file, digits in (
        ("hrnet_w18_small", "hrnetv2_w18_small", "b5a04e21"),
        ("hrnet_w18", "hrnetv2_w18", "00eb2006"),
        ("hrnet_w48", "hrnetv2_w48", "d2186c55"),
    )
}


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/4 to 1/32: the four resolutions behind the last exchange.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, that of the coarsest resolution; the finest is at 1/4 all the way.

    Returns:
        {4: [B, H/4, W/4, width], 8: [.., 2 width], 16: [.., 4 width], 32: [.., 8 width]}.
    """
    variant = VARIANTS[name]
    x = ImageNetNormalize(name="normalize")(image)
    for number in (1, 2):
        x = batch_norm(conv(x, STEM, f"conv{number}", stride=2), f"bn{number}", f"relu{number}")
    for index in range(variant.blocks):
        x = block(x, BOTTLENECK, f"layer1_{index}", STEM, 1, 1, False)  # [B, H/4, W/4, 256]
    branches = [x]
    for stage, modules in enumerate(variant.modules, start=2):
        branches = with_another(branches, variant.width, f"transition{stage - 1}")
        for index in range(modules):
            branches = [
                basic_blocks(x, variant.blocks, f"stage{stage}_{index}_branches_{number}")
                for number, x in enumerate(branches)
            ]
            branches = exchanged(branches, f"stage{stage}_{index}_fuse")
    return {4 << number: x for number, x in enumerate(branches)}


def with_another(branches: list, width: int, name: str) -> list:
    """The branches with the width's multiples of channels, and one more at half of the last resolution."""
    kept = [
        x if x.shape[-1] == width << number else widened(x, width << number, f"{name}_{number}")
        for number, x in enumerate(branches)
    ]
    number = len(branches)
    return [*kept, halved(branches[-1], width << number, f"{name}_{number}_0")]


def widened(x, filters: int, name: str):
    """3x3 convolution, batch norm, ReLU: [B, h, w, C] -> [B, h, w, filters]."""
    return batch_norm(conv(x, filters, f"{name}_0"), f"{name}_1", f"{name}_2")


def halved(x, filters: int, name: str, relu: bool = True):
    """3x3 convolution of stride 2: [B, h, w, C] -> [B, h/2, w/2, filters]."""
    return batch_norm(conv(x, filters, f"{name}_0", stride=2), f"{name}_1", f"{name}_2" if relu else None)


def basic_blocks(x, count: int, name: str):
    """Residual blocks of two 3x3 convolutions; shapes stay."""
    for index in range(count):
        x = block(x, BASIC, f"{name}_{index}", x.shape[-1], 1, 1, False)
    return x


def exchanged(branches: list, name: str) -> list:
    """Each resolution plus what all others have (figure 3 of the paper); shapes stay."""
    return [fused(branches, target, f"{name}_{target}") for target in range(len(branches))]


def fused(branches: list, target: int, name: str):
    """The sum of all branches in the shape of one, and ReLU."""
    like = branches[target]
    parts = [brought(x, target - number, like, f"{name}_{number}") for number, x in enumerate(branches)]
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")(parts))


def brought(x, halvings: int, like, name: str):
    """A branch in the shape of another, so many halvings of the resolution away.

    A finer branch is halved by 3x3 convolutions, the last one without ReLU; a coarser one has a 1x1
    convolution and is enlarged bilinearly.
    """
    _, height, width, filters = like.shape
    if halvings == 0:
        return x
    if halvings < 0:
        x = batch_norm(conv(x, filters, f"{name}_0", 1), f"{name}_1")
        return Resize(height, width, name=f"{name}_resize")(x)
    for step in range(halvings - 1):
        x = halved(x, x.shape[-1], f"{name}_{step}")
    return halved(x, filters, f"{name}_{halvings - 1}", relu=False)
