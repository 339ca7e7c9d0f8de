"""mmsegmentation (0.x and 1.x): `backbone.*`, `decode_head.*`, `auxiliary_head.*`."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders

TITLE = "mmsegmentation"
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
SIGNS = {
    "neck.lateral_convs.0.conv.weight": "fpn",
    "decode_head.c1_bottleneck.conv.weight": "deeplabv3+",
    "decode_head.psp_modules.0.1.conv.weight": "pspnet",
    "decode_head.conv_cat.conv.weight": "fcn",
    "decode_head.fusion_conv.conv.weight": "segformer",
}


LETTERS = {"a": 0, "b": 1}  # of two convolutions on one level
NETWORKS = {
    "unet": [
        *(
            rule
            for letter, number in LETTERS.items()
            for rule in (
                Rule(f"encoder1{letter}_(conv|bn)", f"backbone.encoder.0.0.convs.{number}.{{0}}"),
                *(
                    Rule(
                        f"encoder{level + 1}{letter}_(conv|bn)",
                        f"backbone.encoder.{level}.1.convs.{number}.{{0}}",
                    )
                    for level in (1, 2, 3)
                ),
                Rule(f"bottom{letter}_(conv|bn)", f"backbone.encoder.4.1.convs.{number}.{{0}}"),
                *(
                    Rule(
                        f"decoder{level + 1}{letter}_(conv|bn)",
                        f"backbone.decoder.{level}.conv_block.convs.{number}.{{0}}",
                    )
                    for level in range(4)
                ),
            )
        ),
        *(
            Rule(
                f"decoder{level + 1}_up_(conv|bn)",
                f"backbone.decoder.{level}.upsample.interp_upsample.1.{{0}}",
            )
            for level in range(4)
        ),
        Rule(r"head_(conv|bn)", "decode_head.convs.0.{0}"),
        Rule("logits", "decode_head.conv_seg"),
    ]
}


def mix_transformer(stage: int) -> list[Rule]:
    """The rules of one stage, from 1, of the encoder that is named otherwise here."""
    ours, theirs = f"block{stage}_(\\d+)", f"backbone.layers.{stage - 1}.1.{{0}}"
    return [
        Rule(f"patch_embed{stage}_proj", f"backbone.layers.{stage - 1}.0.projection"),
        Rule(f"patch_embed{stage}_norm", f"backbone.layers.{stage - 1}.0.norm"),
        Rule(f"norm{stage}", f"backbone.layers.{stage - 1}.2"),
        Rule(f"{ours}_(norm[12])", f"{theirs}.{{1}}"),
        Rule(f"{ours}_attn_q", f"{theirs}.attn.attn.in_proj_{{parameter}}", (0, 3)),
        Rule(f"{ours}_attn_k", f"{theirs}.attn.attn.in_proj_{{parameter}}", (1, 3)),
        Rule(f"{ours}_attn_v", f"{theirs}.attn.attn.in_proj_{{parameter}}", (2, 3)),
        Rule(f"{ours}_attn_proj", f"{theirs}.attn.attn.out_proj"),
        Rule(f"{ours}_attn_(sr|norm)", f"{theirs}.attn.{{1}}"),
        Rule(f"{ours}_mlp_fc1", f"{theirs}.ffn.layers.0"),
        Rule(f"{ours}_mlp_dwconv", f"{theirs}.ffn.layers.1"),
        Rule(f"{ours}_mlp_fc2", f"{theirs}.ffn.layers.4"),
    ]


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return "decode_head.conv_seg.weight" in state or "decode_head.cls_seg.weight" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    if (first := "backbone.encoder.0.0.convs.0.conv.weight") in state:
        options = {"preset": "mmseg", "width": int(state[first].shape[0])}
        return Network("unet", len(state["decode_head.conv_seg.bias"]), options, (r"auxiliary_head\..*",))
    encoder = _mix_transformer_of(state) or encoders.recognise(state, "backbone.")
    decoder = next((name for key, name in SIGNS.items() if key in state), None)
    if not encoder or not decoder:
        what = "an encoder" if decoder else "a decoder"
        raise UserError(f"{source} is of {TITLE}, with {what} that is not known here")
    classes = len(state["decode_head.conv_seg.bias"])
    return Network(decoder, classes, {"encoder": encoder, "preset": "mmseg"}, (r"auxiliary_head\..*",))


def _mix_transformer_of(state: dict[str, np.ndarray]) -> str | None:
    first = "backbone.layers.0.0.projection.weight"
    if first not in state:
        return None
    blocks = [encoders.count(state, rf"backbone\.layers\.{stage}\.1\.(\d+)\.") for stage in range(4)]
    return encoders.mix_transformer_of(state[first].shape[0], blocks)


def rules(architecture: str, encoder: str | None) -> list[Rule]:
    """The rules of a network's layers."""
    if not encoder:
        return NETWORKS[architecture]
    if encoder.startswith("mit_"):
        of_encoder = [rule for stage in (1, 2, 3, 4) for rule in mix_transformer(stage)]
    else:
        of_encoder = encoders.rules(encoder, "backbone.")
    return [*of_encoder, *DECODERS[architecture], HEAD, *AUXILIARY]
