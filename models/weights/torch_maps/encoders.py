"""Encoders in PyTorch state dicts: which one it is, and what its layers are called there.

All sources name an encoder's modules alike, below a prefix of their own.
"""

import re

import numpy as np

from models.encoders import mix_transformer, resnet
from models.weights.torch_layout import Rule


def rules(encoder: str, prefix: str) -> list[Rule]:
    """The rules of an encoder's layers, whose keys begin with `prefix`."""
    if encoder in resnet.VARIANTS:
        return [Rule(r"((?:stem_\d|conv1|bn1|layer\d_.*))", prefix + "{dots}")]
    if encoder in mix_transformer.VARIANTS:
        return [Rule(layer, prefix + module, part) for layer, module, part in MIX_TRANSFORMER]
    raise LookupError(encoder)


# of the original, which segmentation_models.pytorch keeps
MIX_TRANSFORMER = [
    (r"patch_embed(\d)_(proj|norm)", "patch_embed{0}.{1}", None),
    (r"block(\d)_(\d+)_(norm[12])", "block{0}.{1}.{2}", None),
    (r"block(\d)_(\d+)_attn_(q|proj|sr|norm)", "block{0}.{1}.attn.{2}", None),
    (r"block(\d)_(\d+)_attn_k", "block{0}.{1}.attn.kv", (0, 2)),
    (r"block(\d)_(\d+)_attn_v", "block{0}.{1}.attn.kv", (1, 2)),
    (r"block(\d)_(\d+)_mlp_(fc[12])", "block{0}.{1}.mlp.{2}", None),
    (r"block(\d)_(\d+)_mlp_dwconv", "block{0}.{1}.mlp.dwconv.dwconv", None),
    (r"norm(\d)", "norm{0}", None),
]


def recognise(state: dict[str, np.ndarray], prefix: str) -> str | None:
    """The name of the encoder whose keys begin with `prefix`; None where none is known."""
    shapes = {key.removeprefix(prefix): array.shape for key, array in state.items() if key.startswith(prefix)}
    if "layer1.0.conv1.weight" in shapes:
        return _resnet(shapes)
    if "patch_embed1.proj.weight" in shapes:
        blocks = [count(shapes, rf"block{stage}\.(\d+)\.") for stage in (1, 2, 3, 4)]
        return mix_transformer_of(shapes["patch_embed1.proj.weight"][0], blocks)
    return None


def mix_transformer_of(channels: int, blocks: list[int]) -> str | None:
    """The name of the Mix Transformer with so many channels in its first stage and blocks in all four."""
    for name, variant in mix_transformer.VARIANTS.items():
        if (variant.channels[0], list(variant.blocks)) == (channels, blocks):
            return name
    return None


def _resnet(shapes: dict[str, tuple]) -> str | None:
    blocks = tuple(count(shapes, rf"layer{stage}\.(\d+)\.") for stage in (1, 2, 3, 4))
    width = shapes["layer1.0.conv2.weight"][1]  # channels of a group of the 3x3 convolution
    deep_stem, bottleneck = "stem.0.weight" in shapes, "layer1.0.conv3.weight" in shapes
    for name, variant in resnet.VARIANTS.items():
        same = (variant.blocks, variant.bottleneck, variant.deep_stem) == (blocks, bottleneck, deep_stem)
        if same and width == variant.group_width:
            return name
    return None


def count(keys, pattern: str) -> int:
    """How many numbers, from 0, the first group of a pattern at the start of keys has; 0 where none does."""
    return 1 + max((int(found[1]) for key in keys if (found := re.match(pattern, key))), default=-1)
