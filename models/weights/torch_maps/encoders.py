"""Encoders in PyTorch state dicts: which one it is, and what its layers are called there.

All sources name an encoder's modules alike, below a prefix of their own.
"""

import re

import numpy as np

from models.encoders import resnet
from models.weights.torch_layout import Rule


def rules(encoder: str, prefix: str) -> list[Rule]:
    """The rules of an encoder's layers, whose keys begin with `prefix`."""
    if encoder in resnet.VARIANTS:
        return [Rule(r"((?:stem_\d|conv1|bn1|layer\d_.*))", prefix + "{dots}")]
    raise LookupError(encoder)


def recognise(state: dict[str, np.ndarray], prefix: str) -> str | None:
    """The name of the encoder whose keys begin with `prefix`; None where none is known."""
    shapes = {key.removeprefix(prefix): array.shape for key, array in state.items() if key.startswith(prefix)}
    if "layer1.0.conv1.weight" in shapes:
        return _resnet(shapes)
    return None


def _resnet(shapes: dict[str, tuple]) -> str | None:
    blocks = tuple(
        1 + max(int(found[1]) for key in shapes if (found := re.match(rf"layer{stage}\.(\d+)\.", key)))
        for stage in (1, 2, 3, 4)
    )
    width = shapes["layer1.0.conv2.weight"][1]  # channels of a group of the 3x3 convolution
    deep_stem, bottleneck = "stem.0.weight" in shapes, "layer1.0.conv3.weight" in shapes
    for name, variant in resnet.VARIANTS.items():
        same = (variant.blocks, variant.bottleneck, variant.deep_stem) == (blocks, bottleneck, deep_stem)
        if same and width == variant.group_width:
            return name
    return None
