"""Convolutional encoders in PyTorch state dicts: names of torchvision, timm and mmsegmentation."""

from collections.abc import Iterator

from models.encoders import efficientnet, resnet, stdc, vgg
from models.encoders.torch_mobilenet_v2 import STAGES
from models.weights.torch_layout import Rule
from models.weights.torch_maps.families import Family, count


def _resnet(shapes: dict[str, tuple]) -> str | None:
    if "layer1.0.conv1.weight" not in shapes or "layer1.0.conv2.weight" not in shapes:
        return None
    blocks = tuple(count(shapes, rf"layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))
    width = shapes["layer1.0.conv2.weight"][1]  # channels of a group of the 3x3 convolution
    deep_stem, bottleneck = "stem.0.weight" in shapes, "layer1.0.conv3.weight" in shapes
    for name, variant in resnet.VARIANTS.items():
        same = (variant.blocks, variant.bottleneck, variant.deep_stem) == (blocks, bottleneck, deep_stem)
        if same and width == variant.group_width:
            return name
    return None


def _mobilenet_v2(key: str, last_block: str):
    """Recognises the network of width 1 by its first convolution and its last block."""

    def recognise(shapes: dict[str, tuple]) -> str | None:
        same = shapes.get(key) == (32, 3, 3, 3) and shapes.get(last_block) == (320, 960, 1, 1)
        return "mobilenet_v2" if same else None

    return recognise


def _blocks() -> Iterator[tuple[str, int, int, int, bool]]:
    """Of each block of MobileNetV2: our name, its stage and index, its number, whether it is widened."""
    number = 0
    for stage, (widening, _, blocks, _) in enumerate(STAGES, start=1):
        for index in range(blocks):
            number += 1
            yield f"block{stage}_{index}", stage, index, number, widening > 1


def _mobilenet_v2_torchvision(encoder: str) -> list[Rule]:
    rules = [
        Rule(f"{ours}_{part}", f"features.{theirs}.{module}")
        for ours, theirs in (("stem", 0), ("last", 1 + sum(stage[2] for stage in STAGES)))
        for part, module in (("conv", 0), ("bn", 1))
    ]
    for ours, _, _, number, widened in _blocks():
        theirs, first = f"features.{number}.conv", int(widened)
        rules += [
            Rule(f"{ours}_expand_conv", f"{theirs}.0.0"),
            Rule(f"{ours}_expand_bn", f"{theirs}.0.1"),
            Rule(f"{ours}_depthwise_conv", f"{theirs}.{first}.0"),
            Rule(f"{ours}_depthwise_bn", f"{theirs}.{first}.1"),
            Rule(f"{ours}_project_conv", f"{theirs}.{first + 1}"),
            Rule(f"{ours}_project_bn", f"{theirs}.{first + 2}"),
        ]
    return rules


def _mobilenet_v2_mmseg(encoder: str) -> list[Rule]:
    rules = [Rule(r"stem_(conv|bn)", "conv1.{0}"), Rule(r"last_(conv|bn)", "conv2.{0}")]
    for ours, stage, index, _, widened in _blocks():
        parts = ("expand", "depthwise", "project") if widened else ("depthwise", "project")
        rules += [
            Rule(f"{ours}_{part}_(conv|bn)", f"layer{stage}.{index}.conv.{number}.{{0}}")
            for number, part in enumerate(parts)
        ]
    return rules


def _mobilenet_v2_timm(encoder: str) -> list[Rule]:
    rules = [
        Rule("stem_conv", "conv_stem"),
        Rule("stem_bn", "bn1"),
        Rule("last_conv", "conv_head"),
        Rule("last_bn", "bn2"),
    ]
    for ours, stage, index, _, widened in _blocks():
        modules = [("expand", "conv_pw")] if widened else []
        modules += [("depthwise", "conv_dw"), ("project", "conv_pwl" if widened else "conv_pw")]
        theirs = f"blocks.{stage - 1}.{index}"
        for number, (part, module) in enumerate(modules, start=1):
            rules += [
                Rule(f"{ours}_{part}_conv", f"{theirs}.{module}"),
                Rule(f"{ours}_{part}_bn", f"{theirs}.bn{number}"),
            ]
    return rules


def _efficientnet(shapes: dict[str, tuple]) -> str | None:
    if "conv_stem.weight" not in shapes or "blocks.0.0.se.conv_reduce.weight" not in shapes:
        return None
    last = shapes.get("blocks.6.0.conv_pwl.weight", (0,))[0]
    found = [count(shapes, rf"blocks\.{stage}\.(\d+)\.") for stage in range(len(efficientnet.STAGES))]
    for name, variant in efficientnet.VARIANTS.items():
        blocks = [variant.blocks(stage[3]) for stage in efficientnet.STAGES]
        if (blocks, variant.channels(efficientnet.STAGES[-1][2])) == (found, last):
            return name
    return None


def _vgg(shapes: dict[str, tuple]) -> str | None:
    if shapes.get("features.0.weight") != (64, 3, 3, 3):
        return None
    found = {key for key, shape in shapes.items() if key.startswith("features.") and len(shape) == 4}
    norm = "features.1.running_mean" in shapes
    for name, (depths, has_norm) in vgg.VARIANTS.items():
        number, keys = 0, set()
        for depth in depths:
            keys |= {f"features.{number + index * (2 + has_norm)}.weight" for index in range(depth)}
            number += depth * (2 + has_norm) + 1
        if (keys, has_norm) == (found, norm):
            return name
    return None


def _stdc(shapes: dict[str, tuple]) -> str | None:
    if shapes.get("stages.2.0.layers.0.conv.weight") != (128, 64, 1, 1):
        return None
    blocks = tuple(count(shapes, rf"stages\.{stage}\.(\d+)\.") for stage in (2, 3, 4))
    return next((name for name, depths in stdc.BLOCKS.items() if depths == blocks), None)


FAMILIES = (
    Family(
        resnet.VARIANTS,
        _resnet,
        lambda encoder: [Rule(r"((?:stem_\d|conv1|bn1|layer\d_.*))", "{dots}")],
    ),
    Family(
        ("mobilenet_v2",),
        _mobilenet_v2("features.0.0.weight", "features.17.conv.2.weight"),
        _mobilenet_v2_torchvision,
        unused=(r"features\.18\..*",),  # where the last convolution is no feature
    ),
    Family(
        ("mobilenet_v2",),
        _mobilenet_v2("conv1.conv.weight", "layer7.0.conv.2.conv.weight"),
        _mobilenet_v2_mmseg,
        package="mmseg",
        unused=(r"conv2\..*",),
        options={"dilated_blocks": "first", "last_conv": False},
    ),
    Family(
        ("mobilenet_v2",),
        _mobilenet_v2("conv_stem.weight", "blocks.6.0.conv_pwl.weight"),
        _mobilenet_v2_timm,
        package="timm",
        unused=(r"conv_head\..*", r"bn2\..*"),
    ),
    Family(
        efficientnet.VARIANTS,
        _efficientnet,
        lambda encoder: [
            Rule("(conv_stem|bn1)", "{0}"),
            Rule(r"blocks_(\d)_(\d+)_se_(\w+)", "blocks.{0}.{1}.se.{2}"),
            Rule(r"blocks_(\d)_(\d+)_(\w+)", "blocks.{0}.{1}.{2}"),
        ],
        unused=(r"conv_head\..*", r"bn2\..*"),
    ),
    Family(
        stdc.BLOCKS,
        _stdc,
        lambda encoder: [
            Rule(r"stages_(\d)_(conv|bn)", "stages.{0}.{1}"),
            Rule(r"(stages_\d_\d_(?:layers_\d|downsample)_(?:conv|bn))", "{dots}"),
        ],
    ),
    Family(vgg.VARIANTS, _vgg, lambda encoder: [Rule(r"features_(\d+)", "features.{0}")]),
    Family(
        ("xception_torch",),
        lambda shapes: "xception_torch" if "block12.rep.4.conv1.weight" in shapes else None,
        lambda encoder: [
            Rule(r"(block\d+)_(rep_\d+|skip|skipbn)", "{0}.{dots}"),
            Rule(r"(block\d+)_rep_(\d+)_(conv1|pointwise)", "{0}.rep.{1}.{2}"),
            Rule(r"(conv[34])_(conv1|pointwise)", "{0}.{1}"),
            Rule("(conv[12]|bn[1-4])", "{0}"),
        ],
    ),
)
