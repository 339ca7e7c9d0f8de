"""mmsegmentation (0.x and 1.x): `backbone.*`, `decode_head.*`, `auxiliary_head.*`."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders

TITLE = "mmsegmentation"
PREFIX = "backbone."
HEAD = Rule("scores", "decode_head.conv_seg")
AUXILIARY = [
    Rule(r"auxiliary_(conv|bn)", "auxiliary_head.convs.0.{0}"),
    Rule("auxiliary_scores", "auxiliary_head.conv_seg"),
]
DECODERS = {
    "pspnet": [
        Rule(r"psp(\d)_(conv|bn)", "decode_head.psp_modules.{0}.1.{1}"),
        Rule(r"psp_(conv|bn)", "decode_head.bottleneck.{0}"),
    ],
    "fcn": [
        Rule(r"fcn(\d)_(conv|bn)", "decode_head.convs.{0}.{1}"),
        Rule(r"fcn_cat_(conv|bn)", "decode_head.conv_cat.{0}"),
    ],
}
DECODERS["segformer"] = [
    Rule(r"project(\d)_(conv|bn)", "decode_head.convs.{0}.{1}"),
    Rule(r"fuse_(conv|bn)", "decode_head.fusion_conv.{0}"),
]
SIGNS = {
    "decode_head.psp_modules.0.1.conv.weight": "pspnet",
    "decode_head.conv_cat.conv.weight": "fcn",
    "decode_head.fusion_conv.conv.weight": "segformer",
}


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return "decode_head.conv_seg.weight" in state or "decode_head.cls_seg.weight" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    encoder = encoders.find(state, PREFIX)
    decoder = next((name for key, name in SIGNS.items() if key in state), None)
    if not encoder or not decoder:
        what = "an encoder" if decoder else "a decoder"
        raise UserError(f"{source} is of {TITLE}, with {what} that is not known here")
    classes = len(state["decode_head.conv_seg.bias"])
    options = {"encoder": encoder.encoder, "preset": "mmseg"} | encoder.family.options
    return Network(decoder, classes, options, (r"auxiliary_head\..*",))


def rules(architecture: str, encoder: str) -> list[Rule]:
    """The rules of a network's layers."""
    return [*encoders.rules(encoder, PREFIX, "mmseg"), *DECODERS[architecture], HEAD, *AUXILIARY]
