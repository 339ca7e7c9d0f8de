"""mmsegmentation (0.x and 1.x): `backbone.*`, `decode_head.*`, `auxiliary_head.*`."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders, rules_of_whole, whole, widths
from models.weights.torch_maps.mmseg_networks import (
    bisenetv2,
    ddrnet,
    fast_scnn,
    fastfcn,
    pidnet,
    stdc,
    unet,
)

TITLE = "mmsegmentation"
PREFIX = "backbone."
PREFIXES = {"stdc": "backbone.backbone."}  # of the encoder, by decoders that stand in a backbone themselves
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
DECODERS["ocrnet"] = [
    Rule(r"regions_(conv|bn)", "decode_head.0.convs.0.{0}"),
    Rule("regions_scores", "decode_head.0.conv_seg"),
    Rule(r"pixels_(conv|bn)", "decode_head.1.bottleneck.{0}"),
    Rule(r"(query|key)(\d)_(conv|bn)", "decode_head.1.object_context_block.{0}_project.{1}.{2}"),
    Rule(r"value_(conv|bn)", "decode_head.1.object_context_block.value_project.{0}"),
    Rule(r"context_(conv|bn)", "decode_head.1.object_context_block.out_project.{0}"),
    Rule(r"fuse_(conv|bn)", "decode_head.1.object_context_block.bottleneck.{0}"),
    Rule("scores", "decode_head.1.conv_seg"),
]
DECODERS["segformer"] = [
    Rule(r"project(\d)_(conv|bn)", "decode_head.convs.{0}.{1}"),
    Rule(r"fuse_(conv|bn)", "decode_head.fusion_conv.{0}"),
]
DECODERS["fpn"] = [
    Rule(r"lateral(\d)", "neck.lateral_convs.{0}.conv"),
    Rule(r"smooth(\d)", "neck.fpn_convs.{0}.conv"),
    *(
        Rule(rf"head(\d)_{number}_(conv|bn)", f"decode_head.scale_heads.{{0}}.{2 * number}.{{1}}")
        for number in range(3)
    ),
]
DECODERS["deeplabv3+"] = [
    Rule(r"aspp_pool_(conv|bn)", "decode_head.image_pool.1.{0}"),
    Rule(r"aspp_1x1_(conv|bn)", "decode_head.aspp_modules.0.{0}"),
    Rule(r"aspp_atrous(\d)_depthwise", "decode_head.aspp_modules.{0}.depthwise_conv.conv"),
    Rule(r"aspp_atrous(\d)_bn", "decode_head.aspp_modules.{0}.depthwise_conv.bn"),
    Rule(r"aspp_atrous(\d)_pointwise_(conv|bn)", "decode_head.aspp_modules.{0}.pointwise_conv.{1}"),
    Rule(r"aspp_project_(conv|bn)", "decode_head.bottleneck.{0}"),
    Rule(r"decoder_low_(conv|bn)", "decode_head.c1_bottleneck.{0}"),
    *(
        rule
        for number in range(2)
        for rule in (
            Rule(
                f"decoder_conv{number + 1}_depthwise",
                f"decode_head.sep_bottleneck.{number}.depthwise_conv.conv",
            ),
            Rule(f"decoder_conv{number + 1}_bn", f"decode_head.sep_bottleneck.{number}.depthwise_conv.bn"),
            Rule(
                f"decoder_conv{number + 1}_pointwise_(conv|bn)",
                f"decode_head.sep_bottleneck.{number}.pointwise_conv.{{0}}",
            ),
        )
    ),
]
DECODERS["fastfcn"] = fastfcn.RULES
DECODERS["stdc"] = stdc.RULES
# options of decoders that shapes show
WIDTHS = {
    "pspnet": {
        "channels": "decode_head.bottleneck.conv.weight",
        "bin_channels": "decode_head.psp_modules.0.1.conv.weight",
    },
    "fcn": {"channels": "decode_head.convs.0.conv.weight"},
    "ocrnet": {
        "channels": "decode_head.1.bottleneck.conv.weight",
        "key_channels": "decode_head.1.object_context_block.value_project.conv.weight",
    },
    "deeplabv3+": {
        "channels": "decode_head.bottleneck.conv.weight",
        "low_channels": "decode_head.c1_bottleneck.conv.weight",
    },
    "segformer": {"channels": "decode_head.fusion_conv.conv.weight"},
    "fpn": {
        "channels": "neck.lateral_convs.0.conv.weight",
        "head_channels": "decode_head.scale_heads.0.0.conv.weight",
    },
    "fastfcn": fastfcn.WIDTHS,
}
CONCATENATED = "decode_head.conv_cat.conv.weight"
SIGNS = {
    fastfcn.SIGN: "fastfcn",
    stdc.SIGN: "stdc",
    "neck.lateral_convs.0.conv.weight": "fpn",
    "decode_head.c1_bottleneck.conv.weight": "deeplabv3+",
    "decode_head.psp_modules.0.1.conv.weight": "pspnet",
    CONCATENATED: "fcn",
    "decode_head.fusion_conv.conv.weight": "segformer",
    "decode_head.1.object_context_block.bottleneck.conv.weight": "ocrnet",
    "decode_head.convs.0.conv.weight": "fcn",  # of HRNet, without a concatenation
}
# a bias with a number for each class, of the last head
CLASSES = ("decode_head.conv_seg.bias", "decode_head.cls_seg.bias", "decode_head.1.conv_seg.bias")
# those that are no encoder with a decoder
WHOLE = (bisenetv2.NETWORK, ddrnet.NETWORK, fast_scnn.NETWORK, pidnet.NETWORK, unet.NETWORK)


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return any(key in state for key in CLASSES)


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    if found := whole(WHOLE, state):
        return found.network(state, source)
    decoder = next((name for key, name in SIGNS.items() if key in state), None)
    encoder = encoders.find(state, PREFIXES.get(decoder, PREFIX))
    if not encoder or not decoder:
        what = "an encoder" if decoder else "a decoder"
        raise UserError(f"{source} is of {TITLE}, with {what} that is not known here")
    classes = len(next(state[key] for key in CLASSES if key in state))
    options = {"encoder": encoder.encoder, "preset": "mmseg"} | encoder.family.options
    if decoder == "fcn":
        options["inputs"] = "deepest" if CONCATENATED in state else "joined"
    options |= widths(state, WIDTHS.get(decoder, {}), source)
    unused = [r"auxiliary_head\..*"]
    if decoder == "fastfcn":
        options |= fastfcn.options(state)
        unused += fastfcn.UNUSED
    return Network(decoder, classes, options, tuple(unused))


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    encoder = network.options.get("encoder")
    if not encoder:
        return rules_of_whole(WHOLE, network)
    prefix = PREFIXES.get(network.architecture, PREFIX)
    return [*encoders.rules(encoder, prefix, "mmseg"), *DECODERS[network.architecture], HEAD, *AUXILIARY]
